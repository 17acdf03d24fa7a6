"""Lambda behind the SQS queue of S3's events: writes their keys into a segment, then tries to launch a run."""

from typing import Any

from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from intake import wiring
from intake.ingestion import Ingested, ingest
from intake.telemetry import count, logger, metrics, traced
from intake.times import now


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Take in a batch of messages; the answer names those that are not S3 events."""
    count("Events", len(event["Records"]))
    ingested = ingest(event, wiring.queue(), wiring.settings().selection, context.aws_request_id, now())
    _tell(ingested)
    _try_to_advance()
    return ingested.response


def _tell(ingested: Ingested) -> None:
    for reason in ingested.refusals:
        logger.warning("a message was refused", extra={"details": reason})
    count("Malformed", len(ingested.refusals))
    count("Keys", ingested.keys)
    count("Ignored", ingested.ignored)
    count("Segments", ingested.segments)


def _try_to_advance() -> None:
    try:
        wiring.queue().advance()
    except Exception:
        # The keys are safe in their segment: what failed here, the clock does again, and reports if it fails again.
        logger.warning("the launch failed", exc_info=True)
    finally:
        wiring.books().write_up()

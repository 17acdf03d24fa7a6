"""Lambda behind the SQS queue of S3's events: writes their keys into a segment, and leaves the rest to `advance`."""

from typing import Any

from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext

from pomona_intake import dependencies as wiring
from pomona_intake.ingest.ingestion import Ingested, ingest
from pomona_intake.telemetry import count, logger, metrics, traced
from pomona_intake.times import now


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Take in a batch of messages; the answer names those that are no S3 events of the images bucket."""
    count("Events", len(event["Records"]))
    settings = wiring.intake_settings()
    ingested = ingest(event, wiring.writer(), settings.images_bucket, settings.selection, context.aws_request_id, now())
    _tell(ingested)
    if ingested.segments:
        _poke_advance()
    return ingested.response


def _tell(ingested: Ingested) -> None:
    for reason in ingested.refusals:
        logger.warning("a message was refused", extra={"details": reason})
    count("Malformed", len(ingested.refusals))
    count("Keys", ingested.keys)
    count("Ignored", ingested.ignored)
    count("Segments", ingested.segments)


def _poke_advance() -> None:
    try:
        wiring.poke().if_nothing_is_in_flight()
    except Exception:
        # The keys are safe in their segment: an error here would have their messages delivered again.
        logger.warning("advance could not be invoked; its schedule launches the run", exc_info=True)

"""Lambda function for the SQS queue of S3's events: write their keys into a segment and invoke `advance`."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from pomona_contract.times import now
from pomona_intake import ingest_dependencies as dependencies
from pomona_intake.ingest.ingestion import Answer, Ingested, ingest
from pomona_intake.telemetry import count, logger, metrics, traced


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> Answer:
    """Ingest a batch of messages; return those that are not S3 events of the images bucket as failures."""
    count("Events", len(event["Records"]))
    settings = dependencies.ingest_settings()
    writer = dependencies.ingest_writer()
    ingested = ingest(event, writer, settings.images_bucket, settings.selection, context.aws_request_id, now())
    _report(ingested)
    if ingested.segments:
        _invoke_advance()
    return ingested.answer


def _report(ingested: Ingested) -> None:
    for reason in ingested.refusals:
        logger.warning("a message was refused", extra={"details": reason})
    count("Malformed", len(ingested.refusals))
    count("Keys", ingested.keys)
    count("Ignored", ingested.ignored)
    count("Segments", ingested.segments)


def _invoke_advance() -> None:
    try:
        dependencies.advance_trigger().invoke_unless_in_flight()
    except Exception:
        # The keys are safe in their segment: raising would make SQS deliver their messages again.
        logger.warning("advance could not be invoked; its schedule launches the run", exc_info=True)

"""Lambda function for the runs' state changes and for its schedule: settle the ended run and launch the next."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from pomona_contract.errors import FormatError
from pomona_contract.times import now
from pomona_intake import dependencies
from pomona_intake.errors import TransientError
from pomona_intake.telemetry import count, logger, metrics, traced


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Advance the queue. Treat every event as a trigger; read the run's state from EMR Serverless."""
    count("Looks", 1)
    try:
        _note_failed_express_run(event)
        if not _advance():
            count("ClaimUnreadable", 1)
    finally:
        run_metrics = dependencies.run_metrics()
        run_metrics.record_closed()
        run_metrics.record_from_event(event)
        dependencies.queue_metrics().measure(now())


def _note_failed_express_run(event: dict[str, Any]) -> None:
    """Write down that an invocation of `express` failed, if this event tells it: a crashed one could not do it."""
    try:
        dependencies.express_runs().record_failed_invocation(event)
    except TransientError as error:
        logger.warning("a failure is not written; its run is given up later", extra={"details": str(error)})


def _advance() -> bool:
    """Advance the queue; return False if `queue/active.json` cannot be read, which only an operator can repair."""
    try:
        dependencies.queue().advance()
    except TransientError as error:
        logger.warning("AWS could not answer; the next scheduled invocation retries", extra={"details": str(error)})
    except FormatError as error:
        logger.error(
            "nothing is launched until the claim is repaired: run `pomona repair`", extra={"details": str(error)}
        )
        return False
    return True

"""Lambda behind the runs' state changes and the clock: settles the run in flight and launches the next."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from pomona_intake import dependencies as wiring
from pomona_intake.errors import FormatError, TransientError
from pomona_intake.telemetry import count, logger, metrics, traced
from pomona_intake.times import now


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Advance the queue. Every event is a trigger only; the run's state is read from EMR Serverless."""
    count("Looks", 1)
    try:
        if not _advance():
            count("ClaimUnreadable", 1)
    finally:
        books = wiring.books()
        books.write_up()
        books.look_at(event)
        books.measure_queue(wiring.line(), now())


def _advance() -> bool:
    """Advance the queue; return False if `queue/active.json` cannot be read, which only an operator can mend."""
    try:
        wiring.queue().advance()
    except TransientError as error:
        logger.warning("AWS could not answer; the next scheduled invocation retries", extra={"details": str(error)})
    except FormatError as error:
        logger.error(
            "nothing is launched until the claim is repaired: run `pomona repair`", extra={"details": str(error)}
        )
        return False
    return True

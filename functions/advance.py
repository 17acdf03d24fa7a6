"""Lambda behind the runs' state changes and the clock: settles the run in flight and launches the next."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from intake import wiring
from intake.errors import TransientError
from intake.telemetry import count, logger, metrics, traced
from intake.times import now


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Look at the queue. Every event means only this: what it says of a run is asked of EMR Serverless itself."""
    count("Looks", 1)
    try:
        wiring.queue().advance()
    except TransientError as error:
        logger.warning("nothing is known now, the clock comes again", extra={"details": str(error)})
    finally:
        books = wiring.books()
        books.write_up()
        books.look_at(event)
        books.measure_pending(now())

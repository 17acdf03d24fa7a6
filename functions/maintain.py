"""Lambda behind the maintenance schedule: asks for the table's maintenance if something is due."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from pomona_intake import dependencies as wiring
from pomona_intake.schedules.refits import scheduled_time
from pomona_intake.telemetry import logger, traced


@logger.inject_lambda_context(clear_state=True)
@traced
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, str | None]:
    """Write the segment that asks for maintenance and return its name, null if nothing is due.

    A TransientError leaves the function, so that Lambda calls it again with the same time.
    """
    segment = wiring.maintenance().request_if_due(scheduled_time(event))
    logger.info("maintenance is asked for" if segment else "nothing to maintain", extra={"segment": segment})
    return {"segment": segment}

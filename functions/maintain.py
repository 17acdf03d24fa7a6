"""Lambda function for the maintenance schedule: request the table's maintenance if it is due."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from pomona_intake import dependencies
from pomona_intake.schedules.schedule_events import scheduled_time
from pomona_intake.telemetry import logger, traced


@logger.inject_lambda_context(clear_state=True)
@traced
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, str | None]:
    """Write the segment that requests maintenance and return its name, null if nothing is due.

    Raises:
        TransientError: AWS could not answer; Lambda retries the invocation with the same scheduled time.
    """
    segment = dependencies.maintenance_requests().request_if_due(scheduled_time(event))
    logger.info("maintenance is requested" if segment else "no maintenance is due", extra={"segment": segment})
    return {"segment": segment}

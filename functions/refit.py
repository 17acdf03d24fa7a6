"""Lambda function for the refit schedule: start a refit if rows or settings have changed since the last one."""

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from pomona_intake import dependencies
from pomona_intake.schedules.schedule_events import scheduled_time
from pomona_intake.telemetry import count, logger, metrics, traced


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, str | None]:
    """Start the refit that is due at the scheduled time; return its run, null if none was started, and the reason.

    Raises:
        TransientError: AWS could not answer; Lambda retries the invocation with the same scheduled time.
    """
    count("RefitLooks", 1)
    decision = dependencies.refits().start_if_due(scheduled_time(event))
    count("Refits", 1 if decision.run_id else 0)
    logger.info("refit started" if decision.run_id else "no refit started", extra=asdict(decision))
    return asdict(decision)

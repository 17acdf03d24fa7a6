"""Lambda behind the refit schedule: starts a refit if the table has changed since the last one."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from intake import wiring
from intake.refits import scheduled_time
from intake.telemetry import count, logger, metrics, traced


@logger.inject_lambda_context(clear_state=True)
@traced
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, str | None]:
    """Start the refit that is due at the schedule's time and return its run, null if there is nothing to refit.

    A TransientError leaves the function, so that Lambda calls it again with the same time.
    """
    count("RefitLooks", 1)
    run_id = wiring.refits().start_if_changed(scheduled_time(event))
    count("Refits", 1 if run_id else 0)
    logger.info("refit started" if run_id else "nothing to refit", extra={"run_id": run_id})
    return {"run_id": run_id}

"""Log and count what the queue does."""

from pomona_contract.lanes import Lane
from pomona_intake.queue.activity import Activity
from pomona_intake.telemetry import count, logger

_METRICS = {
    ("started", Lane.CLUSTER): "Runs",
    ("started", Lane.EXPRESS): "ExpressRuns",
    ("failed", Lane.CLUSTER): "BatchesFailed",
}


def log_activity(activity: Activity) -> None:
    """Log the activity, add its batch to this and all later lines, and count started runs and failed batches."""
    if activity.batch_id:
        logger.append_keys(batch_id=activity.batch_id, attempt=activity.attempt)
    logger.info(activity.done, extra={"details": activity.details, "lane": activity.lane.value})
    if name := _METRICS.get((activity.done, activity.lane)):
        count(name, 1)

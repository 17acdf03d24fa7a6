"""The last step of a featurize run: erasures and the maintenance of the table, within the time that is left."""

import logging
from collections.abc import Iterator
from datetime import timedelta

from pomona.errors import first_line
from pomona.featurize.arguments import FeaturizeArguments
from pomona.featurize.batch import Batch
from pomona.stopwatch import Stopwatch
from pomona.table.branch_names import branch_name
from pomona.table.deadline import Deadline
from pomona.table.erasures import settle_erasures
from pomona.table.feature_table import FeatureTable
from pomona.table.maintenance import TableMaintenance
from pomona_contract.documents.run_record import MaintenanceReport

log = logging.getLogger("pomona.featurize")


def maintain(
    arguments: FeaturizeArguments, table: FeatureTable, batch: Batch, stopwatch: Stopwatch
) -> MaintenanceReport:
    """Maintain the table and return the steps that were done, and why others were not.

    Raises nothing: the rows are published, so the run has not failed, and the next run tries the maintenance again.

    Args:
        arguments: of the run.
        table: the feature table.
        batch: if it asks for the maintenance, all of it is done; otherwise only what has piled up.
        stopwatch: of the run.
    """
    done: list[str] = []
    deadline = Deadline.of_run(arguments.timeout_minutes, stopwatch.elapsed())
    maintenance = TableMaintenance(table, timedelta(days=arguments.snapshot_days), deadline, arguments.longest_refit)
    with deadline.cancelling(table.spark.sparkContext.cancelAllJobs):
        try:
            for step in _steps(arguments, table, maintenance, is_thorough=batch.asks_for_maintenance):
                done.append(step)
        except Exception as error:
            log.exception("the maintenance of the table failed; the next run tries it again")
            return MaintenanceReport(done, _why_unfinished(error, deadline, arguments.timeout_minutes))
    return MaintenanceReport(done, "")


def _steps(
    arguments: FeaturizeArguments, table: FeatureTable, maintenance: TableMaintenance, *, is_thorough: bool
) -> Iterator[str]:
    has_settled = False
    branch = branch_name(arguments.batch_id, arguments.attempt)
    for step in settle_erasures(arguments.lake_bucket, table, maintenance, branch):
        has_settled = True
        yield step
    if not has_settled:  # settling an erasure includes all of the maintenance
        yield from maintenance.thorough() if is_thorough else maintenance.after_run()


def _why_unfinished(error: Exception, deadline: Deadline, timeout_minutes: int) -> str:
    """Return the reason for the operator. Of a job that the deadline cancelled, Spark says only that it failed."""
    reason = first_line(error, 300)
    if not deadline.has_passed:
        return reason
    return f"stopped before RunTimeoutMinutes ({timeout_minutes}) was over, the next one goes on: {reason}"

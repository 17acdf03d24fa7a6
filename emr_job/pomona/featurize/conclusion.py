"""How every run of the cluster ends: its record, the maintenance, the record again, and what was left unread."""

import json
import logging
from collections.abc import Callable
from typing import Any

from pomona.errors import UnreadError, first_line
from pomona.featurize.run_report import RunReport
from pomona.stopwatch import Stopwatch
from pomona_contract.documents.run_record import MaintenanceReport
from pomona_contract.outcomes import Outcome

RUN_ENDED_EARLY = MaintenanceReport(done=(), error="the run ended before its maintenance did")
"""The result of a maintenance that EMR Serverless ended together with its run."""
_SHOWN_CHARACTERS = 300
log = logging.getLogger("pomona.featurize")


def conclude(report: RunReport, maintain: Callable[[], MaintenanceReport], stopwatch: Stopwatch) -> dict[str, Any]:
    """Record a run whose rows are published, maintain the table, and return the final record.

    An error of the maintenance is part of the record: the run has not failed, and the next one tries it again. The
    record is written twice: if EMR Serverless ends the run during the maintenance, the first record stays.

    Raises:
        UnreadError: some objects could not be read. Everything else is published and recorded.
    """
    report.write(RUN_ENDED_EARLY, stopwatch)
    with stopwatch.timing("maintenance"):
        maintenance = _tried(maintain)
    document = report.write(maintenance, stopwatch)
    log.info(json.dumps({"event": "featurized", **document}))
    counters = report.counters
    if unread := counters.counts[Outcome.UNREAD]:
        raise UnreadError(f"{unread} of {len(report.batch.keys)} keys could not be read: {counters.reason}")
    return document


def _tried(maintain: Callable[[], MaintenanceReport]) -> MaintenanceReport:
    try:
        return maintain()
    except Exception as error:
        log.exception("the maintenance of the table could not begin; the next run tries it again")
        return MaintenanceReport(done=(), error=first_line(error, _SHOWN_CHARACTERS))

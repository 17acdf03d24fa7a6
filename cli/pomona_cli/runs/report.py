"""The report of the newest refit."""

from dataclasses import dataclass

from pomona_cli.errors import CliError
from pomona_cli.stack.stack import Stack
from pomona_contract.documents.latest_results import LatestResults
from pomona_contract.lake_layout import LATEST_RESULTS, REPORT


@dataclass(frozen=True)
class RefitReport:
    """A page of HTML, and the snapshot of the table that it is about."""

    snapshot_id: int
    page: bytes


def read_report(stack: Stack) -> RefitReport:
    """Return the report; CliError if there is none."""
    stored = stack.lake.read(LATEST_RESULTS)
    if stored is None:
        raise CliError("There is no report yet: a refit writes it. `pomona status` says when the next one is due.")
    latest = LatestResults.from_json(stored.body)
    page = stack.lake.read(f"{latest.prefix}{REPORT}") if latest.prefix else None
    if page is None:
        raise CliError(f"The report of snapshot {latest.snapshot_id} is not in the lake any more: `pomona refit`.")
    return RefitReport(latest.snapshot_id, page.body)

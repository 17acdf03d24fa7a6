"""The note of a refit that found no rows that it can fit: `results/nothing-to-fit.json` in the lake."""

import logging
from datetime import UTC, datetime
from typing import Any

from pomona.pca.model import NothingToFitError
from pomona.pyiceberg_table.snapshot import PinnedTable
from pomona.refit.arguments import RefitArguments
from pomona.refit.row_statistics import RowStatistics
from pomona.s3.objects import remove_folder, write_json
from pomona_contract.documents.nothing_to_fit import NothingToFit
from pomona_contract.lake_layout import NOTHING_TO_FIT

log = logging.getLogger("pomona.refit")


def note_nothing_to_fit(
    arguments: RefitArguments, table: PinnedTable, backbone: str, statistics: RowStatistics, error: NothingToFitError
) -> dict[str, Any]:
    """Write the note and return it. The results of an earlier refit stay where they are."""
    note = NothingToFit(
        table_uuid=table.uuid,
        snapshot_id=table.snapshot.id,
        components_asked=str(arguments.components),
        backbone=backbone,
        reason=str(error),
        stale=statistics.stale,
        found_at=datetime.now(UTC).isoformat(timespec="seconds"),
    ).document()
    write_json(arguments.lake_bucket, NOTHING_TO_FIT, note)
    log.warning("nothing to fit: %s", error)
    return note


def remove_note(bucket: str) -> None:
    """Remove the note of an earlier refit, if there is one."""
    remove_folder(bucket, NOTHING_TO_FIT)

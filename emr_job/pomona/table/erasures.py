"""Erasures that an operator requested: `erasures/open/<id>.json` in the lake, until nothing holds the rows any more.

Final erasures move to `erasures/final/`, so that a run reads only the open ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.functions import broadcast, col, lit

from pomona.errors import MisconfiguredError
from pomona.lake_layout import RESULTS
from pomona.s3.objects import list_objects, read_json, remove_folder, s3_client, write_json
from pomona.table.feature_table import FeatureTable
from pomona.table.maintenance import TableMaintenance
from pomona.table.unknown_files import remove_unknown_files

OPEN = "erasures/open/"
FINAL = "erasures/final/"
FORMAT = 1


@dataclass(frozen=True)
class Erasure:
    """A request to erase the rows of a prefix, or of some keys, whose objects were there before the request."""

    name: str
    document: dict[str, Any]

    @property
    def requested_at(self) -> datetime:
        """Return when the erasure was requested, which is after the last of the objects was deleted."""
        return datetime.fromisoformat(self.document["requested_at"])

    def rows(self, table: FeatureTable) -> DataFrame:
        """Return the rows that must not be there any more.

        The time of the object decides, not the time of the row: a run in flight may write a row after the request for
        an object that it read before.
        """
        before = (col("bucket") == lit(self.document["bucket"])) & (col("last_modified") < lit(self.requested_at))
        rows = table.spark.table(table.name).where(before)
        if (prefix := self.document["prefix"]) is not None:
            return rows.where(col("key").startswith(prefix))
        keys = pa.table({"key": pa.array(self.document["keys"], pa.string())})
        return rows.join(broadcast(table.spark.createDataFrame(keys)), "key", "left_semi")

    def make_final(self, lake_bucket: str) -> None:
        """Move the erasure to `erasures/final/`, with the time. The new document is written first."""
        final = {"state": "final", "final_at": datetime.now(UTC).isoformat()}
        write_json(lake_bucket, self.name.replace(OPEN, FINAL, 1), self.document | final)
        s3_client().delete_object(Bucket=lake_bucket, Key=self.name)


def open_erasures(lake_bucket: str) -> Iterator[Erasure]:
    """Yield the open erasures.

    Raises:
        MisconfiguredError: a document has an unknown format.
    """
    for name, _ in list_objects(lake_bucket, OPEN):
        document = read_json(lake_bucket, name) or {}
        if document.get("format") != FORMAT:
            raise MisconfiguredError(f"{name} has format {document.get('format')!r}, this job reads {FORMAT}")
        if document["state"] == "open":
            yield Erasure(name, document)


def settle_erasures(lake_bucket: str, table: FeatureTable, maintenance: TableMaintenance, branch: str) -> Iterator[str]:
    """Make those erasures final whose rows the table's present does not have any more, and yield what was done.

    This removes the files and snapshots that still hold the rows. It also removes all results, because projections and
    pictures show the erased images: the refit's schedule fits again, and a refit in flight finds its snapshot gone.

    Files that no snapshot knows, left by a run or a maintenance that was killed, may hold the rows too. The erasures
    stay open as long as there is one that the run which published `branch` may not remove.
    """
    ready = [erasure for erasure in open_erasures(lake_bucket) if not _has(table, erasure)]
    if not ready:
        return
    yield from maintenance.thorough(keep=timedelta())
    remove_folder(lake_bucket, RESULTS)
    if left := remove_unknown_files(table, branch):
        yield f"left {len(ready)} erasures open: {len(left)} files that no snapshot knows have to be a day old"
        return
    for erasure in ready:
        erasure.make_final(lake_bucket)
    yield f"made {len(ready)} erasures final"


def _has(table: FeatureTable, erasure: Erasure) -> bool:
    return bool(erasure.rows(table).limit(1).count())

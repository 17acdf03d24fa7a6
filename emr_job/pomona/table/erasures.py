"""Erasures that an operator asked for: `erasures/open/<id>.json` in the lake, until nothing holds the rows any more.

Then they lie in `erasures/final/`: what a run has to read does not grow with the erasures of the past.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.functions import broadcast, col, lit

from pomona.errors import MisconfiguredError
from pomona.refit.results import RESULTS
from pomona.s3.objects import list_objects, read_json, remove_folder, s3_client, write_json
from pomona.table.feature_table import FeatureTable
from pomona.table.maintenance import Maintenance

OPEN = "erasures/open/"
FINAL = "erasures/final/"
FORMAT = 1


@dataclass(frozen=True)
class Erasure:
    """One request: the rows of a prefix, or of some keys, whose objects were there before it was made."""

    name: str
    document: dict[str, Any]

    @property
    def requested_at(self) -> datetime:
        """When it was asked for, after the last of the objects was deleted."""
        return datetime.fromisoformat(self.document["requested_at"])

    def rows(self, table: FeatureTable) -> DataFrame:
        """The rows that must not be there any more.

        Told by the object's own time: a run in flight may featurize after the request what it read before.
        """
        before = (col("bucket") == lit(self.document["bucket"])) & (col("last_modified") < lit(self.requested_at))
        rows = table.spark.table(table.name).where(before)
        if (prefix := self.document["prefix"]) is not None:
            return rows.where(col("key").startswith(prefix))
        keys = pa.table({"key": pa.array(self.document["keys"], pa.string())})
        return rows.join(broadcast(table.spark.createDataFrame(keys)), "key", "left_semi")

    def make_final(self, lake_bucket: str) -> None:
        """Write down since when nothing holds the rows, and only then forget that it was open."""
        final = {"state": "final", "final_at": datetime.now(UTC).isoformat()}
        write_json(lake_bucket, self.name.replace(OPEN, FINAL, 1), self.document | final)
        s3_client().delete_object(Bucket=lake_bucket, Key=self.name)


def open_erasures(lake_bucket: str) -> Iterator[Erasure]:
    """The erasures that wait for a run; MisconfiguredError for one of a format that this job does not know."""
    for name, _ in list_objects(lake_bucket, OPEN):
        document = read_json(lake_bucket, name) or {}
        if document.get("format") != FORMAT:
            raise MisconfiguredError(f"{name} has format {document.get('format')!r}, this job reads {FORMAT}")
        if document["state"] == "open":
            yield Erasure(name, document)


def settle_erasures(lake_bucket: str, table: FeatureTable, maintenance: Maintenance, branch: str) -> Iterator[str]:
    """Make those erasures final whose rows the table's present does not have any more; yield what was done.

    The files and snapshots that still hold them go, and all results: their projections and pictures show the erased
    images. The refit's schedule finds none, and fits again; a refit in flight finds its snapshot gone.

    Files that no snapshot knows, of a run or a maintenance that was killed, may hold the rows too: while one is left
    that the run which published `branch` may not remove, the erasures stay open.
    """
    ready = [erasure for erasure in open_erasures(lake_bucket) if not _has(table, erasure)]
    if not ready:
        return
    yield from maintenance.thorough(keep=timedelta())
    remove_folder(lake_bucket, RESULTS)
    if left := maintenance.remove_unknown_files(branch):
        yield f"left {len(ready)} erasures open: {len(left)} files that no snapshot knows have to be a day old"
        return
    for erasure in ready:
        erasure.make_final(lake_bucket)
    yield f"made {len(ready)} erasures final"


def _has(table: FeatureTable, erasure: Erasure) -> bool:
    return bool(erasure.rows(table).limit(1).count())

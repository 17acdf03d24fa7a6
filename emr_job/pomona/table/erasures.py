"""Erasures that an operator requested: `erasures/open/<id>.json` in the lake, until nothing holds the rows any more.

Final erasures move to `erasures/final/`, so that a run reads only the open ones.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.functions import broadcast, col, lit

from pomona.s3.objects import list_objects, read_bytes, remove_objects, s3_client, write_json
from pomona.table.feature_table import FeatureTable
from pomona.table.maintenance import TableMaintenance
from pomona.table.unknown_files import remove_unknown_files
from pomona_contract.documents.erasure import Erasure
from pomona_contract.lake_layout import OPEN_ERASURES, RESULTS, results_folder


def open_erasures(lake_bucket: str) -> Iterator[Erasure]:
    """Yield the erasures that wait for a run.

    Raises:
        FormatError: a document cannot be read, or its version is unknown.
    """
    for name, _ in list_objects(lake_bucket, OPEN_ERASURES):
        body = read_bytes(lake_bucket, name)
        if body is not None and (erasure := Erasure.from_json(name, body)).is_open:
            yield erasure


def settle_erasures(lake_bucket: str, table: FeatureTable, maintenance: TableMaintenance, branch: str) -> Iterator[str]:
    """Make those erasures final whose rows the table's present does not have any more, and yield what was done.

    This removes the files and snapshots that still hold the rows. It also removes the results, because projections and
    pictures show the erased images: the refit's schedule fits again, and a refit in flight finds its snapshot gone.
    Only the results of the present snapshot stay, which never had the rows: a refit may be writing them.

    Files that no snapshot knows, left by a run or a maintenance that was killed, may hold the rows too. The erasures
    stay open as long as there is one that the run which published `branch` may not remove.
    """
    ready = [erasure for erasure in open_erasures(lake_bucket) if not _has(table, erasure)]
    if not ready:
        return
    yield from maintenance.thorough(keep=timedelta())
    _remove_results(lake_bucket, present=table.snapshot_id())
    if left := remove_unknown_files(table, branch):
        yield f"left {len(ready)} erasures open: {len(left)} files that no snapshot knows have to be a day old"
        return
    for erasure in ready:
        make_final(lake_bucket, erasure)
    yield f"made {len(ready)} erasures final"


def _remove_results(lake_bucket: str, present: int) -> None:
    kept = tuple(results_folder(present, is_second=is_second) for is_second in (False, True))
    remove_objects(lake_bucket, [key for key, _ in list_objects(lake_bucket, RESULTS) if not key.startswith(kept)])


def _has(table: FeatureTable, erasure: Erasure) -> bool:
    return bool(_rows(table, erasure).limit(1).count())


def _rows(table: FeatureTable, erasure: Erasure) -> DataFrame:
    """Return the rows that must not be there any more.

    The time of the object decides, not the time of the row: a run in flight may write a row after the request for an
    object that it read before.
    """
    requested_at = datetime.fromisoformat(erasure.requested_at)
    before = (col("bucket") == lit(erasure.bucket)) & (col("last_modified") < lit(requested_at))
    rows = table.spark.table(table.name).where(before)
    if erasure.prefix is not None:
        return rows.where(col("key").startswith(erasure.prefix))
    keys = pa.table({"key": pa.array(erasure.keys, pa.string())})
    return rows.join(broadcast(table.spark.createDataFrame(keys)), "key", "left_semi")


def make_final(lake_bucket: str, erasure: Erasure) -> None:
    """Write the final document before the open one is deleted: a crash between the two loses nothing."""
    final = erasure.made_final(datetime.now(UTC))
    write_json(lake_bucket, final.key, final.document())
    s3_client().delete_object(Bucket=lake_bucket, Key=erasure.key)

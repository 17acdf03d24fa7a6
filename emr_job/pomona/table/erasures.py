"""Erasures that an operator asked for: `erasures/open/<id>.json` in the lake, until nothing holds the rows any more.

Then they lie in `erasures/final/`: what a run has to read does not grow with the erasures of the past.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.functions import broadcast, col, lit

from pomona.s3.objects import list_objects, read_bytes, remove_folder, s3_client, write_json
from pomona.table.feature_table import FeatureTable
from pomona.table.maintenance import Maintenance
from pomona_contract.documents.erasure import Erasure
from pomona_contract.lake_layout import OPEN_ERASURES, RESULTS


def open_erasures(lake_bucket: str) -> Iterator[Erasure]:
    """Yield the erasures that wait for a run; raise FormatError for one that cannot be read."""
    for name, _ in list_objects(lake_bucket, OPEN_ERASURES):
        body = read_bytes(lake_bucket, name)
        if body is not None and (erasure := Erasure.from_json(name, body)).is_open:
            yield erasure


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
        make_final(lake_bucket, erasure)
    yield f"made {len(ready)} erasures final"


def _has(table: FeatureTable, erasure: Erasure) -> bool:
    return bool(_rows(table, erasure).limit(1).count())


def _rows(table: FeatureTable, erasure: Erasure) -> DataFrame:
    """Return the rows that the erasure wants to be gone.

    The object's own time decides: a run in flight may featurize after the request what it read before.
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

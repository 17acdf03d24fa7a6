"""Feature tables made without the job: rows written by pyiceberg into the table that the job would have made."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.table import Table

from benchmarks.deployment import Deployment
from benchmarks.gateway import ACCESS, REGION, SECRET
from pomona.table.schema import PROPERTIES, ROWS

ROWS_AT_ONCE = 25_000  # a file of the size that the table aims at: a compaction would find nothing to do
RANK = 64  # as many strong directions as features of photographs have, roughly; the others are noise
SEED = 7
SIGNAL = 1.0  # standard deviation of the means of classes, in each feature: nearly all rows can be told apart
Features = npt.NDArray[np.float32]


def catalog(deployment: Deployment) -> GlueCatalog:
    """The catalog as pyiceberg sees it."""
    cloud = deployment.platform.cloud
    credentials = {"client.access-key-id": ACCESS, "client.secret-access-key": SECRET, "client.region": REGION}
    places = {"glue.endpoint": cloud.other_endpoint, "s3.endpoint": cloud.s3_endpoint}
    return GlueCatalog("lake", **places, **credentials, **{"s3.force-virtual-addressing": "false"})


def names(deployment: Deployment) -> tuple[str, str]:
    """Database and table."""
    return deployment.settings.database_name, deployment.settings.table_name


def read_rows(deployment: Deployment) -> pa.Table:
    """Columns key and features of all rows that have features."""
    rows = catalog(deployment).load_table(names(deployment)).scan(selected_fields=("key", "features")).to_arrow()
    return rows.filter(pc.is_valid(rows["features"]))


def read_features(deployment: Deployment) -> dict[str, Any]:
    """The same as lists."""
    return dict(read_rows(deployment).to_pydict())


def create(deployment: Deployment) -> Table:
    """The empty table, as the first run makes it."""
    lake, (database, table) = deployment.settings.lake_bucket, names(deployment)
    location = f"s3://{lake}/warehouse/{database}.db/{table}"
    return catalog(deployment).create_table((database, table), ROWS, location=location, properties=PROPERTIES)


def fill(
    deployment: Deployment, rows: int, backbone: str, width: int = 1280, classes: int = 1, *, labels: bool = True
) -> None:
    """Make the table and write that many rows into it, a file at a time.

    Their keys are in no order: each file's reach from the first letter to the last, so a run has to look into all.
    With several classes, each row has its class's mean. Without labels, it has all else that it would have with one.
    """
    table = create(deployment)
    for first in range(0, rows, ROWS_AT_ONCE):
        count = min(ROWS_AT_ONCE, rows - first)
        table.append(_rows(deployment, first, count, backbone, width, classes, labels=labels))


def _rows(
    deployment: Deployment, first: int, count: int, backbone: str, width: int, classes: int, *, labels: bool
) -> pa.Table:
    now = datetime.now(UTC)
    codes = np.arange(first, first + count) % classes
    keys = [f"{'az'[number % 2]}/{number:07d}.jpg" for number in range(first, first + count)]
    columns = {
        "key": keys,
        "bucket": [deployment.images] * count,
        "label": [f"class {code}" if labels else None for code in codes.tolist()],
        "etag": [f"{number:032x}" for number in range(first, first + count)],
        "size": [5000] * count,
        "last_modified": [now] * count,
        "width": [100] * count,
        "height": [100] * count,
        "backbone": [backbone] * count,
        "error": [None] * count,
        "featurized_at": [now] * count,
        "batch_id": ["filled"] * count,
    }
    rows = features(first, count, width)
    if classes > 1:
        rows += SIGNAL * np.random.default_rng(SEED).standard_normal((classes, width), dtype=np.float32)[codes]
    lists = _lists(rows)
    arrays = [lists if field.name == "features" else pa.array(columns[field.name], field.type) for field in ROWS]
    return pa.Table.from_arrays(arrays, schema=ROWS)


def features(first: int, count: int, width: int) -> Features:
    """Rows [count, width] with a common structure of RANK directions, noise, and no negative value."""
    weights = np.random.default_rng(SEED).standard_normal((RANK, width), dtype=np.float32)
    weights *= np.geomspace(1.0, 0.05, RANK, dtype=np.float32)[:, None]
    random = np.random.default_rng((SEED, first))
    rows: Features = random.standard_normal((count, RANK), dtype=np.float32) @ weights
    rows += 0.1 * random.standard_normal((count, width), dtype=np.float32)
    rows += 0.5
    np.maximum(rows, 0.0, out=rows)
    return rows


def _lists(rows: Features) -> pa.Array:
    count, width = rows.shape
    offsets = pa.array(np.arange(0, (count + 1) * width, width, dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, pa.array(rows.ravel()))


def data_files(deployment: Deployment) -> list[str]:
    """The addresses of the table's data files."""
    table = catalog(deployment).load_table(names(deployment))
    return [task.file.file_path for task in table.scan().plan_files()]

"""The refit's second pass: every row in the coordinates of the components, as Parquet parts written by the tasks."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark import TaskContext
from pyspark.sql import DataFrame

from pomona.feature_blocks import features_of, usable
from pomona.pca import PcaModel
from pomona.projection import project
from pomona.results import PARQUET, ResultsFolder
from pomona.uploads import ObjectWriter

PART_SCHEMA = "part string, rows bigint"
BLOCKS_PER_ROW_GROUP = 8
Batches = Iterable[pa.RecordBatch]


def write_projections(featurized: DataFrame, model: PcaModel, folder: ResultsFolder, parts: int) -> list[str]:
    """Project the rows in at most `parts` tasks; each writes one part, and the names of the parts come back in order.

    A part's name says which partition it holds, so a task that is repeated replaces its own part; parts that an earlier
    attempt at the same snapshot left are removed first. The parts hold the columns of `projections_schema`.
    """
    folder.remove_projections()
    rows = featurized.select("key", "bucket", "label", "features").coalesce(parts)
    written = rows.mapInArrow(_write_partition(model, folder), PART_SCHEMA).collect()
    return sorted(row.part for row in written)


def projections_schema(k: int) -> pa.Schema:
    """key, bucket, label and pc_1 … pc_k: one column a component, which pandas, SQL and CSV all read as they are.

    The components are float64 though the features are float32: a projection repeated from model.npz agrees to
    rounding, not to the seven digits that float32 has.
    """
    names = [(name, pa.string()) for name in ("key", "bucket", "label")]
    return pa.schema(names + [(f"pc_{i}", pa.float64()) for i in range(1, k + 1)])


def _write_partition(model: PcaModel, folder: ResultsFolder) -> Callable[[Batches], Batches]:
    schema = projections_schema(len(model.components))

    def write_partition(batches: Batches) -> Batches:
        projected = (_projected(batch, model, schema) for batch in batches)
        first = next(projected, None)
        if first is not None:
            key = folder.part_key(_partition())
            yield pa.RecordBatch.from_pydict({"part": [key], "rows": [_write(folder.bucket, key, first, projected)]})

    return write_partition


def _partition() -> int:
    task = TaskContext.get()
    if task is None:
        raise RuntimeError("a part is written by a task of Spark and by nothing else")
    return task.partitionId()


def _projected(batch: pa.RecordBatch, model: PcaModel, schema: pa.Schema) -> pa.RecordBatch:
    features = features_of(batch, len(model.mean))
    keep = usable(features)
    names = batch.select(["key", "bucket", "label"]).filter(pa.array(keep))
    coordinates = project(features[keep], model)
    return pa.RecordBatch.from_arrays([*names.columns, *map(pa.array, coordinates.T)], schema=schema)


def _write(bucket: str, key: str, first: pa.RecordBatch, others: Iterator[pa.RecordBatch]) -> int:
    rows = 0
    with (
        ObjectWriter(bucket, key, PARQUET) as file,
        pq.ParquetWriter(file, first.schema, compression="zstd") as parquet,
    ):
        for group in _grouped(chain([first], others)):
            parquet.write_table(group)
            rows += group.num_rows
    return rows


def _grouped(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Tables of several batches, to be written as one row group each: small ones are slow to read."""
    while blocks := list(islice(batches, BLOCKS_PER_ROW_GROUP)):
        yield pa.Table.from_batches(blocks)

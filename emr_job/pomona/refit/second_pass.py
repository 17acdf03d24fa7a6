"""The refit's second pass: every row in the coordinates of the components, as Parquet parts written by the tasks."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pyarrow as pa

from pomona.pca.model import PcaModel
from pomona.projection import project
from pomona.refit.results import ResultsFolder
from pomona.table.feature_blocks import features_of, featurized, usable
from pomona.table.parquet_files import write_parquet
from pomona.table.scan import DataFile, distribute, rows_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COLUMNS = ["key", "bucket", "label", "backbone", "features"]


def write_projections(
    spark: "SparkSession", work: list[list[DataFile]], backbone: str, model: PcaModel, folder: ResultsFolder
) -> list[str]:
    """Project the files' rows of `backbone`, a task for each list of them, which writes one part; the parts' names.

    A part's name says which list it holds, so a task that is repeated replaces its own part; parts that an earlier
    attempt at the same snapshot left are removed first. The parts hold the columns of `projections_schema`.
    """
    folder.remove_projections()
    written = distribute(spark, list(enumerate(work)), _projector(backbone, model, folder)).collect()
    return [part for part in written if part is not None]


def projections_schema(k: int) -> pa.Schema:
    """key, bucket, label and pc_1 … pc_k: one column a component, which pandas, SQL and CSV all read as they are.

    The components are float64 though the features are float32: a projection repeated from model.npz agrees to
    rounding, not to the seven digits that float32 has.
    """
    names = [(name, pa.string()) for name in ("key", "bucket", "label")]
    return pa.schema(names + [(f"pc_{i}", pa.float64()) for i in range(1, k + 1)])


def _projector(
    backbone: str, model: PcaModel, folder: ResultsFolder
) -> Callable[[tuple[int, list[DataFile]]], str | None]:
    schema = projections_schema(len(model.components))

    def project_files(numbered: tuple[int, list[DataFile]]) -> str | None:
        number, files = numbered
        current = (featurized(batch, backbone) for batch in rows_of(files, COLUMNS))
        projected = (_projected(batch, model, schema) for batch in current if batch.num_rows)
        key = folder.part_key(number)
        return key if write_parquet(folder.bucket, key, projected) else None

    return project_files


def _projected(batch: pa.RecordBatch, model: PcaModel, schema: pa.Schema) -> pa.RecordBatch:
    features = features_of(batch, len(model.mean))
    keep = usable(features)
    names = batch.select(["key", "bucket", "label"]).filter(pa.array(keep))
    coordinates = project(features[keep], model)
    texts = (column.cast(pa.string()) for column in names.columns)
    return pa.RecordBatch.from_arrays([*texts, *map(pa.array, coordinates.T)], schema=schema)

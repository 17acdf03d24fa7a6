"""The refit's second pass: projects every row on the components; each task writes its rows as a Parquet part."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pyarrow as pa

from pomona.pca.model import PcaModel
from pomona.projection import project
from pomona.refit.results import ResultsFolder
from pomona.table.feature_blocks import feature_matrix, rows_with_features, usable_rows
from pomona.table.parquet_files import write_parquet
from pomona.table.scan import DataFile, distribute, rows_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COLUMNS = ["key", "bucket", "label", "backbone", "features"]


def write_projections(
    spark: "SparkSession", work: list[list[DataFile]], backbone: str, model: PcaModel, folder: ResultsFolder
) -> list[str]:
    """Project the files' rows with features of `backbone`, in one task for each list of files; return the parts' keys.

    Each task writes one part, named by the number of its list, so that a repeated task replaces its own part. Parts
    that an earlier refit of the same snapshot left are removed first. The parts have `projections_schema`.
    """
    folder.remove_projections()
    written = distribute(spark, list(enumerate(work)), _projector(backbone, model, folder)).collect()
    return [part for part in written if part is not None]


def projections_schema(k: int) -> pa.Schema:
    """Return the columns of the projections: key, bucket, label and, for k components, pc_1 … pc_k.

    One column a component, because pandas, SQL and CSV have no lists. They are float64 although the features are
    float32: a projection repeated from model.npz then agrees up to rounding, not only to seven digits.
    """
    names = [(name, pa.string()) for name in ("key", "bucket", "label")]
    return pa.schema(names + [(f"pc_{i}", pa.float64()) for i in range(1, k + 1)])


def _projector(
    backbone: str, model: PcaModel, folder: ResultsFolder
) -> Callable[[tuple[int, list[DataFile]]], str | None]:
    schema = projections_schema(len(model.components))

    def project_files(numbered: tuple[int, list[DataFile]]) -> str | None:
        number, files = numbered
        current = (rows_with_features(batch, backbone) for batch in rows_of(files, COLUMNS))
        projected = (_projected(batch, model, schema) for batch in current if batch.num_rows)
        key = folder.part_key(number)
        return key if write_parquet(folder.bucket, key, projected) else None

    return project_files


def _projected(batch: pa.RecordBatch, model: PcaModel, schema: pa.Schema) -> pa.RecordBatch:
    features = feature_matrix(batch, len(model.mean))
    keep = usable_rows(features)
    names = batch.select(["key", "bucket", "label"]).filter(pa.array(keep))
    coordinates = project(features[keep], model)
    texts = (column.cast(pa.string()) for column in names.columns)
    return pa.RecordBatch.from_arrays([*texts, *map(pa.array, coordinates.T)], schema=schema)

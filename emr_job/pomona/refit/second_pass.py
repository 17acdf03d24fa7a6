"""The refit's second pass: projects and classifies every row; each task writes its rows as a Parquet part."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from pomona.pca.model import PcaModel
from pomona.projection import project
from pomona.refit import held_out
from pomona.refit.assigned_rows import NAMES, AssignedRows, RowReader
from pomona.refit.held_out import HeldOutClassifier, PredictionTally
from pomona.refit.results import ResultsFolder
from pomona.table.distribution import Workers
from pomona.table.parquet_files import write_parquet
from pomona.table.scan import DataFile

COMPONENT = "pc_"


@dataclass(frozen=True, eq=False)
class SecondPass:
    """What the tasks need."""

    reader: RowReader
    model: PcaModel
    classifier: HeldOutClassifier
    folder: ResultsFolder


@dataclass(frozen=True)
class SecondPassResult:
    """The keys of the parts that were written, and what the predictions add up to."""

    parts: list[str]
    tally: PredictionTally


def write_projections(workers: Workers, work: list[list[DataFile]], second_pass: SecondPass) -> SecondPassResult:
    """Project and classify the files' rows, in one task for each list of files.

    Each task writes one part, named by the number of its list, so that a repeated task replaces its own part. Parts
    that an earlier refit of the same snapshot left are removed first. The parts have `projections_schema`.
    """
    second_pass.folder.remove_projections()
    parts, total = [], PredictionTally()
    for part, tally in workers.results(list(enumerate(work)), partial(_write_part, second_pass)):
        total.merge(tally)
        if part is not None:
            parts.append(part)
    return SecondPassResult(parts, total)


def projections_schema(k: int) -> pa.Schema:
    """Return the columns of the projections: key, bucket, label, held_out.SCHEMA and, for k components, pc_1 … pc_k.

    One column a component, because pandas, SQL and CSV have no lists. They are float64 although the features are
    float32: a projection repeated from model.npz then agrees up to rounding, not only to seven digits.
    """
    components = [pa.field(f"{COMPONENT}{i}", pa.float64()) for i in range(1, k + 1)]
    return pa.schema([pa.field(name, pa.string()) for name in NAMES] + list(held_out.SCHEMA) + components)


def component_columns(batch: pa.RecordBatch) -> list[str]:
    """Return the names of the components' columns in a batch of projections, the first component first."""
    return [name for name in batch.schema.names if name.startswith(COMPONENT)]


def _write_part(task: SecondPass, numbered: tuple[int, list[DataFile]]) -> tuple[str | None, PredictionTally]:
    number, files = numbered
    tally = PredictionTally()
    key = task.folder.part_key(number)
    written = write_parquet(task.folder.bucket, key, _projected(task, task.reader.rows(files), tally))
    return key if written else None, tally


def _projected(task: SecondPass, blocks: Iterator[AssignedRows], tally: PredictionTally) -> Iterator[pa.RecordBatch]:
    schema = projections_schema(len(task.model.components))
    for rows in blocks:
        if len(rows.codes):
            classes = task.classifier.columns(rows, tally)
            components = map(pa.array, project(rows.features, task.model).T)
            yield pa.RecordBatch.from_arrays([*rows.names.columns, *classes, *components], schema=schema)

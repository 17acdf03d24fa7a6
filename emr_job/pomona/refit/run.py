"""One run of the refit job: two passes over the table at one snapshot, then the results that are made of them."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from pomona.backbone import ExportedBackbone, load_backbone
from pomona.errors import JobError
from pomona.pca.drift import drift, with_signs_of
from pomona.pca.model import NothingToFitError, PcaModel, fit
from pomona.processes import Processes, WorkFailedError
from pomona.projection import FittedModel
from pomona.pyiceberg_table.snapshot import PinnedTable
from pomona.refit.arguments import RefitArguments
from pomona.refit.assigned_rows import Assignment, RowReader
from pomona.refit.class_survey import folds_with_copies, survey_classes
from pomona.refit.classification import Classification
from pomona.refit.first_pass import FirstPassResult, run_first_pass
from pomona.refit.neighbours_file import no_neighbours_note
from pomona.refit.nothing_to_fit import note_nothing_to_fit
from pomona.refit.projection_exports import export_projections
from pomona.refit.publication import FittedTable, publish, require_kept
from pomona.refit.results import ResultsFolder, earlier_model, remove_unfinished
from pomona.refit.row_statistics import RowStatistics
from pomona.refit.second_pass import SecondPass, write_projections
from pomona.s3.objects import require_bucket
from pomona.stopwatch import Stopwatch
from pomona.table.distribution import DriverProcesses, Executors, Workers
from pomona.table.scan import DataFile, split_by_bytes

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DRIVER_BYTES = 2 * 2**30
"""The driver alone refits a table whose files are not larger: two processes keep about as many bytes of rows between
the passes (kept_rows.MOST_KEPT_BYTES)."""
log = logging.getLogger("pomona.refit")


def refit(
    arguments: RefitArguments,
    start_session: Callable[[], "SparkSession"],
    stopwatch: Stopwatch | None = None,
    start_processes: Callable[[int], Processes] = Processes.forked,
) -> dict[str, Any]:
    """Carry out a refit and return its summary, which `latest.json` then holds, unless it has a newer snapshot's.

    `latest.json` moves last, so that the results that it names are complete. If the rows cannot be fitted, the refit
    writes a note instead of results, and returns the note: it has not failed, and a repetition would find the same.

    Args:
        arguments: of the refit.
        start_session: starts Spark, for a table that is too large for the driver.
        stopwatch: of the refit.
        start_processes: at the beginning, before this process opens connections, which a copy of it would share.

    Raises:
        JobError: the refit cannot be done; the text is one sentence for the operator.
    """
    stopwatch = stopwatch or Stopwatch()
    with ExitStack() as stack:
        processes = stack.enter_context(start_processes(arguments.processes)) if arguments.processes else None
        planned = _Refit.plan(arguments, stopwatch)
        if processes and planned.bytes <= DRIVER_BYTES:
            try:
                return planned.carried_out_by(DriverProcesses(processes))
            except WorkFailedError as error:
                require_kept(planned.table, planned.folder)  # else executors would find no more than the driver
                log.warning("the driver cannot refit this table, executors do: %s", error)
    with stopwatch.timing("session"):
        executors = Executors(start_session())
    return planned.carried_out_by(executors)


@contextmanager
def _expiry_explained(table: PinnedTable, folder: ResultsFolder) -> Iterator[None]:
    """Raise the better sentence if the block fails because the snapshot has expired."""
    try:
        yield
    except JobError:
        raise
    except Exception:  # of Spark, Java or S3: files of the table or of the results are gone
        require_kept(table, folder)
        raise


@dataclass(frozen=True)
class _Rows:
    """The data files of a table, by task, and what the survey and the first pass found in them."""

    work: list[list[DataFile]]
    statistics: RowStatistics
    reader: RowReader
    found: FirstPassResult


@dataclass(frozen=True)
class _Refit:
    """A refit of one snapshot, whoever carries it out."""

    arguments: RefitArguments
    table: PinnedTable
    files: list[DataFile]
    folder: ResultsFolder
    backbone: ExportedBackbone
    stopwatch: Stopwatch

    @classmethod
    def plan(cls, arguments: RefitArguments, stopwatch: Stopwatch) -> Self:
        """Pin the present of the table, and look up its files."""
        backbone = load_backbone(arguments.backbone, arguments.backbones)
        lake, components = arguments.lake_bucket, str(arguments.components)
        require_bucket(lake)
        with stopwatch.timing("plan"):
            for prefix in remove_unfinished(lake):
                log.warning("removed the results %s, which a refit that was killed had left", prefix)
            table = PinnedTable.at_present(lake, arguments.database, arguments.table)
            folder = ResultsFolder.beside_latest(lake, table.snapshot.id, components, backbone.label)
            with _expiry_explained(table, folder):
                files = table.files()
        return cls(arguments, table, files, folder, backbone, stopwatch)

    @property
    def bytes(self) -> int:
        """Return the size of the table's files."""
        return sum(file.bytes for file in self.files)

    def carried_out_by(self, workers: Workers) -> dict[str, Any]:
        """Return the summary, or the note that there is nothing to fit."""
        with _expiry_explained(self.table, self.folder):
            return self._carried_out_by(workers)

    def _carried_out_by(self, workers: Workers) -> dict[str, Any]:
        rows = self._read_rows(workers)
        earlier = earlier_model(self.arguments.lake_bucket, self.backbone.label)
        try:
            pca = self._fit(rows, earlier)
        except NothingToFitError as error:
            return note_nothing_to_fit(self.arguments, self.table, self.backbone.label, rows.statistics, error)
        fitted = self._apply(workers, rows, pca, earlier)
        summary = publish(fitted, str(self.arguments.components), self.stopwatch)
        log.info(json.dumps(summary | {"seconds": self.stopwatch.readings(), "notes": fitted.model.notes}))
        return summary

    def _read_rows(self, workers: Workers) -> _Rows:
        label = self.backbone.label
        work = split_by_bytes(self.files, workers.tasks)
        with self.stopwatch.timing("survey"):
            survey = survey_classes(workers, work, label)
            statistics = survey.statistics.result()
            folds = folds_with_copies(workers, work, label, survey)
            assignment = Assignment.of(survey.classes, folds, statistics.featurized)
            reader = RowReader(label, self.backbone.output_width, assignment, workers.read)
        with self.stopwatch.timing("gather"):
            found = run_first_pass(workers, work, reader)
        return _Rows(work, statistics, reader, found)

    def _fit(self, rows: _Rows, earlier: PcaModel | None) -> PcaModel:
        """Return the PCA of the rows, with the signs of the earlier one."""
        with self.stopwatch.timing("fit"):
            pca = fit(rows.found.moments.whole(), self.arguments.components)
            pca = pca.with_notes(_left_out_note(rows.found.left_out) + no_neighbours_note(pca.rows))
            return with_signs_of(pca, earlier) if earlier else pca

    def _apply(self, workers: Workers, rows: _Rows, pca: PcaModel, earlier: FittedModel | None) -> FittedTable:
        """Fit the classifier, and project and classify every row."""
        with self.stopwatch.timing("classify"):
            classification = Classification.fitted(rows.reader.assignment.classes, rows.found, pca)
        with self.stopwatch.timing("project"):
            second_pass = SecondPass(rows.reader, pca, classification.classifier, self.folder)
            written = write_projections(workers, rows.work, second_pass)
        with self.stopwatch.timing("export"):
            sample = export_projections(self.folder, written.parts, pca.rows)
        return FittedTable(
            table=self.table,
            folder=self.folder,
            backbone=self.backbone,
            model=classification.model(pca),
            statistics=rows.statistics,
            sample=sample,
            evaluation=classification.evaluation(written.tally),
            earlier=earlier,
            drift=drift(pca, earlier) if earlier else None,
            class_means=classification.class_means(pca),
            storage=classification.storage,
        )


def _left_out_note(left_out: int) -> tuple[str, ...]:
    """Return the note that says that rows were left out; no note if none were."""
    return (f"{left_out} images were left out: their features are all zero or not finite",) if left_out else ()

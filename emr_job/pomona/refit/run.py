"""One run of the refit job: two passes over the table at one snapshot, then the results that are made of them."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pomona.backbone import ExportedBackbone, load_backbone
from pomona.classifier.documents import Evaluation
from pomona.errors import JobError, SupersededError
from pomona.pca.drift import Drift, drift, with_signs_of
from pomona.pca.model import NothingToFitError, PcaModel, fit
from pomona.processes import Processes, WorkFailedError
from pomona.projection import FittedModel, model_bytes
from pomona.pyiceberg_table.snapshot import PinnedTable
from pomona.refit.arguments import RefitArguments
from pomona.refit.class_survey import survey_classes
from pomona.refit.classification import Classification, write_evaluation
from pomona.refit.first_pass import Assignment, FirstPassResult, run_first_pass
from pomona.refit.history import past_refits
from pomona.refit.neighbours_file import no_neighbours_note
from pomona.refit.nothing_to_fit import note_nothing_to_fit, remove_note
from pomona.refit.projection_exports import export_projections
from pomona.refit.projection_sample import ProjectionSample
from pomona.refit.report import scree
from pomona.refit.report.components import components_png
from pomona.refit.report.page import HTML, Report, render
from pomona.refit.report.picks import pick
from pomona.refit.results import ResultsFolder, earlier_model, move_latest, remove_old
from pomona.refit.row_statistics import RowStatistics
from pomona.refit.run_records import recorded_runs
from pomona.refit.second_pass import SecondPass, write_projections
from pomona.refit.storage_choices import StorageChoices
from pomona.refit.thumbnails import make_thumbnails
from pomona.s3.objects import remove_folder, require_bucket
from pomona.stopwatch import Stopwatch
from pomona.table.distribution import DriverProcesses, Executors, Workers
from pomona.table.scan import DataFile, split_by_bytes
from pomona_contract.documents.latest_results import LatestResults
from pomona_contract.lake_layout import MODEL, MODEL_DOCUMENT, REPORT

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PNG = "image/png"
DRIVER_BYTES = 2 * 2**30
"""The driver alone refits a table whose files are not larger: its cores are done about when executors would start."""
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
        backbone = load_backbone(arguments.backbone, arguments.backbones)
        require_bucket(arguments.lake_bucket)
        with stopwatch.timing("plan"):
            table = PinnedTable.at_present(arguments.lake_bucket, arguments.database, arguments.table)
            folder = ResultsFolder.beside_latest(
                arguments.lake_bucket, table.snapshot.id, str(arguments.components), backbone.label
            )
        with _expiry_explained(table, folder):
            with stopwatch.timing("plan"):
                files = table.files()
            task = _Refit(arguments, table, files, folder, backbone, stopwatch)
            if processes and sum(file.bytes for file in files) <= DRIVER_BYTES:
                try:
                    return task.carried_out_by(DriverProcesses(processes))
                except WorkFailedError as error:
                    log.warning("the driver cannot refit this table, executors do: %s", error)
        with stopwatch.timing("session"):
            executors = Executors(start_session())
        with _expiry_explained(table, folder):
            return task.carried_out_by(executors)


@contextmanager
def _expiry_explained(table: PinnedTable, folder: ResultsFolder) -> Iterator[None]:
    """Raise the better sentence if the block fails because the snapshot has expired."""
    try:
        yield
    except JobError:
        raise
    except Exception:  # of Spark, Java or S3: files of the table or of the results are gone
        _require_kept(table, folder)
        raise


@dataclass(frozen=True)
class _Rows:
    """The data files of a table, by task, and what the survey and the first pass found in them."""

    work: list[list[DataFile]]
    statistics: RowStatistics
    assignment: Assignment
    found: FirstPassResult


@dataclass(frozen=True)
class _FittedTable:
    """The model of a table, and what the passes over the table found."""

    table: PinnedTable
    folder: ResultsFolder
    backbone: ExportedBackbone
    model: FittedModel
    statistics: RowStatistics
    sample: ProjectionSample
    evaluation: Evaluation | None
    """None for a table with fewer than two classes."""
    earlier: FittedModel | None
    """Of the last refit of the same backbone; None for the first."""
    drift: Drift | None
    """Since `earlier`."""
    class_means: dict[str, NDArray[np.float64]]
    """The projected mean of each class."""
    storage: StorageChoices | None
    """None without classes."""


@dataclass(frozen=True)
class _Refit:
    """A refit of one snapshot, whoever carries it out."""

    arguments: RefitArguments
    table: PinnedTable
    files: list[DataFile]
    folder: ResultsFolder
    backbone: ExportedBackbone
    stopwatch: Stopwatch

    def carried_out_by(self, workers: Workers) -> dict[str, Any]:
        """Return the summary, or the note that there is nothing to fit."""
        rows = self._read_rows(workers)
        earlier = earlier_model(self.arguments.lake_bucket, self.backbone.label)
        try:
            pca = self._fit(rows, earlier)
        except NothingToFitError as error:
            return note_nothing_to_fit(self.arguments, self.table, self.backbone.label, rows.statistics, error)
        fitted = self._apply(workers, rows, pca, earlier)
        summary = _publish(self.arguments, fitted, self.stopwatch)
        log.info(json.dumps(summary | {"seconds": self.stopwatch.readings(), "notes": fitted.model.notes}))
        return summary

    def _read_rows(self, workers: Workers) -> _Rows:
        label = self.backbone.label
        work = split_by_bytes(self.files, workers.tasks)
        with self.stopwatch.timing("survey"):
            survey = survey_classes(workers, work, label)
            statistics = survey.statistics.result()
            assignment = Assignment.of(survey.classes, survey.folds(), statistics.images)
        with self.stopwatch.timing("gather"):
            found = run_first_pass(workers, work, label, self.backbone.output_width, assignment)
        return _Rows(work, statistics, assignment, found)

    def _fit(self, rows: _Rows, earlier: PcaModel | None) -> PcaModel:
        """Return the PCA of the rows, with the signs of the earlier one."""
        with self.stopwatch.timing("fit"):
            pca = fit(rows.found.moments.whole(), self.arguments.components)
            pca = pca.with_notes(left_out_note(rows.found.left_out) + no_neighbours_note(pca.rows))
            return with_signs_of(pca, earlier) if earlier else pca

    def _apply(self, workers: Workers, rows: _Rows, pca: PcaModel, earlier: FittedModel | None) -> _FittedTable:
        """Fit the classifier, and project and classify every row."""
        with self.stopwatch.timing("classify"):
            classification = Classification.fitted(rows.assignment, rows.found)
            storage = classification.storage_choices(rows.found, pca)
        with self.stopwatch.timing("project"):
            second_pass = SecondPass(self.backbone.label, pca, classification.classifier, self.folder)
            written = write_projections(workers, rows.work, second_pass)
        with self.stopwatch.timing("export"):
            sample = export_projections(self.folder, written.parts, pca.rows)
        return _FittedTable(
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
            storage=storage,
        )


def _publish(arguments: RefitArguments, fitted: _FittedTable, stopwatch: Stopwatch) -> dict[str, Any]:
    """Write the remaining results, let `latest.json` name them, and return the summary."""
    folder, model = fitted.folder, fitted.model
    summary = _summary(fitted, str(arguments.components))
    folder.put(MODEL, model_bytes(model), "application/octet-stream")
    folder.put(MODEL_DOCUMENT, model_document(summary, model, fitted.drift), "application/json")
    if fitted.evaluation:
        write_evaluation(folder, fitted.evaluation)
    with stopwatch.timing("plots"):
        folder.put("scree.png", scree.png(model), PNG)
        folder.put("components.png", components_png(fitted.sample, model), PNG)
    folder.put(REPORT, render(_report(fitted, summary, stopwatch)), HTML)
    for note in model.notes:
        log.warning(note)
    _require_kept(fitted.table, folder)
    if not move_latest(arguments.lake_bucket, summary):
        log.warning("a newer snapshot has been refitted meanwhile: latest.json stays with that")
    remove_note(arguments.lake_bucket)
    for prefix in remove_old(arguments.lake_bucket):
        log.info("removed the old results %s", prefix)
    return summary


def _report(fitted: _FittedTable, summary: dict[str, Any], stopwatch: Stopwatch) -> Report:
    with stopwatch.timing("pictures"):
        picks = pick(fitted.sample, fitted.evaluation.suspects if fitted.evaluation else None, fitted.class_means)
        bucket = fitted.sample.bucket
        thumbnails = make_thumbnails(bucket, picks.keys) if bucket else {}
    lake = fitted.folder.bucket
    runs = recorded_runs(lake)
    return Report(
        summary=summary,
        model=fitted.model,
        statistics=fitted.statistics,
        sample=fitted.sample,
        runs=runs,
        seconds=stopwatch.readings(),
        evaluation=fitted.evaluation,
        earlier=fitted.earlier,
        drift=fitted.drift,
        history=past_refits(lake, fitted.folder.prefix, runs.refits),
        storage=fitted.storage,
        picks=picks,
        thumbnails=thumbnails,
    )


def _require_kept(table: PinnedTable, folder: ResultsFolder) -> None:
    """Raise SupersededError, and remove the results, if an erasure has expired the snapshot since the refit began."""
    if not table.is_kept():
        remove_folder(folder.bucket, folder.prefix)
        raise SupersededError(f"the snapshot {table.snapshot.id} expired during the refit: its results are removed")


def _summary(fitted: _FittedTable, components_asked: str) -> dict[str, Any]:
    snapshot = fitted.table.snapshot
    return LatestResults(
        table_uuid=fitted.table.uuid,
        snapshot_id=snapshot.id,
        sequence_number=snapshot.sequence_number,
        committed_at=snapshot.committed_at.isoformat(),
        prefix=fitted.folder.prefix,
        components=len(fitted.model.components),
        components_asked=components_asked,
        variance=fitted.model.variance,
        rows=fitted.model.rows,
        images=fitted.statistics.images,
        errors=fitted.statistics.errors,
        classes=fitted.statistics.classes,
        backbone=fitted.backbone.label,
        refitted_at=datetime.now(UTC).isoformat(timespec="seconds"),
    ).document()


def left_out_note(left_out: int) -> tuple[str, ...]:
    """Return the note that says that rows were left out; no note if none were."""
    return (f"{left_out} images were left out: their features are all zero or not finite",) if left_out else ()


def model_document(summary: dict[str, Any], model: FittedModel, moved: Drift | None) -> bytes:
    """Return model.json for readers without NumPy: the summary, shares of variance, images of each class, drift."""
    counts = [] if model.class_counts is None else model.class_counts.tolist()
    document = summary | {
        "explained_variance_ratio": model.explained_variance_ratio.tolist(),
        "class_counts": dict(zip(model.classes, counts, strict=True)),
        "drift": asdict(moved) if moved else None,
        "notes": model.notes,
    }
    return json.dumps(document, indent=1).encode()

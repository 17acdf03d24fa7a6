"""One run of the refit job: two passes over the table at one snapshot, then the results that are made of them."""

import json
import logging
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pomona.backbone import ExportedBackbone, load_backbone
from pomona.classifier.documents import Evaluation
from pomona.errors import JobError, SupersededError
from pomona.pca.drift import Drift, drift, with_signs_of
from pomona.pca.model import fit
from pomona.projection import FittedModel, model_bytes
from pomona.refit.arguments import RefitArguments
from pomona.refit.class_survey import survey_classes
from pomona.refit.classification import Classification, write_evaluation
from pomona.refit.first_pass import Assignment, run_first_pass
from pomona.refit.neighbours_file import no_neighbours_note
from pomona.refit.projection_csv import write_csv
from pomona.refit.projection_sample import ProjectionSample
from pomona.refit.report import scree
from pomona.refit.report.components import components_png
from pomona.refit.report.page import HTML, Report, render
from pomona.refit.results import ResultsFolder, earlier_model, move_latest, remove_old
from pomona.refit.row_statistics import RowStatistics
from pomona.refit.run_records import recorded_runs
from pomona.refit.second_pass import SecondPass, write_projections
from pomona.s3.objects import remove_folder, require_bucket
from pomona.spark_session import CATALOG, task_slots, warm_up
from pomona.stopwatch import Stopwatch
from pomona.table.scan import TASKS_PER_SLOT, split_by_bytes
from pomona.table.snapshot import PinnedTable
from pomona_contract.documents.latest_results import LatestResults

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PNG = "image/png"
log = logging.getLogger("pomona.refit")


def refit(arguments: RefitArguments, spark: "SparkSession", stopwatch: Stopwatch | None = None) -> dict[str, Any]:
    """Carry out a refit and return its summary, which `latest.json` then holds, unless it has a newer snapshot's.

    `latest.json` moves last, so that the results that it names are complete.

    Raises:
        JobError: the refit cannot be done; the text is one sentence for the operator.
    """
    stopwatch = stopwatch or Stopwatch()
    backbone = load_backbone(arguments.backbone, arguments.backbones)
    require_bucket(arguments.lake_bucket)
    warm_up(spark)
    with stopwatch.timing("plan"):
        table = PinnedTable.at_present(spark, f"{CATALOG}.{arguments.database}.{arguments.table}")
    components = str(arguments.components)
    folder = ResultsFolder.beside_latest(arguments.lake_bucket, table.snapshot.id, components, backbone.label)
    try:
        fitted = _fit(arguments, table, folder, backbone, stopwatch)
    except JobError:
        raise
    except Exception:  # of Spark, Java or S3: files of the table or of the results are gone
        _require_kept(table, folder)  # raises the better sentence if the snapshot has expired
        raise
    summary = _publish(arguments, fitted, stopwatch)
    log.info(json.dumps(summary | {"seconds": stopwatch.readings(), "notes": fitted.model.notes}))
    return summary


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
    drift: Drift | None
    """Since the last refit of the same backbone; None for the first."""


def _fit(
    arguments: RefitArguments,
    table: PinnedTable,
    folder: ResultsFolder,
    backbone: ExportedBackbone,
    stopwatch: Stopwatch,
) -> _FittedTable:
    with stopwatch.timing("plan"):
        work = split_by_bytes(table.files(), TASKS_PER_SLOT * task_slots(table.spark))
    with stopwatch.timing("survey"):
        survey = survey_classes(table.spark, work, backbone.label)
        statistics = survey.statistics.result()
        assignment = Assignment.of(survey.classes, survey.folds(), statistics.images)
    with stopwatch.timing("gather"):
        found = run_first_pass(table.spark, work, backbone.label, backbone.output_width, assignment)
    earlier = earlier_model(arguments.lake_bucket, backbone.label)
    with stopwatch.timing("fit"):
        pca = fit(found.moments.whole(), arguments.components).with_notes(left_out_note(found.left_out))
        pca = pca.with_notes(no_neighbours_note(pca.rows))
        pca = with_signs_of(pca, earlier) if earlier else pca
    with stopwatch.timing("classify"):
        classification = Classification.fitted(assignment, found)
    with stopwatch.timing("project"):
        second_pass = SecondPass(backbone.label, pca, classification.classifier, folder)
        written = write_projections(table.spark, work, second_pass)
    with stopwatch.timing("export"):
        sample = write_csv(folder, written.parts, pca.rows)
    return _FittedTable(
        table=table,
        folder=folder,
        backbone=backbone,
        model=classification.model(pca),
        statistics=statistics,
        sample=sample,
        evaluation=classification.evaluation(written.tally),
        drift=drift(pca, earlier) if earlier else None,
    )


def _publish(arguments: RefitArguments, fitted: _FittedTable, stopwatch: Stopwatch) -> dict[str, Any]:
    """Write the remaining results, let `latest.json` name them, and return the summary."""
    folder, model = fitted.folder, fitted.model
    summary = _summary(fitted, str(arguments.components))
    folder.put("model.npz", model_bytes(model), "application/octet-stream")
    folder.put("model.json", model_document(summary, model, fitted.drift), "application/json")
    if fitted.evaluation:
        write_evaluation(folder, fitted.evaluation)
    with stopwatch.timing("plots"):
        folder.put("scree.png", scree.png(model), PNG)
        folder.put("components.png", components_png(fitted.sample, model), PNG)
    runs = recorded_runs(arguments.lake_bucket)
    report = Report(summary, model, fitted.statistics, fitted.sample, runs, stopwatch.readings())
    folder.put("report.html", render(report), HTML)
    for note in model.notes:
        log.warning(note)
    _require_kept(fitted.table, folder)
    if not move_latest(arguments.lake_bucket, summary):
        log.warning("a newer snapshot has been refitted meanwhile: latest.json stays with that")
    for prefix in remove_old(arguments.lake_bucket):
        log.info("removed the old results %s", prefix)
    return summary


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
        "classes": dict(zip(model.classes, counts, strict=True)),
        "drift": asdict(moved) if moved else None,
        "notes": model.notes,
    }
    return json.dumps(document, indent=1).encode()

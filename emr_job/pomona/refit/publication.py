"""The results that are made of a fitted table: model, evaluation, pictures and report. `latest.json` moves last."""

import json
import logging
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pomona.backbone import ExportedBackbone
from pomona.classifier.documents import Evaluation
from pomona.errors import SupersededError
from pomona.pca.drift import Drift
from pomona.projection import FittedModel, model_bytes
from pomona.pyiceberg_table.snapshot import PinnedTable
from pomona.refit.classification import write_evaluation
from pomona.refit.history import past_refits
from pomona.refit.nothing_to_fit import remove_note
from pomona.refit.projection_sample import ProjectionSample
from pomona.refit.report import scree
from pomona.refit.report.components import components_png
from pomona.refit.report.page import HTML, Report, render
from pomona.refit.report.picks import pick
from pomona.refit.results import ResultsFolder, move_latest, remove_old
from pomona.refit.row_statistics import RowStatistics
from pomona.refit.run_records import recorded_runs
from pomona.refit.storage_choices import StorageChoices
from pomona.refit.thumbnails import make_thumbnails
from pomona.s3.objects import remove_folder
from pomona.stopwatch import Stopwatch
from pomona_contract.documents.latest_results import LatestResults
from pomona_contract.lake_layout import MODEL, MODEL_DOCUMENT, REPORT

PNG = "image/png"
log = logging.getLogger("pomona.refit")


@dataclass(frozen=True)
class FittedTable:
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


def publish(fitted: FittedTable, components_asked: str, stopwatch: Stopwatch) -> dict[str, Any]:
    """Write the remaining results, let `latest.json` name them, and return the summary."""
    folder, model = fitted.folder, fitted.model
    summary = _summary(fitted, components_asked)
    folder.put(MODEL, model_bytes(model), "application/octet-stream")
    if fitted.evaluation:
        write_evaluation(folder, fitted.evaluation)
    with stopwatch.timing("plots"):
        folder.put("scree.png", scree.png(model), PNG)
        folder.put("components.png", components_png(fitted.sample, model), PNG)
    folder.put(REPORT, render(_report(fitted, summary, stopwatch)), HTML)
    for note in model.notes:
        log.warning(note)
    require_kept(fitted.table, folder)
    # last: results without it were left by a refit that was killed, and the next one removes them
    folder.put(MODEL_DOCUMENT, model_document(summary, model, fitted.drift), "application/json")
    require_kept(fitted.table, folder)
    if not move_latest(folder.bucket, summary):
        log.warning("a newer snapshot has been refitted meanwhile: latest.json stays with that")
    remove_note(folder.bucket)
    for prefix in remove_old(folder.bucket):
        log.info("removed the old results %s", prefix)
    return summary


def _report(fitted: FittedTable, summary: dict[str, Any], stopwatch: Stopwatch) -> Report:
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


def require_kept(table: PinnedTable, folder: ResultsFolder) -> None:
    """Raise SupersededError, and remove the results, if an erasure has expired the snapshot since the refit began."""
    if not table.is_kept():
        remove_folder(folder.bucket, folder.prefix)
        raise SupersededError(f"the snapshot {table.snapshot.id} expired during the refit: its results are removed")


def _summary(fitted: FittedTable, components_asked: str) -> dict[str, Any]:
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

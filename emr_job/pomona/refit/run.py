"""One run of the refit job: two passes over the table at one snapshot, then everything that is made of them."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pomona.errors import JobError, SupersededError
from pomona.featurize.backbone import Backbone, load_backbone
from pomona.pca.component_choice import Components
from pomona.pca.model import PcaModel, fit
from pomona.projection import model_bytes
from pomona.refit.exports import Sample, export
from pomona.refit.first_pass import gather
from pomona.refit.report import figures as plots
from pomona.refit.report import page as report
from pomona.refit.results import ResultsFolder, move_latest, remove_old
from pomona.refit.row_statistics import Census
from pomona.refit.run_records import recorded_runs
from pomona.refit.second_pass import write_projections
from pomona.s3.objects import remove_folder, require_bucket
from pomona.spark_session import CATALOG, task_slots, warm_up
from pomona.stopwatch import Stopwatch
from pomona.table.scan import SHARES_PER_SLOT, DataFile, shares
from pomona.table.snapshot import PinnedTable
from pomona_contract.documents.latest_results import LatestResults

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger("pomona.refit")


@dataclass(frozen=True)
class Fitted:
    """What the passes over the table found out."""

    table: PinnedTable
    folder: ResultsFolder
    backbone: Backbone
    model: PcaModel
    census: Census
    sample: Sample


@dataclass(frozen=True)
class RefitRun:
    """A refit and what StartJobRun told it."""

    lake_bucket: str
    database: str
    table: str
    backbone: str
    components: Components
    stopwatch: Stopwatch = field(default_factory=Stopwatch)

    def start(self, session: Callable[[], "SparkSession"]) -> dict[str, Any]:
        """Run it all, and give the summary that `latest.json` now holds, unless a newer snapshot's is there already.

        `latest.json` moves last: what it names is whole. Raises JobError, with a sentence, for what can be foreseen.
        """
        backbone = load_backbone(self.backbone)
        require_bucket(self.lake_bucket)
        with self.stopwatch.timing("session"):
            spark = session()
        warm_up(spark)
        with self.stopwatch.timing("plan"):
            table = PinnedTable.at_present(spark, f"{CATALOG}.{self.database}.{self.table}")
            work = shares(table.files(), SHARES_PER_SLOT * task_slots(spark))
        asked = str(self.components)
        folder = ResultsFolder.beside_latest(self.lake_bucket, table.snapshot.id, asked, backbone.label)
        try:
            fitted = self._fit(table, folder, backbone, work)
        except JobError:
            raise
        except Exception:  # Spark's, Java's or S3's: files of the table or of the results are gone
            self._require_kept(table, folder)  # which has a sentence of its own
            raise
        summary = self._publish(fitted)
        log.info(json.dumps(summary | {"seconds": self.stopwatch.readings(), "notes": fitted.model.notes}))
        return summary

    def _fit(self, table: PinnedTable, folder: ResultsFolder, backbone: Backbone, work: list[list[DataFile]]) -> Fitted:
        with self.stopwatch.timing("gather"):
            gathered = gather(table.spark, work, backbone.label, backbone.output_width)
        with self.stopwatch.timing("fit"):
            model = fit(gathered.moments, self.components).noting(left_out_note(gathered.left_out))
        with self.stopwatch.timing("project"):
            written = write_projections(table.spark, work, backbone.label, model, folder)
        with self.stopwatch.timing("export"):
            sample = export(folder, written, model.rows)
        return Fitted(table, folder, backbone, model, gathered.census, sample)

    def _publish(self, fitted: Fitted) -> dict[str, Any]:
        folder = fitted.folder
        summary = self._summary(fitted)
        folder.put("model.npz", model_bytes(fitted.model), "application/octet-stream")
        folder.put("model.json", model_document(summary, fitted.model), "application/json")
        self._draw(fitted, folder)
        self._report(fitted, folder, summary)
        for note in fitted.model.notes:
            log.warning(note)
        self._require_kept(fitted.table, folder)
        if not move_latest(self.lake_bucket, summary):
            log.warning("a newer snapshot has been refitted meanwhile: latest.json stays with that")
        for prefix in remove_old(self.lake_bucket):
            log.info("removed the old results %s", prefix)
        return summary

    def _require_kept(self, table: PinnedTable, folder: ResultsFolder) -> None:
        """An erasure that became final meanwhile wants nothing to be left of the rows that this run has read."""
        if not table.is_kept():
            remove_folder(self.lake_bucket, folder.prefix)
            raise SupersededError(f"the snapshot {table.snapshot.id} expired during the refit: its results are removed")

    def _draw(self, fitted: Fitted, folder: ResultsFolder) -> None:
        with self.stopwatch.timing("plots"):
            folder.put("scree.png", plots.scree(fitted.model), plots.PNG)
            folder.put("components.png", plots.components(fitted.sample, fitted.model), plots.PNG)

    def _report(self, fitted: Fitted, folder: ResultsFolder, summary: dict[str, Any]) -> None:
        page = report.Report(
            summary=summary,
            model=fitted.model,
            census=fitted.census,
            sample=fitted.sample,
            runs=recorded_runs(self.lake_bucket),
            seconds=self.stopwatch.readings(),
        )
        folder.put("report.html", report.render(page), report.HTML)

    def _summary(self, fitted: Fitted) -> dict[str, Any]:
        snapshot = fitted.table.snapshot
        return LatestResults(
            table_uuid=fitted.table.uuid,
            snapshot_id=snapshot.id,
            sequence_number=snapshot.sequence_number,
            committed_at=snapshot.committed_at.isoformat(),
            prefix=fitted.folder.prefix,
            components=len(fitted.model.components),
            components_asked=str(self.components),
            variance=fitted.model.variance,
            rows=fitted.model.rows,
            backbone=fitted.backbone.label,
            refitted_at=datetime.now(UTC).isoformat(timespec="seconds"),
        ).document()


def left_out_note(left_out: int) -> tuple[str, ...]:
    """The note that says that rows were left out, if any were."""
    return (f"{left_out} images were left out: their features are all zero or not finite",) if left_out else ()


def model_document(summary: dict[str, Any], model: PcaModel) -> bytes:
    """model.json: what model.npz holds, for those who would rather read than load it."""
    shares = {"explained_variance_ratio": model.explained_variance_ratio.tolist(), "notes": model.notes}
    return json.dumps(summary | shares, indent=1).encode()

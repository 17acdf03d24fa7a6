"""What the classifier must know before features are read: which labels are classes, and where their folds are cut.

Reads the narrow columns alone, which are a small part of the table's files.
"""

from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from pomona.classifier.classes import Classes
from pomona.classifier.copies import CopySurvey
from pomona.classifier.folds import Folds, KeySample, content_hashes
from pomona.classifier.repeats import Repeats
from pomona.refit.row_statistics import STATISTICS_COLUMNS, RowStatistics, RowStatisticsTotal
from pomona.table.distribution import Workers
from pomona.table.feature_blocks import rows_of_backbone
from pomona.table.scan import KEY_SCAN, DataFile, located_rows

COLUMNS = [*STATISTICS_COLUMNS, "etag"]
COPY_COLUMNS = [*COLUMNS, "last_modified"]


@dataclass
class ClassSurvey:
    """Statistics of some rows, their sampled keys by label, and the etags that occur more than once."""

    statistics: RowStatisticsTotal
    sample: KeySample
    repeats: Repeats

    @classmethod
    def of_table(cls, rows: int) -> "ClassSurvey":
        """Return the survey of no rows of a table that has so many."""
        return cls(RowStatisticsTotal(), KeySample(), Repeats.for_values(rows))

    def add(self, batch: pa.RecordBatch, backbone: str) -> None:
        """Take in a batch of rows that has COLUMNS."""
        self.statistics.add(RowStatistics.of(batch, backbone))
        current = rows_of_backbone(batch, backbone)
        keys = current["key"].to_pylist()
        self.sample.add(current["label"].to_pylist(), keys)
        self.repeats.add(content_hashes(current["etag"].to_pylist(), keys))

    def merge(self, other: "ClassSurvey") -> None:
        """Take in the survey of other rows of the same table."""
        self.statistics.add(other.statistics.result())
        self.sample.merge(other.sample)
        self.repeats.merge(other.repeats)

    @property
    def classes(self) -> Classes:
        """The labels that the classifier knows."""
        return Classes.largest(self.sample.counts, int(self.statistics.labels))

    def folds(self) -> Folds:
        """Return which image is in which fold, as if there were no copies."""
        return Folds.of(self.sample.of_labels(self.classes.labels))


def survey_classes(workers: Workers, work: list[list[DataFile]], backbone: str) -> ClassSurvey:
    """Read the narrow columns of the files, in one task for each list of them; rows of `backbone` count."""
    rows = sum(file.rows for files in work for file in files)
    total = ClassSurvey.of_table(rows)
    for part in workers.results(work, partial(_survey_files, rows, backbone)):
        total.merge(part)
    return total


def _survey_files(rows: int, backbone: str, files: list[DataFile]) -> ClassSurvey:
    survey = ClassSurvey.of_table(rows)
    for _, _, batch in located_rows(files, COLUMNS, KEY_SCAN):
        survey.add(batch, backbone)
    return survey


def folds_with_copies(workers: Workers, work: list[list[DataFile]], backbone: str, survey: ClassSurvey) -> Folds:
    """Read the narrow columns once more, for the images whose content seems to be repeated, and return the folds."""
    folds, total = survey.folds(), CopySurvey()
    for part in workers.results(work, partial(_survey_copies, backbone, survey.repeats, folds)):
        total.merge(part)
    return folds.with_copies(total.result())


def _survey_copies(backbone: str, repeats: Repeats, folds: Folds, files: list[DataFile]) -> CopySurvey:
    survey = CopySurvey()
    for _, _, batch in located_rows(files, COPY_COLUMNS, KEY_SCAN):
        current = rows_of_backbone(batch, backbone)
        contents = content_hashes(current["etag"].to_pylist(), current["key"].to_pylist())
        held = repeats.hold(contents)
        repeated = current.filter(pa.array(held))
        times = repeated["last_modified"].cast(pa.int64()).fill_null(0).to_numpy()
        ranges, own = folds.ranges(repeated["label"].to_pylist(), repeated["key"].to_pylist())
        survey.add(contents[held], times, ranges, own)
    return survey

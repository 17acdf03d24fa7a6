"""What is made from the finished projections by reading them once more: the CSV file, and a sample for the pictures."""

import io
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from pomona.refit.results import ResultsFolder
from pomona.s3.objects import s3_client
from pomona.s3.read_ahead import in_order
from pomona.s3.uploads import ObjectWriter

POINTS = 5000
SHOWN_COMPONENTS = 4
ROWS_AT_ONCE = 16384
CSV_THREADS = 2  # the driver's cores


@dataclass
class Sample:
    """Evenly spaced rows of the projections, at most POINTS of `rows`, for a picture: the same ones every time.

    Rows of one class lie together where they were uploaded together, and even spacing keeps each class's share.
    """

    rows: int
    keys: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    points: list[list[float]] = field(default_factory=list)
    """The first components of each row, SHOWN_COMPONENTS of them at most."""
    classes: Counter[str] = field(default_factory=Counter)
    """How many of the sampled rows each label has."""
    _seen: int = 0

    @property
    def spacing(self) -> int:
        """Every so manieth row is taken."""
        return max(-(-self.rows // POINTS), 1)

    def take_from(self, batch: pa.RecordBatch) -> None:
        """Look at the next rows."""
        first = -self._seen % self.spacing
        self._seen += batch.num_rows
        chosen = batch.take(pa.array(range(first, batch.num_rows, self.spacing), pa.int64()))
        labels = [label or "" for label in chosen["label"].to_pylist()]
        self.keys += chosen["key"].to_pylist()
        self.labels += labels
        self.classes.update(labels)
        shown = [column.to_pylist() for column in chosen.columns[3 : 3 + SHOWN_COMPONENTS]]
        self.points += [list(point) for point in zip(*shown, strict=True)]


def export(folder: ResultsFolder, parts: list[str], rows: int) -> Sample:
    """Write projections.csv from the parts (keys under the bucket) and sample them, a few thousand rows at a time.

    Text is quoted wherever a comma, a quote or a line break makes that necessary (RFC 4180), so no key can add a
    column or a row; it is not altered, and a key that starts with = is a formula to a spreadsheet that opens the file.
    """
    sample = Sample(rows)
    with ObjectWriter(folder.bucket, f"{folder.prefix}projections.csv", "text/csv; charset=utf-8") as file:
        for number, (batch, text) in enumerate(in_order(batches_of(folder.bucket, parts), _with_text, CSV_THREADS)):
            if not number:
                file.write(_text(batch.slice(0, 0), header=True))
            file.write(text)
            sample.take_from(batch)
    return sample


def _with_text(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, bytes]:
    return batch, _text(batch, header=False)


def _text(batch: pa.RecordBatch, *, header: bool) -> bytes:
    text = io.BytesIO()
    pyarrow.csv.write_csv(batch, text, pyarrow.csv.WriteOptions(include_header=header))
    return text.getvalue()


def batches_of(bucket: str, parts: list[str]) -> Iterator[pa.RecordBatch]:
    """The rows of the parts, in order; one part at a time lies in a temporary file, a block of it in memory."""
    for key in parts:
        with tempfile.TemporaryFile() as file:
            s3_client().download_fileobj(bucket, key, file)
            yield from pq.ParquetFile(file).iter_batches(ROWS_AT_ONCE)

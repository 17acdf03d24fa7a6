"""Reads the finished projections once more, and writes them as CSV files and as an index of similar images."""

import io
import tempfile
import zlib
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from pomona.refit.neighbours_file import NeighboursFile
from pomona.refit.projection_sample import ProjectionSample
from pomona.refit.results import ResultsFolder
from pomona.s3.objects import s3_client
from pomona.s3.read_ahead import in_order
from pomona.s3.uploads import open_object_writer
from pomona_contract.workers import WORKER_VCPUS

ROWS_PER_BATCH = 16384
WITH_GZIP_HEADER = 31  # of zlib's wbits
CSV = "text/csv; charset=utf-8"
GZIP = "application/gzip"


def export_projections(folder: ResultsFolder, parts: list[str], rows: int) -> ProjectionSample:
    """Write projections.csv, projections.csv.gz and neighbours.npz, and return a sample of the rows.

    The index of similar images is in memory (200 bytes a row and its key), and a few thousand rows at a time.

    Text is quoted where a comma, a quote or a line break makes that necessary (RFC 4180), so no key can add a column or
    a row. The compressed file has a member of gzip (RFC 1952) for each batch; what reads gzip reads them as one text.
    The text is not altered: a spreadsheet that opens the file takes a key that starts with = for a formula.

    Args:
        folder: of the results.
        parts: keys of the Parquet files with the projections.
        rows: number of rows in all parts.
    """
    sample, neighbours = ProjectionSample(rows), NeighboursFile.of(rows)
    batches = in_order(_batches(folder.bucket, parts), _with_csv, WORKER_VCPUS)
    name = f"{folder.prefix}projections.csv"
    with (
        open_object_writer(folder.bucket, name, CSV) as file,
        open_object_writer(folder.bucket, f"{name}.gz", GZIP) as compressed,
    ):
        for number, (batch, text, member) in enumerate(batches):
            if not number:
                header = _csv(batch.slice(0, 0), header=True)
                file.write(header)
                compressed.write(gzip_member(header))
            file.write(text)
            compressed.write(member)
            sample.add_from(batch)
            neighbours.add_from(batch)
    neighbours.write(folder)
    return sample


def _with_csv(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, bytes, bytes]:
    text = _csv(batch, header=False)
    return batch, text, gzip_member(text)


def gzip_member(text: bytes) -> bytes:
    """Return the text as a member of gzip without a time, so that two refits of the same rows write the same bytes.

    The digits of numbers hardly repeat: Huffman codes alone make them smaller than level 1 does, which looks for
    repetitions first.
    """
    compressor = zlib.compressobj(1, zlib.DEFLATED, WITH_GZIP_HEADER, zlib.DEF_MEM_LEVEL, zlib.Z_HUFFMAN_ONLY)
    return compressor.compress(text) + compressor.flush()


def _csv(batch: pa.RecordBatch, *, header: bool) -> bytes:
    text = io.BytesIO()
    pyarrow.csv.write_csv(batch, text, pyarrow.csv.WriteOptions(include_header=header))
    return text.getvalue()


def _batches(bucket: str, parts: list[str]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of the parts in order. One part at a time lies in a temporary file, one batch in memory."""
    for key in parts:
        with tempfile.TemporaryFile() as file:
            s3_client().download_fileobj(bucket, key, file)
            yield from pq.ParquetFile(file).iter_batches(ROWS_PER_BATCH)

"""What `export` writes to: regular files, links, devices and named pipes."""

import gzip
import os
import resource
import signal
import stat
import threading
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pytest

from pomona_cli.errors import CliError
from pomona_cli.table.choices import ExportFormat
from pomona_cli.table.export import COLUMNS, write_rows

NUMBERS = {"size": pa.int64(), "width": pa.int32(), "height": pa.int32(), "features": pa.list_(pa.float32())}
SCHEMA = pa.schema([(name, NUMBERS.get(name, pa.string())) for name in COLUMNS])
ROWS = 1000
BATCH = pa.RecordBatch.from_pylist([{"key": f"a/{number}.jpg"} for number in range(ROWS)], SCHEMA)
TABLE = SimpleNamespace(
    schema=lambda columns: SCHEMA,
    batches=lambda columns, where: iter([BATCH.select(columns)]),
)
KINDS = pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet"])


@pytest.fixture(autouse=True)
def one_backbone(monkeypatch):
    monkeypatch.setattr("pomona_cli.table.export.feature_width", lambda table, where: 0)


def export(target: Path, kind: str = "csv") -> int:
    return write_rows(TABLE, None, str(target), ExportFormat(kind), lambda rows: None)


@KINDS
def test_a_file_is_there_when_it_is_whole(tmp_path, kind):
    target = tmp_path / "table"
    target.write_text("before")
    assert export(target, kind) == ROWS
    content = gzip.decompress(target.read_bytes()) if kind == "csv.gz" else target.read_bytes()
    assert b"a/999.jpg" in content or kind == "parquet"
    assert list(tmp_path.iterdir()) == [target]


def test_a_compressed_file_has_the_rows_of_the_other(tmp_path):
    for kind in ("csv", "csv.gz"):
        export(tmp_path / f"table.{kind}", kind)
    assert gzip.decompress((tmp_path / "table.csv.gz").read_bytes()) == (tmp_path / "table.csv").read_bytes()


@pytest.mark.parametrize("read", [pd.read_csv, lambda file: duckdb.read_csv(file).df(), pyarrow.csv.read_csv])
def test_readers_of_csv_take_the_compressed_file(tmp_path, read):
    export(tmp_path / "table.csv.gz", "csv.gz")
    assert list(read(str(tmp_path / "table.csv.gz"))["key"])[-1] in ("a/999.jpg", pa.scalar("a/999.jpg"))


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_is_followed_and_stays(tmp_path, exists):
    # Given a link to a file in another folder
    folder = tmp_path / "folder"
    folder.mkdir()
    real, link = folder / "real.csv", tmp_path / "link.csv"
    link.symlink_to(real)
    if exists:
        real.write_text("before")
    # When the table is exported to it
    export(link)
    # Then it is still a link, and the file has the rows
    assert link.is_symlink()
    assert "a/999.jpg" in real.read_text()
    assert [*tmp_path.glob("*.partial"), *folder.glob("*.partial")] == []


def test_a_named_pipe_is_written_to_as_it_is(tmp_path):
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    export(pipe)
    reader.join(60)
    assert "a/999.jpg" in read[0]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_device_stays_a_device(tmp_path):
    # Given a link to a device: nothing of the device itself is at stake
    link = tmp_path / "null.csv"
    link.symlink_to("/dev/null")
    # When the table is exported to it
    assert export(link) == ROWS
    # Then both are what they were
    assert (link.is_symlink(), stat.S_ISCHR(Path("/dev/null").stat().st_mode)) == (True, True)


@KINDS
def test_a_device_that_is_full_is_told(tmp_path, kind):
    link = tmp_path / "full"
    link.symlink_to("/dev/full")
    with pytest.raises(CliError, match=r"full cannot be written: No space left on device\."):
        export(link, kind)
    assert link.is_symlink()


@KINDS
def test_a_disk_that_takes_no_more_leaves_no_part_of_a_file(tmp_path, kind):
    # Given that files may have a thousand bytes
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    # When a table is exported that needs more
    try:
        with pytest.raises(CliError, match=r"table cannot be written: File too large\."):
            export(tmp_path / "table", kind)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    # Then nothing is left of it
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_refused(tmp_path):
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    with pytest.raises(CliError, match=r"folder\.csv cannot be written: Is a directory\."):
        export(folder)
    assert list(tmp_path.iterdir()) == [folder]


def test_an_error_of_the_source_is_not_taken_for_one_of_the_file(tmp_path):
    def refused(columns, where):
        raise OSError("AWS Error ACCESS_DENIED during GetObject operation")

    source = SimpleNamespace(schema=TABLE.schema, batches=refused)
    with pytest.raises(OSError, match="ACCESS_DENIED"):
        write_rows(source, None, str(tmp_path / "t"), ExportFormat.csv, print)
    assert list(tmp_path.iterdir()) == []

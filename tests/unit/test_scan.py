"""ScanSettings a snapshot's files: every row that is there, once, in order; the work cut into even split_by_bytes."""

import io
import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pomona.s3 import downloads
from pomona.s3.downloads import LARGE_CHUNKS, ChunkSettings, ObjectReader
from pomona.table.key_ranges import key_ranges
from pomona.table.scan import DataFile, ScanSettings, located_rows, rows_of, split_by_bytes

examples = itertools.count()
sizes = st.lists(st.integers(0, 10**9), max_size=50)


def files_of(sizes: list[int]) -> list[DataFile]:
    return [DataFile(f"s3://lake/{number}.parquet", size) for number, size in enumerate(sizes)]


@given(sizes=sizes, most=st.integers(1, 64))
def test_the_shares_are_all_files_in_order_and_none_is_empty(sizes, most):
    files = files_of(sizes)
    cut = split_by_bytes(files, most)
    assert [file for share in cut for file in share] == files
    assert all(cut)
    assert len(cut) <= most


@given(sizes=sizes, most=st.integers(1, 64))
def test_no_share_is_larger_than_an_even_one_and_a_file(sizes, most):
    for share in split_by_bytes(files_of(sizes), most):
        assert sum(file.bytes for file in share) <= sum(sizes) / most + max(sizes)


def parquet(table: pa.Table, rows_of_a_group: int = 1000) -> bytes:
    body = io.BytesIO()
    pq.write_table(table, body, row_group_size=rows_of_a_group)
    return body.getvalue()


@st.composite
def snapshots(draw) -> tuple[dict[str, bytes], list[DataFile], list[int]]:
    """Objects, the data files among them, and the numbers of the rows that are there."""
    objects, files, there, number = {}, [], [], 0
    example = next(examples)  # as in a table, no delete file has the name of another's: a process reads each once
    deletions = [f"{example}-{name}" for name in draw(st.lists(st.sampled_from(["a", "b", "c"]), unique=True))]
    deleted = {name: {"file_path": [], "pos": []} for name in deletions}
    for count in draw(st.lists(st.integers(0, 40), max_size=4)):
        location = f"s3://lake/data/{len(files)}.parquet"
        numbers = range(number, number + count)
        number += count
        gone = draw(st.lists(st.integers(0, count - 1))) if count and deletions else []
        for position in gone:
            chosen = deleted[draw(st.sampled_from(deletions))]
            chosen["file_path"].append(location)
            chosen["pos"].append(position)
        there += [one for position, one in enumerate(numbers) if position not in gone]
        table = pa.table({"number": pa.array(numbers, pa.int64()), "other": pa.nulls(count, pa.string())})
        objects[location] = parquet(table, draw(st.integers(1, 50)))
        files.append(DataFile(location, len(objects[location]), tuple(f"s3://lake/{name}" for name in deletions)))
    schema = pa.schema([("file_path", pa.string()), ("pos", pa.int64())])
    objects |= {f"s3://lake/{name}": parquet(pa.table(columns, schema)) for name, columns in deleted.items()}
    return objects, files, there


@given(snapshot=snapshots(), block=st.integers(1, 17))
def test_every_row_that_is_not_deleted_is_read_once_and_in_order(snapshot, block):
    objects, files, there = snapshot
    with pytest.MonkeyPatch.context() as patch:
        serve(patch, objects)
        located = list(located_rows(files, ["number"], ScanSettings(LARGE_CHUNKS, block)))
        together = [number for batch in rows_of(files, ["number"]) for number in batch["number"].to_pylist()]
    batches = [batch for _, _, batch in located]
    assert [number for batch in batches for number in batch["number"].to_pylist()] == there
    assert all(batch.num_rows <= block and batch.schema.names == ["number"] for batch in batches)
    # And each row is where it is said to be
    for file, numbers, batch in located:
        whole = pq.read_table(io.BytesIO(objects[file.location]))["number"].to_pylist()
        assert [whole[number] for number in numbers] == batch["number"].to_pylist()
    assert together == there


def serve(patch: pytest.MonkeyPatch, objects: dict[str, bytes]) -> None:
    """Let S3 have these objects."""

    def read_bytes(bucket: str, key: str, bounds: tuple[int, int] | None = None) -> bytes | None:
        body = objects.get(f"s3://{bucket}/{key}")
        return Fetched(body[slice(*bounds)]) if body is not None and bounds else body

    patch.setattr(downloads, "read_bytes", read_bytes)


@given(
    body=st.binary(max_size=200),
    piece=st.integers(1, 40),
    kept=st.integers(1, 4),
    ahead=st.integers(0, 2),
    reads=st.lists(st.tuples(st.integers(0, 220), st.integers(0, 220)), max_size=10),
)
def test_an_object_is_read_as_a_file_of_its_bytes(body, piece, kept, ahead, reads):
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        serve(patch, {"s3://lake/x": body})
        reader, file = (
            ObjectReader("lake", "x", len(body), pool, ChunkSettings(piece, ahead, kept + ahead)),
            io.BytesIO(body),
        )
        for start, count in reads:
            assert reader.seek(start) == file.seek(start)
            assert reader.read(count) == file.read(count)
            assert reader.tell() == file.tell()
        assert reader.seek(0, io.SEEK_END) == len(body)
        # And of the chunks that it has fetched it holds only so many
        pool.shutdown()
        assert Fetched.alive <= kept + ahead
    del reader
    assert Fetched.alive == 0


class Fetched(bytes):
    """Bytes that came from S3, and how many such objects there are."""

    alive = 0

    def __new__(cls, content: bytes) -> "Fetched":
        cls.alive += 1
        return super().__new__(cls, content)

    def __del__(self) -> None:
        Fetched.alive -= 1


def test_a_file_that_has_expired_ends_the_reading_with_its_name(monkeypatch):
    serve(monkeypatch, {})
    with pytest.raises(FileNotFoundError, match=r"s3://lake/0\.parquet is gone"):
        list(rows_of(files_of([100]), ["number"]))


def test_the_statistics_count_each_kind_and_keep_the_first_failures():
    from pomona.refit.row_statistics import SHOWN_FAILURES, RowStatistics, RowStatisticsTotal

    # Given rows of every kind, in two batches
    failed = [(f"x/{number:03d}.jpg", "it is text") for number in np.random.default_rng(1).permutation(250).tolist()]
    kinds = [("a/1.jpg", "a", "net@1", None), ("b/1.jpg", "b", "net@0", None), ("1.jpg", None, "net@1", None)]
    rows = kinds + [(key, "x", "net@1", error) for key, error in failed]
    columns = dict(zip(("key", "label", "backbone", "error"), zip(*rows, strict=True), strict=True))
    whole = pa.RecordBatch.from_pydict({name: pa.array(values, pa.string()) for name, values in columns.items()})
    # Then the parts together are the whole
    total = RowStatisticsTotal()
    for part in (whole.slice(0, 100), whole.slice(100)):
        total.add(RowStatistics.of(part, "net@1"))
    statistics = total.result()
    assert statistics == RowStatistics.of(whole, "net@1")
    assert (statistics.images, statistics.errors, statistics.stale, statistics.classes) == (253, 250, 1, 1)
    assert list(statistics.failures) == sorted(failed)[:SHOWN_FAILURES]


@given(keys=st.sets(st.text(max_size=3)), most=st.integers(1, 8))
def test_every_key_lies_in_one_of_the_few_ranges(keys, most):
    ranges = key_ranges(keys, most)
    assert len(ranges) <= most
    assert all(sum(low <= key <= high for low, high in ranges) == 1 for key in keys)
    assert {end for ends in ranges for end in ends} <= keys

"""Rows that a pass has left in its process are the same for the next one, which fetches nothing."""

from collections.abc import Iterator

import pyarrow as pa
import pytest

from pomona.table import kept_rows as module
from pomona.table.kept_rows import kept_rows
from pomona.table.scan import DataFile

FILES = [DataFile(f"s3://lake/{number}.parquet", 1000, rows=5) for number in range(3)]


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses of the files that were fetched; each has two blocks of rows, the last one has none."""
    found: list[str] = []

    def rows_of(files: list[DataFile], columns: list[str]) -> Iterator[pa.RecordBatch]:
        for file in files:
            found.append(file.location)
            for block in range(0 if file is FILES[-1] else 2):
                features = pa.array([[float(block), 1.0]] * 3, pa.list_(pa.float32()))
                yield pa.RecordBatch.from_arrays([pa.array([file.location] * 3), features], names=columns)

    monkeypatch.setattr(module, "rows_of", rows_of)
    monkeypatch.setattr(module, "_KEPT", {})
    return found


COLUMNS = ["key", "features"]


def read() -> pa.Table:
    return pa.Table.from_batches(kept_rows(FILES, COLUMNS, lambda batch: batch))


def test_the_second_pass_has_what_the_first_has_left(fetched: list[str]) -> None:
    first = read()
    assert first.num_rows == 12
    assert read().equals(first)
    assert fetched == [file.location for file in FILES]


def test_a_pass_that_ended_early_leaves_nothing_that_looks_whole(fetched: list[str]) -> None:
    rows = kept_rows(FILES, COLUMNS, lambda batch: batch)
    next(rows)
    del rows
    assert read().num_rows == 12
    assert fetched.count(FILES[0].location) == 2


def test_rows_are_prepared_once(fetched: list[str]) -> None:
    # Given a pass that has prepared the rows
    prepared = list(kept_rows(FILES, COLUMNS, lambda batch: batch.num_rows))
    assert prepared == [3, 3, 3, 3]

    # When the next pass reads them
    def prepare(batch: pa.RecordBatch) -> int:
        raise AssertionError("they are prepared")

    # Then it gets what the first has made of them
    assert list(kept_rows(FILES, COLUMNS, prepare)) == prepared


def test_rows_that_are_too_many_are_fetched_again(fetched: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    first = read()
    # Given room for the rows of one file
    monkeypatch.setattr(module, "_KEPT", {})
    monkeypatch.setattr(module, "MOST_KEPT_BYTES", first.nbytes * 2 // 3)
    del fetched[:]
    # Then the other is fetched in each pass, and all rows are there
    assert read().equals(first)
    assert read().equals(first)
    assert [fetched.count(file.location) for file in FILES[:2]] == [1, 2]

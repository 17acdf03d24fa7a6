"""Rows that a pass has left on the disk are the same for the next one, which fetches nothing."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pomona.table import kept_rows
from pomona.table.kept_rows import rows_kept_in
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

    monkeypatch.setattr(kept_rows, "rows_of", rows_of)
    return found


def read(folder: Path | None) -> pa.Table:
    return pa.Table.from_batches(rows_kept_in(folder, FILES, ["key", "features"]))


def test_the_second_pass_reads_what_the_first_has_left(fetched: list[str], tmp_path: Path) -> None:
    first = read(tmp_path)
    assert len(fetched) == 3
    assert read(tmp_path).equals(first)
    assert fetched.count(FILES[0].location) == fetched.count(FILES[1].location) == 1
    # And the features are views, which nobody may write to
    block = next(rows_kept_in(tmp_path, FILES, ["key", "features"]))
    matrix = block["features"].flatten().to_numpy(zero_copy_only=True)
    assert isinstance(matrix, np.ndarray)
    assert not matrix.flags.writeable


def test_a_pass_that_ended_early_leaves_nothing_that_looks_whole(fetched: list[str], tmp_path: Path) -> None:
    rows = rows_kept_in(tmp_path, FILES, ["key", "features"])
    next(rows)
    rows.close()
    assert read(tmp_path).num_rows == 12
    assert fetched.count(FILES[0].location) == 2


def test_without_a_folder_each_pass_fetches(fetched: list[str]) -> None:
    assert read(None).equals(read(None))
    assert len(fetched) == 6

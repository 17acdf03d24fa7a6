"""Changes that the tasks write into files, on real Spark."""

import io
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pomona.table import parquet_files
from pomona.table.branch import open_branch
from pomona.table.feature_table import FeatureTable
from pomona.table.row_writer import files_for, write_rows
from pomona.table.schema import FILE_BYTES
from tests.small_table import changes, made_in, objects


@pytest.fixture
def table(spark, database) -> FeatureTable:
    return made_in(spark, database)


def test_the_changes_of_a_task_all_go_into_one_file(spark, table):
    # Given five tasks with several batches each
    def make(number: int, _: Any):
        for part in range(4):
            yield number, changes([f"{number}/{part}/{row}" for row in range(10)])

    made = spark.sparkContext.parallelize(range(5), 5).mapPartitionsWithIndex(make)
    # When they are written into two files
    with open_branch(table, "run_test_1") as branch:
        written = write_rows(made, branch.writer(), 2)
    # Then every change is in one of them, and no task's are in both
    assert len({one.location for one in written}) == 2
    keys = [one.keys.to_pylist() for one in written]
    assert sorted(chain.from_iterable(keys)) == sorted(
        f"{n}/{p}/{r}" for n in range(5) for p in range(4) for r in range(10)
    )
    tasks = [{key.split("/")[0] for key in some} for some in keys]
    assert not tasks[0] & tasks[1]


def test_a_task_without_rows_writes_no_file(table):
    with open_branch(table, "run_test_1") as branch:
        (written,) = branch.writer()([(0, changes(["a"], gone=("a",)))])
        assert (written.keys.to_pylist(), written.location) == (["a"], None)
        assert objects(table) == set()


def test_a_writer_that_fails_leaves_no_object(table, monkeypatch):
    monkeypatch.setattr(parquet_files, "GROUP_BYTES", 1)

    def failing():
        yield 0, changes(["a"])
        yield 0, changes(["b"])
        raise OSError("the executor is lost")

    with open_branch(table, "run_test_1") as branch:
        with pytest.raises(OSError, match="the executor is lost"):
            list(branch.writer()(failing()))
        assert objects(table) == set()


@pytest.mark.parametrize(("keys", "width", "files"), [(0, 1280, 1), (20_000, 1280, 1), (100_000, 1280, 4)])
def test_few_keys_make_one_file(keys, width, files):
    assert files_for(keys, width) == files
    assert keys * 4 * width <= files * FILE_BYTES


def test_a_file_has_a_row_group_for_so_many_bytes(monkeypatch, s3, lake):
    monkeypatch.setattr(parquet_files, "GROUP_BYTES", 8000)
    batch = pa.record_batch({"number": np.arange(100)})
    assert parquet_files.write_parquet(lake, "some.parquet", [batch] * 35)
    file = pq.ParquetFile(io.BytesIO(s3.get_object(Bucket=lake, Key="some.parquet")["Body"].read()))
    assert (file.metadata.num_rows, file.metadata.num_row_groups) == (3500, 4)
    assert not parquet_files.write_parquet(lake, "none.parquet", [])

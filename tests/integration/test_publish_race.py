"""Two runs that publish at the same moment: exactly one wins, and its rows are the table's."""

import threading

import pyarrow as pa
import pytest

from pomona.errors import PublishRefusedError
from pomona.rows import CHANGES
from pomona.table import FeatureTable, branch_name

ROUNDS = 4


@pytest.fixture
def publishers(spark, database) -> list[FeatureTable]:
    """The same table through two catalogs, as two drivers have it."""
    tables = [FeatureTable(spark, database, "features", catalog) for catalog in ("lake", "rival")]
    tables[0].create_if_missing()
    return tables


def change(table: FeatureTable, branch: str) -> None:
    row = pa.RecordBatch.from_pylist([{"key": branch, "gone": False}], CHANGES)
    nothing_known = table.known(branch, "images", [])
    table.commit(branch, list(table.writer()([(0, row)])), nothing_known, {"pomona.batch-id": branch})


def race(publishers: list[FeatureTable], branches: list[str]) -> dict[str, bool]:
    start = threading.Barrier(len(branches))
    won: dict[str, bool] = {}

    def publish(table: FeatureTable, branch: str) -> None:
        start.wait()
        try:
            table.publish(branch)
            won[branch] = True
        except PublishRefusedError:
            won[branch] = False

    threads = [threading.Thread(target=publish, args=pair) for pair in zip(publishers, branches, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won


def test_of_two_publishers_at_once_exactly_one_wins(publishers):
    winners = []
    for number in range(ROUNDS):
        # Given two branches from the same state of the table, each with a row of its own
        branches = [branch_name(f"race-{number}-{side}", 1) for side in "ab"]
        with publishers[0].branch(branches[0]), publishers[1].branch(branches[1]):
            for table, branch in zip(publishers, branches, strict=True):
                change(table, branch)
            # When both publish at once
            won = race(publishers, branches)
        # Then one wins, and its row is in the table while the other's is not
        assert sorted(won.values()) == [False, True]
        winners += [branch for branch, victory in won.items() if victory]
        rows = publishers[0].spark.table(publishers[0].name).select("key").collect()
        assert sorted(row.key for row in rows) == sorted(winners)

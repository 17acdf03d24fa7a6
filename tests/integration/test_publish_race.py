"""Of two runs that publish, at the same moment or one after the other, one wins, and its rows are the table's."""

import threading

import pyarrow as pa
import pytest

from pomona.errors import PublishRefusedError
from pomona.table.branch import Branch, open_branch
from pomona.table.branch_names import branch_name
from pomona.table.feature_table import FeatureTable
from pomona.table.schema import CHANGES

ROUNDS = 4


@pytest.fixture
def publishers(spark, database) -> list[FeatureTable]:
    """The same table through two catalogs, as two drivers have it."""
    tables = [FeatureTable(spark, database, "features", catalog) for catalog in ("lake", "rival")]
    tables[0].create_if_missing()
    return tables


def change(branch: Branch) -> None:
    """A row of its own, and the common one anew."""
    rows = [{"key": key, "bucket": "images", "gone": False} for key in (branch.name, "common")]
    written = list(branch.writer()([(0, pa.RecordBatch.from_pylist(rows, CHANGES))]))
    branch.commit(written, branch.find_rows("images", ["common"]), {"pomona.batch-id": branch.name})


def race(branches: list[Branch]) -> dict[str, bool]:
    start = threading.Barrier(len(branches))
    won: dict[str, bool] = {}

    def publish(branch: Branch) -> None:
        start.wait()
        try:
            branch.publish()
            won[branch.name] = True
        except PublishRefusedError:
            won[branch.name] = False

    threads = [threading.Thread(target=publish, args=(branch,)) for branch in branches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won


def test_of_two_publishers_at_once_exactly_one_wins(publishers):
    winners = []
    for number in range(ROUNDS):
        # Given two branches from the same state of the table, each with a row of its own, and one that it replaces
        names = [branch_name(f"race-{number}-{side}", 1) for side in "ab"]
        with open_branch(publishers[0], names[0]) as one, open_branch(publishers[1], names[1]) as other:
            for branch in (one, other):
                change(branch)
            # When both publish at once
            won = race([one, other])
        # Then one wins, and its rows are in the table while the other's are not
        assert sorted(won.values()) == [False, True]
        winners += [branch for branch, victory in won.items() if victory]
        rows = publishers[0].spark.table(publishers[0].name).select("key").collect()
        assert sorted(row.key for row in rows) == sorted(["common", *winners])


def test_who_publishes_after_another_is_refused_and_nothing_of_it_is_left(publishers):
    # Given two branches from the same state of the table
    with open_branch(publishers[0], "run_first_1") as first, open_branch(publishers[1], "run_late_1") as late:
        for branch in (first, late):
            change(branch)
        # When one has published
        first.publish()
        # Then the other is refused, although nobody is in its way at that moment
        with pytest.raises(PublishRefusedError, match="run_late_1"):
            late.publish()
    rows = publishers[0].spark.table(publishers[0].name).select("key").collect()
    assert sorted(row.key for row in rows) == ["common", "run_first_1"]
    assert set(publishers[0].load().refs()) == {"main"}

"""One commit into a run's own branch and its publishing, on real Spark and Iceberg."""

import pyarrow as pa
import pytest
from py4j.protocol import Py4JError

from pomona.errors import JobError, MisconfiguredError, PublishRefusedError
from pomona.table import branch as branch_module
from pomona.table import distributed_lookup, parquet_files
from pomona.table import feature_table as table_module
from pomona.table.branch import open_branch
from pomona.table.feature_table import FeatureTable
from pomona.table.iceberg import drop_branch
from tests.small_table import WIDTH, changes, commit, made_in, objects, rows, summary


@pytest.fixture
def table(spark, database) -> FeatureTable:
    return made_in(spark, database)


def test_spark_reads_what_was_written_as_iceberg_would_have_written_it(table):
    # Given rows of two batches
    commit(table, changes(["a", "bb"]), changes(["ccc"]))
    # Then they are one file, whose columns Iceberg knows by their numbers
    assert summary(table)["total-data-files"] == "1"
    (file,) = table.spark.sql(f"SELECT record_count, lower_bounds, null_value_counts FROM {table.name}.files").collect()
    numbers = {field.name(): field.fieldId() for field in table.load().schema().columns()}
    assert file.record_count == 3
    assert file.lower_bounds[numbers["key"]] == b"a"
    assert file.null_value_counts[numbers["label"]] == 3
    features = {row.key: row.features for row in table.spark.table(table.name).select("key", "features").collect()}
    assert features == {key: [float(len(key))] * WIDTH for key in ("a", "bb", "ccc")}
    # And a filter finds them by those bounds
    assert table.spark.table(table.name).where("key = 'bb'").count() == 1


def test_a_row_is_replaced_where_it_lies_whatever_else_was_deleted_before(table, monkeypatch):
    # Given three files, two of which have lost rows already, with a row group for each batch and a task for each file
    monkeypatch.setattr(distributed_lookup, "LEAST_TASK_BYTES", 1)
    monkeypatch.setattr(parquet_files, "GROUP_BYTES", 1)
    commit(table, changes(["a", "b", "c", "d"]))
    commit(table, changes(["e", "f", "g"]))
    commit(table, changes(["a", "f"], gone=("a", "f")), changes(["h"]))
    assert rows(table) == dict.fromkeys("bcdegh", "1")
    # When rows of each are replaced, and one goes
    commit(table, changes(["c", "d", "g", "h", "i"], gone=("d",), etag="2"))
    # Then those have changed, and no other
    assert rows(table) == {"b": "1", "e": "1"} | dict.fromkeys("cghi", "2")
    assert (summary(table)["added-position-deletes"], summary(table)["added-records"]) == ("4", "4")


def test_a_commit_of_nothing_is_a_snapshot(table):
    commit(table, changes(["a"]))
    before = table.load().currentSnapshot().snapshotId()
    commit(table)
    assert table.load().currentSnapshot().snapshotId() != before
    assert rows(table) == {"a": "1"}


def test_what_another_program_has_committed_is_seen(table):
    commit(table, changes(["a"]))
    table.load()
    # When another program commits to the table
    commit(FeatureTable(table.spark, table.database, table.table), changes(["b"]))
    # Then it is there at the next look
    assert summary(table)["total-records"] == "2"
    assert table.snapshot_id() == FeatureTable(table.spark, table.database, table.table).snapshot_id()


def test_a_table_that_is_made_anew_during_a_run_does_not_get_its_rows(table):
    commit(table, changes(["a"]))
    # Given a run that has not published yet when somebody drops the table and another program makes it anew
    with open_branch(table, "run_test_1") as branch:
        branch.commit(list(branch.writer()([(0, changes(["b"]))])), branch.find_rows("images", ["b"]), {})
        table.spark.sql(f"DROP TABLE {table.name}")
        made_in(table.spark, table.database)
        # Then it publishes nothing
        with pytest.raises(PublishRefusedError, match="the branch is gone"):
            branch.publish()
    assert rows(table) == {}


def test_the_rows_of_another_bucket_are_not_known(table):
    commit(table, changes(["a"]))
    with open_branch(table, "run_test_1") as branch:
        assert branch.find_rows("images", ["a", "b"])["key"].to_pylist() == ["a"]
        assert branch.find_rows("elsewhere", ["a", "b"]).num_rows == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "DROP COLUMN width",
            "the feature table has no column width: another program has altered it; add the column again",
        ),
        ("ADD PARTITION FIELD bucket", "the feature table has or had partitions"),
    ],
)
def test_a_table_that_somebody_has_altered_is_refused_with_a_sentence(table, change, said):
    table.spark.sql(f"ALTER TABLE {table.name} {change}")
    with open_branch(table, "run_test_1") as branch, pytest.raises(MisconfiguredError, match=said):
        branch.writer()


def test_what_was_written_and_not_committed_goes_with_the_branch(table):
    commit(table, changes(["a"]))
    before = objects(table)
    # Given a run one of whose tasks was written twice, and which ends before its commit
    with open_branch(table, "run_test_2") as branch:
        for _ in range(2):
            list(branch.writer()([(0, changes(["b"]))]))
        assert len(objects(table)) == len(before) + 2
    # Then its files are gone, and nobody else's
    assert objects(table) == before
    assert rows(table) == {"a": "1"}


def test_a_commit_that_is_not_published_leaves_no_file(table):
    with open_branch(table, "run_test_1") as branch:
        branch.commit(list(branch.writer()([(0, changes(["a"]))])), branch.find_rows("images", ["a"]), {})
    assert objects(table) == set()


def test_a_publishing_that_the_catalog_does_not_answer_is_not_told_as_refused(table, monkeypatch):
    # Given a branch with a commit, and a catalog that refuses to answer
    with open_branch(table, "run_test_3") as branch:
        branch.commit(list(branch.writer()([(0, changes(["a"]))])), branch.find_rows("images", ["a"]), {})
        present, load = table.load(), FeatureTable.load

        class Unanswered:
            refs = present.refs

            def manageSnapshots(self) -> None:
                raise Py4JError("An error occurred while calling o1.commit.\n: CommitStateUnknownException: timed out")

        monkeypatch.setattr(FeatureTable, "load", lambda _: Unanswered())
        # When it is published, then nobody says that nothing was published
        with pytest.raises(
            JobError, match="it is not known whether run_test_3 is published: CommitStateUnknown"
        ) as raised:
            branch.publish()
        assert not isinstance(raised.value, PublishRefusedError)
        monkeypatch.setattr(FeatureTable, "load", load)


@pytest.mark.parametrize("compacted", [False, True])
def test_a_branch_that_was_dropped_before_the_commit_is_not_made_anew(table, compacted):
    # Given a run that knows where its rows lie
    for key in ("a", "b"):
        commit(table, changes([key]))
    with open_branch(table, "run_test_2") as branch:
        known, written = branch.find_rows("images", ["a"]), list(branch.writer()([(0, changes(["a"], etag="2"))]))
        # When another, which was given up and maintains the table, drops the branch and moves the rows
        drop_branch(table.load(), branch.name)
        if compacted:
            name = f"{table.database}.{table.table}"
            options = "map('min-input-files', '2')"
            table.spark.sql(f"CALL lake.system.rewrite_data_files(table => '{name}', options => {options})")
        # Then the commit is refused
        with pytest.raises(PublishRefusedError, match="nothing is published: the branch was gone"):
            branch.commit(written, known, {})
    # And the table is as it was, with its counts
    assert rows(table) == {"a": "1", "b": "1"}
    commit(table, changes(["c"]))
    assert summary(table)["total-records"] == "3"


def test_rows_that_sql_or_a_compaction_wrote_are_replaced_where_they_lie(table):
    # Given rows that MERGE wrote, and files that were compacted, one of them with deleted rows
    table.spark.sql(
        f"""MERGE INTO {table.name} row
        USING (SELECT explode(array('a', 'b', 'c')) AS key) new ON row.key = new.key
        WHEN NOT MATCHED THEN INSERT (key, bucket, etag) VALUES (new.key, 'images', '0')"""
    )
    commit(table, changes(["b", "d"], gone=("b",)))
    options = "map('min-input-files', '1', 'rewrite-all', 'true')"
    name = f"{table.database}.{table.table}"
    table.spark.sql(f"CALL lake.system.rewrite_data_files(table => '{name}', options => {options})")
    assert rows(table) == {"a": "0", "c": "0", "d": "1"}
    # When runs replace and delete some
    commit(table, changes(["a", "c", "d", "e"], gone=("d",), etag="2"))
    # Then each row is there once
    assert rows(table) == {"a": "2", "c": "2", "e": "2"}


def test_the_same_key_in_another_bucket_is_another_row(table):
    commit(table, changes(["a"]))
    elsewhere = changes(["a"], etag="2").set_column(1, "bucket", pa.array(["elsewhere"]))
    with open_branch(table, "run_test_2") as branch:
        branch.commit(list(branch.writer()([(0, elsewhere)])), branch.find_rows("elsewhere", ["a"]), {})
        branch.publish()
    found = table.spark.table(table.name).select("bucket", "etag").collect()
    assert sorted((row.bucket, row.etag) for row in found) == [("elsewhere", "2"), ("images", "1")]


def test_keys_of_every_script_are_found_again(table):
    # Given a file for each key, by whose bounds it is opened or not
    keys = ["\U0001f34e/1.jpg", "\uff21/1.jpg", "雪/1.jpg", "é/1.jpg", "z/1.jpg", "\U0001f34e" * 200]
    for key in keys:
        commit(table, changes([key]))
    # When each is replaced by a run of its own
    for key in keys:
        commit(table, changes([key], etag="2"))
    # Then each is there once
    assert rows(table) == dict.fromkeys(keys, "2")


def test_who_makes_the_table_a_moment_later_takes_the_one_that_is_there(table, monkeypatch):
    # Given a run that has seen no table, which another has made since
    answers = iter([False, True])
    monkeypatch.setattr(table_module, "table_exists", lambda *_: next(answers))
    commit(table, changes(["a"]))
    # When it makes one, then the other's stays
    table.create_if_missing()
    assert rows(table) == {"a": "1"}


def test_only_files_that_may_have_the_keys_are_opened(table, monkeypatch):
    # Given files of three days, whose keys begin alike for longer than Iceberg's usual bounds
    days = [f"a rather long folder's name/2026-11-{day}/" for day in (19, 20, 21)]
    for day in days:
        commit(table, changes([f"{day}{number}.jpg" for number in range(3)]))
    opened = []

    def look(_, files, *others):
        opened.extend(files)
        return distributed_lookup.find_rows(table.spark, files, *others)

    monkeypatch.setattr(branch_module, "find_rows", look)
    # When a run has keys of the second, and others that no file has
    with open_branch(table, "run_test_1") as branch:
        known = branch.find_rows("images", [f"{days[1]}1.jpg", "a", "z"])
    # Then it finds its row, in the only file that it opened
    assert known["key"].to_pylist() == [f"{days[1]}1.jpg"]
    assert [file.location for file in opened] == known["file"].to_pylist()


def test_a_run_without_keys_opens_no_file(table, monkeypatch):
    commit(table, changes(["a"]))
    monkeypatch.setattr(branch_module, "find_rows", lambda _, files, *__: files)
    with open_branch(table, "run_test_1") as branch:
        assert branch.find_rows("images", []) == []

"""Runs on the driver's own processes, on real S3, Glue and Iceberg: the rows that Spark's executors would make."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import duckdb
import pytest
from pyspark.sql import SparkSession

from pomona.errors import PublishRefusedError, UnreadError
from pomona.featurize import driver_run
from pomona.featurize.driver_run import featurize_on_driver
from pomona.processes import Processes
from pomona.pyiceberg_table import table as pyiceberg_table
from pomona.stopwatch import Stopwatch
from pomona.table import maintenance
from pomona_contract.documents.erasure import Erasure
from tests.integration.sessions import Sessions, never
from tests.integration.test_careful_mode import refuse
from tests.integration.test_express_run import comparable, put_every_kind, table_of
from tests.integration.test_featurize_job import Orchard, images_of, jpeg, orchard, submit  # noqa: F401 - fixtures
from tests.lake_documents import read_json


def on_driver(
    orchard: Orchard,  # noqa: F811
    keys: list[str],
    start: Callable[[], SparkSession] = never,
    **settings: Any,
) -> dict[str, Any]:
    run = replace(orchard.claim(keys), processes=2, **settings)
    document: dict[str, Any] = json.loads(json.dumps(featurize_on_driver(run, start, Stopwatch(), Processes.spawned)))
    return document


def test_a_run_on_the_driver_makes_the_rows_that_executors_make(orchard):  # noqa: F811
    # Given usual images, odd keys, a text and a missing object, enough for both processes
    keys = put_every_kind(orchard, 230)
    # When the driver makes a new table of them, and executors another
    record = on_driver(orchard, keys)
    alone = orchard.rows()
    orchard.run = replace(orchard.run, table="other")
    other = orchard.featurize(keys)
    # Then both have the same rows, in one data file, and the same counts
    assert comparable(alone) == comparable(orchard.rows())
    assert images_of(record) == images_of(other) == {"done": 233, "errors": 1, "absent": 1}
    orchard.run = replace(orchard.run, table="features")
    assert len(list(table_of(orchard).scan().plan_files())) == 1
    # And the record says the same of both but for the times and the snapshot
    changing = {"batch_id", "started_at", "finished_at", "snapshot_id", "seconds"}
    assert {name: value for name, value in record.items() if name not in changing} == {
        name: value for name, value in other.items() if name not in changing
    }


def life(orchard: Orchard, run: Callable[[list[str]], dict[str, Any]]) -> list[dict[str, int]]:  # noqa: F811
    """Rows come, change and go, over three runs."""
    names = ["same", "changed", "deleted", "broken"]
    for name in names:
        orchard.put(f"{name}.jpg", jpeg(len(name)))
    first = run([f"{name}.jpg" for name in names])
    orchard.put("changed.jpg", jpeg(77))
    orchard.put("broken.jpg", b"no image")
    orchard.put("new.jpg", jpeg(78))
    orchard.delete("deleted.jpg")
    second = run([f"{name}.jpg" for name in [*names, "new"]])
    orchard.delete("new.jpg")
    third = run(["new.jpg", "never.jpg"])
    return [images_of(record) for record in (first, second, third)]


def timeless(rows: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The rows without what differs if the same images are uploaded again later."""
    return {key: row | {"last_modified": None} for key, row in comparable(rows).items()}


SUMMED_UP = (
    *("added-data-files", "added-delete-files", "added-position-delete-files", "added-position-deletes"),
    *("added-records", "total-data-files", "total-delete-files", "total-position-deletes", "total-records"),
)


def operations(orchard: Orchard) -> list[str]:  # noqa: F811
    found = orchard.spark.sql(f"SELECT operation FROM {orchard.table}.snapshots ORDER BY committed_at").collect()
    return [row.operation for row in found]


def test_rows_are_replaced_and_deleted_as_iceberg_does_it(orchard):  # noqa: F811
    # Given the same life of a bucket for a table of the driver and for one of executors
    alone = life(orchard, lambda keys: on_driver(orchard, keys))
    rows, summaries = timeless(orchard.rows()), orchard.snapshots()
    seen = set(table_of(orchard).scan().to_arrow()["key"].to_pylist())
    duck = duckdb.from_arrow(table_of(orchard).scan().to_arrow()).aggregate("count(*), count(DISTINCT key)").fetchall()
    orchard.run = replace(orchard.run, table="other")
    theirs = life(orchard, orchard.featurize)
    # Then each run counts the same, and Spark, pyiceberg and DuckDB read the same rows
    assert (
        alone
        == theirs
        == [
            {"done": 4},
            {"done": 2, "errors": 1, "unchanged": 1, "deleted": 1},
            {"deleted": 1, "absent": 1},
        ]
    )
    assert rows == timeless(orchard.rows())
    assert seen == set(rows) == {"same.jpg", "changed.jpg", "broken.jpg"}
    assert duck == [(3, 3)]
    # And the snapshots are summed up as by Iceberg's own row delta
    counted = [{name: summary.get(name) for name in SUMMED_UP} for summary in summaries]
    first, *others = orchard.snapshots()
    assert first.get("added-records") is None  # a branch of an empty table needs an empty snapshot
    assert counted == [{name: summary.get(name) for name in SUMMED_UP} for summary in others]
    theirs = operations(orchard)[1:]
    orchard.run = replace(orchard.run, table="features")
    assert operations(orchard) == theirs == ["append", "overwrite", "delete"]


def test_what_the_manifests_say_of_delete_files_is_what_iceberg_says(orchard):  # noqa: F811
    # Given a row deleted by the driver, and one by executors
    columns = "content, file_format, record_count, value_counts, null_value_counts, lower_bounds, upper_bounds"
    found = []
    for table, run in (("features", lambda keys: on_driver(orchard, keys)), ("other", orchard.featurize)):
        orchard.run = replace(orchard.run, table=table)
        orchard.put("a.jpg", jpeg(1))
        orchard.put("b.jpg", jpeg(2))
        run(["a.jpg", "b.jpg"])
        orchard.delete("a.jpg")
        run(["a.jpg"])
        (entry,) = orchard.spark.sql(f"SELECT {columns} FROM {orchard.table}.delete_files").collect()
        (data,) = table_of(orchard).scan().plan_files()
        # Then the bounds name the data file
        assert bytes(entry.lower_bounds[2147483546]) == bytes(entry.upper_bounds[2147483546])
        assert bytes(entry.lower_bounds[2147483546]).decode() == data.file.file_path
        found.append(
            (entry.content, entry.file_format, entry.record_count, entry.value_counts, entry.null_value_counts)
        )
    # And the counts are alike
    assert found[0] == found[1]


def test_a_run_on_the_driver_is_refused_when_somebody_else_has_committed(orchard, monkeypatch):  # noqa: F811
    # Given a run that has read the table, before another one commits
    for name in "ab":
        orchard.put(f"{name}.jpg", jpeg(1))
    on_driver(orchard, ["a.jpg"])
    slow = replace(orchard.claim(["b.jpg"]), processes=1)
    require = driver_run.require_in_flight

    def commit_first(*arguments: Any) -> Any:
        monkeypatch.setattr(driver_run, "require_in_flight", require)
        on_driver(orchard, ["a.jpg"])
        orchard.make_active(slow.batch_id, 1, [])
        return require(*arguments)

    monkeypatch.setattr(driver_run, "require_in_flight", commit_first)
    # When it commits
    with pytest.raises(PublishRefusedError, match="the table changed"):
        featurize_on_driver(slow, never, Stopwatch(), Processes.spawned)
    # Then nothing of it is there
    assert set(orchard.rows()) == {"a.jpg"}


def test_a_lookup_in_very_many_files_is_left_to_executors(orchard, monkeypatch):  # noqa: F811
    orchard.put("a.jpg", jpeg(1))
    on_driver(orchard, ["a.jpg"])
    monkeypatch.setattr(pyiceberg_table, "MOST_FILES", 0)
    sessions = Sessions(orchard.spark)
    assert images_of(on_driver(orchard, ["a.jpg"], sessions)) == {"unchanged": 1}
    assert sessions.started == 1


def test_what_could_not_be_read_fails_the_run_after_the_rest_is_published(orchard):  # noqa: F811
    # Given an object that S3 refuses, among others
    orchard.put("a.jpg", jpeg(1))
    orchard.put("secret.jpg", jpeg(2))
    refuse(orchard, "secret.jpg")
    # When the driver featurizes them
    with pytest.raises(UnreadError, match="1 of 2 keys could not be read: S3 says "):
        on_driver(orchard, ["a.jpg", "secret.jpg"])
    # Then the other one's row is published
    assert set(orchard.rows()) == {"a.jpg"}


def test_spark_is_started_for_a_maintenance_that_is_due_and_for_nothing_else(orchard, monkeypatch):  # noqa: F811
    # Given a table that is to have fewer than five small files, and four runs
    sessions = Sessions(orchard.spark)
    for module in (driver_run, maintenance):
        monkeypatch.setattr(module, "MANY_FILES", 5)
    for number in range(5):
        orchard.put(f"{number}.jpg", jpeg(number))
    for number in range(4):
        record = on_driver(orchard, [f"{number}.jpg"], sessions)
        assert record["maintenance"] == {"done": [], "error": ""}
    assert sessions.started == 0
    # When one more run adds a file, then it joins them
    record = on_driver(orchard, ["4.jpg"], sessions)
    assert (sessions.started, record["maintenance"]["done"]) == (1, ["compacted 5 files into 1"])
    assert set(orchard.rows()) == {f"{number}.jpg" for number in range(5)}


def test_a_session_that_does_not_start_for_the_maintenance_fails_no_run(orchard, monkeypatch):  # noqa: F811
    # Given a maintenance that is due, and a platform that gives no session
    monkeypatch.setattr(driver_run, "MANY_FILES", 1)
    orchard.put("a.jpg", jpeg(1))

    def refused() -> SparkSession:
        raise RuntimeError("no session today")

    # When a run has published its rows, then it has not failed, and its record says why nothing was maintained
    record = on_driver(orchard, ["a.jpg"], refused)
    assert record["maintenance"] == {"done": [], "error": "no session today"}
    assert set(orchard.rows()) == {"a.jpg"}


def test_an_erasure_is_made_final_by_a_run_on_the_driver(orchard):  # noqa: F811
    # Given an image whose erasure waits for a run
    sessions = Sessions(orchard.spark)
    for name in ("goes.jpg", "stays.jpg"):
        orchard.put(name, jpeg(len(name)))
    on_driver(orchard, ["goes.jpg", "stays.jpg"])
    orchard.delete("goes.jpg")
    erasure = Erasure("e1", "2099-01-01T00:00:00+00:00", orchard.run.images_bucket, None, ["goes.jpg"])
    orchard.s3.put_object(Bucket=orchard.run.lake_bucket, Key=erasure.key, Body=erasure.to_json())
    # When the driver deletes its row
    record = on_driver(orchard, ["goes.jpg"], sessions)
    # Then the maintenance of the same run makes it final
    assert record["maintenance"]["error"] == ""
    assert record["maintenance"]["done"][-1] == "made 1 erasures final"
    assert set(orchard.rows()) == {"stays.jpg"}


def test_the_branch_of_a_dead_driver_is_dropped(orchard):  # noqa: F811
    # Given a table with the branch of a run on executors that died
    sessions = Sessions(orchard.spark)
    orchard.put("a.jpg", jpeg(1))
    on_driver(orchard, ["a.jpg"])
    orchard.spark.sql(f"ALTER TABLE {orchard.table} CREATE BRANCH run_20261101T000000000Z_dead_1")
    # When the next run is one on the driver
    record = on_driver(orchard, ["a.jpg"], sessions)
    # Then its maintenance drops the branch
    assert record["maintenance"]["done"] == ["dropped 1 branches"]
    assert orchard.branches() == ["main"]


def test_the_entry_point_needs_no_session(orchard, submit):  # noqa: F811
    # Given a batch for the driver
    orchard.put("a b/ü.jpg", jpeg(1))
    run = replace(orchard.claim(["a b/ü.jpg", "gone.jpg"]), processes=2)
    # When spark-submit starts it, as EMR Serverless does
    finished = submit(run)
    # Then it ends well, although nobody has started a SparkContext
    assert finished.returncode == 0, finished.stdout
    assert "SparkContext" not in finished.stdout
    record = read_json(run.lake_bucket, f"runs/{run.batch_id}-1.json")
    assert images_of(record) == {"done": 1, "absent": 1}
    assert list(orchard.rows()) == ["a b/ü.jpg"]

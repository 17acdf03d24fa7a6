"""Express runs on real S3, Glue and Iceberg: rows without Spark, one table with the runs of the cluster."""

import os
import time
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from botocore.exceptions import ReadTimeoutError
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.table import Table

from pomona.errors import PublishRefusedError, SupersededError
from pomona.express import run as express_run
from pomona.express.run import ExpressLimits, featurize_express
from pomona.featurize import key_featurizer
from pomona.featurize.feature_extraction import FeatureExtractor
from pomona.featurize.run import featurize
from pomona.pyiceberg_table import catalog
from pomona.pyiceberg_table.table import PyIcebergTable
from pomona.s3.image_fetcher import FetchResult, FetchStatus, ImageFetcher, KeyToFetch
from pomona.s3.objects import list_objects, read_bytes
from pomona.stopwatch import Stopwatch
from pomona.table import maintenance, snapshot_limits
from pomona.table.feature_table import FeatureTable
from pomona_contract.lake_layout import PENDING_SEGMENTS
from pomona_contract.segments import parse_segment_name, requests_maintenance
from tests.integration.test_featurize_job import Orchard, images_of, jpeg, orchard  # noqa: F401 - a fixture

LIMITS = ExpressLimits(keys=50, megabytes=1769)
# what may differ between the rows of two runs of the same images
OF_THE_RUN = {"featurized_at", "batch_id"}


def express(orchard: Orchard, keys: list[str], limits: ExpressLimits = LIMITS, **settings: Any) -> dict[str, Any]:  # noqa: F811
    return featurize_express(replace(orchard.claim(keys), **settings), limits, Stopwatch())


def table_of(orchard: Orchard) -> Table:  # noqa: F811
    """The table through pyiceberg's own reader of S3, not through that of the express lane."""
    settings = {"s3.endpoint": os.environ["AWS_ENDPOINT_URL"], "s3.force-virtual-addressing": "false"}
    return GlueCatalog("lake", **settings).load_table((orchard.run.database, orchard.run.table))


def comparable(rows: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {key: {name: value for name, value in row.items() if name not in OF_THE_RUN} for key, row in rows.items()}


def pending(orchard: Orchard) -> list[str]:  # noqa: F811
    return [name for name, _ in list_objects(orchard.run.lake_bucket, PENDING_SEGMENTS)]


def deferred_keys(orchard: Orchard, record: dict[str, Any]) -> set[str]:  # noqa: F811
    mine = [name for name in pending(orchard) if f"-cluster-{record['batch_id']}-" in name]
    assert all(parse_segment_name(name).is_for_cluster for name in mine)
    bodies = [read_bytes(orchard.run.lake_bucket, name) for name in mine]
    return {line.split(b'"key": "')[1].split(b'"')[0].decode() for body in bodies for line in body.splitlines()}


def put_every_kind(orchard: Orchard, count: int) -> list[str]:  # noqa: F811
    """Upload so many usual images, three under odd keys, and a text; the keys have one more, which is of no object."""
    images = [f"Apple/{number}.jpg" for number in range(count)] + ["top.jpg", "odd/a//b.jpg", "/odd.jpg"]
    for number, key in enumerate(images):
        orchard.put(key, jpeg(number))
    orchard.put("Apple/notes.jpg", b"just a text")
    return [*images, "Apple/notes.jpg", "never-was.jpg"]


def test_an_express_run_makes_the_rows_that_the_cluster_makes(orchard, database):  # noqa: F811
    # Given usual images, odd keys, a text and a missing object
    keys = put_every_kind(orchard, 3)
    # When the express lane makes a new table of them, and the cluster another
    record = express(orchard, keys)
    quick = orchard.rows()
    orchard.run = replace(orchard.run, table="slow")
    slow_record = orchard.featurize(keys)
    # Then both have the same rows, and the same counts
    assert comparable(quick) == comparable(orchard.rows())
    assert images_of(record) == images_of(slow_record) == {"done": 6, "errors": 1, "absent": 1}
    assert (record["lane"], slow_record["lane"]) == ("express", "cluster")
    assert record["deferred"] == 0
    # And what Lambda bills is known
    assert record["function_gb_seconds"] == pytest.approx(1769 / 1024 * record["seconds"]["total"], rel=0.2)


def test_the_files_and_the_table_of_both_lanes_are_alike(orchard):  # noqa: F811
    # Given one image in a table that the express lane created, and in one that the cluster created
    orchard.put("Apple/1.jpg", jpeg(1))
    express(orchard, ["Apple/1.jpg"])
    quick = table_of(orchard)
    orchard.run = replace(orchard.run, table="slow")
    orchard.featurize(["Apple/1.jpg"])
    slow = table_of(orchard)
    # Then the schema with its field ids, the properties and the place are alike
    assert quick.schema() == slow.schema()
    assert quick.spec() == slow.spec()
    assert quick.sort_order() == slow.sort_order()
    assert quick.properties == slow.properties
    assert quick.location().removesuffix("features") == slow.location().removesuffix("slow")
    # And so is what the manifests say of the files: counts and bounds of the columns
    (one,), (other,) = (list(table.scan().plan_files()) for table in (quick, slow))
    ids = {quick.schema().find_column_name(number): number for number in quick.schema().field_ids}
    changing = {ids[name] for name in OF_THE_RUN}
    for measure in ("value_counts", "null_value_counts", "nan_value_counts", "lower_bounds", "upper_bounds"):
        mine, theirs = getattr(one.file, measure) or {}, getattr(other.file, measure) or {}
        kept = {number: value for number, value in theirs.items() if number not in changing}
        assert {number: value for number, value in mine.items() if number not in changing} == kept, measure
    assert one.file.spec_id == other.file.spec_id


def test_both_lanes_write_one_table(orchard):  # noqa: F811
    # Given rows of the cluster, and then of the express lane
    for number in range(8):
        orchard.put(f"Apple/{number}.jpg", jpeg(number))
    orchard.featurize([f"Apple/{number}.jpg" for number in range(4)])
    express(orchard, [f"Apple/{number}.jpg" for number in range(2, 6)])
    # When the cluster replaces one of them, deletes one, and adds two
    orchard.put("Apple/5.jpg", jpeg(55))
    orchard.delete("Apple/4.jpg")
    orchard.featurize([f"Apple/{number}.jpg" for number in range(8)])
    # Then the table is equal to the bucket, for Spark, pyiceberg and DuckDB
    rows = orchard.rows()
    assert set(rows) == {f"Apple/{number}.jpg" for number in (0, 1, 2, 3, 5, 6, 7)}
    head = orchard.s3.head_object(Bucket=orchard.run.images_bucket, Key="Apple/5.jpg")
    assert rows["Apple/5.jpg"]["etag"] == head["ETag"].strip('"')
    assert set(table_of(orchard).scan().to_arrow()["key"].to_pylist()) == set(rows)
    counted = duckdb.from_arrow(table_of(orchard).scan().to_arrow()).aggregate("count(*), count(DISTINCT key)")
    assert counted.fetchall() == [(len(rows), len(rows))]


def test_what_is_changed_deleted_or_unread_is_left_to_the_cluster(orchard):  # noqa: F811
    # Given four rows; one image is unchanged, one is changed, one is deleted, one is broken now; and there is a new one
    for name in ("same", "changed", "deleted", "broken"):
        orchard.put(f"{name}.jpg", jpeg(len(name)))
    orchard.featurize([f"{name}.jpg" for name in ("same", "changed", "deleted", "broken")])
    orchard.put("changed.jpg", jpeg(77))
    orchard.put("broken.jpg", b"no image")
    orchard.put("new.jpg", jpeg(78))
    orchard.delete("deleted.jpg")
    before = orchard.rows()
    # When they take the express lane
    record = express(orchard, [f"{name}.jpg" for name in ("same", "changed", "deleted", "broken", "new")])
    # Then the new one is in the table, the unchanged one was left alone, and the others wait for the cluster
    assert images_of(record) == {"done": 1, "unchanged": 1}
    assert record["deferred"] == 3
    assert deferred_keys(orchard, record) == {"changed.jpg", "deleted.jpg", "broken.jpg"}
    rows = orchard.rows()
    assert {key: rows[key] for key in before} == before
    assert set(rows) - set(before) == {"new.jpg"}


def test_a_batch_with_more_keys_than_its_segments_said_is_left_to_the_cluster(orchard):  # noqa: F811
    orchard.put("a.jpg", jpeg(1))
    record = express(orchard, ["a.jpg", "b.jpg"], ExpressLimits(keys=1, megabytes=1769))
    assert record["deferred"] == 2
    assert deferred_keys(orchard, record) == {"a.jpg", "b.jpg"}
    assert orchard.rows() == {}


def test_an_object_that_cannot_be_read_is_left_to_the_cluster(orchard, monkeypatch):  # noqa: F811
    # Given two images, of which S3 refuses one
    orchard.put("a.jpg", jpeg(1))
    orchard.put("b.jpg", jpeg(2))
    fetch = ImageFetcher.fetch

    def refused(fetcher: ImageFetcher, dirty: KeyToFetch) -> FetchResult:
        if dirty.key == "b.jpg":
            return FetchResult(dirty, FetchStatus.UNREAD, "S3 says AccessDenied", retries=1)
        return fetch(fetcher, dirty)

    monkeypatch.setattr(ImageFetcher, "fetch", refused)
    # When they take the express lane, then the run succeeds, and the other waits for the cluster
    record = express(orchard, ["a.jpg", "b.jpg"])
    assert deferred_keys(orchard, record) == {"b.jpg"}
    assert (record["deferred"], images_of(record)) == (1, {"done": 1})
    assert set(orchard.rows()) == {"a.jpg"}


def test_what_is_not_begun_in_time_is_left_to_the_cluster(orchard):  # noqa: F811
    keys = [f"{number}.jpg" for number in range(5)]
    for number, key in enumerate(keys):
        orchard.put(key, jpeg(number))
    record = express(orchard, keys, replace(LIMITS, until=time.monotonic()))
    assert deferred_keys(orchard, record) == set(keys)
    assert orchard.rows() == {}


def test_an_image_that_was_fetched_but_not_decoded_in_time_is_left_to_the_cluster(orchard, monkeypatch):  # noqa: F811
    # Given images that are all fetched ahead, and each of which takes ten seconds to decode
    keys = [f"slow/{number}.jpg" for number in range(6)]
    for number, key in enumerate(keys):
        orchard.put(key, jpeg(number))
    seconds, extract = [0.0], FeatureExtractor.extract

    def slowly(self: FeatureExtractor, body: bytes) -> Any:
        seconds[0] += 10
        return extract(self, body)

    monkeypatch.setattr(FeatureExtractor, "extract", slowly)
    monkeypatch.setattr(key_featurizer, "time", SimpleNamespace(monotonic=lambda: seconds[0]))
    # When the time is up while the third is decoded
    record = express(orchard, keys, replace(LIMITS, until=25.0))
    # Then the others are deferred
    assert images_of(record) == {"done": 3}
    assert len(deferred_keys(orchard, record)) == 3
    assert len(orchard.rows()) == 3


def lose_an_answer(monkeypatch: pytest.MonkeyPatch, call: Any) -> list[Any]:
    """Lose the first answer to a call of a boto3 client; what is lost is in the returned list."""
    session = call.__self__._endpoint.http_session
    send, name, lost = session.send, call.__name__.replace("_", ""), []

    def lose(request: Any) -> Any:
        answer = send(request)
        if str(request.headers.get("X-Amz-Target")).lower().endswith(f".{name}'") and not lost:
            lost.append(answer)
            raise ReadTimeoutError(endpoint_url=request.url)
        return answer

    monkeypatch.setattr(session, "send", lose)
    return lost


def test_a_lost_look_at_the_catalog_is_repeated(orchard, monkeypatch):  # noqa: F811
    # Given a catalog whose answer to a reading call is lost: that may be asked again
    orchard.put("a.jpg", jpeg(1))
    express(orchard, ["a.jpg"])
    lost = lose_an_answer(monkeypatch, catalog._catalog(orchard.run.lake_bucket).glue.get_table)
    # When a run looks at the table, then it finds it
    assert images_of(express(orchard, ["a.jpg"])) == {"unchanged": 1}
    assert lost


def test_a_lost_answer_of_the_catalog_destroys_nothing(orchard, monkeypatch):  # noqa: F811
    """botocore would repeat the call, Glue would refuse it, and pyiceberg would delete what the table refers to."""
    # Given a catalog that takes the commit, and whose answer is lost
    orchard.put("a.jpg", jpeg(1))
    orchard.put("b.jpg", jpeg(2))
    express(orchard, ["a.jpg"])
    lost = lose_an_answer(monkeypatch, catalog._catalog(orchard.run.lake_bucket).glue.update_table)
    # When a run commits, then it does not know what has become of it
    with pytest.raises(ReadTimeoutError):
        express(orchard, ["b.jpg"])
    assert lost
    # And the table has the rows and can be read, and the next attempt finds them
    assert set(orchard.rows()) == {"a.jpg", "b.jpg"}
    assert images_of(express(orchard, ["a.jpg", "b.jpg"])) == {"unchanged": 2}


def test_of_two_runs_of_one_event_the_later_leaves_the_earlier_alone(orchard, monkeypatch):  # noqa: F811
    # Given an event that came twice: the second run is about to commit when the first has
    orchard.put("a.jpg", jpeg(1))
    arguments = orchard.claim(["a.jpg"])
    append = PyIcebergTable.commit

    def after_the_first(table: PyIcebergTable, *others: Any) -> int:
        monkeypatch.setattr(PyIcebergTable, "commit", append)
        featurize_express(arguments, LIMITS, Stopwatch())
        return append(table, *others)

    monkeypatch.setattr(PyIcebergTable, "commit", after_the_first)
    # When it commits, then it is superseded, which is no failure, and the row is there once
    with pytest.raises(SupersededError):
        featurize_express(arguments, LIMITS, Stopwatch())
    assert set(orchard.rows()) == {"a.jpg"}


def test_a_run_whose_table_has_changed_publishes_nothing(orchard, monkeypatch):  # noqa: F811
    # Given an express run that is about to commit, and a rival of the cluster that commits first
    orchard.put("a.jpg", jpeg(1))
    orchard.put("b.jpg", jpeg(2))
    orchard.featurize(["a.jpg"])
    arguments = orchard.claim(["b.jpg"])
    append = PyIcebergTable.commit

    def after_a_rival(table: PyIcebergTable, *others: Any) -> int:
        featurize(orchard.claim(["b.jpg"]), orchard.spark)
        orchard.make_active(arguments.batch_id, 1, [])
        return append(table, *others)

    monkeypatch.setattr(PyIcebergTable, "commit", after_a_rival)
    # When it commits, it is refused, and its row is there once: the rival's
    with pytest.raises(PublishRefusedError):
        featurize_express(arguments, LIMITS, Stopwatch())
    assert set(orchard.rows()) == {"a.jpg", "b.jpg"}


def test_an_event_that_comes_twice_does_its_work_once(orchard):  # noqa: F811
    orchard.put("a.jpg", jpeg(1))
    arguments = orchard.claim(["a.jpg"])
    featurize_express(arguments, LIMITS, Stopwatch())
    snapshots = len(orchard.snapshots())
    with pytest.raises(SupersededError):
        featurize_express(arguments, LIMITS, Stopwatch())
    assert len(orchard.snapshots()) == snapshots


def test_a_run_of_another_attempt_publishes_nothing(orchard):  # noqa: F811
    orchard.put("a.jpg", jpeg(1))
    arguments = orchard.claim(["a.jpg"])
    orchard.make_active(arguments.batch_id, 2, [])
    with pytest.raises(SupersededError):
        featurize_express(arguments, LIMITS, Stopwatch())


def test_a_run_with_nothing_to_add_commits_all_the_same(orchard):  # noqa: F811
    """A run that wakes late would otherwise publish what has been deleted since (tests/model)."""
    orchard.put("a.jpg", jpeg(1))
    express(orchard, ["a.jpg"])
    before = table_of(orchard).current_snapshot().snapshot_id
    express(orchard, ["a.jpg"])
    now = table_of(orchard).current_snapshot()
    assert now.parent_snapshot_id == before
    assert now.summary["pomona.batch-id"].startswith("2026")


def test_the_cluster_is_asked_once_to_join_many_small_files(orchard, monkeypatch):  # noqa: F811
    monkeypatch.setattr(express_run, "MANY_SMALL_FILES", 3)
    asked = {name for name in pending(orchard) if requests_maintenance(name)}
    for number in range(5):
        orchard.put(f"{number}.jpg", jpeg(number))
        express(orchard, [f"{number}.jpg"])
        requests = {name for name in pending(orchard) if requests_maintenance(name)} - asked
        assert len(requests) == (1 if number >= 2 else 0)
    for name in requests:
        orchard.s3.delete_object(Bucket=orchard.run.lake_bucket, Key=name)


def test_the_maintenance_that_was_asked_for_joins_the_files_and_keeps_some_snapshots(orchard, monkeypatch):  # noqa: F811
    # Given a table with many small files and many snapshots of express runs
    monkeypatch.setattr(maintenance, "MANY_FILES", 5)
    monkeypatch.setattr(snapshot_limits, "MOST_SNAPSHOTS", 6)
    monkeypatch.setattr(snapshot_limits, "KEPT_SNAPSHOTS", 3)
    for number in range(7):
        orchard.put(f"{number}.jpg", jpeg(number))
        express(orchard, [f"{number}.jpg"])
    before = orchard.rows()
    # When the maintenance that a segment asks for is done
    table = FeatureTable(orchard.spark, orchard.run.database, orchard.run.table)
    done = list(maintenance.TableMaintenance(table, timedelta(days=7), longest_refit=timedelta()).thorough())
    # Then the files are one, the newest snapshots stay, and no row has changed
    assert any(step.startswith("compacted 7 files into 1") for step in done), done
    assert len(list(table_of(orchard).scan().plan_files())) == 1
    assert len(orchard.snapshots()) <= 4
    assert orchard.rows() == before

"""The table stays quick and forgets what was deleted, on real Spark and Iceberg."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import EndpointConnectionError
from py4j.protocol import Py4JError, Py4JJavaError, Py4JNetworkError

from pomona.featurize.run import featurize
from pomona.s3.objects import bucket_and_key
from pomona.table import branch, maintenance, small_files
from pomona.table.branch_names import branch_name
from pomona.table.deadline import NEVER, Deadline
from pomona.table.feature_table import FeatureTable
from pomona.table.iceberg import count_of, drop_branch, iterate, load_table
from pomona.table.maintenance import TableMaintenance
from pomona.table.unknown_files import unknown_files
from tests.integration.test_featurize_job import jpeg, orchard  # noqa: F401 (a fixture)
from tests.lake_documents import read_json

EXISTING = 0  # the status of an entry of a manifest; 1 is added, 2 deleted


@pytest.fixture
def table(orchard) -> FeatureTable:  # noqa: F811
    return FeatureTable(orchard.spark, orchard.run.database, orchard.run.table)


def stored_keys(orchard) -> set[str]:  # noqa: F811
    """Every key in any data file that lies in the table's folder, whatever the table says."""
    listed = orchard.s3.list_objects_v2(
        Bucket=orchard.run.lake_bucket, Prefix=f"warehouse/{orchard.run.database}.db/features/data/"
    )
    keys: set[str] = set()
    for found in listed.get("Contents", ()):
        body = orchard.s3.get_object(Bucket=orchard.run.lake_bucket, Key=found["Key"])["Body"].read()
        columns = pq.read_table(io.BytesIO(body)).to_pydict()
        keys |= set(columns.get("key", ()))
    return keys


def test_small_files_are_joined_once_there_are_many(orchard, monkeypatch):  # noqa: F811
    # Given a table that is to have fewer than five files
    monkeypatch.setattr(maintenance, "MANY_FILES", 5)
    for number in range(5):
        orchard.put(f"{number}.jpg", jpeg(number))
        record = orchard.featurize([f"{number}.jpg"])
    # Then the fifth run joined them, and no row was lost or changed
    assert record["maintenance"] == {"done": ["compacted 5 files into 1"], "error": ""}
    assert set(orchard.rows()) == {f"{number}.jpg" for number in range(5)}
    assert all(np.isfinite(row["features"]).all() for row in orchard.rows().values())
    assert orchard.snapshots()[-1]["total-data-files"] == "1"
    # And the sixth has nothing to do, however small the file is that this has made
    orchard.put("5.jpg", jpeg(5))
    assert orchard.featurize(["5.jpg"])["maintenance"] == {"done": [], "error": ""}


def test_small_files_count_on_when_delete_files_were_joined(orchard, monkeypatch):  # noqa: F811
    # Given a small file, whose rows go one by one until the delete files are joined
    monkeypatch.setattr(maintenance, "MANY_FILES", 5)
    going = [f"{number}.jpg" for number in range(5)]
    for key in (*going, "first.jpg"):
        orchard.put(key, jpeg(len(key)))
    orchard.featurize([*going, "first.jpg"])
    for key in going:
        orchard.delete(key)
        record = orchard.featurize([key])
    assert record["maintenance"] == {"done": ["joined 5 delete files"], "error": ""}
    # When the fifth small file comes, then all of them are joined
    for key in ("second.jpg", "third.jpg", "fourth.jpg", "fifth.jpg"):
        orchard.put(key, jpeg(len(key)))
        record = orchard.featurize([key])
    assert record["maintenance"]["done"] == ["compacted 5 files into 1"]
    assert set(orchard.rows()) == {"first.jpg", "second.jpg", "third.jpg", "fourth.jpg", "fifth.jpg"}


def test_large_files_are_left_alone(orchard, monkeypatch):  # noqa: F811
    # Given files that are large as things go here
    monkeypatch.setattr(maintenance, "MANY_FILES", 2)
    for module in (maintenance, small_files):
        monkeypatch.setattr(module, "SMALL_FILE_BYTES", 10)
    for number in range(3):
        orchard.put(f"{number}.jpg", jpeg(number))
        record = orchard.featurize([f"{number}.jpg"])
    # Then nobody joins them
    assert record["maintenance"] == {"done": [], "error": ""}


def test_thorough_maintenance_leaves_no_trace_of_a_deleted_row(orchard, table):  # noqa: F811
    # Given a row that was deleted, which old files and snapshots still hold
    for key in ("stays.jpg", "goes.jpg"):
        orchard.put(key, jpeg(len(key)))
    orchard.featurize(["stays.jpg", "goes.jpg"])
    orchard.delete("goes.jpg")
    orchard.featurize(["goes.jpg"])
    assert stored_keys(orchard) >= {"stays.jpg", "goes.jpg"}
    # And a branch that a dead run left, and a file that no snapshot knows
    orchard.spark.sql(f"ALTER TABLE {orchard.table} CREATE BRANCH run_dead_1")
    # When everything that is due is done, with no snapshot kept
    done = list(TableMaintenance(table, keep=timedelta(days=7)).thorough(keep=timedelta()))
    # Then the files hold nothing of it
    assert stored_keys(orchard) == {"stays.jpg"}
    assert list(orchard.rows()) == ["stays.jpg"]
    assert orchard.branches() == ["main"]
    assert len(orchard.snapshots()) == 1
    assert "dropped 1 branches" in done
    # And nothing is left to do
    assert orchard.snapshots()[-1]["total-delete-files"] == "0"


def test_delete_files_that_a_killed_maintenance_left_go_with_the_next(orchard, table):  # noqa: F811
    # Given deletions, and a maintenance that was killed after its compaction
    keys = ["stays.jpg", "a.jpg", "b.jpg"]
    for key in keys:
        orchard.put(key, jpeg(len(key)))
    orchard.featurize(keys)
    for key in ("a.jpg", "b.jpg"):
        orchard.delete(key)
        orchard.featurize([key])
    name = f"{orchard.run.database}.{orchard.run.table}"
    orchard.spark.sql(
        f"CALL lake.system.rewrite_data_files(table => '{name}', options => map('delete-file-threshold', '1'))"
    )
    # When the table has changed since, and is maintained
    orchard.put("new.jpg", jpeg(9))
    orchard.featurize(["new.jpg"])
    list(TableMaintenance(table, keep=timedelta(days=7)).thorough())
    # Then no delete file is left, for which the next maintenance would be asked, and no row has come back
    assert orchard.snapshots()[-1]["total-delete-files"] == "0"
    assert set(orchard.rows()) == {"stays.jpg", "new.jpg"}


def test_no_manifest_tells_of_a_file_that_has_gone_with_all_its_rows(orchard, table):  # noqa: F811
    # Given two files in one manifest, of which one has lost every row
    for key in ("stays.jpg", "goes.jpg"):
        orchard.put(key, jpeg(len(key)))
        orchard.featurize([key])
    orchard.spark.sql(f"CALL lake.system.rewrite_manifests('{orchard.run.database}.{orchard.run.table}')")
    orchard.delete("goes.jpg")
    orchard.featurize(["goes.jpg"])
    # When it is compacted away
    list(TableMaintenance(table, keep=timedelta(days=7)).thorough(keep=timedelta()))
    # Then its entry, which has the bounds of its keys, is in no manifest of the table
    entries = orchard.spark.sql(f"SELECT status FROM {orchard.table}.all_entries WHERE data_file.content = 0").collect()
    assert [entry.status for entry in entries] == [EXISTING]
    assert list(orchard.rows()) == ["stays.jpg"]


def test_snapshots_are_kept_for_their_days(orchard, table):  # noqa: F811
    orchard.put("a.jpg", jpeg(1))
    for _ in range(3):
        orchard.featurize(["a.jpg"])
    before = orchard.snapshots()
    list(TableMaintenance(table, keep=timedelta(days=7)).thorough())
    assert orchard.snapshots() == before


def test_an_orphan_goes_when_no_run_can_be_writing_it_any_more(orchard, table, aws_process):  # noqa: F811
    # Given a file that no snapshot knows, beside those of the table
    orchard.put("a.jpg", jpeg(1))
    orchard.featurize(["a.jpg"])
    bucket, folder = bucket_and_key(load_table(orchard.spark, *orchard.table.split(".")).location())
    orphan = f"{folder}/data/orphan.parquet"
    orchard.s3.put_object(Bucket=bucket, Key=orphan, Body=b"of a run that died")
    maintained = TableMaintenance(table, keep=timedelta(days=7))
    # Then it stays as long as a run may still be writing it
    assert list(maintained.thorough()) == []
    # And goes, alone, when all files of the table are older
    aws_process.put_back(bucket, folder, maintenance.ORPHANED_AFTER / timedelta(hours=1) + 1)
    before = names_below(orchard, bucket, folder)
    assert list(maintained.thorough()) == ["removed 1 orphaned files"]
    assert names_below(orchard, bucket, folder) == before - {orphan}
    assert list(orchard.rows()) == ["a.jpg"]


def names_below(orchard, bucket: str, folder: str) -> set[str]:  # noqa: F811
    return {found["Key"] for found in orchard.s3.list_objects_v2(Bucket=bucket, Prefix=folder)["Contents"]}


def erasure(orchard, keys: list[str], **fields) -> str:  # noqa: F811
    name = "erasures/open/20261121T080000000Z-aa.json"
    document = {
        "format": 1,
        "id": "20261121T080000000Z-aa",
        "requested_at": datetime.now(UTC).isoformat(),
        "bucket": orchard.run.images_bucket,
        "prefix": None,
        "keys": keys,
        "state": "open",
        "final_at": None,
    }
    body = json.dumps(document | fields)
    orchard.s3.put_object(Bucket=orchard.run.lake_bucket, Key=name, Body=body.encode())
    return name


@pytest.mark.parametrize("subject", [{"keys": ["people/1.jpg"]}, {"keys": [], "prefix": "people/"}])
def test_an_erasure_is_final_when_nothing_holds_the_rows(orchard, subject):  # noqa: F811
    # Given results, an image that is to be erased, and its object deleted
    lake = orchard.run.lake_bucket
    for key in ("people/1.jpg", "apple.jpg"):
        orchard.put(key, jpeg(len(key)))
    orchard.featurize(["people/1.jpg", "apple.jpg"])
    latest = {"format": 1, "snapshot_id": 1, "prefix": "results/1/"}
    orchard.s3.put_object(Bucket=lake, Key="results/1/projections.csv", Body=b"people/1.jpg")
    orchard.s3.put_object(Bucket=lake, Key="results/latest.json", Body=json.dumps(latest).encode())
    name = erasure(orchard, requested_at=(datetime.now(UTC) + timedelta(seconds=2)).isoformat(), **subject)
    # When a run does not know of the deletion yet, then the erasure stays open
    orchard.featurize([])
    assert json.loads(orchard.s3.get_object(Bucket=lake, Key=name)["Body"].read())["state"] == "open"
    # And a refit that was in flight at the request has ended since
    orchard.s3.put_object(Bucket=lake, Key="results/2/projections.csv", Body=b"people/1.jpg")
    # When the run comes that finds it gone
    orchard.delete("people/1.jpg")
    record = orchard.featurize(["people/1.jpg"])
    # Then neither files nor snapshots nor results hold it, and the document says since when
    assert record["maintenance"]["error"] == ""
    assert record["maintenance"]["done"][-1] == "made 1 erasures final"
    assert "Contents" not in orchard.s3.list_objects_v2(Bucket=lake, Prefix="erasures/open/")
    final = json.loads(orchard.s3.get_object(Bucket=lake, Key=name.replace("open", "final"))["Body"].read())
    assert final["state"] == "final"
    assert datetime.fromisoformat(final["final_at"]).tzinfo
    assert stored_keys(orchard) == {"apple.jpg"}
    assert len(orchard.snapshots()) == 1
    assert "Contents" not in orchard.s3.list_objects_v2(Bucket=lake, Prefix="results/")


def test_an_erasure_leaves_the_results_of_the_present_snapshot(orchard, monkeypatch):  # noqa: F811
    # Given an erasure of an image that is gone, and a refit that began at the snapshot that will be the last
    lake = orchard.run.lake_bucket
    for key in ("people/1.jpg", "apple.jpg"):
        orchard.put(key, jpeg(len(key)))
    orchard.featurize(["people/1.jpg", "apple.jpg"])
    erasure(orchard, keys=["people/1.jpg"], requested_at=(datetime.now(UTC) + timedelta(seconds=2)).isoformat())
    orchard.delete("people/1.jpg")
    thorough, written = TableMaintenance.thorough, []

    def then_a_refit_writes(self, *arguments, **keep):
        yield from thorough(self, *arguments, **keep)
        present = FeatureTable(orchard.spark, orchard.run.database, orchard.run.table).snapshot_id()
        written.extend([f"results/{present}/projections/part-00000.parquet", f"results/{present}-2/neighbours.npz"])
        for name in (*written, "results/1/projections.csv"):
            orchard.s3.put_object(Bucket=lake, Key=name, Body=b"rows")

    monkeypatch.setattr(TableMaintenance, "thorough", then_a_refit_writes)
    # When a run makes the erasure final
    record = orchard.featurize(["people/1.jpg"])
    assert record["maintenance"]["done"][-1] == "made 1 erasures final"
    # Then what the refit has written of rows without the image is there, and the older results are not
    left = orchard.s3.list_objects_v2(Bucket=lake, Prefix="results/")["Contents"]
    assert [one["Key"] for one in left] == sorted(written)
    for name in written:
        orchard.s3.delete_object(Bucket=lake, Key=name)


def expire_as_if_killed(orchard) -> None:  # noqa: F811
    """Iceberg commits the expiry first, and removes the files of the expired snapshots then."""
    present = load_table(orchard.spark, *orchard.table.split("."))
    now = int(datetime.now(UTC).timestamp() * 1000)
    present.expireSnapshots().expireOlderThan(now).retainLast(1).cleanExpiredFiles(False).commit()


@pytest.mark.parametrize("compacted", [False, True])
def test_an_erasure_waits_for_files_that_no_snapshot_knows(orchard, table, aws_process, compacted):  # noqa: F811
    # Given an image whose row lies in a file of a run, or of a compaction
    lake = orchard.run.lake_bucket
    for key in ("people/1.jpg", "people/2.jpg", "apple.jpg"):
        orchard.put(key, jpeg(len(key)))
    orchard.featurize(["people/1.jpg", "people/2.jpg", "apple.jpg"])
    if compacted:
        orchard.delete("people/2.jpg")
        orchard.featurize(["people/2.jpg"])
        list(TableMaintenance(table, keep=timedelta(days=7)).thorough())
    # And its deletion, after which a maintenance was killed: its file belongs to no snapshot any more
    orchard.delete("people/1.jpg")
    orchard.featurize(["people/1.jpg"])
    list(TableMaintenance(table, keep=timedelta(days=7)).thorough())
    expire_as_if_killed(orchard)
    assert "people/1.jpg" in stored_keys(orchard)
    # When a run finds an open erasure of it
    name = erasure(orchard, ["people/1.jpg"], requested_at=(datetime.now(UTC) + timedelta(seconds=2)).isoformat())
    done = orchard.featurize([])["maintenance"]["done"]
    # Then it removes what earlier runs wrote, but waits while somebody may still commit what else is there
    assert "erasures open" in done[-1]
    assert json.loads(orchard.s3.get_object(Bucket=lake, Key=name)["Body"].read())["state"] == "open"
    assert ("people/1.jpg" in stored_keys(orchard)) == compacted
    # And the maintenance of the next day makes it final
    aws_process.put_back(lake, f"warehouse/{orchard.run.database}.db/", 25)
    assert orchard.featurize([])["maintenance"]["done"][-1] == "made 1 erasures final"
    assert stored_keys(orchard) == set(orchard.rows())
    assert unknown_files(table) == []


def test_what_a_killed_run_wrote_goes_at_an_erasure_at_once(orchard, table):  # noqa: F811
    # Given a file that a run was killed over, and one of a run that came later
    lake = orchard.run.lake_bucket
    orchard.put("people/1.jpg", jpeg(1))
    orchard.featurize(["people/1.jpg"])
    folder = f"warehouse/{orchard.run.database}.db/features/data"
    dead, later = (f"{folder}/{branch_name(f'{stamp}-0000000a', 2)}-{'0' * 32}/x.parquet" for stamp in ("2025", "2999"))
    for key in (dead, later):
        orchard.s3.put_object(Bucket=lake, Key=key, Body=b"")
    # When an erasure is settled
    orchard.delete("people/1.jpg")
    name = erasure(orchard, ["people/1.jpg"], requested_at=(datetime.now(UTC) + timedelta(seconds=2)).isoformat())
    done = orchard.featurize(["people/1.jpg"])["maintenance"]["done"]
    # Then the former is gone, and only the latter keeps it open
    assert done[-1] == "left 1 erasures open: 1 files that no snapshot knows have to be a day old"
    assert unknown_files(table) == [f"s3://{lake}/{later}"]
    orchard.s3.delete_object(Bucket=lake, Key=later)
    assert orchard.featurize([])["maintenance"]["done"][-1] == "made 1 erasures final"
    assert "Contents" not in orchard.s3.list_objects_v2(Bucket=lake, Prefix=name)


def test_failing_maintenance_is_told_and_fails_no_run(orchard):  # noqa: F811
    orchard.put("a.jpg", jpeg(1))
    name = erasure(orchard, ["a.jpg"], format=7)
    record = orchard.featurize(["a.jpg"])
    orchard.s3.delete_object(Bucket=orchard.run.lake_bucket, Key=name)  # before a check fails: others use the lake too
    assert record["images"]["done"] == 1
    error = f"{name} has format 7, but this release reads only format 1."
    assert record["maintenance"] == {"done": [], "error": error}


def test_a_request_for_maintenance_makes_a_run_thorough(orchard):  # noqa: F811
    # Given a deleted row
    for key in ("stays.jpg", "goes.jpg"):
        orchard.put(key, jpeg(len(key)))
    orchard.featurize(["stays.jpg", "goes.jpg"])
    orchard.delete("goes.jpg")
    orchard.featurize(["goes.jpg"])
    # When a batch holds the segment that the function `maintain` writes
    run = orchard.claim([])
    ask_for_maintenance(orchard, run)
    record = featurize(replace(run, snapshot_days=0), orchard.spark)
    # Then the run compacts and expires
    assert record["images"] == dict.fromkeys(record["images"], 0)
    assert "compacted 1 files into 1" in record["maintenance"]["done"]
    assert stored_keys(orchard) == {"stays.jpg"}


class JvmIsGoneError(Py4JJavaError):
    """A Java error whose text cannot be had any more: it is asked of the JVM, which has ended."""

    def __init__(self) -> None:
        Exception.__init__(self)

    def __str__(self) -> str:
        raise Py4JNetworkError("Answer from Java side is empty")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Py4JError("An error occurred while calling o12.commit"), "An error occurred while calling o12.commit"),
        (Py4JNetworkError("Answer from Java side is empty"), "Answer from Java side is empty"),
        (JvmIsGoneError(), "JvmIsGoneError"),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        (EndpointConnectionError(endpoint_url="https://s3"), 'Could not connect to the endpoint URL: "https://s3"'),
        (KeyError("requested_at"), "'requested_at'"),
        (RuntimeError(), "RuntimeError"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_whatever_maintenance_raises_is_told_and_fails_no_run(orchard, monkeypatch, error, told):  # noqa: F811
    # Given a maintenance that ends in an error after it has done something
    def failing(_maintenance):
        yield "compacted 7 files into 1"
        raise error

    monkeypatch.setattr(TableMaintenance, "after_run", failing)
    orchard.put("a.jpg", jpeg(1))
    # When a run ends with it
    record = orchard.featurize(["a.jpg"])
    # Then the run has not failed, its rows are there, and its record says what was done and what was not
    assert list(orchard.rows()) == ["a.jpg"]
    assert record["maintenance"] == {"done": ["compacted 7 files into 1"], "error": told}
    assert record_of(orchard, record) == record


def record_of(orchard, record):  # noqa: F811
    return read_json(orchard.run.lake_bucket, f"runs/{record['batch_id']}-{record['attempt']}.json")


def test_the_end_of_a_branch_fails_no_run_whose_rows_are_published(orchard, monkeypatch):  # noqa: F811
    # Given a JVM that does not answer when the run looks for what is left of its published branch
    def failing_once_published(table, name):
        if table.currentSnapshot() is not None:
            raise Py4JNetworkError("Answer from Java side is empty")
        drop_branch(table, name)

    monkeypatch.setattr(branch, "drop_branch", failing_once_published)
    orchard.put("a.jpg", jpeg(1))
    # Then the run ends well
    assert orchard.featurize(["a.jpg"])["images"]["done"] == 1
    assert list(orchard.rows()) == ["a.jpg"]


def test_the_record_is_there_though_the_maintenance_is_the_end_of_the_run(orchard, monkeypatch):  # noqa: F811
    # Given a run that is killed while it maintains the table
    class Killed(BaseException):
        pass

    def killed(_maintenance):
        raise Killed

    monkeypatch.setattr(TableMaintenance, "after_run", killed)
    orchard.put("a.jpg", jpeg(1))
    run = orchard.claim(["a.jpg"])
    with pytest.raises(Killed):
        featurize(run, orchard.spark)
    # Then its record says what it did, and that the maintenance is missing
    record = read_json(run.lake_bucket, f"runs/{run.batch_id}-1.json")
    assert record["images"]["done"] == 1
    assert record["maintenance"] == {"done": [], "error": "the run ended before its maintenance did"}


@pytest.fixture
def fragmented(orchard, monkeypatch) -> FeatureTable:  # noqa: F811
    """A table of six files, each with a deleted row, of which a compaction makes a group each."""
    for number in range(6):
        for name in ("stays", "goes"):
            orchard.put(f"{number}/{name}.jpg", jpeg(number))
        orchard.featurize([f"{number}/stays.jpg", f"{number}/goes.jpg"])
    for number in range(6):
        orchard.delete(f"{number}/goes.jpg")
    orchard.featurize([f"{number}/goes.jpg" for number in range(6)])
    one_by_one = {"max-file-group-size-bytes": "1", "max-concurrent-file-group-rewrites": "1"}
    monkeypatch.setattr(maintenance, "COMPACTION", maintenance.COMPACTION | one_by_one)
    return FeatureTable(orchard.spark, orchard.run.database, orchard.run.table)


def compactions(table: FeatureTable) -> int:
    """How many commits have replaced data files."""
    snapshots = list(iterate(table.load().snapshots()))
    return sum(one.operation() == "replace" and count_of(one, "deleted-data-files") > 0 for one in snapshots)


def ask_for_maintenance(orchard, run) -> None:  # noqa: F811
    """Put a batch in flight that holds the segment that the function `maintain` writes."""
    segment = "queue/pending/20261121T070000000Z-000000-maintenance-0.jsonl"
    orchard.s3.put_object(Bucket=run.lake_bucket, Key=segment, Body=b"")
    orchard.make_active(run.batch_id, 1, [segment])


def test_a_compaction_commits_group_by_group(orchard, fragmented):  # noqa: F811
    list(TableMaintenance(fragmented, keep=timedelta(days=7)).thorough())
    assert compactions(fragmented) == 6
    # And rows and their number are as they were
    assert set(orchard.rows()) == {f"{number}/stays.jpg" for number in range(6)}
    assert orchard.snapshots()[-1]["total-delete-files"] == "0"


def test_a_deadline_keeps_what_was_compacted_before_it(orchard, fragmented, monkeypatch):  # noqa: F811
    # Given a maintenance whose time is up when its second group has been committed
    class UpAfterTwoCommits(Deadline):
        @property
        def has_passed(self) -> bool:
            return compactions(fragmented) >= 2

    monkeypatch.setattr("pomona.table.deadline.CANCELS_EVERY_SECONDS", 0.02)
    monkeypatch.setattr(Deadline, "of_run", lambda *_: UpAfterTwoCommits(0))
    run = orchard.claim([])
    ask_for_maintenance(orchard, run)
    # When a run maintains the table
    record = featurize(run, orchard.spark)
    # Then it ends well, says why not all is done, and what is compacted stays compacted
    told, compacted = record["maintenance"], compactions(fragmented)
    assert told["error"] == (
        "stopped before RunTimeoutMinutes (60) was over, the next one goes on: "
        "the time of the run was up before expire_snapshots"
    )
    assert 2 <= compacted < 6
    assert told["done"][0] == f"compacted {compacted} files into {compacted}"
    assert set(orchard.rows()) == {f"{number}/stays.jpg" for number in range(6)}
    # And the next one does the rest
    monkeypatch.setattr(Deadline, "of_run", lambda *_: NEVER)
    following = orchard.claim([])
    ask_for_maintenance(orchard, following)
    assert featurize(following, orchard.spark)["maintenance"]["error"] == ""
    assert orchard.snapshots()[-1]["total-delete-files"] == "0"
    assert set(orchard.rows()) == {f"{number}/stays.jpg" for number in range(6)}


def test_a_run_without_time_begins_no_maintenance(orchard, fragmented):  # noqa: F811
    run = replace(orchard.claim([]), timeout_minutes=0)
    ask_for_maintenance(orchard, run)
    told = featurize(run, orchard.spark)["maintenance"]
    assert told["done"] == []
    assert told["error"].endswith("the time of the run was up before rewrite_data_files")
    assert compactions(fragmented) == 0


def test_an_erasure_stays_open_while_a_file_with_its_rows_could_not_be_rewritten(orchard, fragmented):  # noqa: F811
    # Given an erasure, and a data file that holds an erased row and whose features cannot be read
    name = erasure(orchard, [], prefix="3/goes", requested_at=(datetime.now(UTC) + timedelta(seconds=2)).isoformat())
    bucket, key = bucket_and_key(file_of(orchard, "3/goes.jpg"))
    body = orchard.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    orchard.s3.put_object(Bucket=bucket, Key=key, Body=without_features(body))
    # When a run finds it
    told = orchard.featurize([])["maintenance"]
    # Then all other files are rewritten, and the record says what keeps it open
    assert told["error"] == "1 data files could not be rewritten: the log of the run says why"
    assert told["done"][0] == "compacted 5 files into 5"
    assert "expired" in told["done"][-1]
    assert json.loads(orchard.s3.get_object(Bucket=orchard.run.lake_bucket, Key=name)["Body"].read())["state"] == "open"
    # And when the file can be read again, it is final
    orchard.s3.put_object(Bucket=bucket, Key=key, Body=body)
    again = orchard.featurize([])["maintenance"]
    assert again["error"] == ""
    assert again["done"][-1] == "made 1 erasures final"


def without_features(body: bytes) -> bytes:
    """A Parquet file in which the features are nothing but zeros, which no page of a column is."""
    group = pq.ParquetFile(io.BytesIO(body)).metadata.row_group(0)
    columns = (group.column(number) for number in range(group.num_columns))
    features = next(column for column in columns if column.path_in_schema.startswith("features"))
    first = features.dictionary_page_offset or features.data_page_offset
    return body[:first] + bytes(features.total_compressed_size) + body[first + features.total_compressed_size :]


def file_of(orchard, key: str) -> str:  # noqa: F811
    """The address of the data file that has, or had, the row of this key."""
    folder = f"warehouse/{orchard.run.database}.db/features/data/"
    for found in orchard.s3.list_objects_v2(Bucket=orchard.run.lake_bucket, Prefix=folder)["Contents"]:
        body = orchard.s3.get_object(Bucket=orchard.run.lake_bucket, Key=found["Key"])["Body"].read()
        if key in pq.read_table(io.BytesIO(body)).to_pydict().get("key", ()):
            return f"s3://{orchard.run.lake_bucket}/{found['Key']}"
    raise LookupError(key)

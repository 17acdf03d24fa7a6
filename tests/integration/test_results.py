"""`latest.json` only moves forward, whoever races; objects written as they are made are whole or not there."""

import gc
import itertools
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import boto3
import numpy as np
import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from pomona.errors import JobError
from pomona.refit import results
from pomona.refit.results import ResultsFolder, move_latest, remove_old, remove_unfinished
from pomona.s3 import objects, uploads
from pomona.s3.objects import list_objects
from pomona.s3.uploads import open_object_writer
from pomona.table.parquet_files import PARQUET, write_parquet
from pomona_contract.errors import FormatError
from pomona_contract.lake_layout import LATEST_RESULTS
from tests.lake_documents import read_json

REGION = "eu-west-3"


@pytest.fixture(scope="module")
def server():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }.items():
            patch.setenv(name, value)
        objects.s3_client.cache_clear()
        yield boto3.client("s3")
    objects.s3_client.cache_clear()
    server.stop()


@pytest.fixture
def lake(server, request) -> str:
    bucket = f"lake-{abs(hash(request.node.name))}"
    server.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    return bucket


def document(sequence_number, **more):
    return {"format": 1, "snapshot_id": 1000 + sequence_number, "sequence_number": sequence_number} | more


def put_latest(server, lake, written):
    server.put_object(Bucket=lake, Key=LATEST_RESULTS, Body=json.dumps(written).encode())


def read_latest(server, lake):
    return json.load(server.get_object(Bucket=lake, Key=LATEST_RESULTS)["Body"])


def latest(lake):
    return read_json(lake, LATEST_RESULTS)


def test_results_that_a_killed_refit_left_go_at_the_next_refit(lake, server):
    # Given finished results, those of a refit that was killed, those of a release that latest.json names, and a note
    for folder, name in [("1001", "model.json"), ("1001", "report.html"), ("1002", "report.html"), ("1002-2", "a.csv")]:
        server.put_object(Bucket=lake, Key=f"results/{folder}/{name}", Body=b"")
    server.put_object(Bucket=lake, Key="results/1003/report.html", Body=b"")
    server.put_object(Bucket=lake, Key="results/notes/mine.txt", Body=b"")
    move_latest(lake, document(1, prefix="results/1003/"))
    # When the next refit begins
    removed = remove_unfinished(lake)
    # Then only what nobody will finish is gone
    assert removed == ["results/1002-2/", "results/1002/"]
    assert keys_of(lake, "results/100") == [
        "results/1001/model.json",
        "results/1001/report.html",
        "results/1003/report.html",
    ]
    assert keys_of(lake, "results/notes/") == ["results/notes/mine.txt"]


def test_old_results_go_but_neither_the_newest_nor_what_latest_names(lake, server, monkeypatch):
    # Given five refits, of which the oldest is the one that latest.json names, and things that are no results
    monkeypatch.setattr(results, "RESULTS_KEPT", 2)
    move_latest(lake, document(1, prefix="results/1001/"))
    moments = {}
    for number in range(1, 6):
        ResultsFolder(lake, 1000 + number).put("model.json", b"", "application/json")
        ResultsFolder(lake, 1000 + number).put("projections/part-00000.parquet", b"", PARQUET)
        moments[f"results/{1000 + number}/"] = number
    ResultsFolder(lake, 1001, is_second=True).put("model.json", b"", "application/json")
    moments["results/1001-2/"] = 0
    server.put_object(Bucket=lake, Key="results/notes/mine.txt", Body=b"")
    put_back(lake, moments)
    # When old ones are removed
    removed = remove_old(lake)
    # Then the two newest, the named one, and what is not a refit's stay
    assert removed == ["results/1001-2/", "results/1002/", "results/1003/"]
    prefixes = {key.rsplit("/", 1)[0] for key in keys_of(lake, "results/100") if "model" in key}
    assert prefixes == {"results/1001", "results/1004", "results/1005"}
    assert keys_of(lake, "results/notes/") == ["results/notes/mine.txt"]
    assert latest(lake)["prefix"] == "results/1001/"
    assert remove_old(lake) == []


def keys_of(lake, prefix):
    return [key for key, _ in list_objects(lake, prefix)]


def put_back(lake, hours):
    """Let objects below a prefix be as many hours younger as the prefix says: S3 tells seconds only."""
    for key, stored in s3_backends[ACCOUNT_ID]["aws"].buckets[lake].keys.items():
        for prefix, hour in hours.items():
            if key.startswith(prefix):
                stored.last_modified = datetime(2026, 1, 1, hour)


def test_latest_moves_forward_and_never_back(lake):
    assert move_latest(lake, document(1))
    assert move_latest(lake, document(3))
    assert not move_latest(lake, document(2))
    assert latest(lake)["sequence_number"] == 3


def test_the_same_snapshot_may_be_written_again(lake):
    assert move_latest(lake, document(3, components=10))
    assert move_latest(lake, document(3, components=20))
    assert latest(lake)["components"] == 20


def test_results_of_a_table_that_was_made_anew_replace_those_of_the_dropped_one(lake):
    # Given results of a table with many commits, which was dropped; the new table's commits are counted from 1
    assert move_latest(lake, document(50, table_uuid="dropped"))
    assert move_latest(lake, document(1, table_uuid="new"))
    # Then within the new table they only move forward
    assert move_latest(lake, document(3, table_uuid="new"))
    assert not move_latest(lake, document(2, table_uuid="new"))
    assert (latest(lake)["table_uuid"], latest(lake)["sequence_number"]) == ("new", 3)


@pytest.mark.parametrize(
    ("committed_at", "moves"), [("2025-01-01T00:00:00+00:00", True), ("2027-01-01T00:00:00+00:00", False)]
)
def test_results_of_an_earlier_release_tell_by_the_time_of_their_commit(lake, committed_at, moves):
    # Given a latest.json without the table's UUID, of a dropped table (older commits) or of this one (a newer commit)
    move_latest(lake, document(50, committed_at=committed_at))
    newest = document(1, table_uuid="new", committed_at="2026-01-01T00:00:00.5+00:00")
    assert move_latest(lake, newest) == moves


def test_a_refit_with_other_settings_leaves_what_latest_names_whole(lake):
    def folder(components, backbone="net@1"):
        return ResultsFolder.beside_latest(lake, 7, components, backbone).prefix

    def fitted(components, backbone="net@1"):
        asked = {"components_asked": components, "backbone": backbone, "snapshot_id": 7}
        move_latest(lake, document(7) | asked | {"prefix": folder(components, backbone)})
        return latest(lake)["prefix"]

    # Given no results of this snapshot
    assert fitted("100") == "results/7/"
    # Then the same settings write the same folder again, and others never that which latest.json names
    assert fitted("100") == "results/7/"
    assert fitted("50") == "results/7-2/"
    assert fitted("50") == "results/7-2/"
    assert fitted("50", "net@2") == "results/7/"
    assert fitted("100", "net@2") == "results/7-2/"
    # And another snapshot has a folder of its own
    assert ResultsFolder.beside_latest(lake, 8, "50", "net@1").prefix == "results/8/"


def test_the_newest_wins_whatever_the_order_of_a_race(lake):
    # Given eight refits of different snapshots that finish at once
    start = threading.Barrier(8)

    def finish(sequence_number):
        start.wait()
        return move_latest(lake, document(sequence_number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(finish, [4, 8, 1, 7, 2, 6, 3, 5]))
    # Then the newest is what remains
    assert latest(lake)["sequence_number"] == 8


@pytest.fixture
def after_each_read(lake):
    """Have something done after each GET of `latest.json` by the code under test, before it goes on."""
    events, name = objects.s3_client().meta.events, "after-call.s3.GetObject"
    registered = []

    def register(act):
        registered.append(lambda **_: act())
        events.register(name, registered[-1])

    yield register
    for handler in registered:
        events.unregister(name, handler)


def test_whoever_is_overtaken_between_reading_and_writing_looks_again(lake, server, after_each_read):
    # Given a refit of snapshot 2 that has read latest.json just before one of snapshot 3 writes it
    move_latest(lake, document(1))
    after_each_read(lambda: put_latest(server, lake, document(3)))
    # Then its write is refused
    assert not move_latest(lake, document(2))
    assert read_latest(server, lake)["sequence_number"] == 3


def test_latest_that_vanishes_meanwhile_is_written_anew(lake, server, after_each_read):
    move_latest(lake, document(1))
    after_each_read(lambda: server.delete_object(Bucket=lake, Key=LATEST_RESULTS))
    assert move_latest(lake, document(2))
    assert read_latest(server, lake)["sequence_number"] == 2


def test_an_endless_race_ends_with_a_sentence(lake, server, after_each_read):
    # Given others that write after each read, and never anything newer
    numbers = itertools.count()
    after_each_read(lambda: put_latest(server, lake, document(0, number=next(numbers))))
    # When a refit would move the pointer, then it gives up at some time, and theirs stays
    with pytest.raises(JobError, match="changed by others 20 times"):
        move_latest(lake, document(1))
    assert read_latest(server, lake)["sequence_number"] == 0


def test_another_format_is_refused(lake, server):
    server.put_object(Bucket=lake, Key=LATEST_RESULTS, Body=json.dumps({"format": 2}).encode())
    with pytest.raises(FormatError, match=r"latest\.json has format 2, but this release reads only format 1"):
        move_latest(lake, document(1))


def test_other_failures_are_not_taken_for_an_absent_file(server):
    with pytest.raises(ClientError, match="NoSuchBucket"):
        move_latest("no-such-bucket-here", document(1))


def test_projections_of_an_earlier_refit_are_removed_and_nothing_else(lake, server):
    folder = ResultsFolder(lake, 7)
    for key in (folder.part_key(0), folder.part_key(31), f"{folder.prefix}model.npz", "results/77/projections/x"):
        server.put_object(Bucket=lake, Key=key, Body=b"")
    folder.remove_projections()
    assert set(keys_of(lake, "")) == {f"{folder.prefix}model.npz", "results/77/projections/x"}


@pytest.mark.parametrize("megabytes", [0, 1, 13])
def test_an_object_written_piece_by_piece_is_whole(lake, server, monkeypatch, megabytes):
    monkeypatch.setattr(uploads, "PART_BYTES", 5 * 2**20)
    content = bytes(range(256)) * 4096 * megabytes
    with open_object_writer(lake, "some.csv", "text/csv") as file:
        for start in range(0, len(content), 700_000):
            file.write(content[start : start + 700_000])
    assert objects.read_bytes(lake, "some.csv") == content
    assert server.head_object(Bucket=lake, Key="some.csv")["ContentType"] == "text/csv"


def write_and_fail(lake, megabytes):
    with open_object_writer(lake, "some.csv", "text/csv") as file:
        file.write(bytes(megabytes * 2**20))
        raise RuntimeError("on the way")


def write_parquet_and_fail(lake, megabytes):
    values = np.random.default_rng(0).normal(size=megabytes * 2**17)

    def batches():
        yield pa.RecordBatch.from_pydict({"x": values})
        raise RuntimeError("on the way")

    write_parquet(lake, "some.csv", batches())


@pytest.mark.parametrize("write", [write_and_fail, write_parquet_and_fail])
@pytest.mark.parametrize("megabytes", [1, 30])
def test_a_failure_while_writing_leaves_no_object(lake, server, monkeypatch, write, megabytes):
    monkeypatch.setattr(uploads, "PART_BYTES", 5 * 2**20)
    with pytest.raises(RuntimeError, match="on the way"):
        write(lake, megabytes)
    gc.collect()
    assert objects.read_bytes(lake, "some.csv") is None
    assert "Uploads" not in server.list_multipart_uploads(Bucket=lake)

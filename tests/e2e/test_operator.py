"""What an operator types on a deployed stack: what is seen after real runs, and an erasure from request to end."""

import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyiceberg.avro.file import AvroFile
from pyiceberg.io.pyarrow import PyArrowFileIO
from typer.testing import Result

from demo.cloud import REGION, running_cloud
from demo.deploy import STACK, deploy
from demo.observer import Observer
from demo.rounds import Put, files_below, upload
from demo.steps import refit, settle
from tests.cli_stack import run_pomona
from tests.e2e.conftest import SAMPLES
from tests.local_server import until
from tests.template_roles import KEY

pytestmark = pytest.mark.timeout(1500)
PARAMETERS = {
    "BatchWindowSeconds": "1",
    "ClockSchedule": "rate(1 minute)",
    "ExpressKeys": "0",
    "LaunchAfterMinutes": "0",
    "RetryAfterMinutes": "0",
    "Components": "2",
    "ImageVersionsDays": "30",
    "KmsKeyArn": KEY,  # every role's calls need it too then
}
ERASED, KEPT = "person-1/", "person-10/"
FINAL = "erasures/final/"


@dataclass(frozen=True)
class Operator:
    """Somebody with a deployed stack, who has dropped images of two people into it, and seen a refit of them."""

    pomona: Observer
    dropped: dict[str, list[Put]]

    def types(self, *words: str) -> Result:
        """`pomona` with these words; it has to end well."""
        told = run_pomona(words, {**self.pomona.cloud.environment(), "POMONA_STACK": STACK})
        assert told.exit_code == 0, told.stderr
        return told

    def reads(self, *words: str) -> list[dict[str, Any]]:
        """What a command says with --json."""
        return [json.loads(line) for line in self.types(*words, "--json").stdout.splitlines()]

    def status(self) -> dict[str, Any]:
        (document,) = self.reads("status")
        return document

    def keys(self, prefix: str) -> list[str]:
        return sorted(put.key for put in self.dropped[prefix])


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """A stack of its own: an erasure takes all results and the table's past, which other tests look at."""
    state = tmp_path_factory.mktemp("embedded aws")
    sources = [put.source for put in files_below(SAMPLES) if put.key.startswith("kiwi/")]
    people = {ERASED: sources[:4], KEPT: sources[4:]}
    dropped = {prefix: [Put(prefix + one.name, one) for one in found] for prefix, found in people.items()}
    with running_cloud(state) as cloud:
        pomona = Observer(cloud, deploy(cloud, state, PARAMETERS))
        list(upload(cloud.client("s3"), pomona.images, [put for puts in dropped.values() for put in puts]))
        settle(pomona)
        refit(pomona)
        yield Operator(pomona, dropped)
    shutil.rmtree(state)


def versions(pomona: Observer) -> list[str]:
    """The key of every version and every delete marker in the bucket."""
    found = pomona.cloud.client("s3").list_object_versions(Bucket=pomona.images)
    return sorted(one["Key"] for name in ("Versions", "DeleteMarkers") for one in found.get(name, ()))


def readable(pomona: Observer, key: str) -> bytes:
    """What an object of the lake says, unpacked: Parquet and Avro compress what they hold."""
    body = pomona.cloud.client("s3").get_object(Bucket=pomona.lake, Key=key)["Body"].read()
    if key.endswith(".parquet"):
        return repr(pq.read_table(io.BytesIO(body)).to_pylist()).encode()
    if key.endswith(".avro"):
        place = {"s3.endpoint": pomona.cloud.endpoint, "s3.region": REGION}
        credentials = {"s3.access-key-id": "local", "s3.secret-access-key": "local"}
        with AvroFile(PyArrowFileIO({**place, **credentials}).new_input(f"s3://{pomona.lake}/{key}")) as records:
            return repr(list(records)).encode()
    return body


def traces(pomona: Observer, of: str) -> list[str]:
    """Every object of the lake that names a key of this prefix, or begins to: manifests shorten their bounds."""
    names = [item["Key"] for item in pomona.objects(pomona.lake) if not item["Key"].startswith("jobs/")]
    return [name for name in names if of.encode() in readable(pomona, name)]


def test_after_a_run_an_operator_sees_what_it_did_and_reads_what_it_wrote(operator: Operator):
    # Given the runs that brought the images' rows, and a refit
    told = operator.reads("runs")
    featurized = [run for run in told if run["name"].startswith("featurize-")]
    (refitted, *_) = [run for run in told if run["name"].startswith("refit-")]
    assert {run["state"] for run in told} == {"SUCCESS"}
    # Then each is told with what it did, took and cost
    assert sum(run["images"]["done"] for run in featurized) == sum(map(len, operator.dropped.values()))
    assert all(run["seconds"] > 0 and run["cost"] > 0 and run["currency"] == "USD" for run in told)
    table = operator.types("runs").stdout
    assert all(run["batch"] in table for run in told)
    # And nothing waits, nothing has failed, and the refit is of rows
    status = operator.status()
    assert (status["pending"]["keys"], status["in_flight"], status["failed_batches"]) == (0, None, [])
    assert status["last_refit"]["components"] == 2
    assert status["last_refit"]["run"]["name"] == refitted["name"]
    assert status["last_refit"]["run"]["cost"] == refitted["cost"] > 0
    lines = operator.types("status").stdout.splitlines()
    assert [line for line in lines if line.startswith(("pending", "in flight"))] == [
        "pending    nothing",
        "in flight  nothing",
    ]
    # And the table is counted, without and with what only a refit counts
    images = sum(map(len, operator.dropped.values()))
    assert (status["images"], status["needs_refit"], status["dead_letters"]) == (images, False, 0)
    assert status["at_the_last_refit"] == {"images": images, "with_features": images, "errors": 0, "classes": 2}
    assert status["next_refit"]["next_at"] > status["at"]
    # And the report is there, and another refit is not needed
    page = operator.types("report", "--out", "-").stdout
    assert "<html" in page
    assert operator.types("refit", "--wait").stdout == (
        "No refit was started: neither rows nor settings have changed since the last refit.\n"
    )
    # And the logs of a batch are its own, as those of the refit are
    batch = featurized[0]["batch"]
    logs = operator.types("logs", batch)
    assert f"--- featurize-{batch}-1/" in logs.stderr
    assert any('"featurized"' in line and batch in line for line in logs.stdout.splitlines())
    assert all(line["stream"].startswith(f"{refitted['batch']}/") for line in operator.reads("logs", refitted["batch"]))


def test_an_erasure_goes_from_its_request_to_its_end(operator: Operator):
    # Given rows, snapshots and results of a person, an older version of one image, and one deleted behind a marker
    pomona, s3 = operator.pomona, operator.pomona.cloud.client("s3")
    (first, *_), gone = operator.keys(ERASED), f"{ERASED}gone.jpg"
    for key in (first, gone):
        s3.put_object(Bucket=pomona.images, Key=key, Body=operator.dropped[ERASED][1].source.read_bytes())
    s3.delete_object(Bucket=pomona.images, Key=gone)
    settle(pomona)
    assert {name.partition("/")[0] for name in traces(pomona, ERASED)} >= {"warehouse", "results"}
    # When the person is erased
    told = operator.types("erase", ERASED, "--yes", "--json")
    erasure = json.loads(told.stdout)
    assert "5 objects (7 versions), 4 rows" in told.stderr
    # Then nothing of it is in the bucket any more, and status shows what is open, until a run has made it final
    assert versions(pomona) == operator.keys(KEPT)
    assert f"erasure    {erasure['id']} of the prefix '{ERASED}' is open" in operator.types("status").stdout
    until(lambda: not operator.status()["open_erasures"], 120, "the erasure is final")
    assert "erasure" not in operator.types("status").stdout
    # And the record says since when: all that the lake still has of it
    name = f"{FINAL}{erasure['id']}.json"
    final = pomona.document(name)
    assert (final["state"], final["prefix"], final["id"]) == ("final", ERASED, erasure["id"])
    assert datetime.fromisoformat(final["final_at"]) > datetime.fromisoformat(final["requested_at"])
    settle(pomona)
    assert traces(pomona, ERASED) == [name]
    assert not list(pomona.objects(pomona.lake, "results/"))
    # And the others are whole, and fitted again
    assert sorted(pomona.table()["key"].to_pylist()) == operator.keys(KEPT)
    told = operator.types("refit", "--wait")
    assert " succeeded after " in told.stdout
    assert "/report.html; `pomona report --open` shows it." in told.stdout
    latest = until(lambda: pomona.document("results/latest.json"), 120, "there are results again")
    assert latest["rows"] == len(operator.keys(KEPT))
    assert traces(pomona, ERASED) == [name]

"""Both lanes on the deployed template: the table is equal to the bucket, whichever lane took a key, whatever died."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from demo.rounds import files_below
from tests.e2e.test_kills import PARAMETERS, SAMPLES, Machine, processes, wait

pytestmark = pytest.mark.timeout(1500)
BOTH_LANES = PARAMETERS | {"ExpressKeys": "20", "LaunchAtKeys": "30"}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine.running(tmp_path_factory.mktemp("both lanes"), BOTH_LANES) as machine:
        yield machine


@pytest.fixture(scope="module")
def bodies() -> list[bytes]:
    """Different images that can be read."""
    readable = [put.source for put in files_below(SAMPLES) if not put.key.startswith("broken/")]
    return list(dict.fromkeys(Path(source).read_bytes() for source in readable))


def put(machine: Machine, key: str, body: bytes) -> None:
    machine.cloud.client("s3").put_object(Bucket=machine.pomona.images, Key=key, Body=body)


def settle(machine: Machine) -> list[dict]:
    """Wait until nothing waits; return the records that were written meanwhile."""
    before = len(machine.pomona.run_records())
    wait(lambda: len(machine.pomona.run_records()) > before and not machine.pomona.waiting())
    return machine.pomona.run_records()[before:]


def etags_of_the_bucket(machine: Machine) -> dict[str, str]:
    return {item["Key"]: item["ETag"].strip('"') for item in machine.pomona.objects(machine.pomona.images)}


def etags_of_the_table(machine: Machine) -> dict[str, str]:
    rows = machine.pomona.table().select(["key", "etag"]).to_pylist()
    found = {row["key"]: row["etag"] for row in rows}
    assert len(found) == len(rows), "two rows of one key"
    return found


def test_a_few_new_images_are_rows_without_spark(machine, bodies):
    # Given an empty stack, when a few images are uploaded
    for number in range(5):
        put(machine, f"new/{number}.jpg", bodies[number])
    records = settle(machine)
    # Then the express lane has made the table and its rows, and no run of the cluster was started
    assert {record["lane"] for record in records} == {"express"}
    assert etags_of_the_table(machine) == etags_of_the_bucket(machine)
    assert not machine.pomona.job_runs("featurize-")
    # And its bill is that of a function
    bills = [machine.pomona.document(f"runs/{one['batch_id']}-{one['attempt']}.billed.json") for one in records]
    assert all(0 < bill["cost"] < 0.001 and bill["vcpu_hours"] == 0 for bill in bills)


def test_a_killed_express_run_is_done_by_the_cluster(machine, bodies):
    # Given express runs whose processes are killed as soon as they are there
    for number in range(5, 20):
        put(machine, f"killed/{number}.jpg", bodies[number % len(bodies)])

    def is_tried_again() -> bool:
        for pid in processes("worker.py", "express.handler", str(machine.state)):
            os.kill(pid, signal.SIGKILL)
        return bool((machine.pomona.document("queue/active.json") or {}).get("attempt", 0) > 1)

    wait(is_tried_again)
    # Then the cluster makes the next attempt, the table is equal to the bucket, and no row is there twice
    records = settle(machine)
    assert [(record["lane"], record["attempt"]) for record in records] == [("cluster", 2)]
    assert etags_of_the_table(machine) == etags_of_the_bucket(machine)


def test_a_life_of_changes_leaves_the_table_equal_to_the_bucket(machine, bodies):
    # Given some rounds in which images come, change and go in any order
    random = Random(7)
    s3, keys = machine.cloud.client("s3"), [f"life/{number}.jpg" for number in range(12)]
    lanes = set()
    for _ in range(5):
        for key in random.sample(keys, 6):
            if random.random() < 0.3:
                s3.delete_object(Bucket=machine.pomona.images, Key=key)
            else:
                put(machine, key, random.choice(bodies))
        lanes |= {record["lane"] for record in settle(machine)}
        # Then after each round the table is what the bucket is
        assert etags_of_the_table(machine) == etags_of_the_bucket(machine)
    # And both lanes had a part in it
    assert lanes == {"express", "cluster"}

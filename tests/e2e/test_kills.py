"""What is killed in the middle of work, and started again, loses no image and doubles no row."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo.cloud import EmbeddedCloud
from demo.deploy import deploy
from demo.observer import Observer
from demo.rounds import files_below, upload
from embedded_aws.background import start_server, stop, wait_for_endpoint
from embedded_aws.repository import ROOT

SAMPLES = ROOT / "samples" / "images"
pytestmark = pytest.mark.timeout(1500)
PARAMETERS = {
    "BatchWindowSeconds": "1",
    "ClockSchedule": "rate(1 minute)",
    "ExpressKeys": "0",
    "LaunchAfterMinutes": "0",
    "RetryAfterMinutes": "0",
}


class Machine:
    """An embedded AWS that can be killed and started again on the same state."""

    def __init__(self, state: Path, parameters: dict[str, str]) -> None:
        self.state = state
        self.start()
        try:
            self.outputs = deploy(self.cloud, state, parameters)
        except BaseException:  # the server would stay
            stop(self.server)
            raise

    @classmethod
    @contextmanager
    def running(cls, state: Path, parameters: dict[str, str]) -> "Iterator[Machine]":
        """One until the block ends."""
        machine = cls(state, parameters)
        try:
            yield machine
        finally:
            stop(machine.server)
            shutil.rmtree(state)

    def start(self) -> None:
        self.server = start_server(self.state)
        self.cloud = EmbeddedCloud(wait_for_endpoint(self.server, self.state))

    def kill(self) -> None:
        self.server.kill()
        self.server.wait()

    @property
    def pomona(self) -> Observer:
        return Observer(self.cloud, self.outputs)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine.running(tmp_path_factory.mktemp("embedded aws"), PARAMETERS) as machine:
        yield machine


def wait(condition: Callable[[], object], seconds: float = 600) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.2)


def processes(*words: str) -> list[int]:
    """The processes whose command line holds all the words."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if all(word in command for word in words):
            found.append(int(entry.parent.name))
    return found


def drivers(machine: Machine) -> set[int]:
    """The Python processes of a run: the driver, and its own processes if they are there yet."""
    words = "featurize_job.py", str(machine.state)
    return {*processes(*words)} - {*processes("java", *words)}


def drop(machine: Machine, folder: str) -> set[str]:
    puts = [put for put in files_below(SAMPLES) if put.key.startswith(folder)]
    return set(upload(machine.pomona.cloud.client("s3"), machine.pomona.images, puts))


def rows(machine: Machine) -> list[str]:
    return sorted(machine.pomona.table()["key"].to_pylist())


def test_a_killed_driver_is_tried_again(machine: Machine):
    # Given a run whose driver has begun its work
    keys = drop(machine, "kiwi/")
    wait(lambda: drivers(machine))
    # When the driver is killed
    for pid in drivers(machine):
        os.kill(pid, signal.SIGKILL)
    # Then another attempt makes each row, once
    wait(lambda: not machine.pomona.waiting())
    assert rows(machine) == sorted(keys)
    assert [record["attempt"] for record in machine.pomona.run_records()][-1] > 1


def test_a_killed_embedded_aws_goes_on_where_it_was(machine: Machine):
    before = set(rows(machine))
    # Given a run in flight, and events that nobody has read yet
    keys = drop(machine, "plum/")
    wait(lambda: processes("java", "featurize_job.py", str(machine.state)))
    keys |= drop(machine, "lemon/")
    # When all of it is killed, and started again
    machine.kill()
    wait(lambda: not processes("java", "featurize_job.py", str(machine.state)), 20)
    machine.start()
    # Then nothing is lost and nothing is there twice
    wait(lambda: not machine.pomona.waiting())
    assert rows(machine) == sorted(before | keys)


def test_a_killed_handler_loses_no_event(machine: Machine):
    before = set(rows(machine))
    # a message whose handler died is hidden for the six minutes of the template; a test need not wait that long
    queue = machine.outputs["EventQueueUrl"]
    machine.cloud.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "10"})
    keys = drop(machine, "orange/")
    # When the handlers are killed while they work
    for _ in range(5):
        for pid in processes("worker.py", str(machine.state)):
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.5)
    # Then the messages come again
    wait(lambda: set(rows(machine)) == before | keys and not machine.pomona.waiting())
    assert rows(machine) == sorted(before | keys)

"""An image that kills, hangs or bloats the process that decodes it costs its batch one row, and no attempt.

Real spark-submits, in which `tests/hostile_decoder.py` stands for a broken native decoder.
"""

import json
import os
import shutil
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from pomona.featurize.arguments import FeaturizeArguments
from pomona.featurize.partitioning import MOST_KEYS_A_TASK
from pomona.featurize.run import featurize
from tests import hostile_decoder
from tests.hostile_decoder import ABORT, CRASH, GROW, HANG, KILL, hostile
from tests.integration.test_featurize_job import Orchard, images_of, jpeg, orchard, submit  # noqa: F401 (fixtures)
from tests.lake_documents import read_json

SECONDS = 6
AMONG = int(os.environ.get("AMONG", "200"))  # 5,000 take some minutes, most of them the tests' S3's
REASONS = {
    CRASH: "cannot be decoded: its decoder crashed (SIGSEGV)",
    ABORT: "cannot be decoded: its decoder crashed (SIGABRT)",
    GROW: "cannot be decoded: its decoder needed more than 768 MB",
    HANG: f"cannot be decoded: its decoder took longer than {SECONDS} s",
}
Submit = Callable[[FeaturizeArguments], CompletedProcess[str]]


@pytest.fixture
def with_hostile_decoder(submit: Submit, tmp_path: Path) -> Submit:  # noqa: F811
    shutil.copy(hostile_decoder.__file__, tmp_path / "a job" / "sitecustomize.py")
    return submit


@pytest.fixture
def one_executor(spark_environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster of one executor, which is a process of its own and is started again when it is killed."""
    settings = tmp_path / "cluster"
    settings.mkdir()
    shutil.copy(Path(spark_environment["SPARK_CONF_DIR"]) / "spark-defaults.conf", settings)
    with (settings / "spark-defaults.conf").open("a") as defaults:
        defaults.write("spark.master local-cluster[1,1,1024]\n")
    monkeypatch.setenv("SPARK_CONF_DIR", str(settings))
    monkeypatch.setenv("SPARK_WORKER_DIR", str(tmp_path / "work"))
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")


def run_of(orchard: Orchard, keys: list[str]) -> FeaturizeArguments:  # noqa: F811
    claimed = orchard.claim(keys)
    return replace(claimed, limits=replace(claimed.limits, decode_seconds=SECONDS))


def record_of(run: FeaturizeArguments) -> dict[str, Any]:
    record = read_json(run.lake_bucket, f"runs/{run.batch_id}-{run.attempt}.json")
    assert record is not None
    return record


def put_innocent(orchard: Orchard, count: int) -> list[str]:  # noqa: F811
    keys = [f"Apple/{number}.jpg" for number in range(count)]
    for number, key in enumerate(keys):
        orchard.put(key, jpeg(number % 10))
    return keys


def refuse(orchard: Orchard, key: str) -> None:  # noqa: F811
    """Let S3 refuse to anybody what the object holds."""
    resource = f"arn:aws:s3:::{orchard.run.images_bucket}/{key}"
    denied = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": resource}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [denied]})
    orchard.s3.put_bucket_policy(Bucket=orchard.run.images_bucket, Policy=policy)


def errors(orchard: Orchard) -> dict[str, str]:  # noqa: F811
    rows = orchard.rows()
    assert all((row["features"] is None) == (row["error"] is not None) for row in rows.values())
    return {key: row["error"] for key, row in rows.items() if row["error"]}


@pytest.mark.parametrize(("marker", "processes"), [(CRASH, 0), (GROW, 0), (HANG, 0), (CRASH, 2), (GROW, 2), (HANG, 2)])
def test_one_guilty_image_costs_one_row(orchard, with_hostile_decoder, marker, processes):  # noqa: F811
    # Given images one of which does harm to the process that decodes it
    keys = put_innocent(orchard, AMONG - 1)
    orchard.put("guilty.ppm", hostile(marker))
    run = replace(run_of(orchard, [*keys, "guilty.ppm"]), processes=processes)
    # When the batch is featurized, by executors or by processes of the driver
    finished = with_hostile_decoder(run)
    # Then its first attempt commits all rows, and the guilty image's says why it has no features
    assert finished.returncode == 0, finished.stdout
    assert errors(orchard) == {"guilty.ppm": REASONS[marker]}
    assert len(orchard.rows()) == AMONG
    record = record_of(run)
    assert images_of(record) == {"done": AMONG - 1, "errors": 1}
    # And at most one task was repeated (on the driver, what was not done yet), with each image in a child process
    assert 1 <= record["careful"] <= MOST_KEYS_A_TASK


def test_several_guilty_images_in_one_task_beside_an_unreadable_object(orchard, with_hostile_decoder):  # noqa: F811
    # Given a batch of one task, in which each way to do harm occurs, two of them twice, and an object that S3 refuses
    keys = put_innocent(orchard, 20)
    guilty = {f"guilty/{number}.ppm": marker for number, marker in enumerate([CRASH, GROW, HANG, ABORT, CRASH, GROW])}
    for key, marker in guilty.items():
        orchard.put(key, hostile(marker))
    orchard.put("secret.jpg", jpeg(1))
    refuse(orchard, "secret.jpg")
    run = run_of(orchard, [*keys, *guilty, "secret.jpg"])
    # When the batch is featurized
    finished = with_hostile_decoder(run)
    # Then all rows but the refused object's are published, and the run fails for that object alone
    assert finished.returncode != 0
    said = [line for line in finished.stdout.splitlines() if line.startswith("featurize: ")]
    assert len(said) == 1
    assert said[0].startswith("featurize: 1 of 27 keys could not be read: S3 says ")
    assert errors(orchard) == {key: REASONS[marker] for key, marker in guilty.items()}
    record = record_of(run)
    assert images_of(record) == {"done": 20, "errors": 6, "unread": 1}
    # And the task was repeated once, with every image in a child process
    assert record["careful"] == 26
    planned = [json.loads(line[line.index("{") :]) for line in finished.stdout.splitlines() if '"planned"' in line]
    assert [line["tasks"] for line in planned] == [1]


def test_an_image_that_has_its_executor_killed_costs_one_row(orchard, with_hostile_decoder, one_executor):  # noqa: F811
    # Given an executor with one core, and the guilty image in the last of two tasks
    keys = put_innocent(orchard, 200)
    guilty = max((f"guilty-{number}.ppm" for number in range(10_000)), key=lambda key: zlib.crc32(key.encode()))
    orchard.put(guilty, hostile(KILL))
    run = run_of(orchard, [*keys, guilty])
    # When the executor is killed together with the rows of the first task
    finished = with_hostile_decoder(run)
    # Then both tasks are done again, and each image is counted once
    assert finished.returncode == 0, finished.stdout
    assert "exited with code 137" in finished.stdout
    assert errors(orchard) == {guilty: "cannot be decoded: its decoder crashed (SIGKILL)"}
    assert len(orchard.rows()) == 201
    record = record_of(run)
    assert (images_of(record), record["careful"]) == ({"done": 200, "errors": 1}, 201)


def test_an_attempt_after_one_that_failed_is_careful_from_its_start(orchard):  # noqa: F811
    run = replace(orchard.claim(put_innocent(orchard, 5), attempt=2), careful=True)
    record = featurize(run, orchard.spark)
    assert (images_of(record), record["careful"]) == ({"done": 5}, 5)

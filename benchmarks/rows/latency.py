"""From an upload to the committed row, through every part, in an embedded AWS with the smallest window."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from benchmarks.bench import Bench
from benchmarks.cloud import embedded_aws
from benchmarks.places import BenchError
from benchmarks.results import Goal, Row
from demo.cloud import EmbeddedCloud
from demo.deploy import deploy
from demo.observer import Observer
from pomona_contract.lake_layout import CLAIM

GOAL = Goal("shown, with its parts")
BACKBONE = "fruitnet"
IMAGES = 10
PARAMETERS = {"BatchWindowSeconds": "1", "LaunchAfterMinutes": "0", "ClockSchedule": "rate(1 minute)"}
TIMEOUT_SECONDS = 300


def measure(bench: Bench) -> Iterator[Row]:
    """Through a run of the cluster."""
    parts = measured_upload(bench, "latency", ExpressKeys="0")
    yield GOAL.row(
        f"upload to committed row, {IMAGES} images, on the embedded AWS",
        ours=parts["total"],
        unit="s",
        note=f"the network is {BACKBONE}; the window for events is a second, the shortest there is",
        details={"parts": parts},
    )


def measured_upload(bench: Bench, folder: str, **parameters: str) -> dict[str, float]:
    """The parts of one upload through the unchanged template, deployed with these parameters.

    Of three uploads the last counts, as the first meets cold functions.
    """
    with embedded_aws(bench.folder / folder) as endpoint:
        cloud = EmbeddedCloud(endpoint)
        bench.say("building and deploying template.yaml")
        deployed = deploy(cloud, bench.folder, PARAMETERS | {"BackboneName": BACKBONE} | parameters)
        pomona = Observer(cloud, deployed)
        objects = list(bench.options.pictures.objects(bench.size(3, 2) * IMAGES))
        return [_upload_and_wait(pomona, objects[n : n + IMAGES]) for n in range(0, len(objects), IMAGES)][-1]


def _upload_and_wait(pomona: Observer, objects: list[tuple[str, bytes]]) -> dict[str, float]:
    before = len(pomona.run_records())
    s3 = pomona.cloud.client("s3")
    began = datetime.now(UTC)
    for key, body in objects:
        s3.put_object(Bucket=pomona.images, Key=key, Body=body)
    claim = _claim(pomona)
    record = _record(pomona, before)
    started, finished = (datetime.fromisoformat(record[name]) for name in ("started_at", "finished_at"))
    claimed = datetime.fromisoformat(claim["claimed_at"])
    return {
        "events, window and ingest": _seconds(began, claimed),
        "launch and spark-submit": _seconds(claimed, started),
        "run": _seconds(started, finished),
        "total": _seconds(began, finished),
        **{f"run: {part}": seconds for part, seconds in record["seconds"].items()},
    }


def _seconds(since: datetime, until: datetime) -> float:
    return round((until - since).total_seconds(), 2)


def _claim(pomona: Observer) -> dict[str, Any]:
    return dict(_wait_for(pomona, lambda: pomona.document(CLAIM)))


def _record(pomona: Observer, before: int) -> dict[str, Any]:
    record = _wait_for(pomona, lambda: pomona.run_records()[before:][-1:])[0]
    _wait_for(pomona, lambda: not pomona.waiting())
    return dict(record)


def _wait_for(pomona: Observer, look: Any) -> Any:  # noqa: ANN401 (whatever is looked for)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if found := look():
            return found
        if failed := pomona.failed_batches():
            raise BenchError(f"the batch failed: {failed[0]['reason']}")
        time.sleep(0.1)
    raise BenchError(f"after {TIMEOUT_SECONDS} s: {pomona.waiting()}")

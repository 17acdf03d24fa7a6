"""The steps of the main job after the deployment: two rounds of changes to the bucket, then a refit."""

import urllib.request

from demo.deploy import STACK
from demo.errors import DemoError
from demo.observer import FINAL_STATES, Observer
from demo.progress import say, wait_until
from demo.rounds import Rounds, delete, upload


def settle(pomona: Observer) -> None:
    """Wait until every event is in the table, and print what the runs did."""
    before = len(pomona.run_records())

    def pending() -> str:
        for batch in pomona.failed_batches():
            raise DemoError(f"batch {batch['batch_id']} failed {batch['attempts']} times: {batch['reason']}")
        return pomona.waiting()

    wait_until(pending)
    for record in pomona.run_records()[before:]:
        found = {**record["images"], "deferred": record["deferred"]}
        counts = ", ".join(f"{count} {name}" for name, count in found.items() if count) or "nothing to do"
        say(f"  {record['lane']} run {record['batch_id']}: {counts} in {record['seconds']['total']:.1f} s")


def drop(pomona: Observer, rounds: Rounds) -> None:
    """Make the changes of both rounds to the bucket; the stack reacts to the events."""
    s3 = pomona.cloud.client("s3")
    wait_until(pomona.waiting)  # S3's test event opens a batching window, which would split the first round
    say(f"round 1: dropping {len(rounds.first)} images into {pomona.images}")
    for number, _ in enumerate(upload(s3, pomona.images, rounds.first), 1):
        if number % 1000 == 0:
            say(f"  {number} of {len(rounds.first)} are in the bucket")
    settle(pomona)
    say(f"round 2: {len(rounds.second)} images changed or added, {len(rounds.deleted)} deleted")
    for _ in upload(s3, pomona.images, rounds.second):
        pass
    delete(s3, pomona.images, rounds.deleted)
    settle(pomona)


def refit(pomona: Observer) -> None:
    """Fire the refit schedule and wait for its run."""
    say("firing the refit schedule")
    url = f"{pomona.cloud.endpoint}/_local/schedules/{STACK}-refit/fire"
    with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=120):  # noqa: S310 - loopback
        pass

    def pending() -> str:
        runs = pomona.job_runs("refit-")
        state = runs[0]["state"] if runs else "not started"
        if state in FINAL_STATES and state != "SUCCESS":
            raise DemoError(f"the refit ended as {state}: {runs[0].get('stateDetails', '')}")
        return "" if state == "SUCCESS" else f"the refit is {state.lower()}"

    wait_until(pending)

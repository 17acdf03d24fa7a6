"""`make demo`: the main job, end to end, through the unchanged template, on a folder of images."""

import argparse
import shutil
import signal
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from demo.deploy import ROOT, STACK, Cloud, DeployError, deploy
from demo.observer import ENDED, Observer
from demo.rounds import Rounds, delete, files_below, left_out_below, plan, upload
from embedded_aws.background import StartError, start_server, stop, wait_for_endpoint
from embedded_aws.cloudformation.parameters import check_parameters
from pomona_contract.image_keys import IgnoredNames
from pomona_contract.lake_layout import LATEST_RESULTS

BEGAN = time.monotonic()
WORK_TIMEOUT_SECONDS = 6 * 3600
SAY_EVERY_SECONDS = 5


class DemoError(Exception):
    """The demo cannot go on; the text says why."""


def say(text: str) -> None:
    print(f"[{time.monotonic() - BEGAN:5.0f} s] {text}", flush=True)


def arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--images", type=_folder, required=True, help="folder of images, any depth, any names")
    parser.add_argument("--backbone", required=True)
    parser.add_argument("--components", required=True, help="a number, or a share of the variance")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--keep", action="store_true", help="leave the embedded AWS up")
    return parser.parse_args(words)


def _folder(text: str) -> Path:
    if not text or not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not a folder: IMAGES names one that holds your images")
    return Path(text)


@contextmanager
def embedded_aws(state: Path, keep: bool, host: str = "127.0.0.1") -> Iterator[Cloud]:
    """An embedded AWS of its own, on a free port; stopped at the end, whatever happens, unless it is to be kept."""
    server = start_server(state, host)
    try:
        yield Cloud(wait_for_endpoint(server, state))
    except BaseException:
        stop(server)
        raise
    if keep:
        say(f"the embedded AWS stays up; stop it with: make down STATE='{state}'")
    else:
        stop(server)


def wait_until(done: Callable[[], str]) -> None:
    """Polls `done`, which says what is still waited for, and shows it now and then."""
    said = 0.0
    deadline = time.monotonic() + WORK_TIMEOUT_SECONDS
    while text := done():
        if time.monotonic() > deadline:
            raise DemoError(f"gave up waiting: {text}")
        if time.monotonic() - said > SAY_EVERY_SECONDS:
            said = time.monotonic()
            say(f"  {text}")
        time.sleep(0.3)


def settle(pomona: Observer) -> None:
    """Waits until every event has become a row, and shows what the runs did."""
    before = len(pomona.run_records())

    def waiting() -> str:
        for batch in pomona.failed_batches():
            raise DemoError(f"batch {batch['batch_id']} failed {batch['attempts']} times: {batch['reason']}")
        return pomona.waiting()

    wait_until(waiting)
    for record in pomona.run_records()[before:]:
        counts = ", ".join(f"{count} {name}" for name, count in record["images"].items())
        say(f"  run {record['batch_id']}: {counts} in {record['seconds']['total']:.1f} s")


def drop(pomona: Observer, rounds: Rounds) -> None:
    """The two rounds; the events do the rest."""
    s3 = pomona.cloud.client("s3")
    wait_until(pomona.waiting)  # S3's test event opens a window, which would cut the first round in two
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
    """Fires the refit schedule and waits for its run."""
    say("firing the refit schedule")
    url = f"{pomona.cloud.endpoint}/_local/schedules/{STACK}-refit/fire"
    with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=120):  # noqa: S310 - loopback
        pass

    def waiting() -> str:
        runs = pomona.job_runs("refit-")
        state = runs[0]["state"] if runs else "not started"
        if state in ENDED and state != "SUCCESS":
            raise DemoError(f"the refit ended as {state}: {runs[0].get('stateDetails', '')}")
        return "" if state == "SUCCESS" else f"the refit is {state.lower()}"

    wait_until(waiting)


def collect(pomona: Observer, out: Path) -> str:
    """Writes `out` (the table, the results, the report) and returns the demo's last line."""
    latest = pomona.document(LATEST_RESULTS)
    if latest is None:
        raise DemoError("there are no results: the refit run did not write results/latest.json")
    shutil.rmtree(out, ignore_errors=True)
    _download(pomona, latest["prefix"], out / "results")
    shutil.copy(out / "results" / "report.html", out / "report.html")
    table = pomona.table()
    pq.write_table(table, out / "features.parquet")
    ignored = IgnoredNames(tuple(part for part in pomona.outputs.get("IgnoredNames", "").split(",") if part))
    objects = sorted(item["Key"] for item in pomona.objects(pomona.images))
    keys = [key for key in objects if not ignored.matches(key)]
    if len(keys) < len(objects):
        say(f"{len(objects) - len(keys)} objects are no images by their names (IgnoredNames), and have no rows")
    if sorted(table["key"].to_pylist()) != keys:
        raise DemoError(f"the table's {table.num_rows} rows are not the bucket's {len(keys)} images")
    features, errors = (pc.sum(pc.is_valid(table[name])).as_py() or 0 for name in ("features", "error"))
    runs = len(pomona.run_records())
    return (
        f"demo: images={len(keys)} features={features} errors={errors} runs={runs} components={latest['components']} "
        f"variance={latest['variance']:.2f} seconds={time.monotonic() - BEGAN:.0f}"
    )


def _download(pomona: Observer, prefix: str, folder: Path) -> None:
    s3 = pomona.cloud.client("s3")
    for item in pomona.objects(pomona.lake, prefix):
        target = folder / item["Key"].removeprefix(prefix).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(pomona.lake, item["Key"], str(target))


def prepare(options: argparse.Namespace) -> tuple[Rounds, dict[str, str]]:
    """What will be dropped, and the stack's parameters; DemoError or DeployError before anything is started."""
    rounds = plan(files_below(options.images))
    if not rounds.first:
        raise DemoError(f"there are no files in {options.images}")
    for name in left_out_below(options.images):
        say(f"left out, because a key of S3 is at most 1,024 bytes of UTF-8: {name}")
    parameters = {
        "BackboneName": options.backbone,
        "Components": options.components,
        "BatchWindowSeconds": "3",
        "ClockSchedule": "rate(1 minute)",
        "LaunchAfterMinutes": "0",
        "RetryAfterMinutes": "0",
        # as many as the second round has: that round is one run, and a large first round starts before it is all there
        "LaunchAtKeys": str(len(rounds.second) + len(rounds.deleted)),
    }
    check_parameters(parameters)
    return rounds, parameters


def run(options: argparse.Namespace, rounds: Rounds, parameters: dict[str, str], state: Path) -> str:
    with embedded_aws(state, options.keep) as cloud:
        say("building and deploying template.yaml")
        pomona = Observer(cloud, deploy(cloud, state, parameters))
        drop(pomona, rounds)
        refit(pomona)
        return collect(pomona, options.out)


def keep_logs(state: Path) -> None:
    """Remove hundreds of megabytes of a demo that failed, but not what says why."""
    for path in state.iterdir():
        if path.is_dir() and path.name != "logs":
            shutil.rmtree(path, ignore_errors=True)
        elif path.suffix not in ("", ".log", ".jsonl"):
            path.unlink()


def main(words: list[str]) -> None:
    options = arguments(words)
    try:
        rounds, parameters = prepare(options)
    except (DemoError, DeployError) as error:
        sys.exit(f"demo: {error}")
    (ROOT / ".local-aws").mkdir(exist_ok=True)
    state = Path(tempfile.mkdtemp(prefix="demo-", dir=ROOT / ".local-aws"))
    say(f"starting the embedded AWS; everything it logs is in {state / 'logs'}")
    try:
        line = run(options, rounds, parameters, state)
    except (DemoError, DeployError, StartError) as error:
        keep_logs(state)
        sys.exit(f"demo: {error}\ndemo: the logs are in {state}")
    except KeyboardInterrupt:
        keep_logs(state)
        sys.exit(f"demo: interrupted; the logs are in {state}")
    if not options.keep:
        shutil.rmtree(state, ignore_errors=True)
    say(f"wrote {options.out / 'features.parquet'}, {options.out / 'results'} and {options.out / 'report.html'}")
    print(line)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main(sys.argv[1:])

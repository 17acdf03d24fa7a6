"""Write docs/scale.md: how far Pomona scales, from measured rates, published limits and a simulated queue.

`make bench-pages` runs it.
"""

import argparse
import math
import sys
from dataclasses import dataclass

from benchmarks.cost import (
    MAX_EXECUTORS,
    MAX_KEYS_PER_RUN,
    ROW_BYTES,
    WORKER_VCPUS,
    Prices,
    dollars,
    pomona_parts,
    run_seconds,
)
from benchmarks.cost import prices as read_prices
from benchmarks.figures import Figures, figures
from benchmarks.places import ROOT, BenchError
from benchmarks.prose import paragraph
from benchmarks.simulation import EVENTS_OF_A_BATCH, Outcome, Simulation
from benchmarks.template import template_settings
from pomona_intake.runs.parameters import DRIVER_KEYS, KEYS_PER_EXECUTOR

PAGE = ROOT / "docs" / "scale.md"
FILE_BYTES = 128 * 2**20
DAY = 86_400
# published limits: (what, number, where it is published)
LIMITS = (
    ("S3 reads of a prefix", "5,500 a second", "S3 user guide, Optimizing performance"),
    ("S3 writes of a prefix", "3,500 a second", "S3 user guide, Optimizing performance"),
    ("keys in a listing", "1,000", "S3 API, ListObjectsV2"),
    ("messages in flight of a standard queue", "120,000", "SQS developer guide, Quotas"),
    ("payload of an invocation", "6 MB", "Lambda developer guide, Quotas"),
    ("concurrent vCPUs of EMR Serverless", "16 in a new account", "EMR Serverless user guide, Quotas"),
    ("StartJobRun", "1 a second, 25 at once", "EMR Serverless user guide, Quotas"),
    ("GetTable, UpdateTable of Glue", "10 a second and more", "AWS general reference, Glue quotas"),
)
READS_A_SECOND = 5_500


@dataclass(frozen=True)
class Case:
    """So many images, arriving at so many a second (0: they are there already, a backfill)."""

    name: str
    images: int
    per_second: float


CASES = (
    Case("1,000,000 images in a day", 1_000_000, 1_000_000 / DAY),
    Case("10,000,000 images in a week", 10_000_000, 10_000_000 / (7 * DAY)),
    Case("100,000,000 images in a month", 100_000_000, 100_000_000 / (30 * DAY)),
    Case("1,000 uploads a second, for an hour", 3_600_000, 1_000.0),
    Case("100,000 uploads in one burst", 100_000, 100_000.0),
    Case("a backfill of 10,000,000 objects", 10_000_000, 0.0),
)


def rate(figure: Figures, executors: int) -> float:
    """Images a second of so many executors, in long runs."""
    return figure.images_per_core_second * WORKER_VCPUS * executors


def line_of(case: Case, figure: Figures, at: Prices) -> list[str]:
    """A case's row."""
    keys = _keys_of_a_run(case, figure)
    runs = math.ceil(case.images / keys)
    seconds = runs * run_seconds(keys, figure)
    arriving = case.images / case.per_second if case.per_second else 0.0
    behind = "keeps up" if seconds <= arriving else f"{_duration(seconds - arriving)} behind at the end"
    gigabytes = case.images * ROW_BYTES / 1e9
    segments = math.ceil(case.images / (EVENTS_OF_A_BATCH if case.per_second * 60 > EVENTS_OF_A_BATCH else keys))
    return [
        case.name,
        f"{segments:,}",
        f"{runs:,} of {keys:,}",
        _duration(seconds),
        behind if case.per_second else "",
        f"{gigabytes:,.0f} GB, {max(1, round(gigabytes * 1e9 / FILE_BYTES)):,} files",
        f"{min(rate(figure, MAX_EXECUTORS), READS_A_SECOND):,.0f}",
        dollars(sum(pomona_parts(case.images, figure, at).values())),
    ]


def _keys_of_a_run(case: Case, figure: Figures) -> int:
    """What arrives while a run takes its time, at least what launches one, at most what one may take."""
    if not case.per_second:
        return min(MAX_KEYS_PER_RUN, case.images)
    surplus = 1 - case.per_second / rate(figure, MAX_EXECUTORS)
    waiting = case.per_second * run_seconds(0, figure) / surplus if surplus > 0 else MAX_KEYS_PER_RUN
    return int(min(max(waiting, 1_000), MAX_KEYS_PER_RUN, case.images))


def _duration(seconds: float) -> str:
    for unit, length in (("days", DAY), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:.0f} s"


def page(figure: Figures, at: Prices, steady: Outcome, burst: Outcome) -> str:
    """Return docs/scale.md."""
    return "\n".join([*_head(figure, at), *_cases(figure, at), *_limits(figure), *_simulated(steady, burst, at)]) + "\n"


def _head(figure: Figures, at: Prices) -> list[str]:
    return [
        "# Scale",
        "",
        *paragraph(
            "`benchmarks/scale.py` writes this page. The rates are from `benchmarks/results.json`, measured on "
            f"{figure.cores} cores of {figure.machine}: {figure.images_per_core_second:.0f} images a second and core, "
            f"a fixed cost of {figure.fixed_seconds:.1f} s for a run, {figure.refit_seconds:.0f} s for a refit of "
            f"{figure.refit_rows:,} rows. The prices are of {at.as_of}. The limits are those that AWS publishes. No "
            "measurement here can show how EMR Serverless and S3 behave in an account; `make smoke` shows it."
        ),
    ]


def _cases(figure: Figures, at: Prices) -> list[str]:
    heads = ("case", "segments", "runs", "computing", "at the end", "table", "S3 reads a second", "dollars")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    lines += [f"| {' | '.join(line_of(case, figure, at))} |" for case in CASES]
    return [
        f"## With the template's defaults ({MAX_EXECUTORS} executors of {WORKER_VCPUS} vCPUs)",
        "",
        *lines,
        "",
        *paragraph(
            "One run is in flight at a time, so the size of the runs grows with the load, up to `MaxKeysPerRun` "
            f"({MAX_KEYS_PER_RUN:,} keys). With the defaults the maximum is {rate(figure, MAX_EXECUTORS):,.0f} images "
            f"a second. Raise `MaxExecutors` and `MaxVcpus` for more: {math.ceil(1000 / rate(figure, 1))} executors "
            "keep up with 1,000 uploads a second. Small runs stay small: a run of up to "
            f"{DRIVER_KEYS:,} keys has no executor, a larger one starts with one for each {KEYS_PER_EXECUTOR:,} keys."
        ),
        *paragraph(
            "A run looks up its keys in the table. The first and the last key of a file tell whether the run must "
            "open it. Keys that begin with a date, or with a growing number, are in few files. Keys in no order can "
            f"be in every file; the run then fetches the narrow columns of all files: {figure.look_seconds:.1f} s for "
            f"{figure.look_rows:,} rows on these {figure.cores} cores, so "
            f"{_duration(figure.look_seconds * 1e8 / figure.look_rows)} for 100,000,000. In this case fewer and larger "
            "runs help: raise `LaunchAfterMinutes`."
        ),
        *paragraph(
            f"A refit reads the table twice. 100,000,000 rows take "
            f"{_duration(figure.refit_seconds * 1e8 / figure.refit_rows)} on these {figure.cores} cores, and less in "
            f"proportion to the executors: {MAX_EXECUTORS} have {MAX_EXECUTORS * WORKER_VCPUS} cores."
        ),
    ]


def _limits(figure: Figures) -> list[str]:
    lines = ["## Limits, as published", "", "| | limit | source |", "|---|---|---|"]
    lines += [f"| {what} | {number} | {source} |" for what, number, source in LIMITS]
    executors = math.floor(READS_A_SECOND / rate(figure, 1))
    return [
        *lines,
        "",
        *paragraph(
            "The first limit is the 16 vCPUs of a new account. A run uses at most half of them: a driver and "
            f"{MAX_EXECUTORS} executors. It is a service quota that AWS raises.",
            f"The next limit is 5,500 reads a second of one S3 prefix, at about {executors} executors. S3 splits "
            "prefixes as load grows, and keys in several folders raise it at once.",
            "The commits of the table are no limit: there is one for each run.",
            f"`advance` lists a queue of 10,000 segments (35,000,000 keys) in {figure.advance_seconds:.1f} s. Raise "
            "`MaxKeysPerRun` before the queue gets that long.",
        ),
    ]


def _simulated(steady: Outcome, burst: Outcome, at: Prices) -> list[str]:
    heads = ("", f"{steady.keys:,} keys, 1,000 a second", f"{burst.keys:,} keys at once")
    rows = {
        "events (1 % of them twice, in any order)": [f"{one.events:,}" for one in (steady, burst)],
        "invocations of ingest": [f"{one.invocations:,}" for one in (steady, burst)],
        "segments": [f"{one.segments:,}" for one in (steady, burst)],
        "batches": [f"{one.batches:,}" for one in (steady, burst)],
        "largest batch, keys": [f"{one.largest_batch:,}" for one in (steady, burst)],
        "runs that failed and were retried": [f"{one.failed_runs:,}" for one in (steady, burst)],
        "longest queue, segments": [f"{one.longest_line:,}" for one in (steady, burst)],
        "simulated time until the last batch is settled": [_duration(one.seconds) for one in (steady, burst)],
        "S3 requests of the queue": [
            ", ".join(f"{number:,} {kind}" for kind, number in sorted(one.requests.items())) for one in (steady, burst)
        ],
        "their cost, dollars": [dollars(request_cost(one, at)) for one in (steady, burst)],
        "keys lost": [f"**{one.lost}**" for one in (steady, burst)],
    }
    lines = [f"| {' | '.join(heads)} |", "|---|---|---|"]
    lines += [f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()]
    return [
        "## The queue, simulated",
        "",
        *paragraph(
            "The simulation runs the deployed code of `ingest` and `advance` on models of S3 and EMR Serverless, with "
            "the conditional requests of AWS. 3 % of the runs fail, and 5 % of the state changes never arrive. The "
            "simulation ends with an error if a key is lost or anything is left in the queue."
        ),
        *lines,
        "",
    ]


def request_cost(outcome: Outcome, at: Prices) -> float:
    """Dollars of the queue's S3 requests; deletions are free."""
    writes = outcome.requests.get("PUT", 0) + outcome.requests.get("LIST", 0)
    return writes * at["s3_put_1000"] / 1000 + outcome.requests.get("GET", 0) * at["s3_get_1000"] / 1000


def simulate(keys: int, per_second: float, figure: Figures) -> Outcome:
    """The template's settings, and runs as long as measured."""
    return Simulation(template_settings(), lambda one: run_seconds(one, figure)).run(keys, per_second)


def main() -> None:
    """Simulate and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    keys = parser.parse_args().keys
    try:
        figure = figures()
        steady, burst = (simulate(keys, per_second, figure) for per_second in (1_000.0, 1e9))
        PAGE.write_text(page(figure, read_prices(), steady, burst))
    except BenchError as error:
        sys.exit(f"scale: {error}")
    print(f"wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()

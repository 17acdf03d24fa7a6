"""Write docs/cost.md: what Pomona and its alternatives cost, from measured rates and dated list prices.

`make bench-pages` runs it.
"""

import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.demands import featurize_demand, refit_demand
from benchmarks.figures import Figures, figures
from benchmarks.idle import GET, GLUE, HOURS_OF_A_DAY, LIST, LOOKS_OF_AN_HOUR, Idle, count_idle
from benchmarks.places import ROOT, BenchError
from benchmarks.prose import paragraph
from benchmarks.template import template_settings
from embedded_aws.emr_serverless.workers import Capacity, Demand
from pomona.refit.run import DRIVER_BYTES

PRICES = ROOT / "benchmarks" / "prices.json"
PAGE = ROOT / "docs" / "cost.md"
HOUR, MONTH_HOURS = 3600, 730

# what the template deploys: a run of the largest batch asks for all that a run may have
DEPLOYED = template_settings()
MAX_KEYS_PER_RUN = DEPLOYED.max_keys_per_run
_LARGEST = featurize_demand(DEPLOYED, MAX_KEYS_PER_RUN)
WORKER_VCPUS, MAX_EXECUTORS = int(_LARGEST.executor.vcpus), int(_LARGEST.executors_at_most)
EVENTS_OF_A_MESSAGE_BATCH = 3_500  # 6 MB of messages with an S3 event each
LAMBDA_GB = 0.25
LAMBDA_VCPUS = 256 / 1769
ALARM_METRICS = 17  # that the alarms of every stack look at: each is billed as an alarm
DAILY_SCHEDULES = 2  # refit and maintenance
ROW_BYTES = 1_280 * 4 + 300

# what EMR takes beside the work: assumed, not measured here; the smoke test on an account shows it
WORKER_START_SECONDS = 60
CLUSTER_START_SECONDS = 8 * 60
LOOK_SECONDS = 0.4  # of a scheduled function that finds nothing to do: a handful of requests, one after the other
CLUSTER_WORKERS = 8  # of the published clusters of the baseline, with a primary node
COUNTS = (1_000, 1_000_000, 100_000_000)


@dataclass(frozen=True)
class Prices:
    """List prices in dollars."""

    as_of: str
    region: str
    check: str
    values: dict[str, float]
    sources: dict[str, tuple[str, str]]

    def __getitem__(self, name: str) -> float:
        return self.values[name]


def prices(path: Path = PRICES) -> Prices:
    """Read the file."""
    document = json.loads(path.read_text())
    entries = document["prices"]
    return Prices(
        as_of=document["as_of"],
        region=document["region"],
        check=document["check"],
        values={name: entry["value"] for name, entry in entries.items()},
        sources={name: (entry["source"], entry["confirmed"]) for name, entry in entries.items()},
    )


def workers_cost(seconds: float, workers: Capacity, at: Prices) -> float:
    """Return the dollars of these workers for so many seconds, at least a minute; 20 GB of disk a worker are free."""
    hour = workers.vcpus * at["emr_serverless_vcpu_hour"] + workers.memory_gb * at["emr_serverless_gb_hour"]
    return max(seconds, 60.0) / HOUR * hour


def run_seconds(keys: int, figure: Figures) -> float:
    """Return how long a run takes with the executors that it asks for at its start, from its start to its commit.

    Without executors the driver has the cores of one.
    """
    cores = max(featurize_demand(DEPLOYED, keys).executors_at_start, 1) * WORKER_VCPUS
    return WORKER_START_SECONDS + figure.fixed_seconds + keys / (figure.images_per_core_second * cores)


def runs_of(images: int) -> list[int]:
    """The keys of each run."""
    whole, rest = divmod(images, MAX_KEYS_PER_RUN)
    return [MAX_KEYS_PER_RUN] * whole + ([rest] if rest else [])


def pomona_parts(images: int, figure: Figures, at: Prices) -> dict[str, float]:
    """Dollars of each part, for that many new images, refitted once."""
    runs = runs_of(images)
    workers = {keys: featurize_demand(DEPLOYED, keys).at_start for keys in set(runs)}
    featurize = sum(workers_cost(run_seconds(keys, figure), workers[keys], at) for keys in runs)
    refit = refit_demand(DEPLOYED)
    refit_workers = refit.driver if images * ROW_BYTES <= DRIVER_BYTES else refit.driver + refit.executor
    refit_seconds = WORKER_START_SECONDS + figure.fixed_seconds + figure.refit_seconds * images / figure.refit_rows
    invocations = math.ceil(images / EVENTS_OF_A_MESSAGE_BATCH)
    lambda_seconds = figure.ingest_cpu_seconds * images / 10_000 / LAMBDA_VCPUS
    puts, gets = 2 * invocations + 40 * len(runs), images + 20 * invocations
    return {
        "EMR Serverless: featurize": featurize,
        "EMR Serverless: one refit": workers_cost(refit_seconds, refit_workers, at),
        "S3 requests": puts * at["s3_put_1000"] / 1000 + gets * at["s3_get_1000"] / 1000,
        "SQS": 1.3 * images * at["sqs_request_million"] / 1e6,  # a send each, receives and deletes of ten
        "Lambda": invocations * at["lambda_request_million"] / 1e6
        + lambda_seconds * LAMBDA_GB * at["lambda_gb_second"],
    }


def idle_month(idle: Idle, at: Prices, stored_images: int = 0) -> dict[str, float]:
    """Return the dollars of a month in which nothing is uploaded. Requests to EMR Serverless are free."""
    calls = MONTH_HOURS * (LOOKS_OF_AN_HOUR + DAILY_SCHEDULES / HOURS_OF_A_DAY)
    gets, lists, glue = (idle.month(kind, MONTH_HOURS) for kind in (GET, LIST, GLUE))
    return {
        f"Lambda ({calls:,.0f} invocations)": calls
        * (at["lambda_request_million"] / 1e6 + LOOK_SECONDS * LAMBDA_GB * at["lambda_gb_second"]),
        f"S3 ({gets:,.0f} GET, {lists:,.0f} LIST)": (gets * at["s3_get_1000"] + lists * at["s3_put_1000"]) / 1000,
        f"Glue ({glue:,.0f} requests)": glue * at["glue_request_million"] / 1e6,
        "SQS (five pollers, 20 s each)": 5 * MONTH_HOURS * HOUR / 20 * at["sqs_request_million"] / 1e6,
        f"alarms (of {ALARM_METRICS} metrics)": ALARM_METRICS * at["cloudwatch_alarm_month"],
        f"metrics ({', '.join(sorted(idle.hour.metrics))})": idle.metrics * at["cloudwatch_metric_month"],
        "table": stored_images * ROW_BYTES / 1e9 * at["s3_gb_month"],
    }


def notebook(images: int, figure: Figures, at: Prices) -> float:
    """Return the dollars of the baseline in a notebook on an m5.xlarge: the machine, without the person."""
    seconds = 300 + images / (figure.field_images_per_core_second * 4)
    return seconds / HOUR * at["ec2_m5_xlarge_hour"]


def cluster(images: int, figure: Figures, at: Prices) -> float:
    """Return the dollars of the baseline on a hand-started EMR cluster of m5.xlarge: a primary node and 8 workers."""
    seconds = CLUSTER_START_SECONDS + images / (figure.field_images_per_core_second * 4 * CLUSTER_WORKERS)
    return seconds / HOUR * (CLUSTER_WORKERS + 1) * (at["ec2_m5_xlarge_hour"] + at["emr_m5_xlarge_hour"])


def service(images: int, figure: Figures, at: Prices) -> float:
    """Return the dollars of a service on m5.xlarge that is always on, for at least a month."""
    seconds = images / (figure.field_images_per_core_second * 4)
    return max(seconds / HOUR, MONTH_HOURS) * at["ec2_m5_xlarge_hour"]


def page(figure: Figures, idle: Idle, at: Prices) -> str:
    """Return docs/cost.md."""
    return "\n".join([*_head(figure, at), *_images(figure, at), *_idle(idle, at), *_sources(at)]) + "\n"


def _head(figure: Figures, at: Prices) -> list[str]:
    return [
        "# What it costs",
        "",
        *paragraph(
            f"`benchmarks/cost.py` writes this page from `benchmarks/results.json` (measured on {figure.cores} cores "
            f"of {figure.machine}) and `benchmarks/prices.json` (list prices of {at.region}, {at.as_of}, no free tier, "
            "no tax). The page takes a core of that machine for a vCPU. `pomona status` and the report show the real "
            "cost of every run."
        ),
        "These figures are assumed, because they cannot be measured without an account:",
        "",
        f"- a worker of EMR Serverless is ready after {WORKER_START_SECONDS} s (billed);",
        f"- a cluster is ready after {CLUSTER_START_SECONDS // 60} minutes (billed);",
        f"- a scheduled function that finds nothing to do takes {LOOK_SECONDS} s.",
        "",
        *paragraph(
            "Runs request these workers, as `functions/pomona_intake/runs/parameters.py` asks with the defaults of "
            "the template. Executors that dynamic allocation adds later take work from the others, so the page does "
            f"not count them, except for the refit of a table of more than {DRIVER_BYTES >> 30} GB: its driver asks "
            "for an executor."
        ),
        "| run | at its start | at most |",
        "|---|---|---|",
        *(
            f"| {name} | {_workers(asked, asked.executors_at_start)} | "
            f"{_workers(asked, int(asked.executors_at_most))} |"
            for name, asked in _demands().items()
        ),
        "",
    ]


def _demands() -> dict[str, Demand]:
    runs = (10, 1_000, MAX_KEYS_PER_RUN)
    featurized = {f"featurize, {keys:,} images": featurize_demand(DEPLOYED, keys) for keys in runs}
    return {**featurized, "refit": refit_demand(DEPLOYED)}


def _workers(asked: Demand, executors: int) -> str:
    """A driver and its executors in words: all workers are of one size."""
    total = asked.driver + asked.executor * executors
    beside = f" + {executors} x {asked.executor.vcpus:g} vCPU" if executors else " alone"
    return f"driver{beside}: {total.vcpus:g} vCPU, {total.memory_gb:g} GB"


def _images(figure: Figures, at: Prices) -> list[str]:
    names = list(pomona_parts(1, figure, at))
    lines = ["## New images", "", f"| | {' | '.join(f'{count:,}' for count in COUNTS)} |", "|---" * 4 + "|"]
    parts = {count: pomona_parts(count, figure, at) for count in COUNTS}
    lines += [_line(name, [parts[count][name] for count in COUNTS]) for name in names]
    lines.append(_line("**Pomona**", [sum(parts[count].values()) for count in COUNTS]))
    others = {
        "a notebook on an instance": notebook,
        "a hand-started EMR cluster": cluster,
        "a service, always on": service,
    }
    lines += [_line(name, [other(count, figure, at) for count in COUNTS]) for name, other in others.items()]
    return [
        *lines,
        "",
        *paragraph(
            "Dollars. The alternatives run the Spark + Keras baseline at its measured best, "
            f"{figure.field_images_per_core_second:.1f} images a second and core (Pomona: "
            f"{figure.images_per_core_second:.1f}). A person starts and stops the notebook and the cluster; the table "
            "does not include that person's time. For the service the table has the bill of a month."
        ),
    ]


def _idle(idle: Idle, at: Prices) -> list[str]:
    parts = idle_month(idle, at)
    lines = ["## A month in which nothing happens", ""]
    lines += paragraph(
        "Requests and metrics are counted: `benchmarks/idle.py` calls the scheduled functions of an idle stack."
    )
    lines += ["| | dollars |", "|---|---|"]
    lines += [f"| {name} | {cost:.2f} |" for name, cost in parts.items()]
    left_on, stopped = MONTH_HOURS * at["ec2_m5_xlarge_hour"], 100 * at["ebs_gp3_gb_month"]
    forgotten = MONTH_HOURS * (CLUSTER_WORKERS + 1) * (at["ec2_m5_xlarge_hour"] + at["emr_m5_xlarge_hour"])
    return [
        *lines,
        f"| **Pomona** | **{sum(parts.values()):.2f}** |",
        f"| an instance that was stopped (100 GB of disk) | {stopped:.2f} |",
        f"| an instance that was left on, or a service | {left_on:.2f} |",
        f"| a cluster that was left on | {forgotten:.2f} |",
        "",
        *paragraph(
            f"The table of a million images has {1e6 * ROW_BYTES / 1e9:.1f} GB and costs "
            f"{1e6 * ROW_BYTES / 1e9 * at['s3_gb_month']:.2f} dollars a month. AWS bills a metric only for the hours "
            f"in which it is written ({at['cloudwatch_metric_month']} a month each). The table above does not include "
            "a KMS key of your own, access logs, and the images themselves."
        ),
    ]


def _sources(at: Prices) -> list[str]:
    lines = [
        "## Prices",
        "",
        "To check a price:",
        "",
        "```",
        *at.check.replace(" --filters", " \\\n  --filters").splitlines(),
        "```",
        "",
        "| | dollars | source | confirmed |",
        "|---|---|---|---|",
    ]
    return lines + [
        f"| {name} | {at[name]:.7g} | {source} | {confirmed} |" for name, (source, confirmed) in at.sources.items()
    ]


def _line(name: str, costs: list[float]) -> str:
    return f"| {name} | {' | '.join(dollars(cost) for cost in costs)} |"


def dollars(amount: float) -> str:
    """To three digits, and never less than a hundredth of a cent."""
    return f"{amount:,.4f}" if amount < 0.1 else f"{amount:,.2f}" if amount < 1000 else f"{amount:,.0f}"


def main() -> None:
    """Write the page."""
    try:
        PAGE.write_text(page(figures(), count_idle(), prices()))
    except BenchError as error:
        sys.exit(f"cost: {error}")
    print(f"wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()

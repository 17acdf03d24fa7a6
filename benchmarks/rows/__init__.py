"""The groups of rows: each is measured by itself, `make bench ROWS=name,name`."""

from collections.abc import Callable, Iterator

from benchmarks.bench import Bench
from benchmarks.results import Row
from benchmarks.rows import (
    classifier,
    engine,
    express,
    fixed,
    growth,
    intake,
    latency,
    long_life,
    memory,
    peers,
    photographs,
    refit,
    skew,
    whole_job,
)

GROUPS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "job": whole_job.measure,
    "engine": engine.measure,
    "fixed": fixed.measure,
    "photographs": photographs.measure,
    "growth": growth.measure_growth,
    "unchanged": growth.measure_unchanged,
    "deleted": growth.measure_deleted,
    "long-life": long_life.measure,
    "refit": refit.measure,
    "classifier": classifier.measure,
    "memory": memory.measure,
    "refit-memory": refit.measure_memory,
    "skew": skew.measure,
    "ingest": intake.measure_ingest,
    "advance": intake.measure_advance,
    "set-aside": intake.measure_set_aside,
    "latency": latency.measure,
    "express": express.measure,
    "peers": peers.measure,
}

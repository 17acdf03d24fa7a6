"""What a run costs as the table grows, when nothing has changed or all is deleted, and after a hundred earlier runs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from benchmarks.bench import Bench, interleaved
from benchmarks.deployment import Deployment
from benchmarks.results import Goal, Row
from benchmarks.tables import create, fill

GROWTH = Goal("≤ 1.3x", most=1.3)
UNCHANGED, DELETED = Goal("≤ 0.2", most=0.2), Goal("≤ 0.2", most=0.2)


def measure_growth(bench: Bench) -> Iterator[Row]:
    """A thousand new images into tables of different sizes, in turn; each repeat has keys that no table knows yet."""
    count, repeats = bench.size(1_000, 20), bench.size(3, 1)
    sizes = (0, 20_000, 200_000, 1_000_000) if not bench.options.quick else (0, 2_000)
    bucket, keys = bench.small_images(count * repeats)
    deployments = {size: bench.deployment(bucket) for size in sizes}
    for size, deployment in deployments.items():
        bench.say(f"writing a table of {size:,} rows")
        fill(deployment, size, "mobilenet_v2@filled")
    fresh = {size: iter([keys[n * count : (n + 1) * count] for n in range(repeats)]) for size in sizes}
    plans: dict[int, float] = {}

    def run(size: int) -> float:
        job = deployments[size].featurize(next(fresh[size]))
        plans[size] = job.record["seconds"]["plan"]
        return job.seconds

    taken = interleaved(repeats, {str(size): partial(run, size) for size in sizes})
    first, last = taken[str(sizes[0])].median, taken[str(sizes[-1])].median
    yield GROWTH.row(
        f"a run of {count:,} new images into a table of {sizes[-1]:,} rows, against an empty one",
        ours=last,
        theirs=first,
        unit="s",
        ratio=last / first,
        note="theirs is our own run into the empty table; the rows were written with 1,280 features each, under keys "
        "in no order, so that every file is looked into",
        details={f"{int(size):,}_rows": str(samples) for size, samples in taken.items()}
        | {"rows": sizes[-1], "look_seconds": round(plans[sizes[-1]] - plans[sizes[0]], 2)},
    )


def measure_unchanged(bench: Bench) -> Iterator[Row]:
    """The same keys twice: new, then unchanged."""
    images = bench.small_images(bench.size(5_000, 100))
    again = KeysTwice(bench, lambda: images)
    yield again.row(UNCHANGED, "unchanged", "keys whose images are unchanged")


def measure_deleted(bench: Bench) -> Iterator[Row]:
    """The same keys twice: new, then deleted from the bucket."""
    count = bench.size(5_000, 100)
    again = KeysTwice(bench, lambda: bench.small_images(count), bench.cloud.delete)
    yield again.row(DELETED, "deleted", "keys whose images were deleted")


@dataclass
class KeysTwice:
    """Two runs of the same keys: the first finds them new, the second after a change of the bucket."""

    bench: Bench
    images: Callable[[], tuple[str, list[str]]]
    """Makes a bucket with images, and gives their keys."""
    change: Callable[[str, list[str]], None] | None = None
    """What happens to the bucket between the runs, if anything."""
    records: list[dict[str, Any]] = field(default_factory=list)

    def _seconds(self) -> Iterator[float]:
        while True:
            bucket, keys = self.images()
            deployment = self.bench.deployment(bucket)
            create(deployment)
            yield self._run(deployment, keys)
            if self.change:
                self.change(bucket, keys)
            yield self._run(deployment, keys)

    def _run(self, deployment: Deployment, keys: list[str]) -> float:
        job = deployment.featurize(keys)
        self.records.append(job.record)
        return job.seconds

    def row(self, goal: Goal, outcome: str, keys: str) -> Row:
        """The second run against the first; every key must have had the outcome in the second."""
        runs = self._seconds()
        taken = interleaved(self.bench.size(3, 1), {"new": lambda: next(runs), outcome: lambda: next(runs)})
        (first, second), count = self.records[-2:], sum(self.records[-2]["images"].values())
        new, again = taken["new"].median, taken[outcome].median
        return goal.row(
            f"{count:,} {keys}, against {count:,} new ones",
            ours=again,
            theirs=new,
            unit="s",
            ratio=again / new,
            provided=second["images"][outcome] == count,
            note="whole jobs: the fixed cost of a run is in both",
            details={
                "new_samples": str(taken["new"]),
                f"{outcome}_samples": str(taken[outcome]),
                "parts_of_new": first["seconds"],
                f"parts_of_{outcome}": second["seconds"],
            },
        )

"""What a run costs as the table grows, when nothing has changed, and after a hundred earlier runs."""

from collections.abc import Iterator
from functools import partial

from benchmarks.bench import Bench, interleaved
from benchmarks.results import Goal, Row
from benchmarks.tables import create, fill

GROWTH, UNCHANGED = Goal("≤ 1.3x", most=1.3), Goal("≤ 0.15", most=0.15)


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
    count = bench.size(5_000, 100)
    bucket, keys = bench.small_images(count)
    records = []

    def twice() -> Iterator[float]:
        while True:
            deployment = bench.deployment(bucket)
            create(deployment)
            for _ in range(2):
                job = deployment.featurize(keys)
                records.append(job.record)
                yield job.seconds

    runs = twice()
    taken = interleaved(bench.size(3, 1), {"new": lambda: next(runs), "unchanged": lambda: next(runs)})
    new, unchanged = taken["new"].median, taken["unchanged"].median
    yield UNCHANGED.row(
        f"{count:,} keys whose images are unchanged, against {count:,} new ones",
        ours=unchanged,
        theirs=new,
        unit="s",
        ratio=unchanged / new,
        provided=records[-1]["images"]["unchanged"] == count,
        note="whole jobs: the fixed cost of a run is in both",
        details={
            "new_samples": str(taken["new"]),
            "unchanged_samples": str(taken["unchanged"]),
            "parts_of_new": records[-2]["seconds"],
            "parts_of_unchanged": records[-1]["seconds"],
        },
    )

"""The memory of a featurize run with three times the images."""

from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.results import Goal, Row

GOAL = Goal("≤ 1.15x", most=1.15)


def measure(bench: Bench) -> Iterator[Row]:
    """Two runs with executors, into tables of their own: the peak of driver, executor and Python workers together."""
    sizes = (bench.size(22_000, 50), bench.size(66_000, 150))  # the driver alone does fewer
    bucket, keys = bench.small_images(sizes[1])
    few, many = (bench.deployment(bucket).featurize(keys[:count]) for count in sizes)
    yield GOAL.row(
        f"peak memory of featurizing {sizes[1]:,} images against {sizes[0]:,}",
        ours=many.process.peak_bytes / 2**20,
        theirs=few.process.peak_bytes / 2**20,
        unit="MB",
        ratio=many.process.peak_bytes / few.process.peak_bytes,
        note="all processes together, pages that they share counted once; theirs is our own smaller run",
        details={
            "seconds": {f"{count:,}": round(job.seconds, 1) for count, job in zip(sizes, (few, many), strict=True)}
        },
    )

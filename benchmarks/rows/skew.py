"""A batch in which some images are a hundred times larger, against one of as many equal images with as many pixels."""

from collections.abc import Iterator

import numpy as np

from benchmarks.bench import Bench, interleaved
from benchmarks.cloud import Object
from benchmarks.pictures import SEED, SMALL, picture
from benchmarks.results import Goal, Row

GOAL = Goal("≤ 1.2x", most=1.2)
ONE_IN = 50
LARGER = 100
DIFFERENT = 20  # large images take long to make: as many different ones must do


def batch(count: int, skewed: bool) -> Iterator[Object]:
    """The images; the large ones of the skewed batch lie side by side, in a folder of their own."""
    sides = (SMALL, round(SMALL * LARGER**0.5)) if skewed else (mean_side(),)
    pools = [[picture(np.random.default_rng((SEED, side, n)), side, side) for n in range(DIFFERENT)] for side in sides]
    for number in range(count):
        large = number % ONE_IN == 0 and skewed
        folder = "large" if large else "small"
        yield f"{folder}/{number:06d}.jpg", pools[large][number // ONE_IN % DIFFERENT]


def mean_side() -> int:
    """The side in pixels of an image with as many pixels as the skewed batch's have on average."""
    mean_pixels = SMALL**2 * (ONE_IN - 1 + LARGER) / ONE_IN
    return round(float(mean_pixels**0.5))


def measure(bench: Bench) -> Iterator[Row]:
    """Both batches in turn, into tables of their own."""
    count = bench.size(2_500, 100)
    buckets = {}
    for kind in ("skewed", "even"):
        buckets[kind] = bench.cloud.bucket("images")
        bench.cloud.upload(buckets[kind], batch(count, kind == "skewed"))
    keys = {kind: bench.cloud.keys(bucket) for kind, bucket in buckets.items()}

    def seconds(kind: str) -> float:
        return bench.deployment(buckets[kind]).featurize(keys[kind]).seconds

    taken = interleaved(bench.size(3, 1), {kind: lambda kind=kind: seconds(kind) for kind in buckets})  # type: ignore[misc]
    skewed, even = taken["skewed"].median, taken["even"].median
    yield GOAL.row(
        f"a batch with 1 in {ONE_IN} images {LARGER} times larger, against an even one",
        ours=skewed,
        theirs=even,
        unit="s",
        ratio=skewed / even,
        note=f"{count:,} images each, as many pixels in both; theirs is our own run of the even batch",
        details={f"{kind}_samples": str(samples) for kind, samples in taken.items()},
    )

"""The best lane beside what a user would pick instead: Daft, Ray Data, and no framework at all.

All read the same images from the same S3 server, run the same network as the job does, and write Parquet to that
server, or the table. Their features must be the same.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.agreement import features_by_key, largest_difference
from benchmarks.bench import Bench, interleaved
from benchmarks.machine import cores
from benchmarks.peers import BASE, DAFT, FRAMEWORKS, Keys, Peer, Setting, told
from benchmarks.places import BenchError
from benchmarks.results import Document, Goal, Row, Samples
from benchmarks.rows.express import WarmFunction, warm_function
from benchmarks.tables import read_rows

SHOWN = Goal("shown")
SEARCHED_WITH = 2_000
"""Images, at most."""
FEW = 10


@dataclass(frozen=True)
class Size:
    """So many images, by which lane, how often, and how much faster than Daft that is to be."""

    images: int
    quick_images: int
    repeats: int
    is_express: bool
    goal: Goal


SIZES = (
    Size(10, 10, 5, True, Goal("≥ 3x", least=3.0)),
    Size(200, 20, 5, True, Goal("≥ 1.5x", least=1.5)),
    Size(5_000, 60, 2, False, Goal("≥ 1x", least=1.0)),
    Size(20_000, 120, 1, False, Goal("≥ 1x", least=1.0)),
)


class ExpressLane:
    """The warm function on one core, and a table that is there."""

    name = "the warm express lane"

    def __init__(self, bench: Bench, bucket: str, function: WarmFunction) -> None:
        self._bench = bench
        self._function = function
        self.deployment = bench.deployment(bucket)
        self.import_seconds = function.import_seconds
        """Of a function that starts."""

    def seconds(self, keys: Keys) -> float:
        """From the invocation to its answer."""
        batch_id = self.deployment.claim(keys)
        began = time.perf_counter()
        self._answer(self._function, batch_id)
        return time.perf_counter() - began

    def cold_seconds(self, keys: Keys) -> float:
        """The same with a function that has to start first: its process, its imports, its clients and its network."""
        batch_id = self.deployment.claim(keys)
        began = time.perf_counter()
        with warm_function(self._bench) as function:
            self._answer(function, batch_id)
            return time.perf_counter() - began

    def _answer(self, function: WarmFunction, batch_id: str) -> None:
        images = function.invoke(self.deployment, batch_id)["images"]
        if images["done"] != sum(images.values()):
            raise BenchError(f"the express lane did not featurize every image: {images}")


class ClusterJob:
    """The job of the cluster, each time into a table of its own."""

    name = "the job"

    def __init__(self, bench: Bench, bucket: str) -> None:
        self._bench = bench
        self._bucket = bucket
        self.deployment = bench.deployment(bucket)

    def seconds(self, keys: Keys) -> float:
        """From spark-submit to its end."""
        self.deployment = self._bench.deployment(self._bucket)
        return self.deployment.featurize(keys).seconds


def measure(bench: Bench) -> Iterator[Row]:
    """Each size by itself: the search for the peers' settings, then all in turn."""
    images = max(_needed(bench, size) for size in SIZES)
    bucket = bench.cloud.bucket("images")
    bench.cloud.upload(bucket, bench.options.pictures.repeated(images))
    keys = bench.cloud.keys(bucket)
    bench.platform  # noqa: B018 (lays out the job's code and network, which the function needs)
    peers, left_out = _peers(bench, bucket, keys)
    with warm_function(bench) as function:
        for size in SIZES:
            lane = ExpressLane(bench, bucket, function) if size.is_express else ClusterJob(bench, bucket)
            yield from Comparison(bench, size, keys, lane, peers, left_out).rows()


def _peers(bench: Bench, bucket: str, keys: Keys) -> tuple[dict[str, Peer], list[str]]:
    """Those that run on this machine, and why others do not. The first start of each does not count: it compiles."""
    peers, left_out = {}, []
    for framework in FRAMEWORKS:
        peer = Peer(bench, framework, bucket)
        try:
            peer.seconds(BASE | {"workers": cores()}, keys[:FEW])
            peers[framework.name] = peer
        except BenchError as error:
            if framework.name == DAFT:
                raise
            left_out.append(f"{framework.name} does not run here: {str(error).splitlines()[-1]}")
    return peers, left_out


def _needed(bench: Bench, size: Size) -> int:
    """Images: each warm and each cold run of the express lane has its own, and so has the one that makes the table."""
    return _count(bench, size) * (2 * _repeats(bench, size) + 1 if size.is_express else 1)


def _repeats(bench: Bench, size: Size) -> int:
    return bench.size(size.repeats, 1)


def _count(bench: Bench, size: Size) -> int:
    return bench.size(size.images, size.quick_images)


class Comparison:
    """A lane and the peers on so many images."""

    def __init__(
        self,
        bench: Bench,
        size: Size,
        keys: Keys,
        lane: ExpressLane | ClusterJob,
        peers: dict[str, Peer],
        left_out: Sequence[str],
    ) -> None:
        self._size, self._keys, self._lane = size, keys, lane
        self._count, self._repeats = _count(bench, size), _repeats(bench, size)
        self._peers, self._left_out = peers, left_out
        self._about: dict[str, Document] = {}
        """What the rows tell of each peer."""

    def rows(self) -> Iterator[Row]:
        """Daft's first, which has a goal."""
        settings = self._settings()
        # the lane must not know the keys yet; the job has a new table each time
        batches = [self._batch(number if self._size.is_express else 0) for number in range(self._repeats)]
        measures = {"ours": _each(self._lane.seconds, batches)}
        if isinstance(self._lane, ExpressLane):
            self._lane.seconds(self._batch(2 * self._repeats))  # creates the table
            others = [self._batch(self._repeats + number) for number in range(self._repeats)]
            measures["cold"] = _each(self._lane.cold_seconds, others)
        for name, setting in settings.items():
            measures[name] = _each(partial(self._peers[name].seconds, setting), batches)
        taken = interleaved(self._repeats, measures)
        ours = features_by_key(read_rows(self._lane.deployment))
        for name in settings:
            difference = largest_difference(ours, features_by_key(self._peers[name].rows()), batches[-1], name)
            yield self._row(name, taken, {"largest_difference_of_features": difference, **self._about[name]})

    def _batch(self, number: int) -> Keys:
        return self._keys[number * self._count : (number + 1) * self._count]

    def _settings(self) -> dict[str, Setting]:
        searched_with = self._keys[: min(self._count, SEARCHED_WITH)]
        settings: dict[str, Setting] = {}
        for name, peer in self._peers.items():
            settings[name], tried = peer.best_setting(searched_with)
            about = {"setting": told(settings[name]), "searched": tried, "searched_with_images": len(searched_with)}
            self._about[name] = about | {"version": peer.version}
        return settings

    def _row(self, name: str, taken: dict[str, Samples], about: Document) -> Row:
        ours, theirs = taken["ours"].median, taken[name].median
        samples = {f"{side}_samples": str(taken[side]) for side in ("ours", "cold", name) if side in taken}
        if isinstance(self._lane, ExpressLane):
            of_lane = {"import_seconds_of_a_cold_start": self._lane.import_seconds}
        else:  # a peer may be over before the second look at its memory
            of_lane = {"theirs_peak_mb": self._peers[name].peak_bytes >> 20}
        return (self._size.goal if name == DAFT else SHOWN).row(
            f"{self._count:,} images from S3 to rows, {self._lane.name} against {name}",
            ours=ours,
            theirs=theirs,
            unit="s",
            ratio=theirs / ours,
            note="; ".join([self._how_ours(taken), "theirs is a process from its start to its end", *self._left_out]),
            details={"images": self._count, **about, **samples, **of_lane},
        )

    def _how_ours(self, taken: dict[str, Samples]) -> str:
        if "cold" not in taken:
            return "ours is spark-submit to its end, on all cores"
        added = taken["cold"].median - taken["ours"].median
        return (
            f"ours is a warm function with one core, from its invocation to its answer; a cold start adds {added:.1f} s"
        )


def _each(measure: Callable[[Keys], float], batches: Sequence[Keys]) -> Callable[[], float]:
    """The measure of the first batch, then of the second, and so on."""
    following = iter(batches)
    return lambda: measure(next(following))

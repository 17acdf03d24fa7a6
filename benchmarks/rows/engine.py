"""What the job costs beyond the engine, and the engine beyond the network."""

from collections.abc import Iterator
from typing import Any

from benchmarks.bench import Bench, interleaved
from benchmarks.figures import MARGINAL_RATE
from benchmarks.places import ROOT
from benchmarks.processes import cpu_seconds
from benchmarks.results import Goal, Row, Samples
from benchmarks.rows.fixed import EMPTY_SESSION

LIMIT, MARGINAL, BARE = Goal("≥ 0.92", least=0.92), Goal("≥ 0.95", least=0.95), Goal("≥ 0.8", least=0.8)
FEW = 10
TASK = ROOT / "benchmarks" / "tasks" / "bare_engine.py"


class Sides:
    """The job and what it consists of, on the same images."""

    def __init__(self, bench: Bench, count: int) -> None:
        self._bench = bench
        self._bucket, self._keys = bench.small_images(count)
        self._folder = bench.folder_of_images(count)
        self.served: list[float] = []
        """CPU seconds of the S3 server during each job, which has the same cores."""

    def job(self, count: int) -> float:
        """Seconds of a whole job on the first `count` images."""
        server = self._bench.cloud.s3_process
        before = cpu_seconds(server)
        seconds = self._bench.deployment(self._bucket).featurize(self._keys[:count]).seconds
        self.served.append(round(cpu_seconds(server) - before, 2))
        return seconds

    def session(self) -> float:
        """Seconds of a Spark session that does nothing."""
        settings = self._bench.deployment(self._bucket).spark_settings()
        return self._bench.platform.submit(EMPTY_SESSION, [], settings).seconds

    def alone(self, kind: str) -> float:
        """Seconds of the `engine`, or of its `inference`, on all of them in memory."""
        platform, network = self._bench.platform, self._bench.options.backbone
        arguments = (network, platform.code / "backbones", self._folder, str(platform.cores), kind)
        return float(platform.python(TASK, *arguments).told["seconds"])


def measure(bench: Bench) -> Iterator[Row]:
    """Jobs of few and of many images, an empty session, the bare engine, and inference alone, in turn."""
    count = bench.size(5_000, 300)
    sides = Sides(bench, count)
    measures = {
        "few": lambda: sides.job(FEW),
        "many": lambda: sides.job(count),
        "session": sides.session,
        "engine": lambda: sides.alone("engine"),
        "inference": lambda: sides.alone("inference"),
    }
    taken = interleaved(bench.size(3, 1), measures)
    details = {f"{kind}_seconds": str(samples) for kind, samples in taken.items()}
    yield from _rows(count, taken, details | {"cpu_seconds_of_the_s3_server": " ".join(map(str, sides.served))})


def _rows(count: int, taken: dict[str, Samples], details: dict[str, str]) -> Iterator[Row]:
    job, limit = taken["many"].median, taken["session"].median + taken["inference"].median
    yield LIMIT.row(
        f"whole featurize job on {count:,} images, against the limit of a Spark job",
        ours=job,
        theirs=limit,
        unit="s",
        ratio=limit / job,
        note="theirs is an empty session, and then inference alone on all cores",
        details=details,
    )
    marginal = (count - FEW) / (taken["many"].median - taken["few"].median)
    engine, inference = count / taken["engine"].median, count / taken["inference"].median
    note = f"(images - {FEW}) / (time of {count:,} - time of {FEW}); theirs is the engine on images in memory"
    shown: Any = {"unit": "images/s", "details": details}
    yield MARGINAL.row(
        MARGINAL_RATE,
        ours=marginal,
        theirs=engine,
        ratio=marginal / engine,
        note=note,
        **shown,
    )
    yield BARE.row(
        "the bare engine (decode, resize, inference) against inference alone",
        ours=engine,
        theirs=inference,
        ratio=engine / inference,
        **shown,
    )

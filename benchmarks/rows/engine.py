"""What Spark and S3 cost beyond the engine, and the engine beyond the network."""

from collections.abc import Iterator

from benchmarks.bench import Bench, interleaved
from benchmarks.places import ROOT
from benchmarks.processes import cpu_seconds
from benchmarks.results import Goal, Row

MARGINAL, BARE = Goal("≥ 0.95", least=0.95), Goal("≥ 0.8", least=0.8)
FEW = 10


def measure(bench: Bench) -> Iterator[Row]:
    """Jobs of few and of many images, the bare engine, and inference alone, in turn."""
    count = bench.size(5_000, 300)
    bucket, keys = bench.small_images(count)
    folder = bench.folder_of_images(count)
    script = ROOT / "benchmarks" / "tasks" / "bare_engine.py"
    platform, name = bench.platform, bench.options.backbone

    served: list[float] = []

    def many() -> float:
        before = cpu_seconds(bench.cloud.s3_process)
        seconds = bench.deployment(bucket).featurize(keys).seconds
        served.append(round(cpu_seconds(bench.cloud.s3_process) - before, 2))
        return seconds

    def alone(kind: str) -> float:
        told = platform.python(script, name, platform.code / "backbones", folder, str(platform.cores), kind).told
        return float(told["seconds"])

    taken = interleaved(
        bench.size(3, 1),
        {
            "few": lambda: bench.deployment(bucket).featurize(keys[:FEW]).seconds,
            "many": many,
            "engine": lambda: alone("engine"),
            "inference": lambda: alone("inference"),
        },
    )
    marginal = (count - FEW) / (taken["many"].median - taken["few"].median)
    engine, inference = count / taken["engine"].median, count / taken["inference"].median
    details = {f"{kind}_seconds": str(samples) for kind, samples in taken.items()}
    details["cpu_seconds_of_the_s3_server"] = " ".join(map(str, served))
    note = f"(images - {FEW}) / (time of {count:,} - time of {FEW}); theirs is the engine on images in memory, no Spark"
    yield MARGINAL.row(
        "marginal rate of the job against the bare engine",
        ours=marginal,
        theirs=engine,
        unit="images/s",
        ratio=marginal / engine,
        note=note,
        details=details,
    )
    yield BARE.row(
        "the bare engine (decode, resize, inference) against inference alone",
        ours=engine,
        theirs=inference,
        unit="images/s",
        ratio=engine / inference,
        details=details,
    )

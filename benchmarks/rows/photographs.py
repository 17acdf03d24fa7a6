"""Photographs of 12 megapixels: decoded at a fraction of their size, against decoded in full."""

from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.places import ROOT
from benchmarks.results import Goal, Row, Samples

GOAL = Goal("≥ 2.5x, cosine ≥ 0.999", least=2.5)
LEAST_COSINE = 0.999


def measure(bench: Bench) -> Iterator[Row]:
    """Each photograph both ways, in one process: a core's rate."""
    folder = bench.folder / "photographs"
    folder.mkdir()
    count = bench.size(13, 3)
    for number, body in enumerate(bench.options.pictures.photographs(count)):
        (folder / f"{number:03d}.jpg").write_bytes(body)
    script = ROOT / "benchmarks" / "tasks" / "photographs.py"
    backbones = bench.platform.code / "backbones"
    found = bench.platform.python(script, bench.options.backbone, backbones, folder).told["photographs"]
    ours, theirs = (Samples([one[side] * 1000 for one in found]) for side in ("ours", "theirs"))
    cosine = min(one["cosine"] for one in found)
    details = {
        "least_cosine": round(cosine, 6),
        "megabytes": round(sum(one["bytes"] for one in found) / len(found) / 1e6, 1),
        "ours_samples": str(ours),
        "theirs_samples": str(theirs),
    }
    yield GOAL.row(
        "12-megapixel photographs against full decode",
        ours=ours.median,
        theirs=theirs.median,
        unit="ms",
        ratio=theirs.median / ours.median,
        provided=cosine >= LEAST_COSINE,
        note="decode, resize and inference of one photograph on one core",
        details=details,
    )

"""The fixed cost of a run: ten images, from spark-submit to the commit, beside a session that does nothing."""

from collections.abc import Iterator
from typing import Any

from benchmarks.bench import Bench, interleaved
from benchmarks.places import ROOT
from benchmarks.results import Goal, Row

WHOLE = Goal("≤ 12 s", most=12.0)
EMPTY_SESSION = ROOT / "benchmarks" / "field" / "empty_session.py"
IMAGES = 10


def measure(bench: Bench) -> Iterator[Row]:
    """Each run into a table of its own: the first commit creates it."""
    bucket, keys = bench.small_images(IMAGES)
    settings = bench.deployment(bucket).spark_settings()
    records: list[dict[str, float]] = []

    def ours() -> float:
        job = bench.deployment(bucket).featurize(keys)
        records.append(job.record["seconds"])
        return job.seconds

    def empty() -> float:
        return bench.platform.submit(EMPTY_SESSION, [], settings).seconds

    taken = interleaved(bench.size(5, 1), {"ours": ours, "empty": empty})
    run, session = taken["ours"].median, taken["empty"].median
    details = {"ours_samples": str(taken["ours"]), "theirs_samples": str(taken["empty"]), "parts": records[-1]}
    note = "theirs is a session with Iceberg's catalog that runs one query over one row; ours needs no session"
    said: Any = {"theirs": session, "unit": "s", "note": note, "details": details}
    yield WHOLE.row("a run of 10 images, spark-submit to commit", ours=run, **said)

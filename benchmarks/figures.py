"""What the pages about cost and scale take from results.json: measured figures, by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.places import RESULTS, BenchError
from benchmarks.results import Document, read


@dataclass(frozen=True)
class Figures:
    """Figures of one machine, measured by `make bench`."""

    cores: int
    machine: str
    images_per_core_second: float
    """The job's marginal rate."""
    fixed_seconds: float
    """A run of a few images, spark-submit to commit."""
    session_seconds: float
    """An empty session with Spark and Iceberg."""
    field_images_per_core_second: float
    """The baseline's job with its best setting, its fixed cost included."""
    look_rows: int
    look_seconds: float
    """How much longer a run plans when it has to look for its keys in every file of a table of so many rows."""
    refit_rows: int
    refit_seconds: float
    """A refit of so many rows of 1,280 features."""
    ingest_cpu_seconds: float
    """For 10,000 events."""
    advance_seconds: float


def figures(path: Path = RESULTS) -> Figures:
    """Read them; BenchError names the groups that have not been measured yet."""
    document = read(path)
    wanted = ("job", "engine", "fixed", "growth", "refit", "ingest", "advance")
    rows = {group: _rows(document, group) for group in wanted}
    if missing := [group for group, found in rows.items() if not found]:
        raise BenchError(f"results.json has no rows of {', '.join(missing)}: make bench ROWS={','.join(missing)}")
    cores, refit = document["machine"]["cores"], rows["refit"][1]
    details = document["details"]
    images = details[rows["job"][1]["name"]]["images"]
    return Figures(
        cores=cores,
        machine=document["machine"]["processor"],
        images_per_core_second=rows["engine"][0]["ours"] / cores,
        fixed_seconds=rows["fixed"][0]["ours"],
        session_seconds=rows["fixed"][0]["theirs"],
        field_images_per_core_second=images / rows["job"][1]["theirs"] / cores,
        look_rows=details[rows["growth"][0]["name"]]["rows"],
        look_seconds=details[rows["growth"][0]["name"]]["look_seconds"],
        refit_rows=details[refit["name"]]["rows"],
        refit_seconds=refit["ours"],
        ingest_cpu_seconds=details[rows["ingest"][0]["name"]]["cpu_seconds"],
        advance_seconds=rows["advance"][0]["ours"],
    )


def _rows(document: Document, group: str) -> list[dict[str, Any]]:
    details = document["details"]
    return [row for row in document["rows"] if details[row["name"]]["group"] == group]

"""What the pages about cost and scale take from results.json: measured figures, by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.places import RESULTS, BenchError
from benchmarks.results import Document, read

GROUPS = ("job", "engine", "fixed", "growth", "refit", "ingest", "advance")
MARGINAL_RATE = "marginal rate of the job against the bare engine"
"""Of the job, against the engine: images a second of all cores, on both sides."""


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
    found = Measured(read(path))
    if missing := [group for group in GROUPS if not found.rows(group)]:
        raise BenchError(f"results.json has no rows of {', '.join(missing)}: make bench ROWS={','.join(missing)}")
    job, marginal = found.row("job", "best setting"), found.row("engine", MARGINAL_RATE)
    fixed, growth, refit = found.row("fixed"), found.row("growth"), found.row("refit", "limit")
    cores = found.document["machine"]["cores"]
    return Figures(
        cores=cores,
        machine=found.document["machine"]["processor"],
        images_per_core_second=marginal["ours"] / cores,
        fixed_seconds=fixed["ours"],
        session_seconds=fixed["theirs"],
        field_images_per_core_second=found.details(job)["images"] / job["theirs"] / cores,
        look_rows=found.details(growth)["rows"],
        look_seconds=found.details(growth)["look_seconds"],
        refit_rows=found.details(refit)["rows"],
        refit_seconds=refit["ours"],
        ingest_cpu_seconds=found.details(found.row("ingest", "events"))["cpu_seconds"],
        advance_seconds=found.row("advance")["ours"],
    )


@dataclass(frozen=True)
class Measured:
    """The rows of results.json, found by their group and by words of their names."""

    document: Document

    def rows(self, group: str) -> list[dict[str, Any]]:
        """Return the rows of a group."""
        return [row for row in self.document["rows"] if self.details(row)["group"] == group]

    def row(self, group: str, words: str = "") -> dict[str, Any]:
        """Return the one row of a group whose name has these words; BenchError if there is none, or another."""
        named = [row for row in self.rows(group) if words in row["name"]]
        if len(named) != 1:
            raise BenchError(f"{len(named)} rows of {group} have {words!r} in their names, and one is wanted")
        return named[0]

    def details(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return what is told of a row beside its figures."""
        return dict(self.document["details"][row["name"]])

"""The rows of `benchmarks/results.json`: how they are judged, kept and shown."""

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.places import BUILD

Document = dict[str, Any]


@dataclass(frozen=True)
class Samples:
    """Repeats of one measurement."""

    values: Sequence[float]

    @property
    def median(self) -> float:
        """The middle one; of two the mean."""
        return median(self.values)

    def __str__(self) -> str:
        return " ".join(f"{value:.4g}" for value in self.values)


@dataclass(frozen=True)
class Row:
    """A line of the table. `theirs` is what `ours` is compared with, `ratio` what the goal is about."""

    name: str
    ours: float
    theirs: float | None
    unit: str
    ratio: float | None
    goal: str
    met: bool
    note: str = ""
    details: Document = field(default_factory=dict)

    def document(self) -> Document:
        """The row's fields in results.json."""
        numbers = {"ours": _short(self.ours), "theirs": _short(self.theirs), "unit": self.unit}
        return {"name": self.name, **numbers, "ratio": _short(self.ratio), "goal": self.goal, "met": self.met}

    def explanation(self, group: str) -> Document:
        """What stands beside the row: repeats, and where the time goes."""
        measured = datetime.now(UTC).isoformat(timespec="seconds")
        return {"group": group, "measured_at": measured, "note": self.note, **self.details}


@dataclass(frozen=True)
class Goal:
    """The goal of a ratio or a figure, as the page prints it."""

    text: str
    least: float = float("-inf")
    most: float = float("inf")

    def met_by(self, value: float) -> bool:
        """Whether the value lies within the goal."""
        return self.least <= value <= self.most

    def row(
        self,
        name: str,
        *,
        ours: float,
        unit: str,
        theirs: float | None = None,
        ratio: float | None = None,
        provided: bool = True,
        note: str = "",
        details: Document | None = None,
    ) -> Row:
        """A row judged by its ratio, or by the figure where there is none; `provided` is what else the goal asks."""
        judged = ours if ratio is None else ratio
        met = self.met_by(judged) and provided
        return Row(name, ours, theirs, unit, judged, self.text, met, note, details or {})


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def read(path: Path) -> Document:
    """The document, or an empty one."""
    return json.loads(path.read_text()) if path.exists() else {"machine": {}, "rows": [], "details": {}}


def keep(path: Path, machine: Document, group: str, rows: Iterable[Row], order: Sequence[str]) -> Document:
    """Write a group's rows into the file, in place of the group's older ones, and give the whole document.

    Rows of another machine, or of the quick run, are not mixed with these: such a file is set aside under .build/.
    `order` are the groups, as they are to follow one another.
    """
    new = list(rows)  # they are measured now, and the file may change meanwhile
    document = read(path)
    if document["rows"] and not _comparable(document["machine"], machine):
        _set_aside(path)
        document = {"machine": {}, "rows": [], "details": {}}
    details = {name: about for name, about in document["details"].items() if about["group"] != group}
    lines = [row for row in document["rows"] if row["name"] in details] + [row.document() for row in new]
    details |= {row.name: row.explanation(group) for row in new}
    lines.sort(key=lambda row: order.index(details[row["name"]]["group"]))
    document = {"machine": machine, "rows": lines, "details": details}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    return document


def _comparable(one: Document, other: Document) -> bool:
    return all(one.get(name) == other.get(name) for name in ("processor", "cores", "quick", "images"))


def _set_aside(path: Path) -> None:
    BUILD.mkdir(parents=True, exist_ok=True)
    kept = BUILD / f"results-{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    shutil.copy(path, kept)
    print(f"the results that were there are of another machine or kind of run: they are kept in {kept.name} (.build)")


def table(document: Document) -> str:
    """The rows as text."""
    lines = [("row", "ours", "theirs", "unit", "ratio", "goal", "met")]
    for row in document["rows"]:
        numbers = ["" if row[name] is None else f"{row[name]:.4g}" for name in ("ours", "theirs", "ratio")]
        met = "yes" if row["met"] else "no"
        lines.append((row["name"], numbers[0], numbers[1], row["unit"], numbers[2], row["goal"], met))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)

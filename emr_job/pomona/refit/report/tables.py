"""The tables of the report: their titles, rows and captions. The template table.html.j2 draws them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pomona.refit.report.wording import UNKNOWN, count, money, short
from pomona.refit.row_statistics import FailureGroup
from pomona.refit.run_records import RecordedRun
from pomona_contract.lanes import Lane
from pomona_contract.outcomes import Outcome

OUTCOMES = tuple(outcome.value for outcome in Outcome)
PARTS = ("session", "plan", "get", "decode", "resize", "inference", "write", "commit", "maintenance")
_COSTS = ("took", "vCPU-hours", "cost")
_STAMP = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)\d{3}Z")
_MINUTE, _HOUR = 60, 3600
SHOWN_GROUPS = 30
LONGEST_REASON = 120
SOUND_STATES = ("success", UNKNOWN)


@dataclass(frozen=True)
class Cell:
    """A cell of a table."""

    text: str
    kind: str = ""
    """CSS class."""
    title: str = ""
    """Shown when a reader points at the cell."""
    meter: str | None = None
    """Width of a bar before the text, in CSS."""
    note: str = ""
    """A smaller text below."""


@dataclass(frozen=True)
class Table:
    """A table of the report."""

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    empty: str
    """The sentence in place of a table without rows."""
    kind: str = ""
    """CSS class."""
    caption: str = ""


def failures_table(failures: Sequence[tuple[str, str]], total: int) -> Table:
    """Return key and reason of the images that failed; `total` counts those that are not shown too."""
    caption = f"The first {len(failures):,} of {total:,}, by key." if total > len(failures) else ""
    rows = [(Cell(key, "key"), Cell(error)) for key, error in failures]
    return Table(["image", "why"], rows, "None: every image in the bucket has its features.", "failures", caption)


def failure_groups_table(groups: Mapping[FailureGroup, int]) -> Table:
    """Return how many images failed, by reason and folder, the most frequent first."""
    ordered = sorted(groups.items(), key=lambda item: (-item[1], item[0][1], item[0][0] or ""))
    caption = f"The {SHOWN_GROUPS} largest of {len(ordered):,} groups." if len(ordered) > SHOWN_GROUPS else ""
    rows = [
        (Cell(reason), Cell(short(label) if label else "(top of the bucket)"), Cell(count(images), "number"))
        for (label, reason), images in ordered[:SHOWN_GROUPS]
    ]
    return Table(["why", "folder", "images"], rows, "", "groups", caption)


def runs_table(runs: Sequence[RecordedRun], total: int) -> Table:
    """Return what each run did with its keys, how long it took and what it cost, newest first."""
    head = ["started (UTC)", "state", "keys", *OUTCOMES, "fallbacks", *_COSTS]
    rows = [list(_run_cells(run)) for run in runs]
    return Table(head, rows, "No featurize run has left a record.", "numbers runs", _caption(runs, total))


def parts_table(runs: Sequence[RecordedRun]) -> Table:
    """Return how long the parts of each run took, newest first."""
    rows = [list(_part_cells(run)) for run in runs if run.record]
    return Table(["started (UTC)", *PARTS], rows, "Unknown.", "numbers")


def refits_table(refits: Sequence[RecordedRun], total: int) -> Table:
    """Return how long the earlier refits took and what they cost, newest first."""
    rows = [[Cell(_due(refit)), _state_cell(refit), *_cost_cells(refit)] for refit in refits]
    head = ["due (UTC)", "state", *_COSTS]
    return Table(head, rows, "No earlier refit has left a bill.", "numbers runs", _caption(refits, total))


def timings_table(seconds: Mapping[str, float]) -> Table:
    """Return how long the parts of the refit took, each with a bar."""
    longest = max(seconds.values(), default=0) or 1
    rows = [
        (Cell(part), Cell(f"{taken:.2f} s", meter=f"{100 * taken / longest:.1f}%")) for part, taken in seconds.items()
    ]
    return Table(["part", "time"], rows, "Unknown.", "timings")


def _caption(runs: Sequence[RecordedRun], total: int) -> str:
    """Return how many runs there are that are not shown, and what those that are shown were billed together."""
    billed = [run.bill for run in runs if run.bill.get("vcpu_hours") is not None]
    sentences = [f"The latest {len(runs):,} of {total:,}."] if total > len(runs) else []
    if billed:
        missing = len(runs) - len(billed)
        left_out = f", without {missing:,} of them that have no bill" if missing else ""
        sentences.append(f"AWS billed {_sum_of_bills(billed)} for these runs{left_out}.")
    return " ".join(sentences)


def _sum_of_bills(bills: Sequence[Mapping[str, Any]]) -> str:
    """Return the sum of vCPU-hours, and of the costs if every bill has one."""
    hours = f"{sum(bill['vcpu_hours'] for bill in bills):,.3f} vCPU-hours"
    costs = [bill["cost"] for bill in bills if bill.get("cost") is not None]
    return f"{hours} ({money(sum(costs), bills[0].get('currency'))})" if len(costs) == len(bills) else hours


def _run_cells(run: RecordedRun) -> Iterator[Cell]:
    images = run.record.get("images", {})
    yield _started_cell(run)
    yield _state_cell(run)
    yield Cell(count(run.record.get("keys")))
    yield from (Cell(count(images.get(outcome)), "" if images.get(outcome) else "zero") for outcome in OUTCOMES)
    yield Cell(count(_fallbacks(run.record)))
    yield from _cost_cells(run)


def _part_cells(run: RecordedRun) -> Iterator[Cell]:
    seconds = run.record.get("seconds", {})
    yield _started_cell(run)
    yield from (Cell(_duration(seconds.get(part))) for part in PARTS)


def _cost_cells(run: RecordedRun) -> Iterator[Cell]:
    yield Cell(_duration(run.record.get("seconds", {}).get("total", run.bill.get("seconds"))))
    hours, cost = run.bill.get("vcpu_hours"), run.bill.get("cost")
    yield Cell(UNKNOWN if hours is None else f"{hours:,.3f}")
    yield Cell(UNKNOWN if cost is None else money(cost, run.bill.get("currency")))


def _started_cell(run: RecordedRun) -> Cell:
    """Return when a run started; for a run without a record, when its batch was claimed."""
    started = str(run.record.get("started_at", ""))[:19].replace("T", " ") or _moment(run.name.partition("-")[0])
    number = run.record.get("attempt", run.bill.get("attempt", 1))
    attempt = f" (attempt {number})" if number != 1 else ""
    return Cell(started + attempt, title=run.name)


def _due(refit: RecordedRun) -> str:
    return _moment(refit.name.rpartition("-")[2])


def _moment(stamp: str) -> str:
    """Return a time such as 20261121T080000000Z as 2026-11-21 08:00:00, and a text of another form unchanged."""
    found = _STAMP.fullmatch(stamp)
    return "{}-{}-{} {}:{}:{}".format(*found.groups()) if found else stamp


def _state_cell(run: RecordedRun) -> Cell:
    """Return how a run ended, and why if it failed."""
    state = str(run.bill.get("state") or UNKNOWN).lower()
    lane = " (express)" if run.record.get("lane") == Lane.EXPRESS else ""
    reason = short(str(run.bill.get("reason") or ""), LONGEST_REASON)
    is_sound = state in SOUND_STATES
    return Cell(state + lane, "" if is_sound else "failed", note="" if is_sound else reason)


def _fallbacks(run: Mapping[str, Any]) -> int | None:
    """Return how many objects boto3 read in obstore's place; None for a record of a release that did not count them."""
    return sum(run["fallbacks"].values()) if "fallbacks" in run else None


def _duration(seconds: object) -> str:
    """Return a time in its two largest units; below a minute, in tenths of a second."""
    if not isinstance(seconds, int | float):
        return UNKNOWN
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min {seconds % _MINUTE // 1:.0f} s"
    return f"{seconds // _HOUR:,.0f} h {seconds % _HOUR // _MINUTE:.0f} min"

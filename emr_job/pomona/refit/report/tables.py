"""The tables of the report, as HTML."""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from pomona.refit.run_records import RecordedRun
from pomona_contract.outcomes import Outcome

OUTCOMES = tuple(outcome.value for outcome in Outcome)
PARTS = ("session", "plan", "get", "decode", "resize", "inference", "write", "commit", "maintenance")
_COSTS = ("took", "vCPU-hours", "cost")
_STAMP = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)\d{3}Z")
_MINUTE, _HOUR = 60, 3600


def failures_table(failures: Sequence[tuple[str, str]], total: int) -> str:
    """Key and reason of the images that failed, and how many more there are than are shown."""
    if not total:
        return '<p class="quiet">None: every image in the bucket has its features.</p>'
    more = total - len(failures)
    caption = f"<p class='quiet'>The first {len(failures):,} of {total:,}, by key.</p>" if more > 0 else ""
    rows = ((_cell(key, "key"), _cell(error)) for key, error in failures)
    return caption + _table(["image", "why"], rows)


def runs_table(runs: Sequence[RecordedRun], total: int) -> str:
    """Return what each run did with its keys, how long it took and what it cost, newest first."""
    if not runs:
        return '<p class="quiet">No featurize run has left a record.</p>'
    head = ["started (UTC)", "state", "keys", *OUTCOMES, "fallbacks", *_COSTS]
    return _caption(runs, total) + _table(head, (_run_cells(run) for run in runs), "numbers")


def parts_table(runs: Sequence[RecordedRun]) -> str:
    """Return how long the parts of each run took, newest first."""
    rows = [_part_cells(run) for run in runs if run.record]
    return _table(["started (UTC)", *PARTS], rows, "numbers") if rows else '<p class="quiet">Unknown.</p>'


def refits_table(refits: Sequence[RecordedRun], total: int) -> str:
    """Return how long the earlier refits took and what they cost, newest first."""
    if not refits:
        return '<p class="quiet">No earlier refit has left a bill.</p>'
    rows = ([_cell(_due(refit)), _cell(_state(refit)), *_cost_cells(refit)] for refit in refits)
    return _caption(refits, total) + _table(["due (UTC)", "state", *_COSTS], rows, "numbers")


def timings_table(seconds: dict[str, float]) -> str:
    """What the parts of the refit took."""
    longest = max(seconds.values(), default=0) or 1
    rows = ((_cell(part), _bar_cell(f"{taken:.2f} s", taken / longest)) for part, taken in seconds.items())
    return _table(["part", "time"], rows, "timings")


def _caption(runs: Sequence[RecordedRun], total: int) -> str:
    """Return what the shown runs were billed together, and how many there are that are not shown."""
    billed = [run.bill for run in runs if run.bill.get("vcpu_hours") is not None]
    parts = [f"The latest {len(runs):,} of {total:,}."] if total > len(runs) else []
    if billed:
        missing = len(runs) - len(billed)
        left_out = f", without {missing:,} of them that have no bill" if missing else ""
        parts.append(f"EMR Serverless billed {_billed(billed)} for these runs{left_out}.")
    return f'<p class="quiet">{escape(" ".join(parts))}</p>' if parts else ""


def _billed(bills: Sequence[Mapping[str, Any]]) -> str:
    """Return the sum of vCPU-hours, and of the costs if every bill has one."""
    hours = f"{sum(bill['vcpu_hours'] for bill in bills):,.3f} vCPU-hours"
    costs = [bill["cost"] for bill in bills if bill.get("cost") is not None]
    return f"{hours} ({_money(sum(costs), bills[0].get('currency'))})" if len(costs) == len(bills) else hours


def _run_cells(run: RecordedRun) -> Iterable[str]:
    images = run.record.get("images", {})
    yield _started_cell(run)
    yield _cell(_state(run))
    yield _cell(_count(run.record.get("keys")))
    yield from (_cell(_count(images.get(outcome)), "zero" if not images.get(outcome) else "") for outcome in OUTCOMES)
    yield _cell(_count(_fallbacks(run.record)))
    yield from _cost_cells(run)


def _part_cells(run: RecordedRun) -> Iterable[str]:
    seconds = run.record.get("seconds", {})
    yield _started_cell(run)
    yield from (_cell(_duration(seconds.get(part))) for part in PARTS)


def _cost_cells(run: RecordedRun) -> Iterable[str]:
    yield _cell(_duration(run.record.get("seconds", {}).get("total", run.bill.get("seconds"))))
    hours, cost = run.bill.get("vcpu_hours"), run.bill.get("cost")
    yield _cell("-" if hours is None else f"{hours:,.3f}")
    yield _cell("-" if cost is None else _money(cost, run.bill.get("currency")))


def _started_cell(run: RecordedRun) -> str:
    """Return when a run started; of a run without a record, when its batch was claimed."""
    started = str(run.record.get("started_at", ""))[:19].replace("T", " ") or _moment(run.name.partition("-")[0])
    number = run.record.get("attempt", run.bill.get("attempt", 1))
    attempt = f" (attempt {number})" if number != 1 else ""
    return f'<td title="{escape(run.name)}">{escape(started + attempt)}</td>'


def _due(refit: RecordedRun) -> str:
    return _moment(refit.name.rpartition("-")[2])


def _moment(stamp: str) -> str:
    """Return a time such as 20261121T080000000Z as people read it, a text of another form as it is."""
    found = _STAMP.fullmatch(stamp)
    return "{}-{}-{} {}:{}:{}".format(*found.groups()) if found else stamp


def _state(run: RecordedRun) -> str:
    return str(run.bill.get("state") or "-").lower()


def _fallbacks(run: Mapping[str, Any]) -> int | None:
    """Return how many objects boto3 read in obstore's place; None for a record of a release that did not count them."""
    return sum(run["fallbacks"].values()) if "fallbacks" in run else None


def _count(number: object) -> str:
    return f"{number:,}" if isinstance(number, int) else "-"


def _duration(seconds: object) -> str:
    """Return a time in its two largest units, below a minute to a tenth of a second."""
    if not isinstance(seconds, int | float):
        return "-"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min {seconds % _MINUTE // 1:.0f} s"
    return f"{seconds // _HOUR:,.0f} h {seconds % _HOUR // _MINUTE:.0f} min"


def _money(amount: float, currency: object) -> str:
    """Return an amount to a hundredth of a cent: a small run costs less than one."""
    return f"{amount:,.4f} {currency}"


def _cell(content: object, kind: str = "") -> str:
    return f'<td class="{kind}">{escape(str(content))}</td>' if kind else f"<td>{escape(str(content))}</td>"


def _bar_cell(text: str, share: float) -> str:
    return f'<td><span class="meter" style="width:{100 * share:.1f}%"></span>{escape(text)}</td>'


def _table(head: list[str], rows: Iterable[Iterable[str]], kind: str = "") -> str:
    titles = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(f"<tr>{''.join(cells)}</tr>" for cells in rows)
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>'
    )

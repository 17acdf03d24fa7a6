"""The tables of the report, as HTML."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

OUTCOMES = ("done", "unchanged", "deleted", "absent", "errors", "unread")
PARTS = ("total", "session", "plan", "get", "decode", "resize", "inference", "write", "commit", "maintenance")


def failures_table(failures: Sequence[tuple[str, str]], total: int) -> str:
    """Key and reason of the images that failed, and how many more there are than are shown."""
    if not total:
        return '<p class="quiet">None: every image in the bucket has its features.</p>'
    more = total - len(failures)
    caption = f"<p class='quiet'>The first {len(failures):,} of {total:,}, by key.</p>" if more > 0 else ""
    rows = ((_cell(key, "key"), _cell(error)) for key, error in failures)
    return caption + _table(["image", "why"], rows)


def runs_table(runs: list[dict[str, Any]], total: int) -> str:
    """What each run did with its keys and how many seconds its parts took, newest first."""
    if not runs:
        return '<p class="quiet">No featurize run has left a record.</p>'
    billed = any("billed" in run for run in runs)
    caption = f"<p class='quiet'>The latest {len(runs):,} of {total:,}.</p>" if total > len(runs) else ""
    head = [
        "started (UTC)",
        "keys",
        *OUTCOMES,
        "fallbacks",
        *(f"{part} s" for part in PARTS),
        *(["billed"] if billed else []),
    ]
    return caption + _table(head, (_run_cells(run, billed) for run in runs), "numbers")


def timings_table(seconds: dict[str, float]) -> str:
    """What the parts of the refit took."""
    longest = max(seconds.values(), default=0) or 1
    rows = ((_cell(part), _bar_cell(f"{taken:.2f} s", taken / longest)) for part, taken in seconds.items())
    return _table(["part", "time"], rows, "timings")


def _run_cells(run: dict[str, Any], billed: bool) -> Iterable[str]:
    images, seconds = run.get("images", {}), run.get("seconds", {})
    started = str(run.get("started_at", ""))[:19].replace("T", " ")
    attempt = f" (attempt {run['attempt']})" if run.get("attempt", 1) != 1 else ""
    yield f'<td title="{escape(str(run.get("batch_id", "")))}">{escape(started + attempt)}</td>'
    yield _cell(_count(run.get("keys")))
    yield from (_cell(_count(images.get(outcome)), "zero" if not images.get(outcome) else "") for outcome in OUTCOMES)
    yield _cell(_count(_fallbacks(run)))
    yield from (_cell(_seconds(seconds.get(part))) for part in PARTS)
    if billed:
        yield _cell(_billed(run.get("billed")))


def _fallbacks(run: dict[str, Any]) -> int | None:
    """Return how many objects boto3 read in obstore's place; None for a record of a release that did not count them."""
    return sum(run["fallbacks"].values()) if "fallbacks" in run else None


def _count(number: object) -> str:
    return f"{number:,}" if isinstance(number, int) else "-"


def _seconds(number: object) -> str:
    return f"{number:.1f}" if isinstance(number, int | float) else "-"


def _billed(billed: object) -> str:
    """AWS's billed resources of a run."""
    if not isinstance(billed, dict):
        return "-"
    return f"{billed.get('vCPUHour', 0)} vCPU-h, {billed.get('memoryGBHour', 0)} GB-h"


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

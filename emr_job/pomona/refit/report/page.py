"""report.html: one file that opens from disk without a network and shows the results of a refit.

Keys, labels and errors are untrusted text. Jinja2 escapes every value in HTML, and the JSON for the script holds no
character that a browser could take for markup. A Content-Security-Policy forbids the page all network access.
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pomona.classifier.documents import Evaluation
from pomona.pca.drift import Drift
from pomona.projection import FittedModel
from pomona.refit.history import PastRefit
from pomona.refit.projection_sample import ProjectionSample
from pomona.refit.report import scree, trend
from pomona.refit.report.accuracy import accuracy
from pomona.refit.report.changes import changes, history_table
from pomona.refit.report.class_table import class_table
from pomona.refit.report.confusion import heat_map
from pomona.refit.report.palette import DARK, LIGHT, in_dark
from pomona.refit.report.picks import NO_PICKS, Picks
from pomona.refit.report.points import Detail, Picture, points_data, points_note
from pomona.refit.report.storage import storage_table
from pomona.refit.report.tables import (
    failure_groups_table,
    failures_table,
    parts_table,
    refits_table,
    runs_table,
    timings_table,
)
from pomona.refit.report.wording import compact, images, percent, readable, short
from pomona.refit.row_statistics import RowStatistics
from pomona.refit.run_records import RecordedRuns
from pomona.refit.storage_choices import StorageChoices

HTML = "text/html; charset=utf-8"
NARROW_SCREEN = "(max-width: 640px)"
DARK_SCREEN = "(prefers-color-scheme: dark)"
MOST_BYTES = 3_000_000
DETAILS = (Detail(48, 600_000, 200), Detail(24, 300_000, 100), Detail(12, 150_000, 50))
"""Tried one after the other until the page has MOST_BYTES; only very long names in thousands need the second."""


@dataclass(frozen=True)
class Report:
    """The content of a report."""

    summary: dict[str, Any]
    """The document `latest.json` of the refit."""
    model: FittedModel
    statistics: RowStatistics
    sample: ProjectionSample
    runs: RecordedRuns
    seconds: dict[str, float]
    """The time that the parts of the refit took until the report was written."""
    evaluation: Evaluation | None = None
    """None without classes."""
    earlier: FittedModel | None = None
    """Of the last refit."""
    drift: Drift | None = None
    """Since the last refit."""
    history: list[PastRefit] = field(default_factory=list)
    """The earlier refits, newest first."""
    storage: StorageChoices | None = None
    """None without classes."""
    picks: Picks = NO_PICKS
    thumbnails: Mapping[str, bytes] = field(default_factory=dict)
    """WebP pictures of some images, by key."""


class Tile(NamedTuple):
    """A number at the top of the page, and what it counts."""

    value: str
    name: str


def render(report: Report) -> bytes:
    """Return the page in UTF-8."""
    environment = Environment(
        loader=PackageLoader("pomona.refit.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "short": short, "images": images, "compact": compact}
    template, of_the_runs = environment.get_template("report.html.j2"), _of_the_runs(report)
    page = b""
    for detail in DETAILS:
        page = template.render(**_of_the_classes(report, detail), **of_the_runs).encode(errors="replace")
        if len(page) <= MOST_BYTES:
            break
    return page


def script_json(document: object) -> Markup:
    """Return JSON that may stand between script tags: without < > & and without line separators."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    return Markup(text.translate({ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&"}))  # noqa: S704 (escaped here)


def _of_the_classes(report: Report, detail: Detail) -> dict[str, Any]:
    """Return what the template needs for the sections about images and classes."""
    picks, statistics = report.picks, report.statistics
    pictures = _pictures(report)
    return {
        "accuracy": accuracy(report.evaluation, statistics),
        "classes": class_table(report.evaluation, statistics.errors_of_labels(), picks.typical, detail.label),
        "heat": heat_map(report.evaluation),
        "picks": picks,
        "suspects": report.evaluation.suspects.total if report.evaluation else 0,
        "pictures": pictures,
        "points_note": points_note(report.sample),
        "failure_groups": failure_groups_table(statistics.groups),
        "failures": failures_table(statistics.failures[: detail.failures], statistics.errors),
        "storage": storage_table(report.storage),
        "data": script_json(points_data(report.sample, report.model, pictures, set(_on_page(picks)), detail)),
    }


def _of_the_runs(report: Report) -> dict[str, Any]:
    """Return what the template needs for the other sections."""
    summary, runs = report.summary, report.runs
    return {
        "light": LIGHT,
        "dark": DARK,
        "summary": summary,
        "committed": readable(summary["committed_at"]),
        "refitted": readable(summary["refitted_at"]),
        "tiles": _tiles(report),
        "notes": report.model.notes,
        "scree": _scree(report.model),
        "changes": changes(report.model, report.earlier, report.drift),
        "history": history_table(_present(report), report.history),
        "trend": _trend([_present(report), *report.history]),
        "runs": runs_table(runs.featurize, runs.all_featurize),
        "parts": parts_table(runs.featurize),
        "refits": refits_table(runs.refits, runs.all_refits),
        "timings": timings_table(report.seconds),
    }


def _tiles(report: Report) -> list[Tile]:
    statistics, model = report.statistics, report.model
    tiles = [
        Tile(f"{model.rows:,}", "images with features"),
        Tile(f"{statistics.classes:,}", "classes" if statistics.classes != 1 else "class"),
    ]
    if report.evaluation and report.evaluation.counts.images:
        tiles.append(Tile(percent(report.evaluation.counts.accuracy), "accuracy on images not seen before"))
    tiles += [
        Tile(f"{statistics.errors:,}", "images that failed"),
        Tile(f"{len(model.components):,}", f"components ({report.summary['components_asked']} asked for)"),
        Tile(f"{100 * model.variance:.1f} %", "of the variance explained"),
    ]
    if statistics.stale:
        tiles.append(Tile(f"{statistics.stale:,}", "images of another backbone, left out"))
    return tiles


def _present(report: Report) -> PastRefit:
    evaluation = report.evaluation
    return PastRefit(
        refitted_at=report.summary["refitted_at"],
        rows=report.model.rows,
        errors=report.statistics.errors,
        classes=report.statistics.classes,
        variance=report.model.variance,
        accuracy=evaluation.counts.accuracy if evaluation and evaluation.counts.images else None,
        cost=None,  # it is billed when it has ended
        currency=None,
    )


def _pictures(report: Report) -> dict[str, Picture]:
    return {
        key: Picture(number, _data_url("image/webp", report.thumbnails[key]))
        for number, key in enumerate(report.picks.keys)
        if key in report.thumbnails
    }


def _on_page(picks: Picks) -> Iterator[str]:
    yield from (one.key for one in picks.suspects)
    yield from (one.key for one in picks.outliers)
    yield from picks.typical.values()
    yield from chain.from_iterable(group.keys for group in picks.alike)


def _scree(model: FittedModel) -> dict[str, Any]:
    return _for_screens(scree.svg(model, scree.WIDE), scree.svg(model, scree.NARROW), scree.description(model))


def _trend(refits: Sequence[PastRefit]) -> dict[str, Any] | None:
    """Return the plots of the history; None for a single refit."""
    if len(refits) < trend.FEWEST_REFITS:
        return None
    wide, narrow = (trend.svg(refits, is_narrow=is_narrow) for is_narrow in (False, True))
    return _for_screens(wide, narrow, trend.description(refits))


def _for_screens(wide: bytes, narrow: bytes, text: str) -> dict[str, Any]:
    """Return a picture for each kind of screen; the first source whose media query matches is shown.

    Args:
        wide: the SVG in the colours of LIGHT.
        narrow: the SVG for a narrow screen.
        text: the picture in a sentence.
    """
    return {
        "sources": [
            {"media": f"{DARK_SCREEN} and {NARROW_SCREEN}", "address": _svg_url(in_dark(narrow))},
            {"media": NARROW_SCREEN, "address": _svg_url(narrow)},
            {"media": DARK_SCREEN, "address": _svg_url(in_dark(wide))},
        ],
        "address": _svg_url(wide),
        "text": text,
    }


def _svg_url(svg: bytes) -> str:
    return _data_url("image/svg+xml", svg)


def _data_url(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"

"""report.html: one file that opens from disk without a network and shows the results of a refit.

Keys, labels and errors are untrusted text. Jinja2 escapes every value in HTML, and the JSON for the script holds no
character that a browser could take for markup. A Content-Security-Policy forbids the page all network access.
"""

import base64
import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pomona.pca.model import PcaModel
from pomona.refit.projection_sample import ProjectionSample
from pomona.refit.report import scree
from pomona.refit.report.palette import DARK, LIGHT, OTHERS_COLOUR, class_groups, legend
from pomona.refit.report.tables import failures_table, parts_table, refits_table, runs_table, timings_table
from pomona.refit.row_statistics import RowStatistics
from pomona.refit.run_records import RecordedRuns

HTML = "text/html; charset=utf-8"
NARROW_SCREEN = "(max-width: 640px)"
DARK_SCREEN = "(prefers-color-scheme: dark)"


@dataclass(frozen=True)
class Report:
    """The content of a report."""

    summary: dict[str, Any]
    """The document `latest.json` of the refit."""
    model: PcaModel
    statistics: RowStatistics
    sample: ProjectionSample
    runs: RecordedRuns
    seconds: dict[str, float]
    """The time that the parts of the refit took until the report was written."""


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
    page = environment.get_template("report.html.j2").render(
        light=LIGHT,
        dark=DARK,
        summary=report.summary,
        committed=_readable(report.summary["committed_at"]),
        refitted=_readable(report.summary["refitted_at"]),
        tiles=_tiles(report),
        notes=report.model.notes,
        scree=_scree(report.model),
        points_note=_points_note(report.sample),
        failures=failures_table(report.statistics.failures, report.statistics.errors),
        runs=runs_table(report.runs.featurize, report.runs.all_featurize),
        parts=parts_table(report.runs.featurize),
        refits=refits_table(report.runs.refits, report.runs.all_refits),
        timings=timings_table(report.seconds),
        data=script_json(_points(report)),
    )
    return page.encode(errors="replace")


def script_json(document: object) -> Markup:
    """Return JSON that may stand between script tags: without < > & and without line separators."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    return Markup(text.translate({ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&"}))  # noqa: S704 (escaped here)


def _tiles(report: Report) -> list[Tile]:
    statistics, model = report.statistics, report.model
    tiles = [
        Tile(f"{model.rows:,}", "images with features"),
        Tile(f"{statistics.classes:,}", "classes" if statistics.classes != 1 else "class"),
        Tile(f"{statistics.errors:,}", "images that failed"),
        Tile(f"{len(model.components):,}", f"components ({report.summary['components_asked']} asked for)"),
        Tile(f"{100 * model.variance:.1f} %", "of the variance explained"),
    ]
    if statistics.stale:
        tiles.append(Tile(f"{statistics.stale:,}", "images of another backbone, left out"))
    return tiles


def _scree(model: PcaModel) -> dict[str, Any]:
    """Return the scree plot for each kind of screen; the first source whose media query matches is shown."""
    return {
        "sources": [
            {"media": f"{DARK_SCREEN} and {NARROW_SCREEN}", "address": _data_url(scree.svg(model, DARK, scree.NARROW))},
            {"media": NARROW_SCREEN, "address": _data_url(scree.svg(model, LIGHT, scree.NARROW))},
            {"media": DARK_SCREEN, "address": _data_url(scree.svg(model, DARK, scree.WIDE))},
        ],
        "address": _data_url(scree.svg(model, LIGHT, scree.WIDE)),
        "text": scree.description(model),
    }


def _data_url(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def _points(report: Report) -> dict[str, Any]:
    """Return what the page's script draws: the sampled points with keys and groups, and the legend of the groups."""
    groups = class_groups(report.sample.labels)
    return {
        "points": [[round(value, 4) for value in point] for point in report.sample.points],
        "keys": report.sample.keys,
        "labels": report.sample.labels,
        "groups": [groups[label] for label in report.sample.labels],
        "legend": [{"name": name, "colour": colour, "group": group} for name, colour, group in legend(groups)],
        "others": OTHERS_COLOUR,
        "shares": [round(100 * float(ratio), 2) for ratio in report.model.explained_variance_ratio[:4]],
    }


def _points_note(sample: ProjectionSample) -> str:
    if sample.spacing == 1:
        return "Every point is an image."
    return f"{len(sample.points):,} of {sample.rows:,} images are shown: every {sample.spacing:,}th."


def _readable(timestamp: str) -> str:
    return timestamp[:16].replace("T", " ") + " UTC"

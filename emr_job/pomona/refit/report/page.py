"""report.html: one file that opens from disk without a network and shows what a refit found.

Every text that comes from a key, a label or an error is data: escaped where it stands in HTML, and in the script's JSON
written so that no browser can take it for markup. The page forbids itself all network access (Content-Security-Policy).
"""

import json
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from pomona.pca.model import PcaModel
from pomona.refit.projection_sample import ProjectionSample
from pomona.refit.report.palette import OTHERS_COLOUR, class_groups, legend
from pomona.refit.report.scree_svg import scree_svg
from pomona.refit.report.tables import failures_table, parts_table, refits_table, runs_table, timings_table
from pomona.refit.row_statistics import RowStatistics
from pomona.refit.run_records import RecordedRuns

HTML = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Report:
    """What a report tells."""

    summary: dict[str, Any]
    """What `latest.json` says of the refit."""
    model: PcaModel
    statistics: RowStatistics
    sample: ProjectionSample
    runs: RecordedRuns
    seconds: dict[str, float]
    """What the parts of the refit itself took until the report was written."""


def render(report: Report) -> bytes:
    """The page, in UTF-8."""
    page = Template(files("pomona.refit.report").joinpath("report.html").read_text(encoding="utf-8"))
    summary = {name: escape(str(value)) for name, value in report.summary.items()}
    return page.substitute(
        summary,
        committed=escape(_readable(report.summary["committed_at"])),
        refitted=escape(_readable(report.summary["refitted_at"])),
        tiles=_tiles(report),
        notes="".join(f'<p class="note">{escape(note)}</p>' for note in report.model.notes),
        scree=scree_svg(report.model.explained_variance_ratio),
        points_note=escape(_points_note(report.sample)),
        failures=failures_table(report.statistics.failures, report.statistics.errors),
        runs=runs_table(report.runs.featurize, report.runs.all_featurize),
        parts=parts_table(report.runs.featurize),
        refits=refits_table(report.runs.refits, report.runs.all_refits),
        timings=timings_table(report.seconds),
        data=script_json(_points(report)),
    ).encode(errors="replace")


def script_json(document: object) -> str:
    """JSON that may stand between script tags: whatever text it holds, it has no < > & and no line separators."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    return text.translate({ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&"})


def _tiles(report: Report) -> str:
    statistics, model = report.statistics, report.model
    tiles = [
        (f"{model.rows:,}", "images with features"),
        (f"{statistics.classes:,}", "classes" if statistics.classes != 1 else "class"),
        (f"{statistics.errors:,}", "images that failed"),
        (f"{len(model.components):,}", f"components ({report.summary['components_asked']} asked for)"),
        (f"{100 * model.variance:.1f} %", "of the variance explained"),
    ]
    if statistics.stale:
        tiles.append((f"{statistics.stale:,}", "images of another backbone, left out"))
    return "".join(f"<div><dd>{escape(value)}</dd><dt>{escape(name)}</dt></div>" for value, name in tiles)


def _points(report: Report) -> dict[str, Any]:
    """What the page's script draws: the sampled points with their keys and groups, and the legend of the groups."""
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

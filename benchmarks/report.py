"""Write docs/performance.md and its pictures from results.json.

`make bench-pages` runs it.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.places import OTHER_RESULTS, RESULTS, ROOT, BenchError
from benchmarks.prose import item, paragraph
from benchmarks.results import Document, read

DOCS = ROOT / "docs"
PAGE = DOCS / "performance.md"
PICTURES = DOCS / "pictures"
OURS, THEIRS, NEUTRAL = "#2a6f4e", "#b5573c", "#888888"
WHERE_IT_GOES = {
    "job": "The arithmetic of the network is the larger part of our time on these cores (`inference` in the parts), "
    "and both sides have to do it.",
    "engine": "A job also fetches images, and hands its rows on as bytes and writes them. The S3 server uses the same "
    "cores: its CPU seconds are below, and without them the rate would be higher by their share of both cores.",
    "unchanged": "The times are those of whole jobs. Both include the fixed cost of a run, which is most of the time "
    "of the job whose images are unchanged.",
    "deleted": "The times are those of whole jobs. Both include the fixed cost of a run, which is most of the time of "
    "the job that deletes rows.",
    "peers": "A run starts a JVM before its first image, which no peer does. The express lane has one core, and a peer "
    "has all; so with 200 images it is less far ahead. The S3 server uses the same cores as both sides.",
    "refit": "The times are those of whole jobs. They include the start of spark-submit's JVM, the imports, the CSV, "
    "and the pictures. The passes over the table are `gather` and `project` in the parts below.",
    "memory": "Both runs have executors. Most likely it is the heap of the JVM, which may have 4 GB and is collected "
    "when it has to be; which part grows was not measured.",
    "classifier": "The passes keep co-moments for each fold, and classify each row. `classify` solves a system of "
    "equations as wide as the features for each fold and each shrinkage that is tried, in two threads.",
}
PARTS_SHOWN = (
    *("imports", "session", "plan", "write", "commit"),
    *("survey", "gather", "fit", "classify", "project", "export", "plots", "pictures"),
)


def page(document: Document, others: Sequence[Document] = ()) -> str:
    """Return the text of the page; `others` are rows that were measured on other machines."""
    lines = [*_head(document), *_table(document), *_not_met(document), *_rows(document)]
    for other in others:
        lines += _elsewhere(other)
    return "\n".join(lines) + "\n"


def _elsewhere(document: Document) -> list[str]:
    lines = [f"## On {document['machine']['cores']} cores of {document['machine']['processor']}", ""]
    lines += paragraph("Rows of two machines are never mixed. These were measured on another one than those above.")
    return [*lines, *_table(document), *(line.replace("### ", "### On this machine: ") for line in _each(document))]


def _head(document: Document) -> list[str]:
    machine = document["machine"]
    versions = ", ".join(f"{name} {machine[name]}" for name in ("spark", "java", "python", "tensorflow", "versitygw"))
    return [
        "# Performance",
        "",
        *paragraph(
            "This page compares Pomona with the Spark + Keras baseline: Keras in a pandas UDF with broadcast weights, "
            "and Spark ML's scaler and PCA. It also compares Pomona with what a user would pick today on one machine: "
            "Daft, Ray Data, or no framework. *Ours* is Pomona. *Theirs* is what the row compares it with: the "
            "baseline, one of these peers, another run of Pomona, or a limit."
        ),
        "```",
        "make bench                      # measures everything again",
        "make bench ROWS=refit,ingest    # measures some groups of rows again",
        "make bench-pages                # writes this page",
        "```",
        "",
        *paragraph(
            "`benchmarks/report.py` writes this page from `benchmarks/results.json`.",
            f"Measured on {machine['cores']} cores of {machine['processor']}, {machine['memory_gb']} GB, {versions}; "
            f"images: {machine['images']}; the network is `{machine['backbone']}` where a row names none.",
            "Both sides run in turn on the same cores, in the same run. The figures are medians. S3 is a server "
            "process (versitygw); the embedded AWS serves the other services. *Ratio* is the figure that the goal is "
            "about: how many times faster Pomona is (≥ …x), its share of a limit (≥ 0.95), its time, memory or price "
            "relative to the other side (≤ …x), or, where the goal is in seconds, the seconds themselves.",
        ),
        "![Bars: the time of the baseline for the featurize job, the refit and photographs, relative to Pomona]"
        "(pictures/beside.svg)",
        "",
    ]


def _table(document: Document) -> list[str]:
    lines = ["| row | ours | theirs | ratio | goal | met |", "|---|---|---|---|---|---|"]
    for row in document["rows"]:
        theirs = "" if row["theirs"] is None else f"{_number(row['theirs'])} {row['unit']}"
        ratio = "" if row["ratio"] is None else _number(row["ratio"])
        met = "yes" if row["met"] else "**no**"
        lines.append(
            f"| {row['name']} | {_number(row['ours'])} {row['unit']} | {theirs} | {ratio} | {row['goal']} | {met} |"
        )
    return [*lines, ""]


def _not_met(document: Document) -> list[str]:
    missed = [row for row in document["rows"] if not row["met"]]
    lines = ["## What was not faster, or not fast enough", ""]
    if not missed:
        return [*lines, "Every goal was met.", ""]
    return [*lines, *(line for row in missed for line in _miss(document, row)), ""]


def _miss(document: Document, row: dict[str, Any]) -> list[str]:
    told = f"**{row['name']}**: {_number(row['ratio'])} (goal {row['goal']})."
    return item(told, WHERE_IT_GOES.get(_group(document, row), ""))


def _rows(document: Document) -> list[str]:
    return ["## Each row", "", *_each(document), "![Bars: the seconds of each part of a run](pictures/parts.svg)", ""]


def _each(document: Document) -> list[str]:
    lines: list[str] = []
    for row in document["rows"]:
        about = dict(document["details"][row["name"]])
        lines += [f"### {row['name']}", ""]
        if note := about.pop("note"):
            lines += paragraph(f"{note[0].upper()}{note[1:]}.")
        shown = {name.replace("_", " "): _told(value) for name, value in about.items() if name != "group"}
        lines += [line for name, value in shown.items() for line in item(f"{name}: {value}")]
        lines.append("")
    return lines


def _told(value: Any) -> str:  # noqa: ANN401 (a value of JSON)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_told(one)}" for name, one in value.items())
    if isinstance(value, list):
        return " ".join(_told(one) for one in value)
    return _number(value) if isinstance(value, float) else str(value)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def draw(document: Document, folder: Path) -> None:
    """Draw the pictures as SVG."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "pomona"  # the same picture for the same figures
    folder.mkdir(parents=True, exist_ok=True)
    _draw_beside(document, folder / "beside.svg")
    _draw_parts(document, folder / "parts.svg")


def _draw_beside(document: Document, path: Path) -> None:
    from matplotlib import pyplot

    shown = [
        row for row in document["rows"] if row["theirs"] and _group(document, row) in ("job", "refit", "photographs")
    ]
    shown = [row for row in shown if row["unit"] in ("s", "ms")]
    figure, axes = pyplot.subplots(figsize=(8, 0.8 * len(shown) + 0.9), layout="constrained")
    names = [row["name"] for row in shown]
    axes.barh(names, [row["theirs"] / row["ours"] for row in shown], color=THEIRS, height=0.4, label="theirs")
    axes.barh(names, [1.0] * len(shown), color=OURS, height=0.4, label="ours = 1")
    axes.invert_yaxis()
    axes.set_xlabel("time, ours = 1")
    axes.tick_params(axis="y", labelsize=7)
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def _draw_parts(document: Document, path: Path) -> None:
    from matplotlib import pyplot

    runs: dict[str, dict[str, float]] = {}
    for row in document["rows"]:
        parts = document["details"][row["name"]].get("parts")
        if parts and _group(document, row) in ("job", "fixed", "refit"):
            runs.setdefault(_group(document, row), {name: parts[name] for name in PARTS_SHOWN if name in parts})
    figure, axes = pyplot.subplots(figsize=(8, 0.6 * len(runs) + 1.2), layout="constrained")
    for group, parts in runs.items():
        left = 0.0
        for name, seconds in parts.items():
            axes.barh(group, seconds, left=left, height=0.5, edgecolor="white", color=_shade(name))
            if seconds > 0.04 * sum(parts.values()):
                axes.text(left + seconds / 2, group, f"{name}\n{seconds:.1f}", ha="center", va="center", fontsize=7)
            left += seconds
    axes.invert_yaxis()
    axes.set_xlabel("seconds")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def _shade(part: str) -> Any:  # noqa: ANN401 (a colour of matplotlib)
    from matplotlib import colormaps

    return colormaps["Pastel2"](PARTS_SHOWN.index(part) % 8)


def _group(document: Document, row: dict[str, Any]) -> str:
    return str(document["details"][row["name"]]["group"])


def main() -> None:
    """Write the page and its pictures."""
    document = read(RESULTS)
    try:
        if document["machine"].get("quick", True):
            raise BenchError("results.json holds no full measurement: run make bench")
        draw(document, PICTURES)
        PAGE.write_text(page(document, [read(path) for path in OTHER_RESULTS]))
    except BenchError as error:
        sys.exit(f"report: {error}")
    print(f"wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()

"""Write docs/models.md and its picture from benchmarks/models.json, which `make compare` measured.

`make bench-pages` runs it.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.places import ROOT, BenchError
from benchmarks.prose import item, paragraph

RESULTS_NAME = "models.json"
RESULTS = ROOT / "benchmarks" / RESULTS_NAME
PAGE = ROOT / "docs" / "models.md"
PICTURE = ROOT / "docs" / "pictures" / "models.svg"
COMMITTED_PICTURE = f"pictures/{PICTURE.name}"
MISSING = "-"
LDA, FOREST, SPEED = "#2a6f4e", "#b5573c", "#5a7ca8"
PUBLISHED_FOREST = ".83"
PUBLISHED_VARIANCE, PUBLISHED_IMAGES = ".9240", 496
Document = dict[str, Any]


def write(document: Document, results: Path) -> list[Path]:
    """Write the results, and beside them the page and the picture; return the files."""
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(json.dumps(document, indent=1) + "\n")
    if results.resolve() == RESULTS:
        return [results]
    page_file, picture = results.with_name(PAGE.name), results.with_name(PICTURE.name)
    page_file.write_text(page(document, PICTURE.name))
    draw(document, picture)
    return [results, page_file, picture]


def read(path: Path = RESULTS) -> Document:
    """Read the results; BenchError if nothing has been measured."""
    if not path.exists():
        raise BenchError(f"{path.name} is missing: run make compare")
    document: Document = json.loads(path.read_text())
    return document


def page(document: Document, picture: str = COMMITTED_PICTURE) -> str:
    """Return the text of the page."""
    is_committed = picture == COMMITTED_PICTURE
    source = f"benchmarks/{RESULTS_NAME}" if is_committed else RESULTS_NAME
    parts = [
        *_head(document, source),
        *table(document),
        "",
        *_reading(document, picture),
        *_missing(document),
        *_published(document),
    ]
    return "\n".join(parts) + "\n"


def _head(document: Document, source: str) -> list[str]:
    machine, images = document["machine"], document["images"]
    of = (
        f"{images['images']:,} images of {images['classes']:,} classes (`{images['source']}`)"
        if images
        else "no images"
    )
    left_out = f" {images['left_out']:,} more cannot be read." if images.get("left_out") else ""
    return [
        "# Networks compared",
        "",
        "```",
        "make compare IMAGES=folder BACKBONES=fruitnet,mobilenet_v2",
        "make compare IMAGES=images.tar BACKBONES=mobilenet_v2 WEIGHTS=mobilenet_v2=mobilenet_v2.weights.h5",
        "```",
        "",
        *paragraph(
            "This compares networks on your own images, and writes `models.json`, `models.md` and `models.svg` into "
            "`compare-out/`. IMAGES is a folder or a tar; the parent folder of an image is its label. If this machine "
            "cannot reach the weights of Keras, name files in WEIGHTS."
        ),
        *paragraph(
            f"`benchmarks/models.py` writes this page from `{source}`. Measured on {machine['cores']} cores of "
            f"{machine['processor']}, on {of}.{left_out}"
        ),
    ]


def table(document: Document) -> list[str]:
    """Return the table of the networks."""
    head = (
        "network",
        "images/s and core",
        "features",
        "components for 90 % / 95 %",
        "LDA",
        "random forest",
        "network, MB",
        "table, MB per million",
        "dollars per million",
    )
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| `{name}` | {' | '.join(_cells(found))} |" for name, found in document["networks"].items()),
    ]


def _cells(found: Document) -> list[str]:
    counts = [str(found.get(name, MISSING)) for name in ("components_90", "components_95")]
    return [
        f"{found['images_per_core_second']:,.0f}",
        f"{found['width']:,}",
        " / ".join(counts) if found["weights"] else MISSING,
        *(_share(found.get(name)) for name in ("lda_accuracy", "forest_accuracy")),
        f"{found['network_megabytes']:g}",
        f"{found['table_megabytes_per_million']:,}" if "table_megabytes_per_million" in found else MISSING,
        f"{found['dollars_per_million']:.2f}",
    ]


def _share(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3f}"


def _reading(document: Document, picture: str) -> list[str]:
    items: tuple[str, ...] = (
        "**images/s and core**: decoding, resizing and inference, in seconds of the processor, without Spark and S3.",
        "**components**: how many explain 90 and 95 % of the variance of the standardised features.",
        "**LDA**: accuracy of the classifier of the refit on images of folds that it has not seen. A fold is a "
        "contiguous range of a label's keys, so that near-copies do not flatter "
        "([results.md](results.md#evaluationjson)).",
        "**random forest**: accuracy of Spark ML's random forest of 100 trees, with its default depth of 5, on 100 "
        "components of the standardised features, on the same folds.",
        "**table**: the features alone, as float32 in Parquet.",
        "**dollars**: [cost.md](cost.md) with this engine in place of `mobilenet_v2`. The refit is counted as for "
        "1,280 features.",
    )
    head = "![Bars: images a second and core, and accuracy, of each network]"
    if picture != COMMITTED_PICTURE:  # no other pages are beside this one
        items = tuple(
            one.replace("([results.md](results.md#evaluationjson))", "").replace("[cost.md](cost.md)", "docs/cost.md")
            for one in items
        )
    return [*(line for one in items for line in item(one)), "", f"{head}({picture})", ""]


def _missing(document: Document) -> list[str]:
    names = [f"`{name}`" for name, found in document["networks"].items() if not found["weights"]]
    if not names:
        return []
    verb = "has" if len(names) == 1 else "have"
    return [
        "## Not measured",
        "",
        *paragraph(
            f"{', '.join(names)} {verb} no accuracy and no components here: the ImageNet weights come from Keras, and "
            "the machine that measured could not reach them. Speed, size and cost are those of the same network with "
            "random weights, which take the same time. To measure the rest, name the file of the weights in WEIGHTS."
        ),
    ]


def _published(document: Document) -> list[str]:
    networks = document["networks"]
    ours = networks.get("mobilenet_v2", {}).get("published_classes")
    same = ours is not None and ours["images"] == PUBLISHED_IMAGES
    here = f"{ours['variance_100']:.4f}".removeprefix("0") if same else "not measured"
    forest = networks.get("inception_v3", {}).get("forest_accuracy")
    return [
        "## Published figures",
        "",
        "| what | published | here |",
        "|---|---|---|",
        f"| variance that 100 components explain, MobileNetV2, {PUBLISHED_IMAGES} images of Apple Red 1, Dates and "
        f"Kaki | {PUBLISHED_VARIANCE} | {here} |",
        "| variance that the components explain, MobileNetV2, seven fruits | .9064 | not measured: the publication "
        "does not name the seven |",
        f"| accuracy of a random forest, InceptionV3, 131 classes | {PUBLISHED_FOREST} | "
        f"{'not measured: no weights here' if forest is None else _share(forest)} |",
        "",
        *paragraph(
            "Published are pipelines for Fruits-360 on Spark. The variance differs in the third digit, as it does when "
            "images are resized by another filter. The random forest above has other classes and other folds than the "
            "published one: the two accuracies cannot be compared directly."
        ),
    ]


def draw(document: Document, file: Path) -> None:
    """Draw speed and accuracy of the networks as bars."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    pyplot.rcParams.update({"svg.hashsalt": "pomona", "svg.fonttype": "none"})
    networks = document["networks"]
    names: Sequence[str] = list(networks)
    figure, (speed, accuracy) = pyplot.subplots(
        1, 2, figsize=(8, 0.5 * len(names) + 1.2), layout="constrained", sharey=True
    )
    speed.barh(names, [networks[name]["images_per_core_second"] for name in names], height=0.6, color=SPEED)
    speed.set_xlabel("images a second and core")
    for place, name in enumerate(names):
        found = networks[name]
        if "lda_accuracy" not in found:
            accuracy.text(0.01, place, "no weights here", va="center", fontsize=8, color="#888888")
            continue
        for shift, key, colour in ((-0.18, "lda_accuracy", LDA), (0.18, "forest_accuracy", FOREST)):
            accuracy.barh(place + shift, found[key], height=0.32, color=colour)
            accuracy.text(
                found[key] - 0.01,
                place + shift,
                f"{found[key]:.3f}",
                va="center",
                ha="right",
                fontsize=7,
                color="white",
            )
    accuracy.set_xlim(0, 1)
    accuracy.set_xlabel("accuracy: LDA (green), forest (red)")
    speed.invert_yaxis()
    for axes in (speed, accuracy):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)


def main() -> None:
    """Write the page and its picture."""
    try:
        document = read()
        PAGE.write_text(page(document))
        draw(document, PICTURE)
    except BenchError as error:
        sys.exit(f"models: {error}")
    print(f"wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()

"""The report and the pictures: whatever keys, labels and errors say, they stay text; a browser draws the page."""

import io
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from pomona import plots
from pomona.census import Census
from pomona.comoments import CoMoments
from pomona.components import ComponentCount
from pomona.palette import COLOURS, class_groups, legend
from pomona.pca import fit
from pomona.projected import POINTS, Sample
from pomona.report import Report, render, script_json

HOSTILE = (
    "<script>document.title='owned'</script>",
    "</script><script>document.title='owned'</script>",
    "<!--<script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "'; document.title='owned'; '",
    "$rows ${data} $",
    "\u2028line\u2029",
    "$\\frac{1$_^",
    "_hidden",
    "red+flower é 漢字 🍎",
    "\x00\x07",
    "",
)
FAILURES = tuple((text, f"not an image: {text}") for text in HOSTILE)


def sample_of(labels, k=4, seed=0):
    points = np.random.default_rng(seed).normal(size=(len(labels), min(k, 4)))
    keys = [f"{label}/{i}.jpg" for i, label in enumerate(labels)]
    return Sample(len(labels), keys, list(labels), points.tolist())


@pytest.fixture
def report():
    model = fit(CoMoments.of(np.random.default_rng(0).normal(size=(60, 12))), ComponentCount(100))
    summary = {
        "format": 1,
        "snapshot_id": 4711,
        "sequence_number": 3,
        "committed_at": "2025-06-01T10:20:30.123456+00:00",
        "prefix": "results/4711/",
        "components": len(model.components),
        "components_asked": "100",
        "variance": model.variance,
        "rows": model.rows,
        "backbone": "fruitnet@0123456789ab",
        "refitted_at": "2025-06-01T11:00:00+00:00",
    }
    run = {
        "format": 1,
        "batch_id": HOSTILE[3],
        "attempt": 2,
        "started_at": "2025-06-01T10:00:00+00:00",
        "keys": 1100,
        "images": {"done": 1000, "unchanged": 90, "deleted": 5, "absent": 1, "errors": 4, "unread": 0},
        "seconds": {"session": 5.91, "plan": 1.2, "get": 3.0, "inference": 20.0, "total": 31.5},
    }
    return Report(
        summary=summary,
        model=model,
        census=Census(60, len(HOSTILE), 3, frozenset(HOSTILE), FAILURES),
        sample=sample_of(HOSTILE * 5),
        runs=[run],
        all_runs=1,
        seconds={"session": 6.0, "gather": 1.5, "total": 8.0},
    )


class Page(HTMLParser):
    """The tags and the text of a page, as a browser reads it."""

    def __init__(self, page: bytes):
        super().__init__(convert_charrefs=True)
        self.tags, self.text, self.attributes = [], [], []
        self.feed(page.decode())

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_data(self, content):
        self.text.append(content)


def test_hostile_text_stays_text(report):
    page = Page(render(report))
    assert page.tags.count("script") == 2
    assert not {"img", "iframe", "link"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    everything = "".join(page.text)
    for text in HOSTILE:
        assert f"not an image: {text}" in everything


def test_the_data_of_the_pictures_comes_back_as_it_was(report):
    page = render(report).decode()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL).group(1))
    assert data["keys"] == report.sample.keys
    assert len(data["points"]) == len(data["groups"]) == 60
    assert {entry["group"] for entry in data["legend"]} == set(data["groups"])


def test_json_in_a_script_has_nothing_that_html_knows():
    text = script_json([*HOSTILE, "&lt;"])
    assert json.loads(text) == [*HOSTILE, "&lt;"]
    assert not set("<>&\u2028\u2029") & set(text)


def test_nothing_is_fetched(report):
    page = render(report).decode()
    assert not re.search(
        r"""(?:src|href)\s*=|url\(|@import|https?://""",
        re.sub(r"<td.*?</td>|<script type.*?</script>", "", page, flags=re.DOTALL),
    )
    assert "default-src 'none'" in page


def test_the_figures_of_the_refit_are_told(report):
    text = " ".join(Page(render(report)).text)
    for figure in (
        "60",
        "12 ",
        "fruitnet@0123456789ab",
        "2025-06-01 10:20 UTC",
        "4711",
        "100.0 %",
        "1,000",
        "(attempt 2)",
    ):
        assert figure in text
    assert "100 components were asked for and 12 kept" in re.sub(r"\s+", " ", text)


def test_many_failures_are_capped_and_counted(report):
    text = " ".join(Page(render(replace(report, census=Census(60, 12345, 0, frozenset("ab"), FAILURES)))).text)
    assert f"The first {len(HOSTILE)} of 12,345" in text


def test_no_failures_and_no_runs_are_said(report):
    text = " ".join(Page(render(replace(report, runs=[], all_runs=0, census=Census(60, 0, 0, frozenset("ab"))))).text)
    assert "every image in the bucket has its features" in text
    assert "No featurize run has left a record" in text


def test_what_boto3_read_in_obstores_place_is_shown(report):
    def cells(run):
        return re.findall(r"<td[^>]*>([^<]*)</td>", render(replace(report, runs=[run])).decode())

    assert ">fallbacks<" in render(report).decode()
    counted = cells(report.runs[0] | {"fallbacks": {"keys": 1200, "errors": 34}})
    assert "1,234" in counted
    # a record of an earlier release does not say
    assert "1,234" not in cells(report.runs[0])
    assert len(cells(report.runs[0])) == len(counted)


def test_what_aws_billed_is_shown_once_it_is_known(report):
    assert b"vCPU-h" not in render(report)
    billed = report.runs[0] | {"billed": {"vCPUHour": 0.25, "memoryGBHour": 1.5}}
    assert b"0.25 vCPU-h, 1.5 GB-h" in render(replace(report, runs=[billed]))


def test_classes_beyond_the_colours_share_one():
    labels = [f"class {i:02d}" for i in range(30) for _ in range(30 - i)]
    groups = class_groups(labels)
    assert groups["class 00"] == 0
    assert sum(group < 0 for group in groups.values()) == 30 - len(COLOURS)
    assert legend(groups)[-1][0] == "21 other classes"


def test_a_sample_is_bounded_and_evenly_spaced():
    sample = Sample(23_456)
    names = pa.array([str(i) for i in range(23_456)])
    constant = pa.array(["x"] * 23_456)
    table = pa.table({"key": names, "bucket": constant, "label": constant, "pc_1": np.arange(23_456.0)})
    for batch in table.to_batches(max_chunksize=777):
        sample.take_from(batch)
    assert len(sample.points) <= POINTS
    assert [int(key) for key in sample.keys] == list(range(0, 23_456, sample.spacing))
    assert sample.points[1] == [float(sample.spacing)]


@pytest.mark.parametrize("k", [1, 2, 3, 12])
def test_pictures_are_drawn_for_any_number_of_components_and_any_label(k):
    model = fit(CoMoments.of(np.random.default_rng(0).normal(size=(60, 12))), ComponentCount(k))
    sample = sample_of(HOSTILE * 5, k)
    for picture in (plots.scree(model), plots.components(sample, model)):
        image = Image.open(io.BytesIO(picture))
        assert image.format == "PNG"
        assert min(image.size) > 500


@pytest.mark.parametrize("k", [1, 3, 12])
def test_a_browser_draws_the_page_without_a_network(report, tmp_path, k):
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("there is no chromium on the PATH to open the page with")
    # Given the report of hostile labels as a file
    model = fit(CoMoments.of(np.random.default_rng(0).normal(size=(60, 12))), ComponentCount(k))
    page = tmp_path / "report.html"
    page.write_bytes(render(replace(report, model=model, sample=sample_of(HOSTILE * 5, k))))
    # When a browser opens it
    switches = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    switches += [
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    command = [browser, *switches, "--dump-dom", page.as_uri()]
    document = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    # Then its script has run to the end, and nothing in the data has become part of the page
    assert 'data-drawn="60"' in document
    assert "<title>Pomona" in document
    assert document.count("<canvas") == (4 if k >= 3 else 1)

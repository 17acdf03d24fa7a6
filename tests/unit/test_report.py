"""The report and the pictures: whatever keys, labels and errors say, they stay text; a browser draws the page."""

import io
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from pomona.classifier.distinct import DistinctCount
from pomona.pca.comoments import CoMoments
from pomona.pca.component_choice import ComponentCount
from pomona.pca.model import fit
from pomona.refit.projection_sample import MOST_POINTS, ProjectionSample
from pomona.refit.report import scree
from pomona.refit.report.components import components_png
from pomona.refit.report.page import Report, render, script_json
from pomona.refit.report.palette import COLOURS, DARK, LIGHT, class_groups, in_dark, legend
from pomona.refit.row_statistics import RowStatistics
from pomona.refit.run_records import SHOWN_REFITS, SHOWN_RUNS, RecordedRun, RecordedRuns, recorded_runs
from pomona_contract.prices import BilledHours
from tests.bills import bill, failed, succeeded
from tests.report_content import summary_of

HOSTILE = (
    "<script>document.title='owned'</script>",
    "</script><script>document.title='owned'</script>",
    "<!--<script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "'; document.title='owned'; '",
    "$rows ${data} $",
    "{{ 7 * 7 }}{% raw %}{# #}",
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
    return ProjectionSample(len(labels), keys, list(labels), points.tolist())


RECORD = {
    "format": 1,
    "batch_id": HOSTILE[3],
    "attempt": 2,
    "started_at": "2025-06-01T10:00:00+00:00",
    "keys": 1100,
    "images": {"done": 1000, "unchanged": 90, "deleted": 5, "absent": 1, "errors": 4, "unread": 0},
    "seconds": {"session": 5.91, "plan": 1.2, "get": 3.0, "inference": 20.0, "total": 31.5},
}


@pytest.fixture
def report():
    model = fit(CoMoments.of(np.random.default_rng(0).normal(size=(60, 12))), ComponentCount(100))
    return Report(
        summary=summary_of(model),
        model=model,
        statistics=RowStatistics(60, len(HOSTILE), 3, DistinctCount(HOSTILE), FAILURES),
        sample=sample_of(HOSTILE * 5),
        runs=RecordedRuns([RecordedRun(RECORD["batch_id"], RECORD)], 1),
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
    assert page.tags.count("img") == 1  # the scree plot
    assert not {"iframe", "link"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    everything = "".join(page.text)
    for text in HOSTILE:
        assert f"not an image: {text}" in everything


def test_the_data_of_the_pictures_comes_back_as_it_was(report):
    page = render(report).decode()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL).group(1))
    assert data["keys"] == report.sample.keys
    assert len(data["points"]) == len(data["groups"]) == 5 * len(HOSTILE)
    assert {entry["group"] for entry in data["legend"]} == set(data["groups"])


def test_json_in_a_script_has_nothing_that_html_knows():
    text = script_json([*HOSTILE, "&lt;"])
    assert json.loads(text) == [*HOSTILE, "&lt;"]
    assert not set("<>&\u2028\u2029") & set(text)


def test_nothing_is_fetched(report):
    page = render(report).decode()
    own = re.sub(r"<td.*?</td>|<script type.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"""href\s*=|url\(|@import|https?://""", own)
    addresses = [value for name, value in Page(page.encode()).attributes if name in ("src", "srcset")]
    assert len(addresses) == 4
    assert all(address.startswith("data:image/svg+xml;base64,") for address in addresses)
    assert "default-src 'none'" in page


@pytest.mark.parametrize("k", [1, 12])
def test_the_scree_plot_is_a_drawing_with_text_and_without_metadata(k):
    model = fit(CoMoments.of(np.random.default_rng(0).normal(size=(60, 12))), ComponentCount(k))
    drawing = scree.svg(model, scree.NARROW)
    root = ElementTree.fromstring(drawing)
    words = {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"component", "cumulative, %", "explained variance, %"} <= words
    assert drawing.decode().count(LIGHT.bar) >= k
    assert b"<metadata" not in drawing
    # And the same model is the same drawing
    assert drawing == scree.svg(model, scree.NARROW)


def test_a_dark_drawing_has_the_dark_colours_in_place_of_the_light_ones():
    model = fit(CoMoments.of(np.random.default_rng(0).normal(size=(60, 12))), ComponentCount(12))
    light = scree.svg(model, scree.NARROW).decode()
    dark = in_dark(light.encode()).decode()
    for before, after in zip(LIGHT, DARK, strict=True):
        assert light.count(before) == dark.count(after) > 0
        assert before not in dark


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
    text = " ".join(
        Page(render(replace(report, statistics=RowStatistics(60, 12345, 0, DistinctCount("ab"), FAILURES)))).text
    )
    assert f"The first {len(HOSTILE)} of 12,345" in text


def test_no_failures_and_no_runs_are_said(report):
    text = " ".join(
        Page(render(replace(report, runs=RecordedRuns(), statistics=RowStatistics(60, 0, 0, DistinctCount("ab"))))).text
    )
    assert "every image in the bucket has its features" in text
    assert "No featurize run has left a record" in text


def put(s3, name, document):
    s3.put_object(Bucket="lake", Key=f"runs/{name}", Body=json.dumps(document).encode())


def rows(page, title):
    """The rows of the table below a heading, as a list of cells each."""
    section = page.decode().partition(f"<h2>{title}</h2>")[2].partition("</section>")[0]
    found = re.findall(r"<tr>(.*?)</tr>", section, re.DOTALL)
    return [[unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)] for row in found]


def told(page, title):
    """The rows of that table by their columns' names."""
    head, *body = rows(page, title)
    return [dict(zip(head, row, strict=True)) for row in body]


def test_what_emr_serverless_billed_is_shown_for_runs_and_refits(report, lake):
    # Given a run that succeeded at its second attempt and a refit of an hour, both billed
    batch = "20261121T080000000Z-a"
    put(lake, f"{batch}-2.json", RECORD | {"batch_id": batch})
    bill(lake, "lake", failed(f"featurize-{batch}-1", "no memory", seconds=75, billed=BilledHours(0.125, 0.5, 0.0)))
    bill(lake, "lake", succeeded(f"featurize-{batch}-2", billed=BilledHours(0.25, 1.0, 0.0)))
    bill(lake, "lake", succeeded("refit-7-20261121T090000000Z", seconds=3725, billed=BilledHours(2.0, 8.0, 0.0)))
    # When the report is made of the lake's documents
    page = render(replace(report, runs=recorded_runs("lake")))
    # Then each has its time, its hours and its cost, the attempt that left no record too
    second, first = told(page, "Featurize runs")
    costs = ("state", "took", "vCPU-hours", "cost")
    assert [second[name] for name in costs] == ["success", "31.5 s", "0.250", "0.0189 USD"]
    assert [first[name] for name in costs] == ["failed<small>no memory</small>", "1 min 15 s", "0.125", "0.0095 USD"]
    assert (first["started (UTC)"], first["keys"]) == ("2026-11-21 08:00:00", "-")
    assert "billed 0.375 vCPU-hours (0.0284 USD) for these runs." in page.decode()
    (refit,) = told(page, "Earlier refits")
    assert [refit[name] for name in costs] == ["success", "1 h 2 min", "2.000", "0.1515 USD"]
    assert refit["due (UTC)"] == "2026-11-21 09:00:00"
    # And the parts of a run have a table of their own
    (parts,) = told(page, "Where the time of these runs went")
    assert (parts["session"], parts["inference"], parts["commit"]) == ("5.9 s", "20.0 s", "-")


def test_what_is_not_billed_yet_or_has_no_price_is_not_guessed(report, lake):
    # Given a run without a bill, one whose hours are not known yet, and one of a region without prices
    for minute in (1, 2, 3):
        put(lake, f"20261121T08{minute:02d}00000Z-a-1.json", RECORD)
    bill(lake, "lake", succeeded("featurize-20261121T080200000Z-a-1", billed=None))
    bill(lake, "lake", succeeded("featurize-20261121T080300000Z-a-1"), region="mars-north-1")
    # When the report is made, then what is not known is said to be so
    page = render(replace(report, runs=recorded_runs("lake")))
    shown = [(run["vCPU-hours"], run["cost"]) for run in told(page, "Featurize runs")]
    assert shown == [("0.250", "-"), ("-", "-"), ("-", "-")]
    assert "billed 0.250 vCPU-hours for these runs, without 2 of them that have no bill." in page.decode()
    assert "No earlier refit has left a bill." in page.decode()


def test_the_latest_runs_are_read_newest_first_and_a_damaged_document_is_left_out(lake, caplog):
    # Given more runs and refits than are shown, a record of a later release and a bill that is no JSON
    for number in range(SHOWN_RUNS + 5):
        put(lake, f"20261121T08{number:02d}00000Z-a-1.json", RECORD)
    for number in range(SHOWN_REFITS + 1):
        bill(lake, "lake", succeeded(f"refit-{100 - number}-202611{number + 1:02d}T080000000Z"))
    put(lake, "20261122T080000000Z-a-1.json", RECORD | {"format": 2})
    lake.put_object(Bucket="lake", Key="runs/20261121T085400000Z-a-1.billed.json", Body=b"no JSON")
    # When they are read
    runs = recorded_runs("lake")
    # Then they are the latest, by their time
    assert [run.name for run in runs.featurize[:2]] == ["20261121T085400000Z-a-1", "20261121T085300000Z-a-1"]
    assert (len(runs.featurize), runs.all_featurize) == (SHOWN_RUNS - 1, SHOWN_RUNS + 6)
    assert [run.name for run in runs.refits[:2]] == ["refit-80-20261121T080000000Z", "refit-81-20261120T080000000Z"]
    assert (len(runs.refits), runs.all_refits) == (SHOWN_REFITS, SHOWN_REFITS + 1)
    # And it is told what was left out
    assert caplog.text.count("The report leaves it out") == 2
    assert not runs.featurize[0].bill


def test_what_boto3_read_in_obstores_place_is_shown(report, lake):
    # Given two records, of which the older one is of a release that did not count fallbacks
    put(lake, "20261121T080100000Z-a-1.json", RECORD)
    put(lake, "20261121T080200000Z-a-1.json", RECORD | {"fallbacks": {"keys": 1200, "errors": 34}})
    # When the report is made, then it shows what is known
    page = render(replace(report, runs=recorded_runs("lake")))
    assert [run["fallbacks"] for run in told(page, "Featurize runs")] == ["1,234", "-"]


def test_classes_beyond_the_colours_share_one():
    labels = [f"class {i:02d}" for i in range(30) for _ in range(30 - i)]
    groups = class_groups(labels)
    assert groups["class 00"] == 0
    assert sum(group < 0 for group in groups.values()) == 30 - len(COLOURS)
    assert legend(groups)[-1][0] == "21 other classes"


def test_a_sample_is_bounded_and_evenly_spaced():
    sample = ProjectionSample(23_456)
    names = pa.array([str(i) for i in range(23_456)])
    constant = pa.array(["x"] * 23_456)
    table = pa.table({"key": names, "bucket": constant, "label": constant, "pc_1": np.arange(23_456.0)})
    for batch in table.to_batches(max_chunksize=777):
        sample.add_from(batch)
    assert len(sample.points) <= MOST_POINTS
    assert [int(key) for key in sample.keys] == list(range(0, 23_456, sample.spacing))
    assert sample.points[1] == [float(sample.spacing)]


@pytest.mark.parametrize("k", [1, 2, 3, 12])
def test_pictures_are_drawn_for_any_number_of_components_and_any_label(k):
    model = fit(CoMoments.of(np.random.default_rng(0).normal(size=(60, 12))), ComponentCount(k))
    sample = sample_of(HOSTILE * 5, k)
    for picture in (scree.png(model), components_png(sample, model)):
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
    assert f'data-drawn="{5 * len(HOSTILE)}"' in document
    assert "<title>Pomona" in document
    assert document.count("<canvas") == (4 if k >= 3 else 1)

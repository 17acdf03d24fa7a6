"""What the report says of classes, suspects and changes: right figures, hostile names, and a bounded size."""

import base64
import json
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from pomona.classifier.classes import Classes
from pomona.classifier.distinct import DistinctCount
from pomona.classifier.documents import Evaluation
from pomona.classifier.evaluation import PredictionCounts
from pomona.classifier.suspects import Suspects
from pomona.refit.history import PastRefit
from pomona.refit.report.class_table import class_table
from pomona.refit.report.confusion import MOST_CLASSES, heat_map
from pomona.refit.report.page import render
from pomona.refit.report.picks import NO_PICKS, pick
from pomona.refit.report.points import shown_keys
from pomona.refit.row_statistics import MOST_GROUPS, RowStatistics, RowStatisticsTotal, reason
from pomona.refit.thumbnails import MOST_BYTES, MOST_THUMBNAILS
from tests.report_content import names_of, report_of, usual_report
from tests.unit.test_report import HOSTILE, Page, told


def evaluation_of(confusion, labels, images_of=None):
    """An evaluation of these predictions: {(true, predicted): images}."""
    counts = PredictionCounts()
    for (true, predicted), images in confusion.items():
        codes = np.full(images, labels.index(true)), np.full(images, labels.index(predicted))
        counts.add(*codes, np.full(images, 0.9), np.zeros(images, int))
    known = images_of or {label: sum(n for (true, _), n in confusion.items() if true == label) for label in labels}
    return Evaluation(Classes(tuple(labels)), known, [True] * len(labels), counts, Suspects(), 0.01, 1.0, None)


def text_of(report):
    return re.sub(r"\s+", " ", " ".join(Page(render(report)).text))


def test_hostile_labels_keys_and_reasons_stay_text_everywhere():
    # Given a report with every section, whose labels, keys, predictions and reasons are hostile
    labels = [text for text in HOSTILE if text]
    report = report_of(labels, key="{label}/r{number}.jpg")
    groups = Counter({(text, text): 5 for text in HOSTILE})
    bad = replace(report.runs.featurize[1], bill=report.runs.featurize[1].bill | {"reason": HOSTILE[3]})
    report = replace(
        report,
        statistics=RowStatistics(60, 65, 0, DistinctCount(HOSTILE), tuple((text, text) for text in HOSTILE), groups),
        runs=replace(report.runs, featurize=[bad]),
    )
    page = Page(render(report))
    # Then the page has no element and no attribute but its own
    assert page.tags.count("script") == 2
    assert not {"iframe", "link", "object", "embed", "form", "base"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    sources = [value for name, value in page.attributes if name == "src"]
    assert all(source.startswith("data:image/") for source in sources)
    # And every label is there as text
    everything = "".join(page.text)
    assert all(label in everything for label in labels)


@pytest.mark.parametrize("classes", [3, 67, 2000])
def test_the_page_is_bounded_whatever_the_names_are(classes):
    # Given names of the greatest length, errors alike, and as many thumbnails as there may be
    labels = [f"{'<é&漢' * 60}{number}" for number in range(classes)]
    report = report_of(labels, thumbnail_bytes=MOST_BYTES, key="{label}" + "/é" * 300 + "{number}.jpg")
    failures = tuple((f"{'<é' * 300}{number}", "&" * 300) for number in range(200))
    page = render(replace(report, statistics=replace(report.statistics, failures=failures)))
    assert len(report.thumbnails) == MOST_THUMBNAILS
    assert len(page) <= 3_000_000


def test_the_accuracy_has_its_interval_and_the_random_one_says_why_it_flatters():
    text = text_of(usual_report(67))
    assert re.search(r"90\.\d % accuracy \(95 % interval 89\.\d % to 91\.\d %\)", text)
    assert "97.0 % accuracy on randomly chosen images" in text
    assert "This flatters: near-copies" in text
    assert "calibration error" in text
    assert "The 67 labels with the most images are classes; 3 smaller labels are not." in text


@pytest.mark.parametrize(
    ("labels", "said"),
    [({None}, "The images have no labels"), ({"apple", None}, "All labelled images are of one class")],
    ids=["no label", "one class"],
)
def test_a_table_without_classes_to_tell_apart_says_so(labels, said):
    report = replace(usual_report(3), evaluation=None, storage=None, picks=NO_PICKS, thumbnails={})
    text = text_of(replace(report, statistics=RowStatistics(10, labels=DistinctCount(filter(None, labels)))))
    assert said in text
    assert "Labels that are probably wrong" not in text
    assert "Without classes there is no accuracy to compare." in text


def test_classes_that_cannot_be_evaluated_are_said():
    found = replace(evaluation_of({}, ["a", "b"], {"a": 1, "b": 1}), evaluated=[False, False])
    text = text_of(replace(usual_report(3), evaluation=found, picks=NO_PICKS, thumbnails={}))
    assert "No class has images that could be held out" in text
    assert "2 classes were not evaluated (a, b)" in text


def test_the_class_table_has_figures_failures_and_the_nearest_class():
    # Given four apples of which one is taken for a pear, five pears, and a plum that cannot be evaluated
    found = evaluation_of(
        {("apple", "apple"): 3, ("apple", "pear"): 1, ("pear", "pear"): 5},
        ["apple", "pear", "plum"],
        {"apple": 4, "pear": 5, "plum": 1},
    )
    table = class_table(found, {"apple": 7, None: 3}, {"apple": "apple/1.jpg"}, longest=48)
    rows = {row.label: [cell.text for cell in row.cells] for row in table.rows}
    assert list(rows) == ["pear", "apple", "plum"]
    assert rows["apple"] == ["4", "7", "75.0 %", "100.0 %", "pear (1)"]
    assert rows["pear"] == ["5", "0", "100.0 %", "83.3 %", "none"]
    assert rows["plum"] == ["1", "0", "not evaluated", "-", "-"]
    assert [row.key for row in table.rows] == [None, "apple/1.jpg", None]


def test_the_heat_map_has_the_classes_that_are_confused_most():
    # Given 40 classes, each taken for the next one, the first most often
    labels = [f"{code:02d}" for code in range(40)]
    confusion = {(label, label): 100 for label in labels}
    confusion |= {(labels[code], labels[(code + 1) % 40]): 40 - code for code in range(40)}
    found = heat_map(evaluation_of(confusion, labels))
    assert len(found.labels) == len(found.rows) == MOST_CLASSES
    assert found.labels == labels[:MOST_CLASSES]
    assert [cell.images for cell in found.rows[0].cells[:3]] == [100, 40, 0]
    # And what was taken for a class that is not on the map is counted, and the map is told in words
    assert found.rows[-1].elsewhere == 40 - (MOST_CLASSES - 1)
    assert found.sentence.startswith("Taken for another class most often: 00 for 01 (40 of 140);")


def test_a_perfect_classifier_has_no_heat_map_but_a_sentence():
    found = heat_map(evaluation_of({("a", "a"): 3, ("b", "b"): 3}, ["a", "b"]))
    assert not found.rows
    assert found.sentence == "No image was taken for one of another class."


def test_typical_images_outliers_and_near_copies_are_found_in_the_sample():
    # Given a sample whose second row of every 400 is nearly the first
    report = report_of(names_of(67))
    sample, rows = report.sample, report.sample.matrix
    # And an image far from its class, and one at the mean of its class
    own = [place for place, label in enumerate(sample.labels) if label == sample.labels[5]]
    means = {sample.labels[5]: rows[own].mean(axis=0)}
    rows[own[0]] += 50
    rows[own[3]] = means[sample.labels[5]]
    sample.blocks[:] = [rows]
    found = pick(sample, None, means)
    assert found.outliers[0].key == sample.keys[own[0]]
    assert found.typical == {sample.labels[5]: sample.keys[own[3]]}
    assert {f"r{400 * number}_100.jpg" for number in range(1, 10)} <= {
        group.keys[0].split("/")[1] for group in found.alike
    }
    assert len(found.keys) == MOST_THUMBNAILS


def test_a_sample_without_rows_has_nothing_to_pick():
    sample = replace(usual_report(3).sample, keys=[], labels=[], points=[], blocks=[])
    assert pick(sample, None, {}) == NO_PICKS


def test_failures_are_grouped_by_reason_and_folder_before_they_are_listed():
    report = usual_report(3)
    page = render(report)
    first = told(page.replace(b'<table class="failures">', b"</section>"), "Images that failed")[0]
    (folder, why), images = report.statistics.groups.most_common(1)[0]
    assert first == {"why": why, "folder": folder, "images": str(images)}
    assert page.index(b'class="groups"') < page.index(b'class="failures"')


@pytest.mark.parametrize(
    ("error", "group"),
    [
        ("too many pixels: 9 x 9 is above the limit of 4", "too many pixels"),
        ("a JPEG of 12 bits is not supported: export it as PNG", "a JPEG of … bits is not supported"),
        ("empty object", "empty object"),
    ],
)
def test_a_reason_is_an_error_without_its_particulars(error, group):
    assert reason(error) == group


def test_groups_of_failures_are_bounded_and_keep_the_largest():
    total = RowStatisticsTotal()
    for start in range(0, 3 * MOST_GROUPS, MOST_GROUPS):
        groups = Counter({(str(number), "x"): 1 for number in range(start, start + MOST_GROUPS)})
        total.add(RowStatistics(errors=MOST_GROUPS + 1, groups=groups + Counter({("large", "x"): 5})))
    found = total.result().groups
    assert len(found) == MOST_GROUPS
    assert found["large", "x"] == 15


def test_changes_and_history_are_told():
    report = usual_report(3)
    page = render(report)
    text = " ".join(Page(page).text)
    assert "New classes (1): Plum 1." in text
    assert "principal angle" in text
    assert "standard deviations" in text
    history = told(page.replace(b"<h3>", b"</section><h2>").replace(b"</h3>", b"</h2>"), "Over the refits")
    assert len(history) == 15
    assert history[0]["refitted"] == "2025-06-01 11:00 UTC"
    assert history[1]["cost"] == "0.1500 USD"
    first = replace(report, earlier=None, drift=None, history=[])
    assert "There is no earlier refit with this network" in " ".join(Page(render(first)).text)


def trend_of(page):
    """The texts of the plots of the history, as a reader of a wide light screen sees them; None without plots."""
    found = re.search(rb'<img src="data:image/svg\+xml;base64,([^"]+)" alt="Images, failed images', page)
    return re.findall(r">([^<>\n]+)</text>", base64.b64decode(found[1]).decode()) if found else None


def test_the_history_is_drawn_with_its_smallest_and_largest_figures():
    # Given 14 earlier refits, of 100,001 to 100,014 images, at 91 % of the variance and for 0.15 dollars each
    told = trend_of(render(usual_report(3)))
    assert [one for one in told if one in ("images", "failed", "variance", "accuracy", "cost")] == [
        "images",
        "failed",
        "variance",
        "accuracy",
        "cost",
    ]
    assert {"100k", "91.0 %", "97.0 %", "0.1500"} <= set(told)


def test_a_history_of_one_refit_or_of_unknown_figures_is_no_line():
    report = usual_report(3)
    assert trend_of(render(replace(report, history=[]))) is None
    unknown = PastRefit("2025-05-01T11:00:00+00:00", None, None, None, None, None, None, None)
    assert "not known" in trend_of(render(replace(report, history=[unknown])))  # the cost of neither is


def test_what_is_not_known_of_an_earlier_refit_is_not_guessed():
    # Given the model.json of a release that had no classes, without an evaluation and a bill
    past = PastRefit.of({"refitted_at": "2025-05-01T11:00:00+00:00", "rows": 5, "variance": 0.5}, {}, {})
    page = render(replace(usual_report(3), history=[past]))
    history = told(page.replace(b"<h3>", b"</section><h2>").replace(b"</h3>", b"</h2>"), "Over the refits")
    assert list(history[1].values()) == ["2025-05-01 11:00 UTC", "5", "-", "-", "50.0 %", "-", "-"]


def test_long_keys_of_points_are_cut_at_their_beginning_and_short_ones_are_not():
    assert shown_keys(["é/1.jpg"] * 5000, 600_000) == ["é/1.jpg"] * 5000
    long = [f"{'x' * 900}/{number}.jpg" for number in range(5000)]
    assert all(
        one.startswith("…") and one.endswith(f"/{number}.jpg") for number, one in enumerate(shown_keys(long, 600_000))
    )
    assert len(json.dumps(shown_keys(long, 600_000))) < 700_000

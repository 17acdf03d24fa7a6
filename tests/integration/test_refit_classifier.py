"""The classifier of a refit, on Spark: honest figures, useful suspects, and tables of every odd shape."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from botocore.exceptions import ClientError
from sklearn.metrics import accuracy_score, classification_report

from pomona.identify.neighbours import load_neighbours
from pomona.projection import classify


def fruits(classes=5, images=60, width=16, spread=2.0, seed=0):
    """Rows of several classes; each class has its own mean."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(classes, width)) * spread
    return [
        {
            "key": f"fruit {code}/r_{number}.jpg",
            "label": f"fruit {code}",
            "features": (means[code] + rng.normal(size=width) + 5).astype(np.float32),
        }
        for code in range(classes)
        for number in range(images)
    ]


def evaluation_of(table):
    return json.loads(table.result("evaluation.json"))


def test_the_evaluation_is_what_the_projections_say(table_of_width):
    # Given a table of five classes that overlap a little, in two files
    table, rows = table_of_width(16), fruits(spread=0.8)
    table.add(rows[::2])
    table.add(rows[1::2])
    assert table.refit("5") == 0
    # Then scikit-learn's figures of the held-out predictions are those of evaluation.json and of the CSV
    found, projections = evaluation_of(table), table.projections()
    labels, predicted = projections["label"], projections["predicted"]
    theirs = classification_report(labels, predicted, output_dict=True, zero_division=0)
    assert found["images"] == len(projections) == 300
    assert found["accuracy"] == pytest.approx(accuracy_score(labels, predicted))
    assert 0.5 < found["accuracy"] < 1
    assert found["macro"]["f1"] == pytest.approx(theirs["macro avg"]["f1-score"])
    for one in found["per_class"]:
        report = theirs[one["label"]]
        assert (one["precision"], one["recall"], one["support"]) == pytest.approx(
            (report["precision"], report["recall"], report["support"])
        )
    report = pd.read_csv(io.BytesIO(table.result("classification_report.csv")), index_col="label")
    assert report.loc["weighted avg", "f1-score"] == pytest.approx(theirs["weighted avg"]["f1-score"])
    suspects = pd.read_csv(io.BytesIO(table.result("suspects.csv")))
    wrong = projections[labels != predicted].set_index("key")
    assert set(suspects["key"]) == set(wrong.index)
    assert suspects["margin"].is_monotonic_decreasing
    np.testing.assert_allclose(suspects["probability"], wrong.loc[suspects["key"], "probability"], atol=1e-12)


def test_no_row_is_classified_by_a_classifier_that_has_seen_it(table_of_width):
    # Given features that say nothing about the labels, with as many columns as a class has images
    rng = np.random.default_rng(1)
    rows = [
        {"key": f"{code}/{number}.jpg", "label": f"{code}", "features": rng.normal(size=64).astype(np.float32)}
        for code in range(5)
        for number in range(80)
    ]
    table = table_of_width(64)
    table.add(rows)
    assert table.refit("5") == 0
    # Then the held-out accuracy is that of guessing, and folds are ranges of a label's keys in natural order
    low, high = evaluation_of(table)["accuracy_interval_95"]
    assert low - 0.05 < 0.2 < high + 0.05
    frame = table.projections()
    frame["number"] = frame["key"].str.extract(r"/(\d+)")[0].astype(int)
    for _, one in frame.groupby("label"):
        in_order = one.sort_values("number")["fold"].to_numpy()
        assert (np.diff(in_order) != 0).sum() == 4


def test_the_model_classifies_new_images(table_of_width, tmp_path):
    table, rows = table_of_width(16), fruits()
    table.add(rows)
    assert table.refit("5") == 0
    model = table.model(tmp_path)
    new = fruits(images=20, seed=0)[::-1]
    labels, probability = classify(np.stack([row["features"] for row in new]), model)
    assert (labels == [row["label"] for row in new]).mean() > 0.95
    assert probability.min() > 0.2
    assert model.classes == tuple(f"fruit {code}" for code in range(5))
    assert model.class_counts.tolist() == [60] * 5
    assert json.loads(table.result("model.json"))["class_counts"] == {f"fruit {code}": 60 for code in range(5)}


def test_the_index_finds_each_image_of_the_projections(table_of_width):
    # Given a table in two files
    table, rows = table_of_width(16), fruits(classes=2, images=20)
    table.add(rows[::2])
    table.add(rows[1::2])
    # When it is refitted
    assert table.refit("5") == 0
    # Then neighbours.npz has every image, and the nearest of each projection is the image itself
    index, projections = load_neighbours(io.BytesIO(table.result("neighbours.npz"))), table.projections()
    assert len(index) == len(projections) == 40
    for key, label, *projected in projections[["key", "label", *(f"pc_{i}" for i in range(1, 6))]].itertuples(False):
        nearest = index.nearest(np.array(projected), 1)[0]
        assert (nearest.key, nearest.label) == (key, label)
        assert nearest.similarity == pytest.approx(1, abs=1e-3)


def test_a_table_that_is_too_large_for_an_index_says_so(table_of_width, monkeypatch):
    monkeypatch.setattr("pomona.refit.neighbours_file.MOST_VECTORS", 19)
    table = table_of_width(16)
    table.add(fruits(classes=2, images=10))
    assert table.refit("5") == 0
    with pytest.raises(ClientError, match="NoSuchKey"):
        table.result("neighbours.npz")
    notes = json.loads(table.result("model.json"))["notes"]
    assert any("there is no neighbours.npz" in note and "20 images are more than 19" in note for note in notes)


def test_planted_wrong_labels_are_the_first_suspects(table_of_width):
    # Given classes that are told apart well, of whose images 2 % lie in a wrong folder
    rows = fruits(classes=10, images=100, spread=1.6)
    planted = {row["key"] for row in rows[::50]}
    for row in rows[::50]:
        row["label"] = f"fruit {(int(row['label'].split()[1]) + 3) % 10}"
    table = table_of_width(16)
    table.add(rows)
    assert table.refit("5") == 0
    # Then four fifths of them are among the first suspects, as many as 3 % of the images
    suspects = pd.read_csv(io.BytesIO(table.result("suspects.csv")))
    assert len(planted & set(suspects["key"][: len(rows) * 3 // 100])) >= 0.8 * len(planted)


def test_copies_of_an_image_are_in_one_fold(table_of_width):
    table, rows = table_of_width(16), fruits()
    for row in rows[5::60]:
        row["etag"] = "the same picture"
    table.add(rows)
    assert table.refit("5") == 0
    copies = table.projections().query("key.str.endswith('r_5.jpg')")
    assert len(copies) == 5
    assert copies["fold"].nunique() == 1


def test_a_copied_folder_does_not_make_the_accuracy_that_of_copies(table_of_width):
    # Given ten fruits of which each frame is nearly the one before, so that only frames tell a fruit
    rng = np.random.default_rng(0)
    rows = [
        {
            "key": f"fruit {fruit}/IMG_{20 * thing + frame}.jpg",
            "label": f"fruit {fruit}",
            "etag": f"{fruit}-{thing}-{frame}",
            "features": (look + rng.normal(size=16) * 0.05 + 9).astype(np.float32),
        }
        for fruit in range(10)
        for thing in range(10)
        for look in [rng.normal(size=16)]
        for frame in range(20)
    ]
    copies = [row | {"key": f"backup/{row['key']}"} for row in rows]
    table = table_of_width(16)
    table.add(rows)
    assert table.refit("5") == 0
    without = evaluation_of(table)["accuracy"]
    # When somebody copies all folders
    table.add(copies)
    assert table.refit("5") == 0
    # Then the accuracy is what it was, or so, and far from that of random images
    found = evaluation_of(table)
    assert found["images"] == 4000
    assert found["accuracy"] < without + 0.1 < found["random_hold_out"]["accuracy"] - 0.1


def test_a_row_that_no_other_fold_can_tell_has_no_prediction(table_of_width):
    # Given two fruits whose images are all one picture: they are in one fold
    table = table_of_width(16)
    table.add([row | {"etag": "the same picture"} for row in fruits(classes=2, images=5)])
    assert table.refit("5") == 0
    # Then nothing is predicted, instead of a class with no probability
    projections = table.projections()
    assert projections["predicted"].isna().all()
    assert projections["probability"].isna().all()
    assert evaluation_of(table)["accuracy"] is None


@pytest.mark.parametrize(
    ("label", "said"),
    [(lambda number: "fruit", None), (lambda number: None, None), (lambda number: f"{number}", "not evaluated")],
    ids=["one class", "no labels", "classes of one image"],
)
def test_a_table_that_has_nothing_to_tell_apart_is_refitted_all_the_same(table_of_width, tmp_path, label, said):
    rows = [row | {"label": label(number)} for number, row in enumerate(fruits(classes=2, images=20))]
    table = table_of_width(16)
    table.add(rows)
    assert table.refit("5") == 0
    projections = table.projections()
    assert len(projections) == 40
    assert projections["predicted"].isna().all() == (said is None)
    if said is None:
        assert table.model(tmp_path).classes == ()
    else:
        found = evaluation_of(table)
        assert found["accuracy"] is None
        assert said in found["notes"][0]
        assert len(table.model(tmp_path).classes) == 40


def test_of_very_many_classes_the_largest_are_evaluated(table_of_width, tmp_path):
    # Given 2,100 classes: 2,000 of two images, and 100 of one
    rng = np.random.default_rng(0)
    sizes = [2] * 2000 + [1] * 100
    rows = [
        {"key": f"{code}/{number}", "label": f"{code}", "features": rng.normal(size=8).astype(np.float32) + code}
        for code, size in enumerate(sizes)
        for number in range(size)
    ]
    table = table_of_width(8)
    table.add(rows)
    assert table.refit("5") == 0
    found = evaluation_of(table)
    assert found["classes"] == len(table.model(tmp_path).classes) == 2000
    assert found["images"] == 4000
    assert found["notes"] == ["the 2000 labels with the most images are classes; 100 smaller labels are not"]


def test_signs_stay_and_the_drift_is_told(table_of_width, tmp_path):
    table, rows = table_of_width(16), fruits()
    table.add(rows)
    assert table.refit("5") == 0
    first = table.model(tmp_path)
    assert json.loads(table.result("model.json"))["drift"] is None
    # When images are added and the table is refitted
    table.add([row | {"key": f"new/{row['key']}"} for row in fruits(images=10, seed=3)])
    assert table.refit("5") == 0
    # Then components point where they pointed, and model.json says what has moved
    second, found = table.model(tmp_path), json.loads(table.result("model.json"))["drift"]
    cosines = np.einsum("ij,ij->i", first.components, second.components)
    assert (cosines > -0.5).all()
    assert found["rows_before"] == 300
    assert len(found["angles_degrees"]) == 5
    assert found["mean_shift"] > 0

"""The comparison of networks: its figures, and a page that invents none."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import compare, cost, models
from benchmarks.accuracy import Archive, HeldOut
from benchmarks.figures import figures
from benchmarks.places import BenchError

MEASURED = {
    "width": 1280,
    "input": 224,
    "network_megabytes": 8.8,
    "images_per_core_second": 201.4,
    "dollars_per_million": 1.32,
    "weights": "a.h5",
    "table_megabytes_per_million": 4321,
    "components_90": 120,
    "components_95": 230,
    "variance_100": 0.88,
    "lda_accuracy": 0.9871,
    "lda_interval_95": [0.98, 0.99],
    "forest_accuracy": 0.9123,
}
WITHOUT_WEIGHTS = {name: MEASURED[name] for name in list(MEASURED)[:5]} | {"weights": None}


def document(**networks) -> dict:
    images = {"source": "fruits", "images": 12_001, "classes": 70, "left_out": 2}
    return {"machine": {"processor": "a processor", "cores": 2}, "images": images, "networks": networks}


def archive(features, labels) -> Archive:
    keys = [f"{label}/{number}.jpg" for number, label in enumerate(labels)]
    return Archive(np.asarray(features, np.float32), keys, list(labels), [f"etag {key}" for key in keys], 0)


def test_the_page_has_a_row_for_each_network():
    page = models.page(document(mobilenet_v2=MEASURED))
    assert "| `mobilenet_v2` | 201 | 1,280 | 120 / 230 | 0.987 | 0.912 | 8.8 | 4,321 | 1.32 |" in page
    assert "12,001 images of 70 classes (`fruits`). 2 more cannot be read." in " ".join(page.split())
    assert "## Not measured" not in page


def test_a_network_without_weights_is_listed_and_nothing_of_it_is_invented():
    page = models.page(document(mobilenet_v2=MEASURED, vgg16=WITHOUT_WEIGHTS, resnet50=WITHOUT_WEIGHTS))
    assert "| `vgg16` | 201 | 1,280 | - | - | - | 8.8 | - | 1.32 |" in page
    assert "`vgg16`, `resnet50` have no accuracy and no components here" in page


@pytest.mark.parametrize(
    ("ours", "here"),
    [
        ({}, "not measured"),
        ({"published_classes": {"images": 492, "variance_100": 0.93}}, "not measured"),
        ({"published_classes": {"images": 496, "variance_100": 0.9257}}, ".9257"),
    ],
)
def test_a_published_figure_is_compared_on_the_same_images_alone(ours, here):
    page = models.page(document(mobilenet_v2=MEASURED | ours))
    assert f"Apple Red 1, Dates and Kaki | .9240 | {here} |" in page
    assert "InceptionV3, 131 classes | .83 | not measured: no weights here |" in page


def test_the_committed_page_says_what_its_script_writes():
    assert models.PAGE.read_text() == models.page(models.read()), "docs/models.md is not up to date: make bench-pages"


def test_without_results_there_is_a_sentence(tmp_path):
    with pytest.raises(BenchError, match=r"models\.json is missing: run make compare"):
        models.read(tmp_path / "models.json")


def test_page_and_picture_are_beside_the_results_of_a_user(tmp_path):
    networks = document(mobilenet_v2=MEASURED, vgg16=WITHOUT_WEIGHTS)
    written = models.write(networks, tmp_path / "out" / "models.json")
    assert [path.name for path in written] == ["models.json", "models.md", "models.svg"]
    assert json.loads(written[0].read_text()) == networks
    assert "](models.svg)" in written[1].read_text()
    assert "](results.md" not in written[1].read_text()  # which is not beside it
    assert b"no weights here" in written[2].read_bytes()


def test_a_network_as_fast_as_the_measured_one_costs_as_much():
    figure = figures()
    same = sum(cost.pomona_parts(1_000_000, figure, cost.prices()).values())
    assert compare.dollars(compare.bare_rate(figure)) == pytest.approx(same)
    assert compare.dollars(compare.bare_rate(figure) / 10) > 1.5 * same


def test_components_are_counted_as_the_refit_counts_them():
    # Given 20 features of which three vary together with others, so that few components explain nearly all
    hidden = np.random.default_rng(0).normal(size=(500, 3))
    features = hidden @ np.random.default_rng(1).normal(size=(3, 20)) + 0.01 * np.random.default_rng(2).normal(
        size=(500, 20)
    )
    found = compare.components(features.astype(np.float32))
    assert found["components_90"] <= found["components_95"] <= 3
    assert found["variance_100"] == 1.0


def test_the_published_classes_are_chosen_by_their_labels():
    features = np.random.default_rng(0).normal(size=(40, 6))
    labels = [*compare.PUBLISHED_CLASSES, "Kiwi"] * 10
    assert compare.published(archive(features, labels)) == {"published_classes": {"images": 30, "variance_100": 1.0}}
    assert compare.published(archive(features, ["Kiwi"] * 40)) == {}


def test_images_of_unseen_folds_are_predicted():
    # Given two classes that are told apart easily
    features = np.random.default_rng(0).normal(size=(60, 4)) + 20 * (np.arange(60) % 2)[:, None]
    images = archive(features, ["a", "b"] * 30)
    held_out = HeldOut.of(images)
    assert held_out.counts(images).accuracy == 1.0
    assert sorted(set(held_out.folds.tolist())) == [0, 1, 2, 3, 4]


def test_images_without_classes_have_no_accuracy():
    assert compare.accuracies(archive(np.eye(4), ["one"] * 4)) == {}


def test_a_folder_that_is_not_there_gets_a_sentence(tmp_path):
    with pytest.raises(BenchError, match="there is no such file or folder"):
        compare.main([str(tmp_path / "none")])


def test_features_of_a_bad_image_are_none(tmp_path: Path):
    from pomona.backbone import load_backbone
    from tests.identify_results import BACKBONES, new_image

    backbone = load_backbone("fruitnet", BACKBONES)
    assert compare.features_of(backbone, b"no image") is None
    assert compare.features_of(backbone, new_image("kiwi")).shape == (1280,)

"""From a photograph to an answer, with the results and the network that lie in a lake."""

import io
import sys
from dataclasses import replace

import boto3
import pillow_heif
import pytest
from moto import mock_aws
from PIL import Image

from pomona.identify.deployed import DeployedResults, NoResultsError
from pomona.imaging.errors import ImageError
from pomona_contract.errors import FormatError
from pomona_contract.lake_layout import LATEST_RESULTS, backbone_folder
from tests.identify_results import ACCURACY, FRUITS, IMAGES, LABEL, LIMITS, new_image, put_backbone, put_results
from tests.unit.test_job_layers import loaded_by, roots


@pytest.fixture
def s3(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="lake")
        yield client


@pytest.fixture
def results(s3, tmp_path):
    put_backbone(s3, "lake")
    put_results(s3, "lake")
    return read(s3, tmp_path)


def read(s3, folder):
    return DeployedResults.read(s3, "lake", folder, LIMITS)


@pytest.mark.parametrize("fruit", FRUITS)
def test_a_new_photograph_gets_its_class_and_images_like_it(results, fruit):
    # When a photograph that the results do not know is identified
    found = results.identifier.identify(new_image(fruit), candidates=3, nearest=4).document()
    # Then its class comes first, with the others behind it, and the nearest images are of that class
    assert found["label"] == fruit
    assert [one["probability"] for one in found["candidates"]] == sorted(
        (one["probability"] for one in found["candidates"]), reverse=True
    )
    assert found["probability"] == found["candidates"][0]["probability"] > 0.5
    assert len(found["candidates"]) == 3
    assert [one["label"] for one in found["nearest"]] == [fruit] * 4
    assert found["nearest"][0]["key"].startswith(f"{fruit}/")
    assert (found["width"], found["height"]) == (100, 100)


def test_an_image_of_the_table_is_its_own_nearest(results):
    found = results.identifier.identify((IMAGES / "kiwi/kiwi-03.jpg").read_bytes(), 1, 1)
    assert found.nearest[0].key == "kiwi/kiwi-03.jpg"
    assert found.nearest[0].similarity == pytest.approx(1, abs=1e-3)


def test_a_photograph_of_a_phone_is_read(results):
    body = io.BytesIO()
    with Image.open(IMAGES / "kiwi/kiwi-11.jpg") as photograph:
        pillow_heif.from_pillow(photograph).save(body, format="HEIF")
    found = results.identifier.identify(body.getvalue(), 1, 0)
    assert (found.candidates[0].label, found.nearest) == ("kiwi", ())


@pytest.mark.parametrize(
    ("name", "reason"),
    [("shopping list.jpg", "not an image"), ("empty.jpg", "empty"), ("truncated.jpg", "ends before")],
)
def test_what_is_no_image_gets_the_sentence_of_the_job(results, name, reason):
    with pytest.raises(ImageError, match=reason):
        results.identifier.identify((IMAGES / "broken" / name).read_bytes(), 1, 1)


def test_the_limits_of_the_job_hold(results):
    small = replace(results.identifier, limits=replace(LIMITS, max_image_pixels=9_999))
    with pytest.raises(ImageError, match="MaxImagePixels"):
        small.identify(new_image("kiwi"), 1, 1)


def test_an_image_that_memory_does_not_suffice_for_is_a_bad_image(results, monkeypatch):
    def exhausted(*_):
        raise MemoryError

    monkeypatch.setattr("pomona.identify.identifier.preprocess", exhausted)
    with pytest.raises(ImageError, match="not enough memory"):
        results.identifier.identify(new_image("kiwi"), 1, 1)


def test_a_table_of_one_class_has_no_answer_but_similar_images(s3, tmp_path):
    put_backbone(s3, "lake")
    put_results(s3, "lake", fruits=("kiwi",))
    results = read(s3, tmp_path)
    found = results.identifier.identify(new_image("kiwi"), 3, 2).document()
    assert (found["label"], found["probability"], found["candidates"]) == (None, None, ())
    assert [one["label"] for one in found["nearest"]] == ["kiwi", "kiwi"]
    assert results.accuracy is None


def test_an_answer_says_what_it_was_learnt_from(results):
    assert results.model_document() == {
        "rows": 40,
        "refitted_at": "2026-11-20T12:05:00+00:00",
        "accuracy": ACCURACY,
        "snapshot_id": 7,
        "backbone": LABEL,
    }


def test_newer_results_are_noticed(results, s3):
    assert results.is_newest(s3, "lake")
    put_results(s3, "lake", snapshot_id=8)
    assert not results.is_newest(s3, "lake")


def test_the_network_is_fetched_once_and_again_if_it_was_damaged(results, s3, tmp_path):
    # Given a network that was fetched, of which the lake then has no copy
    folder = backbone_folder(LABEL)
    kept = tmp_path / LABEL.replace("@", "-")
    original = (kept / "fruitnet.tflite").read_bytes()
    for name in ("fruitnet.json", "fruitnet.tflite"):
        s3.delete_object(Bucket="lake", Key=folder + name)
    # Then it is not needed again, until the kept one is damaged
    assert read(s3, tmp_path).identifier.identify(new_image("kiwi"), 1, 1).candidates[0].label == "kiwi"
    (kept / "fruitnet.tflite").write_bytes(original[:-1])
    with pytest.raises(NoResultsError, match=f"{folder}fruitnet.json is missing"):
        read(s3, tmp_path)
    put_backbone(s3, "lake")
    assert read(s3, tmp_path).latest.backbone == LABEL
    assert sorted(path.name for path in kept.iterdir()) == ["fruitnet.json", "fruitnet.tflite"]


def test_without_results_a_sentence_says_so(s3, tmp_path):
    with pytest.raises(NoResultsError, match="no results yet"):
        read(s3, tmp_path)


@pytest.mark.parametrize("name", ["model.npz"])
def test_incomplete_results_are_named(results, s3, tmp_path, name):
    s3.delete_object(Bucket="lake", Key=f"results/7/{name}")
    with pytest.raises(NoResultsError, match=f"results/7/{name} is missing"):
        read(s3, tmp_path)


def test_a_table_that_is_too_large_for_an_index_has_classes_alone(results, s3, tmp_path):
    s3.delete_object(Bucket="lake", Key="results/7/neighbours.npz")
    found = read(s3, tmp_path).identifier.identify(new_image("kiwi"), 1, 5)
    assert (found.candidates[0].label, found.nearest) == ("kiwi", ())


@pytest.mark.parametrize(("key", "body"), [(LATEST_RESULTS, b'{"format": 9}'), ("results/7/model.npz", b"?")])
def test_what_another_release_wrote_is_refused(results, s3, tmp_path, key, body):
    s3.put_object(Bucket="lake", Key=key, Body=body)
    with pytest.raises(FormatError):
        read(s3, tmp_path)


def test_identifying_needs_neither_spark_nor_arrow():
    assert "pomona.identify.deployed" in sys.modules
    assert not {"pyspark", "pyarrow", "pandas", "obstore"} & roots(loaded_by("pomona.identify.deployed"))

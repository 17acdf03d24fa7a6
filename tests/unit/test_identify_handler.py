"""The function `identify`: what it answers to which event, and when it reads the results again."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from pomona.imaging.errors import ImageError
from pomona.imaging.limits import Limits
from pomona_contract.lake_layout import LATEST_RESULTS
from pomona_identify import answers
from pomona_identify.images import ImagesBucket
from pomona_identify.questions import StoredImage
from tests.identify_function import invoke_identify
from tests.identify_results import FRUITS, LABEL, new_image, put_results

EVENTS = Path(__file__).resolve().parents[2] / "events"


@pytest.fixture
def s3(identify_s3):
    return identify_s3


@pytest.fixture
def invoke(s3):
    return invoke_identify


@pytest.fixture
def images(s3, monkeypatch):
    """The function may read the images bucket, which has one image and one that is too large."""
    monkeypatch.setenv("IDENTIFY_ACCESS", "iam")
    s3.put_object(Bucket="images", Key="new/kiwi é.jpg", Body=new_image("kiwi"))
    s3.put_object(Bucket="images", Key="large.jpg", Body=bytes(3_000_000))


def sample_event(name):
    return json.loads((EVENTS / f"identify-{name}.json").read_text())


def test_an_image_gets_its_class_and_images_like_it(invoke):
    answered = invoke(sample_event("image"))
    assert answered["label"] == "kiwi"
    assert answered["candidates"][0]["label"] == "kiwi"
    assert len(answered["candidates"]) == len(FRUITS)
    assert len(answered["nearest"]) == answers.NEAREST
    assert answered["model"]["backbone"] == LABEL
    assert "error" not in answered


@pytest.mark.parametrize("key", ["a/" + "é" * 512, "a/\ud800.jpg"], ids=["too long", "half of a surrogate pair"])
def test_a_key_that_s3_does_not_take_is_refused(invoke, images, key):
    answered = invoke({"bucket": "images", "key": key})
    assert (answered["status"], answered["retry"]) == (400, False)
    assert "1,024 bytes" in answered["error"]


def test_an_object_that_s3_does_not_give_out_gets_a_sentence():
    # Given an image under a key that only its owner has (SSE-C): so S3 answers a GET without that key
    message = "The object was stored using a form of Server Side Encryption. The correct parameters must be provided"
    answer = {"Error": {"Code": "InvalidRequest", "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}

    def refuse(**_: str) -> None:
        raise ClientError(answer, "GetObject")

    bucket = ImagesBucket(SimpleNamespace(get_object=refuse), "images", 1000, Limits(10**6, 10**8, 100))
    # Then whoever asks is told, and the function does not fail
    with pytest.raises(ImageError, match=r"S3 does not give the object out: .*Server Side Encryption"):
        bucket.read(StoredImage("images", "secret.jpg"))


def test_what_is_no_image_gets_the_sentence_of_the_job(invoke):
    answered = invoke(sample_event("no-image"))
    assert answered["status"] == 422
    assert "not an image" in answered["error"]


@pytest.mark.parametrize(
    "event",
    [
        {},
        [],
        {"image": 3},
        {"image": "not base64!"},
        {"image": "é"},
        {"bucket": "images"},
        {"bucket": "images", "key": ""},
        {"image": "", "bucket": "images", "key": "a"},
    ],
)
def test_another_event_is_refused_with_what_is_taken(invoke, event):
    answered = invoke(event)
    assert answered["status"] == 400
    assert "base64" in answered["error"]


def test_newer_results_answer_at_once(invoke, s3):
    # Given a function that has answered
    assert invoke(sample_event("image"))["model"]["snapshot_id"] == 7
    # When a refit has written newer results
    put_results(s3, "lake", fruits=("apple", "lemon"), snapshot_id=8)
    # Then they answer
    answered = invoke(sample_event("image"))
    assert answered["model"]["snapshot_id"] == 8
    assert {one["label"] for one in answered["nearest"]} <= {"apple", "lemon"}


def test_results_are_read_once(invoke, s3):
    invoke(sample_event("image"))
    s3.delete_object(Bucket="lake", Key="results/7/model.npz")
    assert invoke(sample_event("image"))["label"] == "kiwi"


def test_after_an_erasure_nothing_answers_until_the_next_refit(invoke, s3):
    # Given a function that has results in memory
    invoke(sample_event("image"))
    # When an erasure has removed all results
    s3.delete_object(Bucket="lake", Key=LATEST_RESULTS)
    # Then it says that there are none
    answered = invoke(sample_event("image"))
    assert answered["status"] == 503
    assert "no results yet" in answered["error"]
    put_results(s3, "lake", snapshot_id=9)
    assert invoke(sample_event("image"))["model"]["snapshot_id"] == 9


def test_nothing_of_an_image_is_logged(invoke, caplog):
    invoke(sample_event("image"))
    logged = str([vars(record) for record in caplog.records])
    assert "'status': 200" in logged
    assert sample_event("image")["image"][:40] not in logged


def test_an_image_of_the_bucket_gets_the_same_answer_as_one_that_is_sent(invoke, images):
    answered = invoke({"bucket": "images", "key": "new/kiwi é.jpg"})
    sent = invoke(sample_event("image"))
    assert answered["label"] == sent["label"] == "kiwi"
    assert answered["model"] == sent["model"]


@pytest.mark.parametrize(
    ("event", "status", "words"),
    [
        ({"bucket": "lake", "key": "results/latest.json"}, 403, "bucket must be images"),
        ({"bucket": "images", "key": "no such.jpg"}, 404, "no such image"),
        ({"bucket": "images", "key": "large.jpg"}, 413, "3,000,000 bytes is above the limit of 2,000,000"),
    ],
)
def test_another_object_is_not_read(invoke, images, event, status, words):
    answered = invoke(event)
    assert (answered["status"], answered["retry"]) == (status, False)
    assert words in answered["error"]


def test_without_an_address_no_image_of_the_bucket_is_read(invoke):
    answered = invoke(sample_event("object"))
    assert answered["status"] == 403
    assert "IdentifyAccess" in answered["error"]


def test_thumbnails_of_the_similar_images_come_when_they_are_asked_for(invoke, images, s3):
    # Given a bucket that has one of the similar images, and another that is no image any more
    nearest = invoke(sample_event("image"))["nearest"]
    assert not [one for one in nearest if "thumbnail" in one]
    s3.put_object(Bucket="images", Key=nearest[0]["key"], Body=new_image("kiwi"))
    s3.put_object(Bucket="images", Key=nearest[1]["key"], Body=b"no image")
    # When thumbnails are asked for
    found = invoke(sample_event("image") | {"thumbnails": True})["nearest"]
    # Then the first has one, and the others none
    assert found[0]["thumbnail"].startswith("data:image/webp;base64,")
    assert len(found[0]["thumbnail"]) < 12_000
    assert [one["thumbnail"] for one in found[1:]] == [None] * (len(found) - 1)


def test_a_service_that_fails_is_told_from_results_that_are_not_there(invoke, s3, monkeypatch):
    # Given S3 out of reach
    def unreachable(*_, **__):
        raise EndpointConnectionError(endpoint_url="https://s3")

    monkeypatch.setattr("pomona_identify.results.DeployedResults.read", unreachable)
    answered = invoke(sample_event("image"))
    # Then a retry may help
    assert (answered["status"], answered["retry"]) == (503, True)
    monkeypatch.undo()


def test_where_there_are_no_results_a_retry_does_not_help(invoke, s3):
    s3.delete_object(Bucket="lake", Key=LATEST_RESULTS)
    answered = invoke(sample_event("image"))
    assert (answered["status"], answered["retry"]) == (503, False)


def test_results_of_another_release_are_told_in_a_sentence_that_a_retry_does_not_change(invoke, s3):
    s3.put_object(Bucket="lake", Key=LATEST_RESULTS, Body=b'{"format": 99}')
    answered = invoke(sample_event("image"))
    assert (answered["status"], answered["retry"]) == (503, False)
    assert "format 99" in answered["error"]
    put_results(s3, "lake", snapshot_id=10)


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"accuracy": null}'])
def test_an_evaluation_that_cannot_be_read_leaves_the_accuracy_unknown(invoke, s3, body):
    put_results(s3, "lake", snapshot_id=11)
    s3.put_object(Bucket="lake", Key="results/11/evaluation.json", Body=body)
    answered = invoke(sample_event("image"))
    assert (answered["label"], answered["model"]["accuracy"]) == ("kiwi", None)


def test_results_that_are_replaced_while_they_are_read_are_worth_a_retry(invoke, s3, monkeypatch):
    # Given results that an erasure removes, and others replace, after latest.json was read
    from pomona.identify import stored_results

    read = stored_results._latest

    def read_then_replaced(client, lake):
        found = read(client, lake)
        client.delete_object(Bucket=lake, Key="results/7/model.npz")
        put_results(client, lake, snapshot_id=8)
        return found

    monkeypatch.setattr(stored_results, "_latest", read_then_replaced)
    answered = invoke(sample_event("image"))
    # Then a retry may help, and it does
    assert (answered["status"], answered["retry"]) == (503, True)
    monkeypatch.setattr(stored_results, "_latest", read)
    assert invoke(sample_event("image"))["model"]["snapshot_id"] == 8

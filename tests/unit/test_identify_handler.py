"""The function `identify`: what it answers to which event, and when it reads the results again."""

import json
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from moto import mock_aws

import identify
from pomona_contract.lake_layout import LATEST_RESULTS
from pomona_identify import answers, dependencies
from tests.identify_results import FRUITS, LABEL, put_backbone, put_results

EVENTS = Path(__file__).resolve().parents[2] / "events"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:identify"
SETTINGS = {"MAX_IMAGE_PIXELS": "100000000", "MAX_DECODED_BYTES": "536870912", "MAX_JPEG_SCANS": "100"}
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture
def s3(monkeypatch, tmp_path):
    for name, value in (SETTINGS | ENVIRONMENT | {"LAKE_BUCKET": "lake", "TMPDIR": str(tmp_path)}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dependencies.newest_results.cache_clear()
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="lake")
        put_backbone(client, "lake")
        put_results(client, "lake")
        yield client
    dependencies.newest_results.cache_clear()


@pytest.fixture
def invoke(s3):
    context = SimpleNamespace(
        function_name="identify", memory_limit_in_mb=1769, invoked_function_arn=ARN, aws_request_id="1"
    )

    def run(event):
        return json.loads(json.dumps(identify.handler(event, context)))

    return run


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


def test_what_is_no_image_gets_the_sentence_of_the_job(invoke):
    answered = invoke(sample_event("no-image"))
    assert answered["status"] == 422
    assert "not an image" in answered["error"]


@pytest.mark.parametrize("event", [{}, [], {"image": 3}, {"image": "not base64!"}])
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


def test_nothing_of_an_image_is_logged(invoke, capsys):
    invoke(sample_event("image"))
    assert sample_event("image")["image"][:40] not in capsys.readouterr().out

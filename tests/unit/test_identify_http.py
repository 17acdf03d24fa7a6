"""The function's URL: which request gets the page, an answer, or which error; and what a browser may do with it."""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from pomona_contract.lake_layout import LATEST_RESULTS
from pomona_identify.page import page
from tests.identify_function import forget, invoke_identify
from tests.identify_results import new_image

EVENTS = Path(__file__).resolve().parents[2] / "events"
KIWI = base64.b64encode(new_image("kiwi")).decode()


def request(method="POST", path="/", content_type=None, body=None, is_base64=False, **query):
    """An event of Lambda's payload format 2.0."""
    event = {
        "version": "2.0",
        "rawPath": path,
        "headers": {"host": "example"} | ({"content-type": content_type} if content_type else {}),
        "requestContext": {"http": {"method": method, "path": path}},
        "isBase64Encoded": is_base64,
    }
    return event | ({"body": body} if body is not None else {}) | ({"queryStringParameters": query} if query else {})


@pytest.fixture(params=["iam", "public"])
def access(request, identify_s3, monkeypatch):
    monkeypatch.setenv("IDENTIFY_ACCESS", request.param)
    forget()
    return request.param


@pytest.fixture
def ask(identify_s3, monkeypatch):
    monkeypatch.setenv("IDENTIFY_ACCESS", "public")
    forget()

    def run(event):
        response = invoke_identify(event)
        assert response["headers"]["cache-control"] == "no-store"
        assert response["headers"]["x-content-type-options"] == "nosniff"
        assert not [name for name in response["headers"] if name.startswith("access-control")]
        return response

    return run


def answer(response):
    assert response["headers"]["content-type"] == "application/json"
    return json.loads(response["body"])


def test_get_gives_the_page(ask):
    response = ask(json.loads((EVENTS / "identify-url-page.json").read_text()))
    assert response["statusCode"] == 200
    assert response["headers"]["content-type"] == "text/html; charset=utf-8"
    assert response["body"].startswith("<!DOCTYPE html>")
    # And HEAD its headers
    head = ask(request("HEAD"))
    assert (head["statusCode"], head["body"], head["headers"]) == (200, "", response["headers"])


def test_the_page_may_run_its_own_script_and_ask_its_own_origin_and_nothing_else(ask):
    response = ask(request("GET"))
    policy = dict(part.split(" ", 1) for part in response["headers"]["content-security-policy"].split("; "))
    for tag in ("script", "style"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", response["body"], re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert policy[f"{tag}-src"] == f"'sha256-{digest}'"
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["connect-src"] == "'self'"
    # And it names no other origin, and has no style or handler in an attribute
    assert not re.findall(r"(?:https?:)?//[a-z]", page().html.replace("// ", ""))
    assert not re.findall(r"<[^>]+\s(?:style|on\w+)=", page().html)


@pytest.mark.parametrize("content_type", ["image/jpeg", "application/octet-stream", "IMAGE/HEIC; x=1", None])
def test_the_bytes_of_an_image_get_its_class(ask, content_type):
    response = ask(request(content_type=content_type, body=KIWI, is_base64=True))
    assert response["statusCode"] == 200
    assert answer(response)["label"] == "kiwi"
    assert "thumbnail" not in answer(response)["nearest"][0]


@pytest.mark.parametrize("name", ["url-image", "url-json"])
def test_the_sample_events_are_answered(ask, name):
    response = ask(json.loads((EVENTS / f"identify-{name}.json").read_text()))
    assert (response["statusCode"], answer(response)["label"]) == (200, "kiwi")
    assert ("thumbnail" in answer(response)["nearest"][0]) is (name == "url-image")


def test_an_object_of_the_bucket_is_answered_to_those_who_sign_alone(identify_s3, access):
    # Given an image in the bucket
    identify_s3.put_object(Bucket="images", Key="a/1.jpg", Body=new_image("kiwi"))
    body = json.dumps({"bucket": "images", "key": "a/1.jpg"})
    # When the address is asked about it
    response = invoke_identify(request(content_type="application/json", body=body))
    # Then the answer is for callers that IAM knows
    assert response["statusCode"] == {"iam": 200, "public": 403}[access]
    # And an invocation may ask whoever may ask the address
    assert invoke_identify(json.loads(body))["label"] == "kiwi"


@pytest.mark.parametrize(
    ("event", "status", "words"),
    [
        (request("GET", "/favicon.ico"), 404, "nothing here"),
        (request("POST", "/identify", "image/jpeg", KIWI, True), 404, "nothing here"),
        (request("PUT", body=KIWI, is_base64=True), 405, "POST"),
        (request("OPTIONS"), 405, "POST"),
        (request("DELETE"), 405, "POST"),
        (request(content_type="multipart/form-data; boundary=x", body=KIWI, is_base64=True), 415, "content type"),
        (request(content_type="application/x-www-form-urlencoded", body=KIWI, is_base64=True), 415, "content type"),
        (request(content_type="text/plain", body="hello"), 415, "content type"),
        (request(content_type="image/jpeg"), 400, "empty"),
        (request(content_type="application/json"), 400, "not JSON"),
        (request(content_type="application/json", body="{"), 400, "not JSON"),
        (request(content_type="application/json", body="[" * 100_000), 400, "not JSON"),
        (request(content_type="application/json", body='{"picture": 1}'), 400, "base64"),
        (request(content_type="application/json", body='{"image": "%"}'), 400, "not base64"),
        (
            request(content_type="image/jpeg", body=base64.b64encode(b"no").decode(), is_base64=True),
            422,
            "not an image",
        ),
    ],
)
def test_any_other_request_gets_a_status_and_a_sentence(ask, event, status, words):
    response = ask(event)
    found = answer(response)
    assert (response["statusCode"], found["status"], found["retry"]) == (status, status, False)
    assert words in found["error"]
    assert ("allow" in response["headers"]) is (status == 405)
    assert response["headers"]["content-security-policy"].startswith("default-src 'none'")


def test_without_results_the_status_is_503(ask, identify_s3):
    identify_s3.delete_object(Bucket="lake", Key=LATEST_RESULTS)
    response = ask(request(body=KIWI, is_base64=True))
    assert response["statusCode"] == 503
    assert "retry-after" not in response["headers"]


def test_what_a_retry_heals_says_when(ask, monkeypatch):
    from pomona_intake.errors import TransientError

    def busy(self):
        raise TransientError("SlowDown")

    monkeypatch.setattr("pomona_identify.results.NewestResults.get", busy)
    response = ask(request(body=KIWI, is_base64=True))
    assert (response["statusCode"], response["headers"]["retry-after"]) == (503, "3")
    assert answer(response)["retry"] is True


def test_nothing_of_an_image_or_of_who_asked_is_logged(ask, caplog):
    ask(json.loads((EVENTS / "identify-url-image.json").read_text()))
    logged = str([vars(record) for record in caplog.records])
    assert "'status': 200" in logged
    assert KIWI[:40] not in logged
    assert "203.0.113.7" not in logged

"""What S3 says becomes dirty keys, and nothing else does."""

import json

import pytest

from intake.errors import NotAnS3EventError
from intake.events import dirty_keys, distinct
from intake.segments import DirtyKey

SEEN_AT = "2026-11-21T08:00:00.000Z"


def notification(*keys: str, name: str = "ObjectCreated:Put") -> str:
    records = [
        {"eventSource": "aws:s3", "eventName": name, "s3": {"bucket": {"name": "images"}, "object": {"key": key}}}
        for key in keys
    ]
    return json.dumps({"Records": records})


@pytest.mark.parametrize(
    ("encoded", "key"),
    [
        ("red+flower%C3%A9.jpg", "red floweré.jpg"),
        ("a%2Fb.jpg", "a/b.jpg"),
        ("a/b.jpg", "a/b.jpg"),
        ("1%2B1%3D2.jpg", "1+1=2.jpg"),
        ("100%25.jpg", "100%.jpg"),
        ("%2525.jpg", "%25.jpg"),
        ("%2F%2Fa%0A.jpg", "//a\n.jpg"),
    ],
)
def test_a_form_encoded_key_is_decoded_once(encoded: str, key: str) -> None:
    assert dirty_keys(notification(encoded), SEEN_AT) == [DirtyKey("images", key, SEEN_AT)]


@pytest.mark.parametrize(
    "name",
    [
        "ObjectCreated:CompleteMultipartUpload",
        "ObjectRemoved:Delete",
        "LifecycleExpiration:Delete",
        "ObjectTagging:Put",
    ],
)
def test_whatever_happened_the_key_is_dirty(name: str) -> None:
    assert [dirty.key for dirty in dirty_keys(notification("a", name=name), SEEN_AT)] == ["a"]


def test_every_record_of_a_message_counts() -> None:
    assert [dirty.key for dirty in dirty_keys(notification("a", "b"), SEEN_AT)] == ["a", "b"]


def test_a_test_event_names_no_key() -> None:
    assert dirty_keys(json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "images"}), SEEN_AT) == []


def test_a_key_through_eventbridge_is_not_form_encoded() -> None:
    detail = {"bucket": {"name": "images"}, "object": {"key": "1+1=50%25.jpg"}}
    event = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}

    assert dirty_keys(json.dumps(event), SEEN_AT) == [DirtyKey("images", "1+1=50%25.jpg", SEEN_AT)]


@pytest.mark.parametrize(
    "message",
    [
        "hello",
        "",
        "null",
        "[]",
        "3",
        '"Records"',
        "{}",
        '{"Records": null}',
        '{"Records": ["a"]}',
        '{"Records": [{"eventSource": "aws:sns", "s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}]}',
        '{"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": ""}}}]}',
        '{"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": 7}}}]}',
        '{"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": "%FF"}}}]}',
        '{"source": "aws.s3", "detail": {}}',
    ],
)
def test_anything_else_is_refused(message: str) -> None:
    with pytest.raises(NotAnS3EventError, match="not an S3 event"):
        dirty_keys(message, SEEN_AT)


def test_repeated_keys_are_kept_once_and_the_same_key_of_two_buckets_twice() -> None:
    keys = [DirtyKey("x", "a", "1"), DirtyKey("x", "b", "2"), DirtyKey("x", "a", "3"), DirtyKey("y", "a", "4")]

    assert distinct(keys) == [DirtyKey("x", "a", "1"), DirtyKey("x", "b", "2"), DirtyKey("y", "a", "4")]

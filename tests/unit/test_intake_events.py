"""What S3 says becomes dirty keys, and nothing else does."""

import json
from typing import Any
from urllib.parse import quote_plus

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from pomona_contract.segment_lines import DirtyKey
from pomona_intake.errors import NotAnS3EventError
from pomona_intake.ingest.events import dirty_keys, distinct

SEEN_AT = "2026-11-21T08:00:00.000Z"


def notification(*keys: str, name: str = "ObjectCreated:Put") -> str:
    records = [
        {"eventSource": "aws:s3", "eventName": name, "s3": {"bucket": {"name": "images"}, "object": {"key": key}}}
        for key in keys
    ]
    return json.dumps({"Records": records})


def bridged(key: str) -> str:
    detail = {"version": "0", "bucket": {"name": "images"}, "object": {"key": key}}
    return json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": detail})


def wrapped(message: str, times: int = 1) -> str:
    for _ in range(times):
        message = json.dumps({"Type": "Notification", "TopicArn": "arn:aws:sns:eu-west-3:1:t", "Message": message})
    return message


TEST = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "images"})
# S3's keys are UTF-8 of 1 to 1,024 bytes
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200).filter(
    lambda key: len(key.encode()) <= 1024
)


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
        "LifecycleTransition",
        "ObjectRestore:Completed",
        "ObjectTagging:Put",
        "ObjectAcl:Put",
        "Replication:OperationNotTracked",
        "ReducedRedundancyLostObject",
        "IntelligentTiering",
    ],
)
def test_whatever_happened_the_key_is_dirty(name: str) -> None:
    assert [dirty.key for dirty in dirty_keys(notification("a", name=name), SEEN_AT)] == ["a"]


def test_every_record_of_a_message_counts() -> None:
    assert [dirty.key for dirty in dirty_keys(notification("a", "b"), SEEN_AT)] == ["a", "b"]


def test_a_test_event_names_no_key() -> None:
    assert dirty_keys(TEST, SEEN_AT) == []


def test_a_key_through_eventbridge_is_not_form_encoded() -> None:
    assert dirty_keys(bridged("1+1=50%25.jpg"), SEEN_AT) == [DirtyKey("images", "1+1=50%25.jpg", SEEN_AT)]


@given(key=KEYS, encoded=st.booleans(), wrappings=st.integers(0, 4))
def test_a_key_is_the_same_in_every_form_of_an_event(key: str, encoded: bool, wrappings: int) -> None:
    message = notification(quote_plus(key)) if encoded else bridged(key)

    assert dirty_keys(wrapped(message, wrappings), SEEN_AT) == [DirtyKey("images", key, SEEN_AT)]


@pytest.mark.parametrize("wrappings", [1, 4])
def test_a_test_event_in_a_wrapping_names_no_key(wrappings: int) -> None:
    assert dirty_keys(wrapped(TEST, wrappings), SEEN_AT) == []


@pytest.mark.parametrize("message", [TEST, notification("a")])
def test_what_is_wrapped_too_often_is_refused(message: str) -> None:
    with pytest.raises(NotAnS3EventError, match="wrapped more than 4 times"):
        dirty_keys(wrapped(message, 5), SEEN_AT)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Records", "Type", "Message", "Event", "source", "detail", "s3", "bucket", "object", "key"]
            ),
            inner | st.sampled_from(["Notification", "s3:TestEvent", "aws.s3", "aws:s3"]),
        )
    ),
    max_leaves=12,
)


@given(JSON.map(json.dumps) | st.text())
def test_any_message_names_keys_or_is_refused_and_nothing_else(message: str) -> None:
    try:
        keys = dirty_keys(message, SEEN_AT)
    except NotAnS3EventError:
        return
    assert all(isinstance(key, DirtyKey) and key.key for key in keys)


@pytest.mark.parametrize("raw", ["true", "false"])
@mock_aws
def test_an_event_comes_through_a_topic_as_sns_wraps_it(raw: str) -> None:
    # Given a queue that is subscribed to a topic; moto's SNS, which was written elsewhere, wraps what it delivers
    sns, sqs = boto3.client("sns", "eu-west-3"), boto3.client("sqs", "eu-west-3")
    topic, queue = sns.create_topic(Name="t")["TopicArn"], sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": raw})
    # When S3 tells the topic of two keys and tests it
    for message in (notification("red+flower%C3%A9.jpg", "b"), TEST):
        sns.publish(TopicArn=topic, Subject="Amazon S3 Notification", Message=message)
    # Then both are read from the messages that the queue got
    got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert len(got) == 2
    keys = [dirty.key for one in got for dirty in dirty_keys(one["Body"], SEEN_AT)]
    assert keys == ["red floweré.jpg", "b"]


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
        '{"source": "aws.ec2", "detail": {"bucket": {"name": "b"}, "object": {"key": "k"}}}',
        '{"Type": "Notification"}',
        '{"Type": "Notification", "Message": "hello"}',
        '{"Type": "Notification", "Message": null}',
        '{"Type": "Notification", "Message": {"Records": []}}',
        '{"Type": "SubscriptionConfirmation", "TopicArn": "t", "Message": "{}"}',
        '{"Type": "UnsubscribeConfirmation"}',
    ],
)
def test_anything_else_is_refused(message: str) -> None:
    with pytest.raises(NotAnS3EventError, match="not an S3 event"):
        dirty_keys(message, SEEN_AT)


def test_repeated_keys_are_kept_once_and_the_same_key_of_two_buckets_twice() -> None:
    keys = [DirtyKey("x", "a", "1"), DirtyKey("x", "b", "2"), DirtyKey("x", "a", "3"), DirtyKey("y", "a", "4")]

    assert distinct(keys) == [DirtyKey("x", "a", "1"), DirtyKey("x", "b", "2"), DirtyKey("y", "a", "4")]

"""The embedded AWS lists versions as S3 does, page after page, and has objects of every key that S3 has."""

import json
import uuid
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.hostile import KEYS
from tests.local_server import LocalServer


@pytest.fixture(scope="module")
def aws(shared_server: LocalServer) -> LocalServer:
    return shared_server


@pytest.fixture
def bucket(aws: LocalServer) -> str:
    name = f"versions-{uuid.uuid4().hex}"
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def pages(aws: LocalServer, bucket: str, **options: str) -> Iterator[list[tuple[str, str]]]:
    paginator = aws.client("s3").get_paginator("list_object_versions")
    for page in paginator.paginate(Bucket=bucket, PaginationConfig={"PageSize": 2}, **options):
        listed = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        yield [(one["Key"], one["VersionId"]) for one in listed]


def test_every_version_is_listed_once_whatever_its_key_is(aws, bucket):
    s3 = aws.client("s3")
    keys = ["a", "a", "a", "b\x1b[31m", "c +%", "é"]
    put = [(key, s3.put_object(Bucket=bucket, Key=key, Body=b"")["VersionId"]) for key in keys]
    put.append(("a", s3.delete_object(Bucket=bucket, Key="a")["VersionId"]))
    assert sorted(one for page in pages(aws, bucket) for one in page) == sorted(put)
    assert [one for page in pages(aws, bucket, Prefix="b") for one in page] == [put[3]]


def test_a_listing_goes_on_after_versions_that_were_deleted_meanwhile(aws, bucket):
    s3 = aws.client("s3")
    for key in ("a", "a", "b", "b", "c"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    deleted = 0
    for page in pages(aws, bucket):
        for key, version in page:
            s3.delete_object(Bucket=bucket, Key=key, VersionId=version)
            deleted += 1
    assert deleted == 5
    assert list(pages(aws, bucket)) == [[]]


@pytest.mark.parametrize("key", KEYS)
def test_an_object_of_any_key_is_stored_and_found(aws, bucket, key):
    s3 = aws.client("s3")
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    s3.delete_object(Bucket=bucket, Key=key)
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key=key)


def test_every_deletion_that_alters_what_is_there_is_told(aws, bucket):
    # Given a bucket whose deletions go to a queue, and two versions of an object
    s3, sqs = aws.client("s3"), aws.client("sqs")
    queue = sqs.create_queue(QueueName=bucket)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule = {"QueueArn": arn, "Events": ["s3:ObjectRemoved:*"]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [rule]})
    for body in (b"one", b"two"):
        newest = s3.put_object(Bucket=bucket, Key="a b.jpg", Body=body)["VersionId"]
    # When the newest version goes, and then a delete marker hides the other
    s3.delete_object(Bucket=bucket, Key="a b.jpg", VersionId=newest)
    s3.delete_object(Bucket=bucket, Key="a b.jpg")
    # Then both are told, as S3 calls them
    told = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            told += [record["eventName"] for record in json.loads(message["Body"]).get("Records", ())]
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert told == ["ObjectRemoved:Delete", "ObjectRemoved:DeleteMarkerCreated"]


def test_a_deletion_in_a_bucket_that_is_not_there_is_refused_as_s3_does(aws):
    with pytest.raises(ClientError, match="NoSuchBucket"):
        aws.client("s3").delete_object(Bucket="no-such-bucket", Key="a.jpg")

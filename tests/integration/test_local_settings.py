"""Buckets of the embedded AWS: their settings outlive the server, and S3's own rules of notifications hold."""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.local_server import REGION, LocalServer

POLICY = '{"Version": "2012-10-17", "Statement": []}'
PRIVATE = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True)


def notification(queue: str, prefix: str, event: str = "s3:ObjectCreated:*") -> dict:
    rules = [{"Name": "prefix", "Value": prefix}]
    arn = f"arn:aws:sqs:{REGION}:123456789012:{queue}"
    return {"Id": f"{queue}-{prefix}", "QueueArn": arn, "Events": [event], "Filter": {"Key": {"FilterRules": rules}}}


def test_settings_outlive_the_server_and_notifications_that_overlap_are_refused(tmp_path: Path) -> None:
    # Given a bucket with settings of every kind that a deployment makes
    aws = LocalServer(tmp_path / "state")
    s3 = aws.client("s3")
    aws.client("sqs").create_queue(QueueName="events")
    s3.create_bucket(Bucket="photos", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_policy(Bucket="photos", Policy=POLICY)
    s3.put_bucket_versioning(Bucket="photos", VersioningConfiguration={"Status": "Enabled"})
    s3.put_public_access_block(Bucket="photos", PublicAccessBlockConfiguration=PRIVATE)
    wired = {"QueueConfigurations": [notification("events", "plants/")]}
    s3.put_bucket_notification_configuration(Bucket="photos", NotificationConfiguration=wired)
    # When a notification is asked for that overlaps with it, it is refused as S3 does
    both = {"QueueConfigurations": [*wired["QueueConfigurations"], notification("events", "plants/roses/")]}
    with pytest.raises(ClientError, match="Configurations overlap"):
        s3.put_bucket_notification_configuration(Bucket="photos", NotificationConfiguration=both)
    # And when the server dies and comes back, everything is as it was
    aws.kill()
    aws.start()
    try:
        s3 = aws.client("s3")
        assert s3.get_bucket_notification_configuration(Bucket="photos")["QueueConfigurations"] == [
            notification("events", "plants/")
        ]
        assert s3.get_bucket_policy(Bucket="photos")["Policy"] == POLICY
        assert s3.get_bucket_versioning(Bucket="photos")["Status"] == "Enabled"
        assert s3.get_public_access_block(Bucket="photos")["PublicAccessBlockConfiguration"] == PRIVATE
    finally:
        aws.stop()


def test_an_archived_object_is_refused_as_s3_refuses_it_and_outlives_the_server(tmp_path: Path) -> None:
    # Given an archived object. AWS: GetObject of GLACIER and DEEP_ARCHIVE is 403 InvalidObjectState, HeadObject works
    # (API reference of both; GLACIER_IR is read at once: S3 user guide, storage classes)
    aws = LocalServer(tmp_path / "state")
    try:
        s3 = aws.client("s3")
        s3.create_bucket(Bucket="photos", CreateBucketConfiguration={"LocationConstraint": REGION})
        for storage_class in ("GLACIER", "DEEP_ARCHIVE", "GLACIER_IR"):
            s3.put_object(Bucket="photos", Key=storage_class, Body=b"pixels", StorageClass=storage_class)
        # When the server dies and comes back
        aws.kill()
        aws.start()
        s3 = aws.client("s3")
        # Then it is still refused, and its header is there
        for storage_class in ("GLACIER", "DEEP_ARCHIVE"):
            with pytest.raises(ClientError) as refused:
                s3.get_object(Bucket="photos", Key=storage_class)
            assert refused.value.response["Error"]["Code"] == "InvalidObjectState"
            assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
            head = s3.head_object(Bucket="photos", Key=storage_class)
            assert (head["StorageClass"], head["ContentLength"]) == (storage_class, 6)
        assert s3.get_object(Bucket="photos", Key="GLACIER_IR")["Body"].read() == b"pixels"
    finally:
        aws.stop()

"""storage: what outlives a stack is made, adopted, configured and kept, and a bucket's other notifications stay."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from moto import mock_aws
from moto.core.botocore_stubber import MockRawResponse
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

import storage
from pomona_intake.image_selection import ImageSelection
from pomona_provisioning import bucket_notifications as notify
from tests.unit.cloudformation_answers import answering

EVENTS = Path(__file__).resolve().parents[2] / "events"
REGION = "eu-west-3"
LAKE = "pomona-lake-123456789012-eu-west-3"
IMAGES = "pomona-images-123456789012-eu-west-3"
QUEUE_ARN = "arn:aws:sqs:eu-west-3:123456789012:pomona-EventQueue"
THEIR_QUEUE = "arn:aws:sqs:eu-west-3:123456789012:theirs"
Ask = Callable[..., dict]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}
    for name, value in {**settings, "AWS_DEFAULT_REGION": REGION}.items():
        monkeypatch.setenv(name, value)
    # moto reads no conditions: "deny without TLS" would deny everything
    monkeypatch.setattr(FakeBucket, "get_permission", lambda *_: PermissionResult.NEUTRAL)
    with mock_aws(config={"core": {"passthrough": {"urls": ["http://127.0.0.1:.*"]}}}):
        yield


@pytest.fixture
def s3(aws):
    return boto3.client("s3")


@pytest.fixture
def queues(aws) -> None:
    for name in ("pomona-EventQueue", "theirs"):
        boto3.client("sqs").create_queue(QueueName=name)


@pytest.fixture
def ask(aws) -> Iterator[Ask]:
    """Lets the function handle an event of events/, with other properties, and gives what CloudFormation hears."""
    with answering() as (url, answers):

        def ask(event_name: str, milliseconds: int = 900_000, **properties: Any) -> dict:
            event = json.loads((EVENTS / f"storage-{event_name}.json").read_text())
            event["ResponseURL"] = url
            event["ResourceProperties"].update(properties)
            for name in {"PhysicalResourceId", "OldResourceProperties"} & set(properties):
                event[name] = event["ResourceProperties"].pop(name)
            context = SimpleNamespace(
                function_name="storage",
                memory_limit_in_mb=256,
                invoked_function_arn="arn",
                aws_request_id="1",
                get_remaining_time_in_millis=lambda: milliseconds,
            )
            storage.handler(event, context)
            return answers[-1]

        yield ask


@pytest.fixture
def stack_status(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Says what CloudFormation is doing to the stack."""

    def become(status: str) -> None:
        cloudformation = SimpleNamespace(describe_stacks=lambda StackName: {"Stacks": [{"StackStatus": status}]})
        create = boto3.client

        def client(name: str, **options: Any) -> Any:
            return cloudformation if name == "cloudformation" else create(name, **options)

        monkeypatch.setattr(storage.boto3, "client", client)

    return become


def make(s3, name: str) -> None:
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})


def buckets(s3) -> list[str]:
    return [one["Name"] for one in s3.list_buckets()["Buckets"]]


def test_a_bucket_is_made_private_encrypted_and_for_tls_alone(s3, ask):
    answer = ask("bucket-create")

    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", LAKE)
    assert answer["Data"] == {"Arn": f"arn:aws:s3:::{LAKE}"}
    assert set(s3.get_public_access_block(Bucket=LAKE)["PublicAccessBlockConfiguration"].values()) == {True}
    rules = s3.get_bucket_encryption(Bucket=LAKE)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    (statement,) = json.loads(s3.get_bucket_policy(Bucket=LAKE)["Policy"])["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=LAKE)["Rules"]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


def test_a_bucket_that_a_deleted_stack_kept_is_adopted_with_all_that_is_in_it(s3, ask):
    # Given a stack with data, deleted
    ask("bucket-create")
    s3.put_object(Bucket=LAKE, Key="results/latest.json", Body=b"{}")
    assert ask("bucket-delete")["Status"] == "SUCCESS"
    # When a stack of the same name is made
    answer = ask("bucket-create")
    # Then its bucket is the old one
    assert answer["Status"] == "SUCCESS"
    assert s3.get_object(Bucket=LAKE, Key="results/latest.json")["Body"].read() == b"{}"


def test_a_delete_that_may_take_the_data_takes_every_version_of_it(s3, ask, stack_status):
    ask("bucket-create")
    s3.put_bucket_versioning(Bucket=LAKE, VersioningConfiguration={"Status": "Enabled"})
    for key in ("a", "a", "b"):
        s3.put_object(Bucket=LAKE, Key=key, Body=b"1")
    s3.delete_object(Bucket=LAKE, Key="b")
    stack_status("DELETE_IN_PROGRESS")

    assert ask("bucket-delete", DeleteData="delete")["Status"] == "SUCCESS"
    assert buckets(s3) == []


@pytest.mark.parametrize("what", ["bucket", "database"])
def test_a_repeated_deletion_of_what_is_gone_succeeds(what, s3, ask, stack_status):
    ask(f"{what}-create")
    stack_status("DELETE_IN_PROGRESS")

    assert [ask(f"{what}-delete", DeleteData="delete")["Status"] for _ in range(2)] == ["SUCCESS", "SUCCESS"]


@pytest.mark.parametrize("status", ["ROLLBACK_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"])
def test_only_the_stacks_own_end_takes_data_never_a_rollback_or_an_update(status, s3, ask, stack_status):
    ask("bucket-create")
    s3.put_object(Bucket=LAKE, Key="a", Body=b"1")
    stack_status(status)

    assert ask("bucket-delete", DeleteData="delete")["Status"] == "SUCCESS"
    assert s3.get_object(Bucket=LAKE, Key="a")["Body"].read() == b"1"


def test_a_bucket_too_large_for_one_invocation_fails_with_what_to_do(s3, ask, stack_status):
    ask("bucket-create")
    s3.put_object(Bucket=LAKE, Key="a", Body=b"1")
    stack_status("DELETE_IN_PROGRESS")

    answer = ask("bucket-delete", milliseconds=1000, DeleteData="delete")
    assert answer["Status"] == "FAILED"
    assert "delete the stack again" in answer["Reason"]


def test_the_undoing_of_a_creation_that_failed_touches_nothing(s3, ask, stack_status):
    ask("bucket-create")
    stack_status("DELETE_IN_PROGRESS")

    assert ask("bucket-delete", DeleteData="delete", PhysicalResourceId="none")["Status"] == "SUCCESS"
    assert buckets(s3) == [LAKE]


def test_an_existing_bucket_is_never_configured_nor_deleted(s3, ask, stack_status):
    # Given a bucket of somebody's own
    make(s3, "photos")
    stack_status("DELETE_IN_PROGRESS")
    # When a stack uses it and is deleted, with its data
    mine = {"BucketName": "photos", "Owned": "false", "DeleteData": "delete"}
    assert ask("bucket-create", **mine)["PhysicalResourceId"] == "photos"
    assert ask("bucket-delete", **mine, PhysicalResourceId="photos")["Status"] == "SUCCESS"
    # Then it is as it was
    assert buckets(s3) == ["photos"]
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket="photos")


@pytest.mark.parametrize(
    ("properties", "sentence"),
    [
        ({"BucketName": "photos", "Owned": "false"}, "ImagesBucketName is photos, but there is no such bucket"),
        ({"BucketName": "My-Stack-lake"}, "lower-case letters, digits and dashes"),
        ({"BucketName": "x" * 64}, "no more than 63 characters"),
        (
            {"BucketName": "far-away", "Owned": "false"},
            "lies in us-east-2, the stack in eu-west-3: deploy to us-east-2",
        ),
    ],
)
def test_a_bucket_that_cannot_be_is_refused_with_a_sentence(properties, sentence, s3, ask):
    far_away = boto3.client("s3", region_name="us-east-2")
    far_away.create_bucket(Bucket="far-away", CreateBucketConfiguration={"LocationConstraint": "us-east-2"})
    answer = ask("bucket-create", **properties)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", "none")
    assert sentence in answer["Reason"]


def test_another_images_bucket_under_a_living_table_is_refused(s3, ask):
    make(s3, "photos")
    answer = ask("bucket-update", BucketName="photos", Owned="false")
    assert answer["Status"] == "FAILED"
    assert f"cannot change from {LAKE} to photos" in answer["Reason"]
    assert answer["PhysicalResourceId"] == LAKE


def test_the_undoing_of_such_an_update_succeeds(s3, ask):
    ask("bucket-create")
    answer = ask("bucket-update", OldResourceProperties={"BucketName": "photos", "Owned": "false"})
    assert answer["Status"] == "SUCCESS"


def test_a_bucket_gets_our_notification_for_each_prefix_and_suffix(s3, queues, ask):
    make(s3, IMAGES)
    answer = ask("notification-create", Prefixes="plants/, animals/", Suffixes=".jpg,.png")
    assert answer["Status"] == "SUCCESS", answer
    ours = s3.get_bucket_notification_configuration(Bucket=IMAGES)["QueueConfigurations"]
    assert {tuple(rule["Value"] for rule in one["Filter"]["Key"]["FilterRules"]) for one in ours} == {
        ("plants/", ".jpg"),
        ("plants/", ".png"),
        ("animals/", ".jpg"),
        ("animals/", ".png"),
    }
    assert {one["QueueArn"] for one in ours} == {QUEUE_ARN}
    assert len({one["Id"] for one in ours}) == 4


def theirs(prefix: str, event: str = "s3:ObjectCreated:Put", suffix: str = "") -> dict:
    rules = [{"Name": "prefix", "Value": prefix}, {"Name": "suffix", "Value": suffix}]
    return {
        "Id": "thumbnails",
        "QueueArn": THEIR_QUEUE,
        "Events": [event],
        "Filter": {"Key": {"FilterRules": [rule for rule in rules if rule["Value"]]}},
    }


def notifications(s3) -> list[str]:
    found = s3.get_bucket_notification_configuration(Bucket=IMAGES).get("QueueConfigurations", [])
    return [one["Id"].split("-")[0] for one in found]


def test_the_notifications_of_others_live_through_creation_update_and_deletion(s3, queues, ask):
    # Given a bucket that already tells somebody of something
    make(s3, IMAGES)
    s3.put_bucket_notification_configuration(
        Bucket=IMAGES, NotificationConfiguration={"QueueConfigurations": [theirs("raw/")]}
    )
    # When ours comes, changes, and goes
    created = ask("notification-create", Prefixes="plants/")
    assert notifications(s3) == ["thumbnails", "pomona"]
    ask("notification-update", PhysicalResourceId=created["PhysicalResourceId"])
    assert notifications(s3) == ["thumbnails", "pomona", "pomona"]
    ask("notification-delete", PhysicalResourceId=created["PhysicalResourceId"])
    # Then theirs is what it was
    left = s3.get_bucket_notification_configuration(Bucket=IMAGES)
    assert left["QueueConfigurations"] == [theirs("raw/")]


def test_topics_functions_and_the_event_bridge_stay_too():
    others = {
        "EventBridgeConfiguration": {},
        "TopicConfigurations": [{"TopicArn": "t", "Events": ["s3:ObjectAcl:Put"]}],
    }
    ours = notify.configurations("pomona-x", QUEUE_ARN, ImageSelection())
    merged = notify.merge("b", others, "pomona-x", ours)
    assert merged == {**others, "QueueConfigurations": ours}
    assert notify.without(merged, "pomona-x") == {**others, "QueueConfigurations": []}


@pytest.mark.parametrize(
    ("their", "prefixes", "suffixes", "overlaps"),
    [
        (theirs("plants/"), "", "", True),
        (theirs("plants/roses/"), "plants/", "", True),
        (theirs("pl"), "plants/", "", True),
        (theirs("", suffix=".png"), "", ".jpg", False),
        (theirs("", suffix="x.jpg"), "", ".jpg", True),
        (theirs("raw/"), "plants/", "", False),
        (theirs("plants/", "s3:ObjectTagging:*"), "plants/", "", False),
        (theirs("plants/", "s3:LifecycleExpiration:Delete"), "plants/", "", True),
    ],
)
def test_what_s3_would_refuse_is_refused_with_the_name_of_what_is_in_the_way(
    their, prefixes, suffixes, overlaps, s3, queues, ask
):
    make(s3, IMAGES)
    s3.put_bucket_notification_configuration(Bucket=IMAGES, NotificationConfiguration={"QueueConfigurations": [their]})
    answer = ask("notification-create", Prefixes=prefixes, Suffixes=suffixes)
    if overlaps:
        assert f"already tells {THEIR_QUEUE}" in answer["Reason"]
        assert "notification thumbnails" in answer["Reason"]
        assert notifications(s3) == ["thumbnails"]
    else:
        assert answer["Status"] == "SUCCESS"


def test_prefixes_that_overlap_each_other_are_refused(s3, queues, ask):
    make(s3, IMAGES)
    answer = ask("notification-create", Prefixes="plants/,plants/roses/")
    assert "ImagesPrefixes holds 'plants/' and 'plants/roses/', which overlap" in answer["Reason"]


def test_a_bucket_that_is_gone_has_nothing_to_unwire(ask):
    assert ask("notification-delete")["Status"] == "SUCCESS"


def test_the_database_is_made_kept_and_adopted_by_the_stack_of_the_same_name_alone(ask):
    # Given a stack's database with a table, and its stack deleted
    glue = boto3.client("glue")
    ask("database-create")
    glue.create_table(DatabaseName="pomona", TableInput={"Name": "features"})
    assert ask("database-delete")["Status"] == "SUCCESS"
    # When the same stack comes again, it finds the table
    assert ask("database-create")["Status"] == "SUCCESS"
    assert glue.get_table(DatabaseName="pomona", Name="features")["Table"]["Name"] == "features"


def test_a_database_of_somebody_else_is_refused(ask):
    boto3.client("glue").create_database(DatabaseInput={"Name": "pomona"})
    answer = ask("database-create")
    assert "DatabaseName is pomona, but that database belongs to somebody else" in answer["Reason"]


def test_the_database_goes_with_the_data(ask, stack_status):
    ask("database-create")
    stack_status("DELETE_IN_PROGRESS")
    ask("database-delete", DeleteData="delete")
    assert boto3.client("glue").get_databases()["DatabaseList"] == []


@pytest.fixture
def foreign(s3, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Buckets of another account, which let everybody in, and what is asked of them.

    S3 compares their owner with the expected one of a request (the user guide, "Verifying bucket ownership with bucket
    owner condition"); moto does not.
    """
    asked: list[str] = []
    for name in (LAKE, "photos"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})

    def refuse(request: Any, **_: Any) -> AWSResponse | None:
        if not any(f"/{name}" in request.url or f"//{name}." in request.url for name in (LAKE, "photos")):
            return None
        asked.append(request.method)
        expected = request.headers.get("x-amz-expected-bucket-owner", b"999999999999").decode()
        return None if expected == "999999999999" else AWSResponse(request.url, 403, {}, MockRawResponse(b""))

    real = storage.s3_of

    def of_account(account: str) -> Any:
        client = real(account)
        client.meta.events.register_first("before-send.s3", refuse)
        return client

    monkeypatch.setattr(storage, "s3_of", of_account)
    return asked


@pytest.mark.parametrize(
    ("event", "properties"),
    [
        ("bucket-create", {}),
        ("bucket-update", {}),
        ("bucket-create", {"BucketName": "photos", "Owned": "false"}),
        ("notification-create", {"BucketName": "photos"}),
        ("notification-update", {"BucketName": "photos"}),
    ],
)
def test_a_bucket_of_another_account_is_refused_and_never_written_to(ask, s3, queues, foreign, event, properties):
    # Given a bucket of the right name that belongs to somebody else, whose policy lets everybody write
    answer = ask(event, **properties)
    # Then the deployment ends with a sentence, after one look at it
    assert answer["Status"] == "FAILED"
    if event.startswith("bucket"):
        assert "belongs to another account" in answer["Reason"]
    assert len(foreign) == 1
    assert foreign[0] in ("HEAD", "GET")


@pytest.mark.parametrize("event", ["bucket-delete", "notification-delete"])
def test_a_deletion_leaves_a_bucket_of_another_account_alone(ask, s3, queues, foreign, monkeypatch, event):
    monkeypatch.setattr(storage.Deletion, "deletes_data", lambda _: True)
    s3.put_object(Bucket=LAKE, Key="theirs", Body=b"")
    ask(event, DeleteData="delete")
    assert not set(foreign) - {"HEAD", "GET"}
    assert s3.get_object(Bucket=LAKE, Key="theirs")

"""The unchanged template in an AWS that this project did not write: created, used, updated and deleted by `sam`.

The tests follow one stack from its first deployment to its end, in the order in which they are written.
What the emulator lacks is said in second_emulator.py.
"""

import json
import time
from collections.abc import Iterable

import pytest
from botocore.exceptions import ClientError

from embedded_aws.cloudformation.templates import parse_template
from tests.hostile import KEYS as HOSTILE
from tests.machine import ROOT, STACK, Machine

TEMPLATE = parse_template((ROOT / "template.yaml").read_text())
KEYS = [
    "plain.jpg",
    "a folder/with some spaces.jpg",
    "a+plus/1+1=2.jpg",
    "percent/50%.jpg",
    "percent/%2B%20%25 looks escaped.jpg",
    "été/crème brûlée.jpg",
    "été/cre\u0300me.jpg",  # a combining accent: another key than its composed form
    "橙子/🍊.jpg",
    "half + half, 50% & #1?.jpg",
    "quotes/'\"\\.jpg",
    *HOSTILE,
]
CHANGED = {
    "ExpressKeys": "0",
    "LaunchAtKeys": "7777",
    "LogRetentionDays": "7",
    "RefitSchedule": "rate(12 hours)",
    "BatchWindowSeconds": "5",
    "OldestPendingAlarmSeconds": "3600",
    "ErrorRatePercent": "25",
    "MaxVcpus": "32",
    "AlarmEmail": "somebody@example.org",
    "ImagesPrefixes": "plants/,wild animals/",
    "ImageVersionsDays": "30",
    "DeleteData": "delete",
    "IdentifyAccess": "public",
}
PATIENCE_SECONDS = 120


def test_sam_deploy_creates_the_unchanged_template(machine: Machine) -> None:
    # Given a copy of the repository's sources
    machine.build()
    # When it is deployed with the parameters' defaults
    printed = machine.deploy()
    # Then every resource is there that has no condition
    assert f"Successfully created/updated stack - {STACK}" in printed
    statuses = _resource_statuses(machine)
    unconditional = {name for name, body in TEMPLATE["Resources"].items() if "Condition" not in body}
    assert unconditional <= set(statuses)
    assert set(statuses.values()) == {"CREATE_COMPLETE"}
    # And the job's bundle lies where the functions launch it from
    (bundle,) = machine.bundles()
    assert machine.variables("AdvanceFunction")["JOB_PREFIX"] == f"jobs/{bundle}"
    published = set(machine.aws.keys(_lake(machine), f"jobs/{bundle}/"))
    assert published >= {
        f"jobs/{bundle}/{name}" for name in ("deps.tar.gz", "featurize_job.py", "job.tar.gz", "refit_job.py")
    }


def test_every_created_key_is_in_a_segment(machine: Machine) -> None:
    before = _segments(machine)
    for key in KEYS:
        _put(machine, key, b"an image")
    assert _heard(machine, before, KEYS) == sorted(KEYS)


def test_every_overwritten_key_is_in_a_segment(machine: Machine) -> None:
    before = _segments(machine)
    for key in KEYS:
        _put(machine, key, b"another image")
    assert _heard(machine, before, KEYS) == sorted(KEYS)


def test_copied_and_multipart_uploads_are_in_a_segment(machine: Machine) -> None:
    # S3 has other names for these events: ObjectCreated:Copy, ObjectCreated:CompleteMultipartUpload
    before, bucket, s3 = _segments(machine), _images(machine), machine.aws.client("s3")
    copied, in_parts = "copies/a + b %.jpg", "parts/a + b %.jpg"
    s3.copy_object(Bucket=bucket, Key=copied, CopySource={"Bucket": bucket, "Key": "plain.jpg"})
    upload = {"Bucket": bucket, "Key": in_parts, "UploadId": _begin_upload(machine, in_parts)}
    tag = s3.upload_part(**upload, PartNumber=1, Body=b"an image")["ETag"]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]})
    assert _heard(machine, before, [copied, in_parts]) == [copied, in_parts]


def test_every_deleted_key_is_in_a_segment(machine: Machine) -> None:
    # Given keys that are deleted one at a time, and keys that are deleted by one request
    before, bucket, s3 = _segments(machine), _images(machine), machine.aws.client("s3")
    single, together = KEYS[::2], KEYS[1::2]
    for key in single:
        s3.delete_object(Bucket=bucket, Key=key)
    # a line end in an XML request is a space to its reader
    together = [key for key in together if "\n" not in key]
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in together]})
    assert not deleted.get("Errors")
    assert _heard(machine, before, [*single, *together]) == sorted([*single, *together])


def test_no_event_was_refused(machine: Machine) -> None:
    assert _messages(machine, "DeadLetterQueueUrl") == 0


def test_changed_parameters_reach_what_they_are_for(machine: Machine) -> None:
    # When the deployed stack is updated with other parameters
    bundles = machine.bundles()
    machine.deploy(**CHANGED)
    # Then functions, the event source, schedules, logs, alarms and the bucket follow
    assert machine.variables("AdvanceFunction")["LAUNCH_AT_KEYS"] == "7777"
    (source,) = machine.aws.client("lambda").list_event_source_mappings(
        FunctionName=machine.physical_id("IngestFunction")
    )["EventSourceMappings"]
    assert source["MaximumBatchingWindowInSeconds"] == 5
    schedule = machine.aws.client("scheduler").get_schedule(Name=f"{STACK}-refit")
    assert schedule["ScheduleExpression"] == "rate(12 hours)"
    assert _log_retention(machine, "IngestLogs") == 7
    assert _alarm(machine, "OldestPendingAlarm")["Threshold"] == 3600
    assert _alarm(machine, "OldestPendingAlarm")["AlarmActions"] == [machine.physical_id("AlarmTopic")]
    versioning = machine.aws.client("s3").get_bucket_versioning(Bucket=_images(machine))
    assert versioning["Status"] == "Enabled"
    # And the job is the same
    assert machine.bundles() == bundles


def test_a_public_address_of_identify_is_everybodys(machine: Machine) -> None:
    # Given the stack, which the changed parameters gave a public address
    functions, name = machine.aws.client("lambda"), machine.physical_id("IdentifyFunction")
    policy = json.loads(functions.get_policy(FunctionName=name)["Policy"])
    # Then the address is that of the stack's output, and both permissions hold for it alone
    config = functions.get_function_url_config(FunctionName=name)
    assert (config["AuthType"], config["FunctionUrl"]) == ("NONE", machine.aws.outputs(STACK)["IdentifyUrl"])
    conditions = {one["Action"]: one["Condition"] for one in policy["Statement"] if one["Principal"] == "*"}
    assert conditions == {
        "lambda:InvokeFunctionUrl": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
        "lambda:InvokeFunction": {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}},
    }


def test_changed_prefixes_decide_which_keys_are_told(machine: Machine) -> None:
    before = _segments(machine)
    told = ["plants/a rose + leaf.jpg", "wild animals/50% lynx.jpg"]
    for key in ("elsewhere/1.jpg", told[0], "plants.jpg", told[1], "wild+animals/2.jpg"):
        _put(machine, key, b"an image")
    assert _heard(machine, before, told) == told


def test_a_changed_job_is_published_beside_the_old_one(machine: Machine) -> None:
    # Given a job that differs in one line
    before = machine.bundles()
    machine.change_the_job("another job")
    # When the stack is updated with it
    machine.deploy()
    # Then its bundle lies beside the old one, which a run in flight still reads, and the functions launch it
    assert machine.bundles() > before
    (added,) = machine.bundles() - before
    for function in ("AdvanceFunction", "RefitFunction"):
        assert machine.variables(function)["JOB_PREFIX"] == f"jobs/{added}"
    entry_point = machine.aws.client("s3").get_object(Bucket=_lake(machine), Key=f"jobs/{added}/featurize_job.py")
    assert entry_point["Body"].read().endswith(b"# another job\n")
    # And the parameters of the last deployment stay
    assert machine.variables("AdvanceFunction")["LAUNCH_AT_KEYS"] == "7777"


def test_sam_delete_leaves_nothing_that_was_not_to_be_kept(machine: Machine) -> None:
    # Given a stack that may delete its data, and data in both buckets, old versions too
    images, lake = _images(machine), _lake(machine)
    _put(machine, "plants/a rose + leaf.jpg", b"another image")
    groups = {name: machine.physical_id(name) for name in TEMPLATE["Resources"] if name.endswith("Logs")}
    # When it is deleted
    machine.delete()
    # Then stack, functions, queues, buckets and database are gone
    with pytest.raises(ClientError, match="does not exist"):
        machine.aws.status(STACK)
    assert machine.aws.client("lambda").list_functions()["Functions"] == []
    assert not machine.aws.client("sqs").list_queues().get("QueueUrls")
    assert not {images, lake} & {bucket["Name"] for bucket in machine.aws.client("s3").list_buckets()["Buckets"]}
    assert machine.aws.client("glue").get_databases()["DatabaseList"] == []
    # And the log of what the stack has kept or deleted stays
    described = machine.aws.client("logs").describe_log_groups()["logGroups"]
    assert set(groups.values()) & {group["logGroupName"] for group in described} == {groups["StorageLogs"]}


def _images(machine: Machine) -> str:
    return machine.aws.outputs(STACK)["ImagesBucketName"]


def _lake(machine: Machine) -> str:
    return machine.aws.outputs(STACK)["LakeBucketName"]


def _put(machine: Machine, key: str, body: bytes) -> None:
    machine.aws.client("s3").put_object(Bucket=_images(machine), Key=key, Body=body)


def _begin_upload(machine: Machine, key: str) -> str:
    begun = machine.aws.client("s3").create_multipart_upload(Bucket=_images(machine), Key=key)
    return str(begun["UploadId"])


def _resource_statuses(machine: Machine) -> dict[str, str]:
    pages = machine.aws.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
    resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
    return {resource["LogicalResourceId"]: resource["ResourceStatus"] for resource in resources}


def _segments(machine: Machine) -> set[str]:
    return set(machine.aws.keys(_lake(machine), "queue/pending/"))


def _heard(machine: Machine, before: set[str], expected: Iterable[str]) -> list[str]:
    """The keys, sorted, of the segments that were written since, once they have all expected ones and no event waits.

    After PATIENCE_SECONDS whatever is there: the caller's comparison shows what is missing.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        no_event_waits = _messages(machine, "EventQueueUrl") == 0
        found = [key for name in sorted(_segments(machine) - before) for key in _keys_of(machine, name)]
        if (no_event_waits and set(expected) <= set(found)) or time.monotonic() > deadline:
            return sorted(found)
        time.sleep(0.1)


def _keys_of(machine: Machine, segment: str) -> list[str]:
    body = machine.aws.client("s3").get_object(Bucket=_lake(machine), Key=segment)["Body"].read()
    lines = [json.loads(line) for line in body.splitlines()]
    assert {line["bucket"] for line in lines} == {_images(machine)}
    return [line["key"] for line in lines]


def _messages(machine: Machine, queue: str) -> int:
    counted = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    url = machine.aws.outputs(STACK)[queue]
    attributes = machine.aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=list(counted))
    return sum(int(attributes["Attributes"][name]) for name in counted)


def _log_retention(machine: Machine, logical_id: str) -> int:
    name = machine.physical_id(logical_id)
    (group,) = machine.aws.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return int(group["retentionInDays"])


def _alarm(machine: Machine, logical_id: str) -> dict:
    described = machine.aws.client("cloudwatch").describe_alarms(AlarmNames=[machine.physical_id(logical_id)])
    (alarm,) = described["MetricAlarms"]
    return alarm

"""What the template lets each part do, and what it lets nobody do: its policies, evaluated as IAM would."""

import json
import re

import pytest

from embedded_aws.cloudformation.errors import TemplateError
from embedded_aws.cloudformation.intrinsics import Scope
from embedded_aws.cloudformation.templates import check_rules, parameter_values, parse_template
from embedded_aws.iam.policies import Call, allowed
from tests.template_roles import ACCOUNT, IMAGES, KEY, LAKE, REGION, ROOT, listed, resolved, roles

LAUNCHERS = {"AdvanceRole", "RefitRole"}
# all but that of the function that featurizes
WITHOUT_IMAGES = ("IngestRole", "AdvanceRole", "RefitRole", "MaintainRole")
WITHOUT_IMAGES += ("IdentifyRole", "PublishRole", "StorageRole")
FUNCTIONS = (*WITHOUT_IMAGES, "ExpressRole")
JOB_ROLE = f"arn:aws:iam::{ACCOUNT}:role/JobRole"
IMAGE = f"arn:aws:s3:::{IMAGES}/apple/1.jpg"
TO_EMR = (("iam:passedtoservice", "emr-serverless.amazonaws.com"),)
WRITES = (
    "PutObject",
    "DeleteObject",
    "DeleteObjectVersion",
    "PutObjectAcl",
    "PutObjectTagging",
    "AbortMultipartUpload",
)
SECURITY = (ROOT / "docs" / "security.md").read_text()


@pytest.fixture(scope="module")
def own() -> dict[str, list[dict]]:
    return roles()


@pytest.mark.parametrize("role", ["JobRole", "ExpressRole"])
@pytest.mark.parametrize("action", [*WRITES, "PutBucketPolicy", "PutBucketNotification", "DeleteBucket"])
def test_who_featurizes_cannot_change_an_image_or_its_bucket(own, role, action):
    assert allowed(own[role], Call("s3:GetObject", IMAGE))
    for resource in (IMAGE, f"arn:aws:s3:::{IMAGES}"):
        assert not allowed(own[role], Call(f"s3:{action}", resource))


def test_every_function_has_a_role_that_is_tested_here(own):
    assert {name for name in own if not name.endswith("ClockRole")} == {*FUNCTIONS, "JobRole"}


@pytest.mark.parametrize("role", WITHOUT_IMAGES)
@pytest.mark.parametrize("action", ["GetObject", "GetObjectVersion"])
def test_no_other_function_can_read_an_image(own, role, action):
    assert not allowed(own[role], Call(f"s3:{action}", IMAGE))


@pytest.mark.parametrize("access", ["iam", "public"])
def test_identify_reads_images_only_if_it_has_an_address(access):
    changed = roles(IdentifyAccess=access)
    reading = {name for name in WITHOUT_IMAGES if allowed(changed[name], Call("s3:GetObject", IMAGE))}
    assert reading == {"IdentifyRole"}
    for action in WRITES:
        assert not allowed(changed["IdentifyRole"], Call(f"s3:{action}", IMAGE))


def test_only_a_public_address_is_everybodys():
    assert "IdentifyUrl" not in resolved()
    assert resolved(IdentifyAccess="iam")["IdentifyUrl"]["AuthType"] == "AWS_IAM"
    assert not permissions_for_everybody(IdentifyAccess="iam")
    assert resolved(IdentifyAccess="public")["IdentifyUrl"]["AuthType"] == "NONE"
    # Lambda Developer Guide, "Control access to Lambda function URLs": both, each with its condition
    assert permissions_for_everybody(IdentifyAccess="public") == [
        {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"},
        {"Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True},
    ]


def permissions_for_everybody(**parameters):
    bodies = resolved(**parameters).values()
    found = [body for body in bodies if body["Type"] == "AWS::Lambda::Permission" and body["Principal"] == "*"]
    assert {body["FunctionName"] for body in found} <= {"IdentifyFunction"}
    return [{key: body[key] for key in body if key not in ("Type", "Principal", "FunctionName")} for body in found]


def test_a_public_address_has_a_limit_and_no_other_reserves_concurrency():
    def reserved(**parameters):
        return resolved(**parameters)["IdentifyFunction"].get("ReservedConcurrentExecutions")

    assert reserved(IdentifyAccess="public") == "5"
    assert reserved(IdentifyAccess="public", IdentifyConcurrency="0") is None
    assert reserved() is reserved(IdentifyAccess="iam") is None


def test_the_launchers_pass_the_jobs_role_to_emr_and_nothing_else_anywhere(own):
    passing = {name for name, policy in own.items() if allowed(policy, Call("iam:PassRole", JOB_ROLE, TO_EMR))}
    assert passing == LAUNCHERS
    for policy in own.values():
        for role in (*own, "Administrator"):
            other = f"arn:aws:iam::{ACCOUNT}:role/{role}"
            assert other == JOB_ROLE or not allowed(policy, Call("iam:PassRole", other, TO_EMR))
        to_lambda = (("iam:passedtoservice", "lambda.amazonaws.com"),)
        assert not allowed(policy, Call("iam:PassRole", JOB_ROLE, to_lambda))


@pytest.mark.parametrize("action", ["s3:PutObject", "s3:DeleteObject"])
def test_only_advance_changes_what_is_in_flight(own, action):
    call = Call(action, f"arn:aws:s3:::{LAKE}/queue/active.json")
    assert {name for name, policy in own.items() if allowed(policy, call)} == {"AdvanceRole"}


def test_ingest_only_ingests(own):
    """It writes segments and wakes advance: it starts no run, and changes and deletes nothing."""
    may = {action for one in own["IngestRole"] for action in listed(one["Action"])}
    assert not [action for action in may if action.startswith(("emr-serverless:", "iam:", "s3:Delete"))]
    written = {
        resource
        for one in own["IngestRole"]
        if "s3:PutObject" in listed(one["Action"])
        for resource in listed(one["Resource"])
    }
    assert written == {f"arn:aws:s3:::{LAKE}/queue/pending/*"}


def test_maintain_asks_for_a_run_and_can_neither_start_one_nor_change_what_is_there(own):
    lake, may = f"arn:aws:s3:::{LAKE}", own["MaintainRole"]
    assert allowed(may, Call("s3:PutObject", f"{lake}/queue/pending/a-segment"))
    for key in (
        "queue/active.json",
        "queue/failed/b.json",
        "warehouse/x",
        "results/latest.json",
        "erasures/open/1.json",
    ):
        for action in WRITES:
            assert not allowed(may, Call(f"s3:{action}", f"{lake}/{key}")), (action, key)
    for action in ("DeleteObject", "GetObject"):
        assert not allowed(may, Call(f"s3:{action}", f"{lake}/queue/pending/a-segment")), action
    for call in (
        Call("emr-serverless:StartJobRun", f"arn:aws:emr-serverless:{REGION}:{ACCOUNT}:/applications/a"),
        Call("iam:PassRole", JOB_ROLE, TO_EMR),
        Call("glue:UpdateTable", f"arn:aws:glue:{REGION}:{ACCOUNT}:table/pomona/features"),
    ):
        assert not allowed(may, call), call


@pytest.mark.parametrize(
    ("prefix", "expected"), [("erasures/open/", True), ("queue/pending/", True), ("warehouse/", False), ("", False)]
)
def test_maintain_lists_erasures_and_requests_alone(own, prefix, expected):
    call = Call("s3:ListBucket", f"arn:aws:s3:::{LAKE}", (("s3:prefix", prefix),))
    assert allowed(own["MaintainRole"], call) is expected


@pytest.mark.parametrize("key", ["jobs/0123456789abcdef/featurize_job.py", "backbones/fruitnet-0/fruitnet.tflite"])
def test_nobody_but_publish_can_change_the_code_that_runs(own, key):
    call = Call("s3:PutObject", f"arn:aws:s3:::{LAKE}/{key}")
    assert {name for name, policy in own.items() if allowed(policy, call)} == {"PublishRole"}


def test_each_role_is_trusted_to_one_service_and_no_policy_is_attached_from_elsewhere():
    clocks = ("RefitFunctionRefitClockRole", "MaintainFunctionMaintenanceClockRole")
    expected = dict.fromkeys(clocks, "scheduler.amazonaws.com") | {"JobRole": "emr-serverless.amazonaws.com"}
    for name, body in resolved().items():
        if body["Type"] != "AWS::IAM::Role":
            continue
        (trust,) = body["AssumeRolePolicyDocument"]["Statement"]
        assert listed(trust["Principal"]["Service"]) == [expected.get(name, "lambda.amazonaws.com")], name
        assert not body.get("ManagedPolicyArns"), name


def test_the_job_is_only_trusted_on_behalf_of_this_account():
    (trust,) = resolved()["JobRole"]["AssumeRolePolicyDocument"]["Statement"]
    mine, foreign = ((("aws:sourceaccount", account),) for account in (ACCOUNT, "999999999999"))
    assert allowed([trust], Call("sts:AssumeRole", JOB_ROLE, mine), "emr-serverless.amazonaws.com")
    assert not allowed([trust], Call("sts:AssumeRole", JOB_ROLE, foreign), "emr-serverless.amazonaws.com")


def every_statement() -> list[tuple[str, str, list[str]]]:
    variants = ({}, {"KmsKeyArn": KEY}, {"DeleteData": "delete"}, {"IdentifyAccess": "iam"})
    found = {}
    for parameters in variants:
        for role, policy in roles(**parameters).items():
            for one in policy:
                found[role, one.get("Sid", "")] = listed(one["Action"])
    return [(role, sid, actions) for (role, sid), actions in found.items()]


@pytest.mark.parametrize(("role", "sid", "actions"), every_statement())
def test_every_action_is_in_the_documentation_with_a_reason(role, sid, actions):
    section = re.search(rf"^### {role}\n(.*?)(?=^##)", SECURITY, re.MULTILINE | re.DOTALL)
    assert section, f"docs/security.md has no section {role}"
    row = next((line for line in section[1].splitlines() if line.startswith(f"| {sid or 'invoke'} |")), None)
    assert row, f"docs/security.md does not explain {role} {sid}"
    _, _, named, _resource, reason, _ = (cell.strip() for cell in row.split("|"))
    assert sorted(re.findall(r"`([\w:-]+)`", named)) == sorted(actions)
    assert reason


def test_no_resource_is_everything(own):
    for parameters in ({}, {"KmsKeyArn": KEY}, {"DeleteData": "delete"}, {"IdentifyAccess": "public"}):
        for role, policy in roles(**parameters).items():
            for one in policy:
                assert "*" not in listed(one["Resource"]), (role, one["Sid"])
                assert not any("*" in action for action in listed(one["Action"])), (role, one["Sid"])


def bucket_policy(name: str) -> list[dict]:
    return listed(resolved()[name]["Policy"]["Statement"])


@pytest.mark.parametrize("bucket", ["ImagesBucket", "LakeBucket"])
def test_a_bucket_answers_nobody_without_tls(bucket):
    anything = {"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*"}
    name = resolved()[bucket]["BucketName"]
    for resource in (f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/any"):
        for secure, expected in (("true", True), ("false", False)):
            call = Call("s3:GetObject", resource, (("aws:securetransport", secure),))
            assert allowed([anything, *bucket_policy(bucket)], call, "arn:aws:iam::1:user/x") is expected


@pytest.mark.parametrize("bucket", ["ImagesBucket", "LakeBucket"])
def test_a_bucket_is_private_and_encrypted(bucket):
    assert set(resolved()[bucket]["PublicAccessBlock"].values()) == {True}
    (rule,) = resolved()[bucket]["Encryption"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_the_queue_takes_messages_of_the_bucket_in_this_account_alone():
    resources = resolved()
    policy = listed(resources["EventQueuePolicy"]["PolicyDocument"]["Statement"])

    def may(principal: str, bucket: str, account: str, action: str = "sqs:SendMessage") -> bool:
        context = (("aws:sourcearn", f"arn:aws:s3:::{bucket}"), ("aws:sourceaccount", account))
        return allowed(policy, Call(action, f"arn:aws:sqs:{REGION}:{ACCOUNT}:EventQueue", context), principal)

    assert may("s3.amazonaws.com", IMAGES, ACCOUNT)
    assert not may("s3.amazonaws.com", "another", ACCOUNT)
    assert not may("s3.amazonaws.com", IMAGES, "999999999999")
    assert not may("sns.amazonaws.com", IMAGES, ACCOUNT)
    assert not may("s3.amazonaws.com", IMAGES, ACCOUNT, "sqs:ReceiveMessage")


TOPIC = f"arn:aws:sns:{REGION}:999999999999:photos-changed"
RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/photos-changed"


@pytest.mark.parametrize(
    ("source", "principal"), [(TOPIC, "sns.amazonaws.com"), (RULE, "events.amazonaws.com")], ids=["topic", "rule"]
)
def test_the_queue_takes_messages_of_the_topic_or_rule_that_is_named_and_of_no_other(source, principal):
    # AWS's documents ask for these: "Subscribing an Amazon SQS queue to an Amazon SNS topic" (the step of the queue's
    # policy) and "Using resource-based policies for Amazon EventBridge" (Amazon SQS permissions)
    resources = resolved(EventSourceArn=source)
    policy = listed(resources["EventQueuePolicy"]["PolicyDocument"]["Statement"])

    def may(principal: str, source: str, action: str = "sqs:SendMessage") -> bool:
        context = (("aws:sourcearn", source),)
        return allowed(policy, Call(action, f"arn:aws:sqs:{REGION}:{ACCOUNT}:EventQueue", context), principal)

    assert may(principal, source)
    assert not may(principal, source + "-2")
    assert not may(principal, source, "sqs:ReceiveMessage")
    assert not may("lambda.amazonaws.com", source)
    assert "ImagesNotification" not in resources


def test_the_topic_takes_alarms_and_the_budget_of_this_account_alone():
    policy = listed(resolved(AlarmEmail="a@example.org")["AlarmTopicPolicy"]["PolicyDocument"]["Statement"])

    def may(principal: str, account: str, secure: str = "true") -> bool:
        context = (("aws:sourceaccount", account), ("aws:securetransport", secure))
        return allowed(policy, Call("sns:Publish", "AlarmTopic", context), principal)

    assert may("cloudwatch.amazonaws.com", ACCOUNT)
    assert may("budgets.amazonaws.com", ACCOUNT)
    assert not may("cloudwatch.amazonaws.com", "999999999999")
    assert not may("s3.amazonaws.com", ACCOUNT)
    assert not may("cloudwatch.amazonaws.com", ACCOUNT, "false")


def test_a_key_of_ones_own_encrypts_everything_that_can_be_encrypted():
    resources = resolved(KmsKeyArn=KEY, AlarmEmail="somebody@example.org")
    for name, body in resources.items():
        if body["Type"] in ("AWS::SQS::Queue", "AWS::SNS::Topic"):
            assert body["KmsMasterKeyId"] == KEY, name
        elif body["Type"] == "AWS::Logs::LogGroup":
            assert body["KmsKeyId"] == KEY, name
        elif body["Type"] == "Custom::Bucket":
            (rule,) = body["Encryption"]["Rules"]
            assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
    logs = resources["Application"]["MonitoringConfiguration"]["ManagedPersistenceMonitoringConfiguration"]
    assert logs["EncryptionKeyArn"] == KEY


def test_without_a_key_the_queues_are_encrypted_by_sqs_and_no_role_has_a_key():
    for name, body in resolved().items():
        if body["Type"] == "AWS::SQS::Queue":
            assert body["SqsManagedSseEnabled"] is True, name
    assert not any("kms:" in json.dumps(policy) for policy in roles().values())


def test_a_log_group_keeps_its_lines_for_a_while_and_no_longer():
    groups = [body for body in resolved(LogRetentionDays="7").values() if body["Type"] == "AWS::Logs::LogGroup"]
    # one for each function, and one for the runs
    assert [body["RetentionInDays"] for body in groups] == ["7"] * (len(FUNCTIONS) + 1)


KEPT = (
    "queue/pending/20260101T000000000Z-000001-r-0.jsonl",
    "queue/active.json",
    "queue/failed/b.json",
    "warehouse/pomona.db/features/data/1.parquet",
    "results/latest.json",
    "results/7/report.html",
    "jobs/0123456789abcdef/job.tar.gz",
    "erasures/1.json",
)


def test_no_rule_of_the_lake_deletes_by_age_what_may_be_current():
    rules = resolved()["LakeBucket"]["Lifecycle"]["Rules"]
    for rule in rules:
        if "Expiration" not in rule or "Tag" in rule["Filter"] or "And" in rule["Filter"]:
            continue
        assert not [key for key in KEPT if key.startswith(rule["Filter"]["Prefix"])], rule["ID"]
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)


def test_no_rule_of_the_images_deletes_what_the_bucket_shows():
    for rule in resolved(ImageVersionsDays="30")["ImagesBucket"]["Lifecycle"]["Rules"]:
        assert rule.get("Expiration", {}) in ({}, {"ExpiredObjectDeleteMarker": True}), rule["ID"]


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"MonthlyBudgetUsd": "20"}, "nobody would hear of it"),
        ({"AlarmEmail": "a@example.org", "AlarmTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:mine"}, "name one of them"),
        ({"KmsKeyArn": "alias/mine"}, "the ARN of a KMS key"),
        ({"AlarmEmail": "nobody"}, "one address"),
    ],
)
def test_parameters_that_cannot_work_are_refused_with_a_sentence(parameters, complaint):
    template = parse_template((ROOT / "template.yaml").read_text())

    def check() -> None:
        values = parameter_values(template, parameters)
        check_rules(template, Scope(template, values, {"AWS::StackName": "pomona"}, {}))

    with pytest.raises(TemplateError, match=complaint):
        check()


def test_each_function_has_the_role_of_its_name():
    found = {name: body["Role"] for name, body in resolved().items() if body["Type"] == "AWS::Lambda::Function"}
    prefix = f"arn:aws:iam::{ACCOUNT}:role/"
    assert found == {role.replace("Role", "Function"): prefix + role for role in FUNCTIONS}

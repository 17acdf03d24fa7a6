"""The embedded AWS' evaluation of policies, and what a request is in IAM's words."""

import pytest

from embedded_aws.iam.actions import calls_of
from embedded_aws.iam.api_request import ApiRequest
from embedded_aws.iam.policies import Call, PolicyError, allowed
from embedded_aws.iam.s3_actions import BucketFacts

READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::lake/queue/*"}
KEY = "arn:aws:kms:eu-west-3:123456789012:key/1"


@pytest.mark.parametrize(
    ("action", "resource", "permitted"),
    [
        ("s3:GetObject", "arn:aws:s3:::lake/queue/a/b", True),
        ("S3:getobject", "arn:aws:s3:::lake/queue/a", True),
        ("s3:GetObject", "arn:aws:s3:::lake/Queue/a", False),
        ("s3:GetObject", "arn:aws:s3:::lake/runs/a", False),
        ("s3:GetObjectVersion", "arn:aws:s3:::lake/queue/a", False),
        ("s3:PutObject", "arn:aws:s3:::lake/queue/a", False),
    ],
)
def test_a_statement_allows_its_actions_on_its_resources(action, resource, permitted):
    assert allowed([READ], Call(action, resource)) is permitted


def test_what_nothing_allows_is_refused_and_a_denial_wins():
    call = Call("s3:GetObject", "arn:aws:s3:::lake/queue/a")
    assert not allowed([], call)
    assert not allowed([READ, {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}], call)
    assert not allowed([{**READ, "NotAction": "s3:GetObject", "Action": []} | {}], call)


@pytest.mark.parametrize(
    ("condition", "context", "permitted"),
    [
        ({"StringEquals": {"s3:prefix": "a"}}, {"s3:prefix": "a"}, True),
        ({"StringEquals": {"s3:prefix": "a"}}, {"s3:prefix": "b"}, False),
        ({"StringEquals": {"s3:prefix": "a"}}, {}, False),
        ({"StringLike": {"S3:Prefix": ["x", "queue/*"]}}, {"s3:prefix": "queue/b"}, True),
        ({"StringLikeIfExists": {"s3:prefix": "queue/*"}}, {}, True),
        ({"StringLikeIfExists": {"s3:prefix": "queue/*"}}, {"s3:prefix": "runs/"}, False),
        ({"StringNotEquals": {"s3:prefix": "a"}}, {}, True),
        ({"StringNotEquals": {"s3:prefix": ["a", "b"]}}, {"s3:prefix": "b"}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, {"aws:securetransport": "false"}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, {"aws:securetransport": "true"}, False),
        ({"Null": {"s3:prefix": "true"}}, {}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::i*"}}, {"aws:sourcearn": "arn:aws:s3:::images"}, True),
        ({"StringEquals": {"a": "1"}, "Bool": {"b": "true"}}, {"a": "1", "b": "false"}, False),
    ],
)
def test_a_condition_holds_for_the_context_it_names(condition, context, permitted):
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
    assert allowed([statement], Call("s3:ListBucket", "arn:aws:s3:::lake", tuple(context.items()))) is permitted


def test_what_is_not_known_is_an_error_and_not_a_yes():
    call = Call("s3:GetObject", "arn:aws:s3:::lake/queue/a")
    with pytest.raises(PolicyError, match="NumericLessThan"):
        allowed([{**READ, "Condition": {"NumericLessThan": {"s3:TlsVersion": 1.2}}}], call)
    with pytest.raises(PolicyError, match="aws:username"):
        allowed([{**READ, "Resource": "arn:aws:s3:::lake/${aws:username}/*"}], call)


def test_a_policy_of_a_resource_names_who():
    statement = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage"}
    call = Call("sqs:SendMessage", "arn:aws:sqs:eu-west-3:123456789012:queue")
    assert allowed([statement], call, "s3.amazonaws.com")
    assert not allowed([statement], call, "sns.amazonaws.com")


def s3(method: str, path: str, query: dict[str, str] | None = None, headers: dict[str, str] | None = None, body=b""):
    return ApiRequest("s3", "eu-west-3", method, path, query or {}, headers or {}, body)


def actions(request: ApiRequest, bucket: BucketFacts | None = None) -> list[tuple[str, str]]:
    known = bucket or BucketFacts()
    return [(call.action, call.resource) for call in calls_of(request, lambda _name: known)]


LAKE = "arn:aws:s3:::lake"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (s3("GET", "/lake/a b//é.jpg"), [("s3:GetObject", f"{LAKE}/a b//é.jpg")]),
        (s3("HEAD", "/lake//a"), [("s3:GetObject", f"{LAKE}//a")]),
        (s3("GET", "/lake/a", {"versionId": "1"}), [("s3:GetObjectVersion", f"{LAKE}/a")]),
        (s3("PUT", "/lake/a"), [("s3:PutObject", f"{LAKE}/a")]),
        (
            s3("PUT", "/lake/a", headers={"if-match": '"x"'}),
            [("s3:PutObject", f"{LAKE}/a"), ("s3:GetObject", f"{LAKE}/a")],
        ),
        (
            s3("PUT", "/lake/a", headers={"x-amz-copy-source": "/images/b"}),
            [("s3:PutObject", f"{LAKE}/a"), ("s3:GetObject", "arn:aws:s3:::images/b")],
        ),
        (s3("POST", "/lake/a", {"uploads": ""}), [("s3:PutObject", f"{LAKE}/a")]),
        (s3("DELETE", "/lake/a", {"uploadId": "1"}), [("s3:AbortMultipartUpload", f"{LAKE}/a")]),
        (s3("DELETE", "/lake/a"), [("s3:DeleteObject", f"{LAKE}/a")]),
        (s3("DELETE", "/lake/a", {"versionId": "1"}), [("s3:DeleteObjectVersion", f"{LAKE}/a")]),
        (s3("HEAD", "/lake"), [("s3:ListBucket", LAKE)]),
        (s3("GET", "/lake/", {"list-type": "2", "prefix": "q/"}), [("s3:ListBucket", LAKE)]),
        (s3("GET", "/lake", {"versions": ""}), [("s3:ListBucketVersions", LAKE)]),
        (s3("PUT", "/lake", {"policy": ""}), [("s3:PutBucketPolicy", LAKE)]),
        (s3("PUT", "/lake", {"encryption": ""}), [("s3:PutEncryptionConfiguration", LAKE)]),
        (s3("GET", "/lake", {"replication": ""}), []),
        (
            s3("POST", "/lake", {"delete": ""}, body=b"<Delete><Object><Key>a&amp;b</Key></Object></Delete>"),
            [("s3:DeleteObject", f"{LAKE}/a&b")],
        ),
    ],
)
def test_a_request_to_s3_is_known_by_its_actions(request_, expected):
    assert actions(request_) == expected


def test_a_missing_object_needs_the_listing():
    assert actions(s3("GET", "/lake/a"), BucketFacts(lambda _key: False)) == [
        ("s3:GetObject", f"{LAKE}/a"),
        ("s3:ListBucket", LAKE),
    ]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (s3("GET", "/lake/a"), ["kms:Decrypt"]),
        (s3("PUT", "/lake/a"), ["kms:GenerateDataKey"]),
        (s3("POST", "/lake/a", {"uploads": ""}), ["kms:Decrypt", "kms:GenerateDataKey"]),
        (s3("DELETE", "/lake/a"), []),
    ],
)
def test_a_bucket_with_a_key_needs_the_key(request_, expected):
    found = actions(request_, BucketFacts(kms_key=KEY))
    assert [action for action, resource in found if resource == KEY] == expected


def test_starting_a_run_passes_a_role():
    request = ApiRequest(
        "emr-serverless",
        "eu-west-3",
        "POST",
        "/applications/1/jobruns",
        body=b'{"executionRoleArn": "arn:aws:iam::123456789012:role/job"}',
    )
    start, passed = calls_of(request, lambda _name: BucketFacts())
    assert (start.action, passed.action) == ("emr-serverless:StartJobRun", "iam:PassRole")
    assert passed.resource == "arn:aws:iam::123456789012:role/job"
    assert dict(passed.context) == {"iam:passedtoservice": "emr-serverless.amazonaws.com"}


@pytest.mark.parametrize(
    ("named", "resource"),
    [
        ("arn%3Aaws%3Acloudformation%3Ax%3A1%3Astack%2Fpomona%2F9", "arn:aws:cloudformation:x:1:stack/pomona/9"),
        ("pomona", "arn:aws:cloudformation:eu-west-3:123456789012:stack/pomona/"),
    ],
)
def test_a_stack_is_known_by_its_name_and_by_its_arn(named, resource):
    body = f"Action=DescribeStacks&StackName={named}".encode()
    request = ApiRequest("cloudformation", "eu-west-3", "POST", "/", body=body)
    assert actions(request) == [("cloudformation:DescribeStacks", resource)]


def test_a_table_needs_its_catalog_and_database_too():
    request = ApiRequest(
        "glue",
        "eu-west-3",
        "POST",
        "/",
        headers={"x-amz-target": "AWSGlue.UpdateTable"},
        body=b'{"DatabaseName": "d", "TableInput": {"Name": "t"}}',
    )
    prefix = "arn:aws:glue:eu-west-3:123456789012:"
    assert actions(request) == [("glue:UpdateTable", prefix + rest) for rest in ("catalog", "database/d", "table/d/t")]

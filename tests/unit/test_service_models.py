"""Requests against AWS's published models: what botocore writes is read back, and what a model forbids is refused."""

import io
import json
import re
import string
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import botocore.session
import pytest
from botocore.awsrequest import prepare_request_dict
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from embedded_aws.request_checks.constraints import EXCEPTIONS, compiled, violations
from embedded_aws.request_checks.service_models import model_violation, read

MODELS = botocore.session.get_session()
# every protocol: rest-json, json, query, rest-xml, cbor
OPERATIONS = [
    ("emr-serverless", "StartJobRun"),
    ("emr-serverless", "CreateApplication"),
    ("emr-serverless", "ListApplications"),
    ("emr-serverless", "ListJobRuns"),
    ("glue", "UpdateTable"),
    ("glue", "GetTable"),
    ("sqs", "SendMessage"),
    ("logs", "DescribeLogStreams"),
    ("events", "PutRule"),
    ("kms", "GenerateDataKey"),
    ("lambda", "CreateFunction"),
    ("lambda", "CreateEventSourceMapping"),
    ("scheduler", "CreateSchedule"),
    ("cloudformation", "CreateChangeSet"),
    ("iam", "CreateRole"),
    ("sts", "AssumeRole"),
    ("sns", "CreateTopic"),
    ("cloudwatch", "PutMetricAlarm"),
    ("s3", "PutBucketLifecycleConfiguration"),
    ("s3", "PutBucketPolicy"),
    ("s3", "ListObjectsV2"),
    ("s3", "DeleteObjects"),
    ("budgets", "CreateBudget"),
]
SIGNED_FOR = {"cloudwatch": "monitoring"}
DEPTH = 4
PLAIN = string.ascii_letters + string.digits


def model(service: str) -> Any:
    return MODELS.get_service_model(service)


def environ_of(service: str, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The request as a server gets it, written by botocore's own serializer."""
    described = model(service)
    asked = described.operation_model(operation)
    written = create_serializer(described.resolved_protocol, False).serialize_to_request(dict(parameters), asked)
    prepare_request_dict(written, "http://127.0.0.1:5000")
    body = written["body"]
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else None
    headers = {name: text.decode() if isinstance(text, bytes) else text for name, text in written["headers"].items()}
    if isinstance(body, dict):
        headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
        data = urlencode(body).encode()
    url = written["url"].removeprefix("http://127.0.0.1:5000")
    path, _, query = url.partition("?")
    builder = EnvironBuilder(
        path=path, query_string=query, method=written["method"], headers=headers, input_stream=io.BytesIO(data or b"")
    )
    environ = builder.get_environ()
    environ["CONTENT_LENGTH"] = str(len(data or b""))
    return environ


def start_job_run(**changes: Any) -> dict[str, Any]:
    return {
        "applicationId": "00abc",
        "clientToken": "batch.1",
        "executionRoleArn": "arn:aws:iam::123456789012:role/job",
        "jobDriver": {"sparkSubmit": {"entryPoint": "s3://lake/job.py"}},
        **changes,
    }


def answer(service: str, operation: str, parameters: Mapping[str, Any]) -> Any:
    return model_violation(environ_of(service, operation, parameters), SIGNED_FOR.get(service, service))


def texts(shape: Any) -> st.SearchStrategy[str]:
    """Texts that the shape may forbid: too long, of no enumeration, against its pattern."""
    plain = st.text(PLAIN, min_size=1, max_size=12)
    return st.one_of(plain, st.sampled_from(list(shape.enum))) if shape.enum else plain


def values(shape: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Small values of the shape's type, allowed by the shape or not."""
    if shape.type_name == "structure":
        return structures(shape, depth)
    if shape.type_name == "list":
        return st.lists(values(shape.member, depth + 1), min_size=1, max_size=2)
    if shape.type_name == "map":
        return st.dictionaries(texts(shape.key), values(shape.value, depth + 1), min_size=1, max_size=2)
    plain = {
        "string": texts(shape) if shape.type_name == "string" else st.nothing(),
        "integer": st.integers(-5, 10**6),
        "long": st.integers(-5, 10**6),
        "boolean": st.booleans(),
        "blob": st.binary(min_size=1, max_size=8),
    }
    return plain.get(shape.type_name, st.nothing())  # no constraint is about a moment, and doubles have few


def structures(shape: Any, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    if depth >= DEPTH:
        return st.nothing()
    members = {name: values(one, depth + 1) for name, one in shape.members.items()}
    members = {name: one for name, one in members.items() if not one.is_empty}
    if not members:
        return st.nothing()
    required = {name: one for name, one in members.items() if name in shape.required_members}
    optional = {name: one for name, one in members.items() if name not in required}
    made = st.fixed_dictionaries(required, optional=optional)
    return made.filter(bool) if depth else made  # the query protocol writes nothing for an empty structure


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
@given(st.data())
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_a_client_sends_is_judged_as_it_was_before_it_was_written(service: str, operation: str, data: Any) -> None:
    # Given parameters, allowed or not, and what the model says of them
    shape = model(service).operation_model(operation).input_shape
    parameters = data.draw(values(shape))
    expected = list(violations(service, shape, parameters))
    # When botocore's own serializer writes the request, and it is read by the model
    environ = environ_of(service, operation, parameters)
    asked = read(environ, SIGNED_FOR.get(service, service))
    # Then the same is said of it
    assert asked is not None
    assert (asked.operation.name, asked.violations()) == (operation, expected)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"clientToken": "a b"},
            "Value 'a b' at 'clientToken' failed to satisfy constraint: Member must satisfy regular",
        ),
        ({"clientToken": "x" * 65}, "at 'clientToken' .*: Member must have length less than or equal to 64"),
        ({"executionRoleArn": "job"}, "at 'executionRoleArn' .*: Member must have length greater than or equal to 20"),
        (
            {"executionTimeoutMinutes": -1},
            "Value '-1' at 'executionTimeoutMinutes' .* value greater than or equal to 0",
        ),
        ({"mode": "NOW"}, r"Member must satisfy enum value set: \[BATCH, STREAMING\]"),
        ({"name": ""}, "at 'name' .*: Member must have length greater than or equal to 1"),
        (
            {"jobDriver": {"sparkSubmit": {}}},
            "Value 'null' at 'jobDriver.sparkSubmit.entryPoint' .*: Member must not be null",
        ),
        (
            {"jobDriver": {"sparkSubmit": {"entryPoint": "x", "sparkSubmitParameters": "x" * 102_401}}},
            "at 'jobDriver.sparkSubmit.sparkSubmitParameters' .* less than or equal to 102400",
        ),
        ({"tags": {"": "x"}}, "at 'tags.key' .*: Member must have length greater than or equal to 1"),
    ],
)
def test_what_emr_serverless_refuses_is_named_in_aws_s_words(changes: dict[str, Any], sentence: str) -> None:
    refused = answer("emr-serverless", "StartJobRun", start_job_run(**changes))
    assert refused.status_code == 400
    told = json.loads(refused.data)
    assert (told["__type"], refused.headers["x-amzn-ErrorType"]) == ("ValidationException", "ValidationException")
    assert re.search(sentence, told["message"])


@pytest.mark.parametrize(
    "changes",
    [
        {"clientToken": "x" * 64},
        {"clientToken": "x"},
        {"executionTimeoutMinutes": 0},
        {"executionTimeoutMinutes": 1_000_000},
        {"mode": "BATCH"},
        {"jobDriver": {"sparkSubmit": {"entryPoint": "x", "sparkSubmitParameters": "x" * 102_400}}},
    ],
)
def test_what_just_keeps_to_the_model_passes(changes: dict[str, Any]) -> None:
    assert answer("emr-serverless", "StartJobRun", start_job_run(**changes)) is None


def test_a_request_that_keeps_to_the_model_passes_and_its_body_can_still_be_read() -> None:
    environ = environ_of("emr-serverless", "StartJobRun", start_job_run())
    assert model_violation(environ, "emr-serverless") is None
    assert json.load(environ["wsgi.input"])["clientToken"] == "batch.1"


def test_several_faults_are_told_together() -> None:
    refused = answer("emr-serverless", "StartJobRun", start_job_run(clientToken="a b", name=""))
    message = json.loads(refused.data)["message"]
    assert message.startswith("3 validation errors detected: ")  # an empty name is too short, and no name


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "code"),
    [
        ("cloudformation", "CreateStack", {"StackName": "a", "OnFailure": "MAYBE"}, b"<Code>ValidationError</Code>"),
        ("s3", "GetObject", {"Bucket": "b", "Key": "k", "RequestPayer": "nobody"}, b"<Code>InvalidArgument</Code>"),
        ("logs", "CreateLogGroup", {"logGroupName": "a b"}, b'"__type": "InvalidParameterException"'),
        ("cloudwatch", "PutMetricAlarm", {"AlarmName": "", "EvaluationPeriods": 0}, b'"__type": "ValidationError"'),
    ],
)
def test_a_refusal_is_in_the_words_of_its_protocol(service: str, operation: str, parameters: Any, code: bytes) -> None:
    assert code in answer(service, operation, parameters).data


def test_the_bytes_of_an_object_are_not_read() -> None:
    # Given an object whose body fails whoever reads it
    environ = environ_of("s3", "PutObject", {"Bucket": "b", "Key": "k", "Body": b"image"})
    environ["wsgi.input"] = None
    # When the request is checked, then nobody does
    assert model_violation(environ, "s3") is None


@pytest.mark.parametrize("signed_for", ["", "no-such-service"])
def test_what_no_model_knows_passes(signed_for: str) -> None:
    assert model_violation(environ_of("glue", "GetTable", {"DatabaseName": "", "Name": ""}), signed_for) is None


def test_every_pattern_of_the_services_in_use_is_checked_or_named_as_an_exception() -> None:
    failed = set()
    for service in {service for service, _ in OPERATIONS}:
        shapes = (model(service).shape_for(name) for name in model(service).shape_names)
        for shape in shapes:
            try:
                compiled(shape.metadata.get("pattern", ""))
            except re.error:
                failed.add((service, shape.name))
    assert failed <= set(EXCEPTIONS)


def test_what_an_exception_names_is_published() -> None:
    for service, shape in EXCEPTIONS:
        described = model(service).shape_for(shape)
        assert described.enum or described.metadata.get("pattern")


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*", ["é 🍎", "\t", ""], ["\n", "\u0000"]),
        (r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]+)$", ["Äpfel 3", "a/b@c"], ["a\n", "#"]),
        (r"[\w-_]*", ["a-b_c"], ["é"]),
    ],
)
def test_a_pattern_means_in_python_what_it_means_in_java(pattern: str, good: list[str], bad: list[str]) -> None:
    assert [text for text in good if not compiled(pattern).fullmatch(text)] == []
    assert [text for text in bad if compiled(pattern).fullmatch(text)] == []

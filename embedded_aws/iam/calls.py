"""What a request to one of AWS's APIs is in IAM's words: the actions and the resources that it needs, all of them."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.iam.policies import Call
from embedded_aws.iam.s3_calls import Bucket, s3_calls


@dataclass(frozen=True)
class ApiRequest:
    """A request as it came, its path decoded."""

    service: str  # as it was signed for: s3, glue, emr-serverless …
    region: str
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = b""

    @property
    def document(self) -> dict[str, Any]:
        """The body of a JSON protocol."""
        return dict(json.loads(self.body or b"{}"))

    @property
    def operation(self) -> str:
        """The operation's name where the protocol says it; empty in a REST protocol."""
        if target := self.headers.get("x-amz-target"):
            return target.rpartition(".")[2]
        if rpc := re.fullmatch(r"/service/\w+/operation/(\w+)", self.path):
            return rpc[1]
        return dict(parse_qsl(self.body.decode("utf-8", "replace"))).get("Action", "")


def calls_of(request: ApiRequest, bucket: Callable[[str], Bucket]) -> list[Call]:
    """The calls behind a request; none if it cannot be told, and nobody who is checked may then do it.

    Args:
        bucket: what must be known of a bucket of that name.
    """
    if request.service == "s3":
        return s3_calls(request, bucket)
    maker = _MAKERS.get(request.service, _by_operation)
    return list(maker(request))


def _arn(request: ApiRequest, rest: str) -> str:
    return f"arn:aws:{request.service}:{request.region}:{ACCOUNT_ID}:{rest}"


def _by_operation(request: ApiRequest) -> Iterator[Call]:
    """A service whose resources nobody here limits: what is allowed is allowed on `*` alone."""
    if request.operation:
        yield Call(f"{_PREFIXES.get(request.service, request.service)}:{request.operation}", "")


_PREFIXES = {"monitoring": "cloudwatch"}


def _glue(request: ApiRequest) -> Iterator[Call]:
    """Glue asks for the permission on the catalog, the database and the table alike."""
    asked, action = request.document, f"glue:{request.operation}"
    database = asked.get("DatabaseName") or (asked.get("Name") if "Database" in request.operation else None)
    table = asked.get("TableInput", {}).get("Name") or (asked.get("Name") if "DatabaseName" in asked else None)
    yield Call(action, _arn(request, "catalog"))
    if database:
        yield Call(action, _arn(request, f"database/{database}"))
    if table:
        yield Call(action, _arn(request, f"table/{database}/{table}"))
    if request.operation == "DeleteDatabase":  # with all that it may hold
        yield Call(action, _arn(request, f"table/{database}/*"))
        yield Call(action, _arn(request, f"userDefinedFunction/{database}/*"))


_EMR = (
    ("POST", r"/applications/([^/]+)/jobruns", "StartJobRun"),
    ("GET", r"/applications/([^/]+)/jobruns", "ListJobRuns"),
    ("GET", r"/applications/([^/]+/jobruns/[^/]+)", "GetJobRun"),
    ("DELETE", r"/applications/([^/]+/jobruns/[^/]+)", "CancelJobRun"),
    ("GET", r"/applications/([^/]+)", "GetApplication"),
)


def _emr(request: ApiRequest) -> Iterator[Call]:
    for method, path, action in _EMR:
        if request.method == method and (found := re.fullmatch(path, request.path)):
            yield Call(f"emr-serverless:{action}", _arn(request, f"/applications/{found[1]}"))
            if action == "StartJobRun":
                passed_to = (("iam:passedtoservice", "emr-serverless.amazonaws.com"),)
                yield Call("iam:PassRole", str(request.document.get("executionRoleArn")), passed_to)


def _logs(request: ApiRequest) -> Iterator[Call]:
    """A log group's permissions are asked for with its stream's ARN, an empty stream where none is named."""
    asked = request.document
    group = asked.get("logGroupName") or str(asked.get("logGroupIdentifier", "")).rpartition("log-group:")[2]
    stream = asked.get("logStreamName", "")
    yield Call(f"logs:{request.operation}", _arn(request, f"log-group:{group}:log-stream:{stream}"))


def _sqs(request: ApiRequest) -> Iterator[Call]:
    name = str(request.document.get("QueueUrl") or request.document.get("QueueName") or "").rpartition("/")[2]
    yield Call(f"sqs:{request.operation}", _arn(request, name))


_LAMBDA = {"invocations": "InvokeFunction", "configuration": "GetFunctionConfiguration"}


def _lambda(request: ApiRequest) -> Iterator[Call]:
    found = re.fullmatch(r"/2015-03-31/functions/([^/]+)/([^/]+)", request.path)
    if found and (action := _LAMBDA.get(found[2])):
        name = found[1].rpartition("function:")[2]
        yield Call(f"lambda:{action}", _arn(request, f"function:{name}"))


def _cloudformation(request: ApiRequest) -> Iterator[Call]:
    asked = dict(parse_qsl(request.body.decode()))
    stack = asked.get("StackName", "")
    arn = stack if stack.startswith("arn:") else _arn(request, f"stack/{stack}/")
    yield Call(f"cloudformation:{request.operation}", arn)


def _sts(request: ApiRequest) -> Iterator[Call]:
    asked = dict(parse_qsl(request.body.decode()))
    yield Call(f"sts:{request.operation}", asked.get("RoleArn", ""))


_MAKERS: dict[str, Callable[[ApiRequest], Iterator[Call]]] = {
    "cloudformation": _cloudformation,
    "glue": _glue,
    "emr-serverless": _emr,
    "logs": _logs,
    "sqs": _sqs,
    "lambda": _lambda,
    "sts": _sts,
}

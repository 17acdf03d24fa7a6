"""The IAM actions that a request to one of AWS's APIs needs, each with its resource."""

import re
from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.iam.api_request import ApiRequest
from embedded_aws.iam.policies import Call
from embedded_aws.iam.s3_actions import BucketFacts, s3_calls


def calls_of(request: ApiRequest, bucket: Callable[[str], BucketFacts]) -> list[Call]:
    """Return the calls that a request needs; none if they are not known, and then the request is refused.

    Args:
        bucket: returns the facts about a bucket by its name.
    """
    if request.service == "s3":
        return s3_calls(request, bucket)
    maker = _MAKERS.get(request.service, _by_operation)
    return list(maker(request))


def _arn(request: ApiRequest, rest: str) -> str:
    return f"arn:aws:{request.service}:{request.region}:{ACCOUNT_ID}:{rest}"


def _by_operation(request: ApiRequest) -> Iterator[Call]:
    """A service whose actions are allowed on `*` only."""
    if request.operation:
        yield Call(f"{_PREFIXES.get(request.service, request.service)}:{request.operation}", "")


_PREFIXES = {"monitoring": "cloudwatch"}


def _glue(request: ApiRequest) -> Iterator[Call]:
    """Glue requires the permission on the catalog, the database and the table."""
    asked, action = request.document, f"glue:{request.operation}"
    database = asked.get("DatabaseName") or (asked.get("Name") if "Database" in request.operation else None)
    table = asked.get("TableInput", {}).get("Name") or (asked.get("Name") if "DatabaseName" in asked else None)
    yield Call(action, _arn(request, "catalog"))
    if database:
        yield Call(action, _arn(request, f"database/{database}"))
    if table:
        yield Call(action, _arn(request, f"table/{database}/{table}"))
    if request.operation == "DeleteDatabase":  # and with everything in it
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
    """CloudWatch Logs requires the permission on the stream's ARN; the stream is empty where none is named."""
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


def _scheduler(request: ApiRequest) -> Iterator[Call]:
    if request.method == "GET" and (found := re.fullmatch(r"/schedules/([^/]+)", request.path)):
        group = request.query.get("groupName", "default")
        yield Call("scheduler:GetSchedule", _arn(request, f"schedule/{group}/{found[1]}"))


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
    "scheduler": _scheduler,
    "sts": _sts,
}

"""Custom resources: their function is asked to create, update or delete, and answers with a PUT to a URL of ours."""

import json
import uuid
from typing import Any

from embedded_aws.cloudformation.intrinsics import Resource
from embedded_aws.cloudformation.resources import Made, Request, ResourceError, puts, removes

RESPONSE_PATH = "/_local/responses/"
_responses: dict[str, dict[str, Any]] = {}


def accept_response(path: str, body: bytes) -> None:
    """Keep what a function has PUT to its ResponseURL; what it writes must be JSON."""
    _responses[path.removeprefix(RESPONSE_PATH)] = json.loads(body)


def response_to(path: str) -> dict[str, Any] | None:
    """What a function has PUT to this ResponseURL, for whoever invoked it without CloudFormation."""
    return _responses.get(path.removeprefix(RESPONSE_PATH))


@puts("AWS::CloudFormation::CustomResource")
def _put_custom(request: Request) -> Made:
    previous = request.previous
    if previous and request.restoring:
        return Made(previous.physical_id, previous.attributes)
    event = {"RequestType": "Update" if previous else "Create", "ResourceProperties": _texts(request.properties)}
    if previous:
        event |= {
            "PhysicalResourceId": previous.physical_id,
            "OldResourceProperties": _texts(previous.properties),
        }
    answer = _ask(request, request.properties["ServiceToken"], event)
    return Made(answer.get("PhysicalResourceId") or request.generated_name, answer.get("Data") or {})


@removes("AWS::CloudFormation::CustomResource")
def _remove_custom(request: Request, resource: Resource) -> None:
    event = {
        "RequestType": "Delete",
        "PhysicalResourceId": resource.physical_id,
        "ResourceProperties": _texts(resource.properties),
    }
    _ask(request, resource.properties["ServiceToken"], event)


def _ask(request: Request, function: str, event: dict[str, Any]) -> dict[str, Any]:
    token = uuid.uuid4().hex
    event |= {
        "ServiceToken": function,
        "ResponseURL": f"{request.clients.endpoint}{RESPONSE_PATH}{token}",
        "StackId": request.stack_id,
        "RequestId": str(uuid.uuid4()),
        "LogicalResourceId": request.logical_id,
        "ResourceType": request.type,
    }
    invoked = request.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    answer = _responses.pop(token, None)
    if answer is None:
        raise ResourceError(f"{function} ended without an answer: {invoked['Payload'].read().decode()[:500]}")
    if answer.get("Status") != "SUCCESS":
        raise ResourceError(f"Received response status [FAILED] from custom resource: {answer.get('Reason')}")
    return answer


def _texts(value: Any) -> Any:
    """Properties as CloudFormation hands them over: every number and truth value as text."""
    if isinstance(value, dict):
        return {key: _texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else str(value)

"""Custom resources: invoke the function that provides them; it answers with a PUT to the request's ResponseURL."""

import json
import uuid
from typing import Any

from embedded_aws.cloudformation.errors import ResourceError
from embedded_aws.cloudformation.handlers import ResourceRequest, ReturnValues, puts, removes
from embedded_aws.cloudformation.intrinsics import StackResource

RESPONSE_PATH = "/_local/responses/"
_responses: dict[str, dict[str, Any]] = {}


def accept_response(path: str, body: bytes) -> None:
    """Store what a function has PUT to its ResponseURL. The body must be JSON."""
    _responses[path.removeprefix(RESPONSE_PATH)] = json.loads(body)


def response_to(path: str) -> dict[str, Any] | None:
    """Return what a function has PUT to this ResponseURL; None if it has not answered."""
    return _responses.get(path.removeprefix(RESPONSE_PATH))


@puts("AWS::CloudFormation::CustomResource")
def _put_custom(request: ResourceRequest) -> ReturnValues:
    previous = request.previous
    if previous and request.restoring:
        return ReturnValues(previous.physical_id, previous.attributes)
    event = {"RequestType": "Update" if previous else "Create", "ResourceProperties": _texts(request.properties)}
    if previous:
        event |= {
            "PhysicalResourceId": previous.physical_id,
            "OldResourceProperties": _texts(previous.properties),
        }
    answer = _ask(request, request.properties["ServiceToken"], event)
    return ReturnValues(answer.get("PhysicalResourceId") or request.generated_name, answer.get("Data") or {})


@removes("AWS::CloudFormation::CustomResource")
def _remove_custom(request: ResourceRequest, resource: StackResource) -> None:
    event = {
        "RequestType": "Delete",
        "PhysicalResourceId": resource.physical_id,
        "ResourceProperties": _texts(resource.properties),
    }
    _ask(request, resource.properties["ServiceToken"], event)


def _ask(request: ResourceRequest, function: str, event: dict[str, Any]) -> dict[str, Any]:
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
        raise ResourceError(f"{function} returned without a response: {invoked['Payload'].read().decode()[:500]}")
    if answer.get("Status") != "SUCCESS":
        raise ResourceError(f"Received response status [FAILED] from custom resource: {answer.get('Reason')}")
    return answer


def _texts(value: Any) -> Any:
    """Return properties as CloudFormation sends them: numbers and Booleans as text."""
    if isinstance(value, dict):
        return {key: _texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else str(value)

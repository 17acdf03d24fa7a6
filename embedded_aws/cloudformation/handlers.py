"""Resource handlers: how each resource type is created or updated, and how it is deleted."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from embedded_aws.clients import Clients
from embedded_aws.cloudformation.intrinsics import StackResource
from embedded_aws.cloudformation.registry import CUSTOM, is_custom


@dataclass(frozen=True)
class ResourceRequest:
    """What a handler receives: resolved properties, and the resource as it was before an update."""

    type: str
    logical_id: str
    generated_name: str
    properties: dict[str, Any]
    previous: StackResource | None
    stack_id: str
    region: str
    clients: Clients
    restoring: bool

    def client(self, service: str) -> Any:
        """Return a client of the service in the stack's region."""
        return self.clients(service, self.region)

    def name(self, property_name: str) -> str:
        """Return the name that the template gives, or the generated one."""
        return str(self.properties.get(property_name) or self.generated_name)


@dataclass(frozen=True)
class ReturnValues:
    """What Ref and Fn::GetAtt return for a resource."""

    physical_id: str
    attributes: dict[str, Any] = field(default_factory=dict)


PutHandler = Callable[[ResourceRequest], ReturnValues]
RemoveHandler = Callable[[ResourceRequest, StackResource], None]
_put_handlers: dict[str, PutHandler] = {}
_remove_handlers: dict[str, RemoveHandler] = {}


def puts(kind: str) -> Callable[[PutHandler], PutHandler]:
    """Register the handler that creates and updates a type. It must accept a resource that already exists."""

    def register(handler: PutHandler) -> PutHandler:
        _put_handlers[kind] = handler
        return handler

    return register


def removes(kind: str) -> Callable[[RemoveHandler], RemoveHandler]:
    """Register the handler that deletes a type. A type needs none if deleting its owner deletes it too."""

    def register(handler: RemoveHandler) -> RemoveHandler:
        _remove_handlers[kind] = handler
        return handler

    return register


def raise_unless(error: ClientError, *codes: str) -> None:
    """Raise the error unless its code is one of these."""
    if error.response["Error"]["Code"] not in codes:
        raise error


def is_known(kind: str) -> bool:
    """Return True if the embedded AWS has this resource type."""
    return _key(kind) in _put_handlers


def put(request: ResourceRequest) -> ReturnValues:
    """Create or update the resource."""
    return _put_handlers[_key(request.type)](request)


def remove(request: ResourceRequest, resource: StackResource) -> None:
    """Delete the resource."""
    if handler := _remove_handlers.get(_key(resource.type)):
        handler(request, resource)


def _key(kind: str) -> str:
    return CUSTOM if is_custom(kind) else kind

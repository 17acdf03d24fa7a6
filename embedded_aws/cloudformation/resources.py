"""The resource types a template may use: a registry of how each is put and removed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from embedded_aws.clients import Clients
from embedded_aws.cloudformation.intrinsics import Resource
from embedded_aws.cloudformation.registry import CUSTOM, is_custom


class ResourceError(Exception):
    """A resource could not be made; the message says why, for the person who deploys."""


@dataclass(frozen=True)
class Request:
    """What is asked of a resource type: properties with every expression resolved, and what was there before."""

    type: str
    logical_id: str
    generated_name: str
    properties: dict[str, Any]
    previous: Resource | None
    stack_id: str
    region: str
    clients: Clients
    restoring: bool

    def client(self, service: str) -> Any:
        """A client of the service in the stack's region."""
        return self.clients(service, self.region)

    def name(self, property_name: str) -> str:
        """The name the template gives, or a generated one."""
        return str(self.properties.get(property_name) or self.generated_name)


@dataclass(frozen=True)
class Made:
    """What Ref and Fn::GetAtt give for a resource."""

    physical_id: str
    attributes: dict[str, Any] = field(default_factory=dict)


Put = Callable[[Request], Made]
Remove = Callable[[Request, Resource], None]
_puts: dict[str, Put] = {}
_removes: dict[str, Remove] = {}


def puts(kind: str) -> Callable[[Put], Put]:
    """Register how a type is created and changed; it must also accept what is already there."""

    def register(function: Put) -> Put:
        _puts[kind] = function
        return function

    return register


def removes(kind: str) -> Callable[[Remove], Remove]:
    """Register how a type is removed; a type without this leaves nothing behind that matters."""

    def register(function: Remove) -> Remove:
        _removes[kind] = function
        return function

    return register


def _key(kind: str) -> str:
    return CUSTOM if is_custom(kind) else kind


def is_known(kind: str) -> bool:
    """Whether the embedded AWS has this resource type."""
    return _key(kind) in _puts


def put(request: Request) -> Made:
    """Make the resource agree with the request."""
    return _puts[_key(request.type)](request)


def remove(request: Request, resource: Resource) -> None:
    """Remove the resource."""
    if _key(resource.type) in _removes:
        _removes[_key(resource.type)](request, resource)

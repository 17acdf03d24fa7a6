"""One create, update or delete of a stack: what changes, in which order, and what is undone when it fails."""

import graphlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError
from moto.cloudformation.exceptions import ValidationError

from local.clients import ACCOUNT_ID, Clients
from local.intrinsics import Resource, Scope, references
from local.resources import Made, Request, ResourceError, is_known, put, remove

Report = Callable[[str, str, str, str, str], None]  # logical id, physical id, type, status, reason


class DeploymentError(Exception):
    """A resource could not be made; the message is the resource's own."""


@dataclass
class Target:
    """A stack as the deployment sees it: who it is and what it has."""

    stack_id: str
    name: str
    region: str
    resources: dict[str, Resource] = field(default_factory=dict)

    def scope(self, template: dict[str, Any], parameters: dict[str, str]) -> Scope:
        """What expressions of this template may refer to."""
        pseudo = {
            "AWS::AccountId": ACCOUNT_ID,
            "AWS::Region": self.region,
            "AWS::StackId": self.stack_id,
            "AWS::StackName": self.name,
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::Partition": "aws",
        }
        return Scope(template, parameters, pseudo, self.resources)


def check_types(template: dict[str, Any]) -> None:
    """Refuse a template with a resource type that would otherwise be skipped silently."""
    unknown = sorted({body["Type"] for body in template["Resources"].values() if not is_known(body["Type"])})
    if unknown:
        raise ValidationError(
            message=f"Template format error: Unrecognized resource types: [{', '.join(unknown)}] (the embedded AWS "
            "does not have them)"
        )


def in_order(template: dict[str, Any]) -> list[str]:
    """The template's resources, each after those that it refers to."""
    bodies = template["Resources"]
    graph = {name: (references(body) & set(bodies)) - {name} for name, body in bodies.items()}
    try:
        return list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        names = ", ".join(sorted(set(error.args[1])))
        raise ValidationError(message=f"Circular dependency between resources: [{names}]") from None


class Deployment:
    """Makes a stack's resources agree with a template."""

    def __init__(self, target: Target, clients: Clients, report: Report, restoring: bool = False) -> None:
        self._target = target
        self._clients = clients
        self._report = report
        self._restoring = restoring

    def apply(self, template: dict[str, Any], parameters: dict[str, str]) -> None:
        """Create, change and remove; the first failure ends it with DeploymentError, and nothing is undone here."""
        scope = self._target.scope(template, parameters)
        replaced: list[Resource] = []
        for name in in_order(template):
            body = template["Resources"][name]
            if "Condition" not in body or scope.condition(body["Condition"]):
                replaced += self._agree(name, body, scope)
        wanted = {name for name, body in template["Resources"].items() if self._wanted(body, scope)}
        gone = [resource for name, resource in self._target.resources.items() if name not in wanted]
        self.remove_all(replaced + gone)

    def _wanted(self, body: dict[str, Any], scope: Scope) -> bool:
        return "Condition" not in body or scope.condition(body["Condition"])

    def remove_all(self, resources: list[Resource]) -> None:
        """Remove resources, the last made first; those with DeletionPolicy Retain stay."""
        for resource in reversed(resources):
            if not resource.retain:
                self._remove(resource)
            if self._target.resources.get(resource.logical_id) is resource:
                del self._target.resources[resource.logical_id]

    def _agree(self, name: str, body: dict[str, Any], scope: Scope) -> list[Resource]:
        previous = self._target.resources.get(name)
        properties = scope.resolve(body.get("Properties", {}))
        if previous is not None and previous.properties == properties and not self._restoring:
            return []
        made = self._put(name, body["Type"], properties, previous)
        retain = body.get("DeletionPolicy", "Delete").startswith("Retain")
        self._target.resources[name] = Resource(
            body["Type"], name, made.physical_id, properties, made.attributes, retain
        )
        return [previous] if previous is not None and previous.physical_id != made.physical_id else []

    def _put(self, name: str, kind: str, properties: dict[str, Any], previous: Resource | None) -> Made:
        action = "CREATE" if previous is None else "UPDATE"
        physical_id = previous.physical_id if previous else ""
        self._report(name, physical_id, kind, f"{action}_IN_PROGRESS", "")
        try:
            made = put(self._request(name, kind, properties, previous))
        except (ClientError, ParamValidationError, ResourceError, KeyError) as error:
            reason = f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else str(error)
            self._report(name, physical_id, kind, f"{action}_FAILED", reason)
            raise DeploymentError(f"{name} ({kind}): {reason}") from error
        self._report(name, made.physical_id, kind, f"{action}_COMPLETE", "")
        return made

    def _remove(self, resource: Resource) -> None:
        report = (resource.logical_id, resource.physical_id, resource.type)
        self._report(*report, "DELETE_IN_PROGRESS", "")
        try:
            remove(self._request(resource.logical_id, resource.type, resource.properties, resource), resource)
        except (ClientError, ResourceError) as error:
            self._report(*report, "DELETE_FAILED", str(error))
            raise DeploymentError(f"{resource.logical_id} ({resource.type}): {error}") from error
        self._report(*report, "DELETE_COMPLETE", "")

    def _request(self, name: str, kind: str, properties: dict[str, Any], previous: Resource | None) -> Request:
        return Request(
            type=kind,
            logical_id=name,
            generated_name=_generated_name(self._target, name),
            properties=properties,
            previous=previous,
            stack_id=self._target.stack_id,
            region=self._target.region,
            clients=self._clients,
            restoring=self._restoring,
        )


def _generated_name(stack: Target, logical_id: str) -> str:
    """The name of a resource that has none: the same for a stack's life, so that a restarted server finds it again.

    The next stack of that name has others, as on AWS: what the last one kept must not be in its way.
    """
    suffix = hashlib.sha256(f"{stack.stack_id}/{logical_id}".encode()).hexdigest()[:12]
    return f"{stack.name[:24]}-{logical_id[:24]}-{suffix}"

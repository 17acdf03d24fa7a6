"""One create, update or delete of a stack: what changes, in which order, and what is undone when it fails."""

import graphlib
import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError
from moto.cloudformation.exceptions import ValidationError

from embedded_aws.clients import ACCOUNT_ID, Clients
from embedded_aws.cloudformation.intrinsics import Resource, Scope, references
from embedded_aws.cloudformation.registry import complaints, custom_name, is_custom, replacing
from embedded_aws.cloudformation.resources import Made, Request, ResourceError, is_known, put, remove

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


def check_kinds(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Refuse an update that gives a logical id another resource type."""
    before, after = old.get("Resources", {}), new["Resources"]
    changed = [name for name in before if name in after and before[name]["Type"] != after[name]["Type"]]
    if changed:
        raise ValidationError(
            message="Update of resource type is not permitted. The new template modifies resource type of the "
            f"following resources: [{', '.join(changed)}]"
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
        self._replaced: list[Resource] = []
        self._failed: dict[str, dict[str, Any]] = {}  # by logical id, with the properties that were refused

    def apply(self, template: dict[str, Any], parameters: dict[str, str]) -> None:
        """Create and change; the first failure ends it with DeploymentError. Nothing is removed or undone here."""
        scope = self._target.scope(template, parameters)
        for name in in_order(template):
            body = template["Resources"][name]
            if _wanted(body, scope):
                self._agree(name, body, scope)

    def clean_up(self, template: dict[str, Any], parameters: dict[str, str]) -> None:
        """Remove what was replaced and what the template no longer has. What cannot be removed stays, untracked."""
        scope = self._target.scope(template, parameters)
        wanted = {name for name, body in template["Resources"].items() if _wanted(body, scope)}
        gone = [resource for name, resource in self._target.resources.items() if name not in wanted]
        for resource in [*reversed(gone), *reversed(self._replaced)]:
            with suppress(DeploymentError):  # reported; the update stays a success, as on AWS
                self._remove_unless_kept(resource)
            self._forget(resource)
        self._replaced = []

    def take_back(self) -> None:
        """Take back what a failed update has replaced; applying the old template then undoes what it has changed.

        Whatever failed is then asked once more too, with its old properties (aws/aws-cdk #17040), and a function hears
        of its custom resource by an Update with the old properties (aws/aws-cdk pull request 29581).
        """
        replaced, self._replaced = self._replaced, []
        for old in replaced:
            if not is_custom(old.type):
                self._replaced.append(replace(self._target.resources[old.logical_id], kept_when_replaced=False))
                self._target.resources[old.logical_id] = old

    def remove_all(self, resources: list[Resource]) -> None:
        """Remove resources, the last made first; those with DeletionPolicy Retain stay."""
        for resource in reversed(resources):
            self._remove_unless_kept(resource)
            self._forget(resource)

    def _remove_unless_kept(self, resource: Resource) -> None:
        current = self._target.resources.get(resource.logical_id) is resource
        if not (resource.retain if current else resource.kept_when_replaced):
            self._remove(resource)

    def _forget(self, resource: Resource) -> None:
        if self._target.resources.get(resource.logical_id) is resource:
            del self._target.resources[resource.logical_id]

    def _agree(self, name: str, body: dict[str, Any], scope: Scope) -> None:
        previous = self._target.resources.get(name)
        properties = scope.resolve(body.get("Properties", {}))
        if previous is not None and name in self._failed:
            previous = replace(previous, properties=self._failed[name])
        if previous is not None and previous.properties == properties and not self._restoring:
            return
        request, made = self._put(name, body["Type"], properties, previous)
        self._target.resources[name] = Resource(
            type=body["Type"],
            logical_id=name,
            physical_id=made.physical_id,
            properties=properties,
            attributes=made.attributes,
            retain=body.get("DeletionPolicy", "Delete").startswith("Retain"),
            kept_when_replaced=body.get("UpdateReplacePolicy", "Delete").startswith("Retain"),
            generated_name=request.generated_name,
        )
        if previous is not None and previous.physical_id != made.physical_id:
            self._replaced.append(previous)

    def _put(self, name: str, kind: str, properties: dict[str, Any], previous: Resource | None) -> tuple[Request, Made]:
        action = "CREATE" if previous is None else "UPDATE"
        physical_id = previous.physical_id if previous else ""
        self._report(name, physical_id, kind, f"{action}_IN_PROGRESS", "")
        try:
            request = self._checked(name, kind, properties, previous)
            made = self._made(request)
        except (ClientError, ParamValidationError, ResourceError, KeyError) as error:
            reason = f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else str(error)
            self._report(name, physical_id, kind, f"{action}_FAILED", reason)
            raise DeploymentError(f"{name} ({kind}): {reason}") from error
        self._report(name, made.physical_id, kind, f"{action}_COMPLETE", "")
        return request, made

    def _checked(self, name: str, kind: str, properties: dict[str, Any], previous: Resource | None) -> Request:
        """Return what is asked of the resource type, a creation if the resource is replaced; refuse what AWS does."""
        if self._restoring:
            return self._request(name, kind, properties, previous)
        check_properties(name, kind, self._target.region, properties)
        if previous is None or not check_change(kind, self._target.region, previous.properties, properties):
            return self._request(name, kind, properties, previous)
        reason = "Requested update requires the creation of a new physical resource; hence creating one."
        self._report(name, previous.physical_id, kind, "UPDATE_IN_PROGRESS", reason)
        return self._request(name, kind, properties, None, previous.generated_name or previous.physical_id)

    def _made(self, request: Request) -> Made:
        self._failed.pop(request.logical_id, None)
        try:
            return put(request)
        except Exception:
            if request.previous is not None:
                self._failed[request.logical_id] = request.properties
            raise

    def _remove(self, resource: Resource) -> None:
        report = (resource.logical_id, resource.physical_id, resource.type)
        self._report(*report, "DELETE_IN_PROGRESS", "")
        try:
            remove(self._request(resource.logical_id, resource.type, resource.properties, resource), resource)
        except (ClientError, ResourceError) as error:
            self._report(*report, "DELETE_FAILED", str(error))
            raise DeploymentError(f"{resource.logical_id} ({resource.type}): {error}") from error
        self._report(*report, "DELETE_COMPLETE", "")

    def _request(
        self, name: str, kind: str, properties: dict[str, Any], previous: Resource | None, replaces: str = ""
    ) -> Request:
        known = previous.generated_name if previous else ""
        return Request(
            type=kind,
            logical_id=name,
            generated_name=known or _generated_name(self._target, name, replaces),
            properties=properties,
            previous=previous,
            stack_id=self._target.stack_id,
            region=self._target.region,
            clients=self._clients,
            restoring=self._restoring,
        )


def _wanted(body: dict[str, Any], scope: Scope) -> bool:
    return "Condition" not in body or scope.condition(body["Condition"])


def check_properties(name: str, kind: str, region: str, properties: dict[str, Any]) -> None:
    """Refuse properties that the registry's schema does not allow."""
    if found := complaints(kind, region, properties):
        raise ResourceError(f"Properties validation failed for resource {name} with message: {'; '.join(found)}")


def check_change(kind: str, region: str, old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Return whether CloudFormation replaces the resource; refuse the changes that it never makes."""
    if is_custom(kind):
        if old.get("ServiceToken") != new.get("ServiceToken"):
            raise ResourceError("Modifying service token is not allowed.")
        return False
    if not replacing(kind, region, old, new):
        return False
    name = custom_name(kind, region, new)
    if name and name == custom_name(kind, region, old):
        raise ResourceError(
            "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
            f"Rename {name} and update the stack again."
        )
    return True


def _generated_name(stack: Target, logical_id: str, replaces: str) -> str:
    """The name of a resource that has none: the same for a stack's life, so that a restarted server finds it again.

    The next stack of that name has others, as on AWS: what the last one kept must not be in its way. So has the
    resource that replaces another.
    """
    suffix = hashlib.sha256(f"{stack.stack_id}/{logical_id}{replaces}".encode()).hexdigest()[:12]
    return f"{stack.name[:24]}-{logical_id[:24]}-{suffix}"

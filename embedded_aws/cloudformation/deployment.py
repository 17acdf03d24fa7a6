"""One create, update or delete of a stack: what changes, in which order, and what is rolled back when it fails."""

import graphlib
import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from embedded_aws.clients import ACCOUNT_ID, Clients
from embedded_aws.cloudformation.errors import DeploymentError, ResourceError, TemplateError
from embedded_aws.cloudformation.handlers import ResourceRequest, ReturnValues, is_known, put, remove
from embedded_aws.cloudformation.intrinsics import Scope, StackResource, references
from embedded_aws.cloudformation.registry import complaints, custom_name, is_custom, replacing

Report = Callable[[str, str, str, str, str], None]  # logical id, physical id, type, status, reason


@dataclass
class Target:
    """The stack that is deployed: its identity and its resources."""

    stack_id: str
    name: str
    region: str
    resources: dict[str, StackResource] = field(default_factory=dict)

    def scope(self, template: dict[str, Any], parameters: dict[str, str]) -> Scope:
        """Return the scope in which this template's expressions are resolved."""
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
    """Raise TemplateError for a resource type that the embedded AWS does not have."""
    unknown = sorted({body["Type"] for body in template["Resources"].values() if not is_known(body["Type"])})
    if unknown:
        raise TemplateError(
            f"Template format error: Unrecognized resource types: [{', '.join(unknown)}] (the embedded AWS "
            "does not have them)"
        )


def check_kinds(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Raise TemplateError for an update that gives a logical id another resource type."""
    before, after = old.get("Resources", {}), new["Resources"]
    changed = [name for name in before if name in after and before[name]["Type"] != after[name]["Type"]]
    if changed:
        raise TemplateError(
            "Update of resource type is not permitted. The new template modifies resource type of the "
            f"following resources: [{', '.join(changed)}]"
        )


def in_order(template: dict[str, Any]) -> list[str]:
    """Return the logical ids of a template's resources, each after those that it refers to."""
    bodies = template["Resources"]
    graph = {name: (references(body) & set(bodies)) - {name} for name, body in bodies.items()}
    try:
        return list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        names = ", ".join(sorted(set(error.args[1])))
        raise TemplateError(f"Circular dependency between resources: [{names}]") from None


class StackDeployment:
    """Brings a stack's resources to what a template says."""

    def __init__(self, target: Target, clients: Clients, report: Report, restoring: bool = False) -> None:
        self._target = target
        self._clients = clients
        self._report = report
        self._restoring = restoring
        self._replaced: list[StackResource] = []
        self._failed: dict[str, dict[str, Any]] = {}  # logical id → the properties that failed

    def apply(self, template: dict[str, Any], parameters: dict[str, str]) -> None:
        """Create and update resources. The first failure raises DeploymentError; nothing is rolled back here."""
        scope = self._target.scope(template, parameters)
        for name in in_order(template):
            body = template["Resources"][name]
            if _wanted(body, scope):
                self._apply_resource(name, body, scope)

    def clean_up(self, template: dict[str, Any], parameters: dict[str, str]) -> None:
        """Delete replaced resources and those that left the template. What cannot be deleted remains, untracked."""
        scope = self._target.scope(template, parameters)
        wanted = {name for name, body in template["Resources"].items() if _wanted(body, scope)}
        gone = [resource for name, resource in self._target.resources.items() if name not in wanted]
        for resource in [*reversed(gone), *reversed(self._replaced)]:
            with suppress(DeploymentError):  # an event reports it; the update still succeeds, as on AWS
                self._remove_unless_kept(resource)
            self._forget(resource)
        self._replaced = []

    def restore_replaced(self) -> None:
        """Restore the resources that a failed update replaced; applying the old template reverts everything else.

        That apply also updates the resource that failed, with its old properties (aws/aws-cdk #17040). A custom
        resource gets an Update with the old properties (aws/aws-cdk pull request 29581).
        """
        replaced, self._replaced = self._replaced, []
        for old in replaced:
            if not is_custom(old.type):
                self._replaced.append(replace(self._target.resources[old.logical_id], kept_when_replaced=False))
                self._target.resources[old.logical_id] = old

    def remove_all(self, resources: list[StackResource]) -> None:
        """Delete resources, the newest first, except those with DeletionPolicy Retain."""
        for resource in reversed(resources):
            self._remove_unless_kept(resource)
            self._forget(resource)

    def _remove_unless_kept(self, resource: StackResource) -> None:
        current = self._target.resources.get(resource.logical_id) is resource
        if not (resource.retain if current else resource.kept_when_replaced):
            self._remove(resource)

    def _forget(self, resource: StackResource) -> None:
        if self._target.resources.get(resource.logical_id) is resource:
            del self._target.resources[resource.logical_id]

    def _apply_resource(self, name: str, body: dict[str, Any], scope: Scope) -> None:
        previous = self._target.resources.get(name)
        properties = scope.resolve(body.get("Properties", {}))
        if previous is not None and name in self._failed:
            previous = replace(previous, properties=self._failed[name])
        if previous is not None and previous.properties == properties and not self._restoring:
            return
        request, values = self._put(name, body["Type"], properties, previous)
        self._target.resources[name] = StackResource(
            type=body["Type"],
            logical_id=name,
            physical_id=values.physical_id,
            properties=properties,
            attributes=values.attributes,
            retain=body.get("DeletionPolicy", "Delete").startswith("Retain"),
            kept_when_replaced=body.get("UpdateReplacePolicy", "Delete").startswith("Retain"),
            generated_name=request.generated_name,
        )
        if previous is not None and previous.physical_id != values.physical_id:
            self._replaced.append(previous)

    def _put(
        self, name: str, kind: str, properties: dict[str, Any], previous: StackResource | None
    ) -> tuple[ResourceRequest, ReturnValues]:
        action = "CREATE" if previous is None else "UPDATE"
        physical_id = previous.physical_id if previous else ""
        self._report(name, physical_id, kind, f"{action}_IN_PROGRESS", "")
        try:
            request = self._checked_request(name, kind, properties, previous)
            values = self._handle(request)
        except (ClientError, ParamValidationError, ResourceError, KeyError) as error:
            reason = f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else str(error)
            self._report(name, physical_id, kind, f"{action}_FAILED", reason)
            raise DeploymentError(f"{name} ({kind}): {reason}") from error
        self._report(name, values.physical_id, kind, f"{action}_COMPLETE", "")
        return request, values

    def _checked_request(
        self, name: str, kind: str, properties: dict[str, Any], previous: StackResource | None
    ) -> ResourceRequest:
        """Return the handler's request, a creation if the resource is replaced; ResourceError for what AWS refuses."""
        if self._restoring:
            return self._request(name, kind, properties, previous)
        check_properties(name, kind, self._target.region, properties)
        if previous is None or not check_change(kind, self._target.region, previous.properties, properties):
            return self._request(name, kind, properties, previous)
        reason = "Requested update requires the creation of a new physical resource; hence creating one."
        self._report(name, previous.physical_id, kind, "UPDATE_IN_PROGRESS", reason)
        return self._request(name, kind, properties, None, previous.generated_name or previous.physical_id)

    def _handle(self, request: ResourceRequest) -> ReturnValues:
        self._failed.pop(request.logical_id, None)
        try:
            return put(request)
        except Exception:
            if request.previous is not None:
                self._failed[request.logical_id] = request.properties
            raise

    def _remove(self, resource: StackResource) -> None:
        report = (resource.logical_id, resource.physical_id, resource.type)
        self._report(*report, "DELETE_IN_PROGRESS", "")
        try:
            remove(self._request(resource.logical_id, resource.type, resource.properties, resource), resource)
        except (ClientError, ResourceError) as error:
            self._report(*report, "DELETE_FAILED", str(error))
            raise DeploymentError(f"{resource.logical_id} ({resource.type}): {error}") from error
        self._report(*report, "DELETE_COMPLETE", "")

    def _request(
        self, name: str, kind: str, properties: dict[str, Any], previous: StackResource | None, replaces: str = ""
    ) -> ResourceRequest:
        known = previous.generated_name if previous else ""
        return ResourceRequest(
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
    """Raise ResourceError for properties that the registry's schema does not allow."""
    if found := complaints(kind, region, properties):
        raise ResourceError(f"Properties validation failed for resource {name} with message: {'; '.join(found)}")


def check_change(kind: str, region: str, old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Return True if CloudFormation replaces the resource; ResourceError for a change that it does not support."""
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
    """Return the name of a resource that the template does not name.

    It is the same for the life of the stack, so that a restarted server finds the resource again. The next stack of
    the same name gets other names, as on AWS, because the last one may have retained resources. A replacement gets
    another name too.
    """
    suffix = hashlib.sha256(f"{stack.stack_id}/{logical_id}{replaces}".encode()).hexdigest()[:12]
    return f"{stack.name[:24]}-{logical_id[:24]}-{suffix}"

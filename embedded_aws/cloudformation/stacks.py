"""A stack with the attributes from which moto writes its responses."""

from types import SimpleNamespace
from typing import Any

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.cloudformation.deployment import StackDeployment, Target
from embedded_aws.moto_internals.cloudformation import Event, Stack
from embedded_aws.moto_internals.protocols import utcnow


class DeployedStack(Stack):  # type: ignore[misc]
    """A stack whose resources are really deployed."""

    def __init__(self, stack_id: str, name: str, region: str) -> None:
        self.target = Target(stack_id, name, region)
        self.stack_id, self.name, self.region_name, self.account_id = stack_id, name, region, ACCOUNT_ID
        self.template = ""
        self.template_dict: dict[str, Any] = {}
        self.values: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.events: list[Event] = []
        self.notification_arns: list[str] = []
        self.status, self.status_reason = "REVIEW_IN_PROGRESS", ""
        self.rollback: StackDeployment | None = None
        self.creation_time = utcnow()
        self.role_arn = self.timeout_in_minutes = self.description = None
        self.policy = ""
        self.disable_rollback = self.enable_termination_protection = False

    @property
    def parameter_list(self) -> list[dict[str, Any]]:
        secret = {name for name, slot in self.template_dict.get("Parameters", {}).items() if slot.get("NoEcho")}
        return [
            {"ParameterKey": name, "ParameterValue": "****" if name in secret else value}
            for name, value in self.values.items()
        ]

    @property
    def stack_parameters(self) -> dict[str, str]:
        return self.values

    @property
    def stack_resources(self) -> list[Any]:
        return [
            SimpleNamespace(
                logical_resource_id=resource.logical_id,
                physical_resource_id=resource.physical_id,
                cf_resource_type=resource.type,
            )
            for resource in self.target.resources.values()
        ]

    @property
    def exports(self) -> list[Any]:
        return []

    @property
    def outputs(self) -> list[dict[str, Any]] | None:
        if not self.status.endswith("_COMPLETE") or "DELETE" in self.status or self.status == "ROLLBACK_COMPLETE":
            return None
        scope = self.target.scope(self.template_dict, self.values)
        return [
            {
                "OutputKey": name,
                "OutputValue": str(scope.resolve(body["Value"])),
                "Description": body.get("Description"),
            }
            for name, body in self.template_dict.get("Outputs", {}).items()
            if "Condition" not in body or scope.condition(body["Condition"])
        ]

    def add_event(self, logical_id: str, physical_id: str, kind: str, status: str, reason: str) -> None:
        """Add a stack event."""
        event = Event(self.stack_id, self.name, logical_id, physical_id, kind, status, reason, None)
        self.events.append(event)

    def enter(self, status: str, reason: str = "") -> None:
        """Enter a status and add its stack event."""
        self.add_event(self.name, self.stack_id, "AWS::CloudFormation::Stack", status, reason)
        self.status, self.status_reason = status, reason

"""CloudFormation's API over our own deployments; moto's answers stay, what happens behind them is ours.

moto creates resources lazily, skips the types that it lacks and swallows failures.
"""

import threading
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit

from moto.cloudformation import models
from moto.cloudformation.exceptions import AlreadyExistsException, ValidationError
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.s3.models import s3_backends

from embedded_aws.clients import ACCOUNT_ID, Clients
from embedded_aws.cloudformation.change_sets import change_set_of
from embedded_aws.cloudformation.deployment import (
    Deployment,
    DeploymentError,
    Target,
    check_kinds,
    check_types,
    in_order,
)
from embedded_aws.cloudformation.intrinsics import Resource
from embedded_aws.cloudformation.templates import check_rules, parameter_values, parse_template, read_template
from embedded_aws.store import StackStore

_MOMENT_SECONDS = 3.0
_UPDATABLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")


class DeployedStack(models.Stack):  # type: ignore[misc]
    """A stack in moto's eyes: the attributes that its answers are written from."""

    def __init__(self, stack_id: str, name: str, region: str) -> None:
        self.target = Target(stack_id, name, region)
        self.stack_id, self.name, self.region_name, self.account_id = stack_id, name, region, ACCOUNT_ID
        self.template = ""
        self.template_dict: dict[str, Any] = {}
        self.values: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.events: list[models.Event] = []
        self.notification_arns: list[str] = []
        self.status, self.status_reason = "REVIEW_IN_PROGRESS", ""
        self.undoing: Deployment | None = None
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

    def report(self, logical_id: str, physical_id: str, kind: str, status: str, reason: str) -> None:
        """Add one stack event."""
        event = models.Event(self.stack_id, self.name, logical_id, physical_id, kind, status, reason, None)
        self.events.append(event)

    def become(self, status: str, reason: str = "") -> None:
        """Enter a status, with its event."""
        self.report(self.name, self.stack_id, "AWS::CloudFormation::Stack", status, reason)
        self.status, self.status_reason = status, reason


class StackBackend(models.CloudFormationBackend):  # type: ignore[misc]
    """Stacks that are really deployed, in the background as on AWS."""

    clients: Clients
    store: StackStore

    def create_stack(self, name: str, template: str, parameters: dict[str, str], **options: Any) -> DeployedStack:
        if any(stack.name == name for stack in self.stacks.values()):
            raise AlreadyExistsException(f"Stack {name} already exists")
        checked = self._check(template, parameters)
        stack = self._new_stack(name, options.get("tags") or {})
        self._begin(stack, "CREATE", template, *checked)
        return stack

    def update_stack(
        self, name: str, template: str, role_arn: Any, parameters: list[dict[str, Any]], tags: dict[str, str] | None
    ) -> DeployedStack:
        stack: DeployedStack = self.get_stack(name)
        _require(stack, "updated", *_UPDATABLE)
        given = {
            item["ParameterKey"]: stack.values[item["ParameterKey"]]
            if item.get("UsePreviousValue")
            else item["ParameterValue"]
            for item in parameters
        }
        checked = self._check(template, given)
        check_kinds(stack.template_dict, checked[0])
        stack.tags = tags or stack.tags
        self._begin(stack, "UPDATE", template, *checked)
        return stack

    def continue_update_rollback(self, name: str) -> None:
        """Try again to undo what could not be undone: somebody has removed the reason."""
        stack: DeployedStack = self.get_stack(name)
        _require(stack, "rolled back", "UPDATE_ROLLBACK_FAILED")
        stack.become("UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated")
        _in_background(self._undo, stack, stack.undoing or Deployment(stack.target, self.clients, stack.report))

    def delete_stack(self, name_or_stack_id: str) -> None:
        for stack in list(self.stacks.values()):
            if name_or_stack_id in (stack.name, stack.stack_id):
                stack.become("DELETE_IN_PROGRESS", "User Initiated")
                _in_background(self._delete, stack)

    def create_change_set(
        self,
        stack_name: str,
        change_set_name: str,
        template: str,
        parameters: dict[str, str],
        description: str,
        change_set_type: str,
        **options: Any,
    ) -> tuple[str, str]:
        checked = self._check(template, parameters)
        known = [stack for stack in self.stacks.values() if stack.name == stack_name]
        if change_set_type == "UPDATE" and not known:
            raise ValidationError(stack_name)
        if known and known[0].status == "ROLLBACK_COMPLETE":
            raise ValidationError(message=f"Stack:{known[0].stack_id} is in ROLLBACK_COMPLETE state: delete it first")
        if known and change_set_type == "UPDATE":
            _require(known[0], "updated", *_UPDATABLE)
            check_kinds(known[0].template_dict, checked[0])
        stack = known[0] if known else self._new_stack(stack_name, options.get("tags") or {})
        if not known:
            stack.become("REVIEW_IN_PROGRESS", "User Initiated")
        change_set = change_set_of(stack, change_set_name, change_set_type, template, *checked)
        change_set.description, change_set.new_tags = description, options.get("tags") or stack.tags
        self.change_sets[change_set.change_set_id] = change_set
        return change_set.change_set_id, stack.stack_id

    def execute_change_set(self, change_set_name: str, stack_name: str | None = None) -> None:
        change_set = self.describe_change_set(change_set_name)
        stack = self.stacks[change_set.stack_id]
        stack.tags = change_set.new_tags
        change_set.execution_status = "EXECUTE_COMPLETE"
        self._begin(stack, change_set.change_set_type, change_set.template, change_set.template_dict, change_set.values)

    def restore_stacks(self) -> None:
        """Deploy again what was deployed when the last server ended: this region's stacks, in their old order."""
        for saved in self.store.stacks(self.region_name):
            stack = self._new_stack(saved["name"], saved["tags"], saved["stack_id"])
            stack.template, stack.values = saved["template"], saved["parameters"]
            stack.template_dict = read_template(stack.template, stack.values, self.region_name)
            stack.target.resources.update({item["logical_id"]: Resource(**item) for item in saved["resources"]})
            if saved["status"] != "ROLLBACK_COMPLETE":  # of such a stack nothing is left but its template
                Deployment(stack.target, self.clients, stack.report, restoring=True).apply(
                    stack.template_dict, stack.values
                )
            stack.become(saved["status"])

    def _check(self, template: str, parameters: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
        values = parameter_values(parse_template(template), parameters)
        checked = read_template(template, values, self.region_name)
        check_types(checked)
        in_order(checked)
        check_rules(checked, Target("", "", self.region_name).scope(checked, values))
        return checked, values

    def _new_stack(self, name: str, tags: dict[str, str], stack_id: str | None = None) -> DeployedStack:
        identity = f"arn:aws:cloudformation:{self.region_name}:{ACCOUNT_ID}:stack/{name}/{uuid.uuid4()}"
        stack = DeployedStack(stack_id or identity, name, self.region_name)
        stack.tags = tags
        self.stacks[stack.stack_id] = stack
        return stack

    def _begin(
        self, stack: DeployedStack, action: str, body: str, template: dict[str, Any], values: dict[str, str]
    ) -> None:
        stack.become(f"{action}_IN_PROGRESS", "User Initiated")
        _in_background(self._deploy, stack, action, body, template, values)

    def _deploy(
        self, stack: DeployedStack, action: str, body: str, template: dict[str, Any], values: dict[str, str]
    ) -> None:
        before = (stack.template, stack.template_dict, stack.values)
        stack.template, stack.template_dict, stack.values = body, template, values
        deployment = Deployment(stack.target, self.clients, stack.report)
        try:
            deployment.apply(template, values)
            if action == "UPDATE":
                stack.become("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
                deployment.clean_up(template, values)
            stack.become(f"{action}_COMPLETE")
        except Exception as error:
            if action == "UPDATE":
                stack.template, stack.template_dict, stack.values = before
            self._roll_back(stack, action, deployment, str(error))
        self.store.save_stack(stack)

    def _roll_back(self, stack: DeployedStack, action: str, deployment: Deployment, reason: str) -> None:
        if action == "UPDATE":
            stack.become("UPDATE_ROLLBACK_IN_PROGRESS", reason)
            deployment.take_back()
            self._undo(stack, deployment, reason)
            return
        stack.become("ROLLBACK_IN_PROGRESS", reason)
        try:
            deployment.remove_all(list(stack.target.resources.values()))
            stack.become("ROLLBACK_COMPLETE", reason)
        except Exception as error:
            stack.become("ROLLBACK_FAILED", str(error))

    def _undo(self, stack: DeployedStack, deployment: Deployment, reason: str = "") -> None:
        stack.undoing = deployment
        try:
            deployment.apply(stack.template_dict, stack.values)
            stack.become("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", reason)
            deployment.clean_up(stack.template_dict, stack.values)
            stack.become("UPDATE_ROLLBACK_COMPLETE", reason)
        except Exception as error:
            stack.become("UPDATE_ROLLBACK_FAILED", str(error))
        self.store.save_stack(stack)

    def _delete(self, stack: DeployedStack) -> None:
        deployment = Deployment(stack.target, self.clients, stack.report)
        try:
            deployment.remove_all(list(stack.target.resources.values()))
        except DeploymentError as error:
            stack.become("DELETE_FAILED", str(error))
            self.store.save_stack(stack)
            return
        stack.become("DELETE_COMPLETE")
        self.deleted_stacks[stack.stack_id] = self.stacks.pop(stack.stack_id)
        self.store.forget_stack(stack.stack_id)


def template_at(url: str, **_where: str) -> str:
    """The template at a path-style address (scheme://host/bucket/key), which is what `sam deploy` gives."""
    bucket, _, key = unquote(urlsplit(url).path).lstrip("/").partition("/")
    return str(s3_backends[ACCOUNT_ID]["aws"].get_object(bucket, key).value.decode())


def continue_update_rollback(response: Any) -> ActionResult:
    """Answer ContinueUpdateRollback, which moto lacks."""
    response.cloudformation_backend.continue_update_rollback(response._get_param("StackName"))
    return EmptyResult()


def _require(stack: DeployedStack, done: str, *statuses: str) -> None:
    if stack.status not in statuses:
        raise ValidationError(message=f"Stack:{stack.stack_id} is in {stack.status} state and can not be {done}.")


def _in_background(work: Callable[..., None], *arguments: Any) -> None:
    """Do it in the background, but wait a moment: a small stack is then done when its waiter first asks."""
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    thread.join(_MOMENT_SECONDS)

"""CloudFormation's API: moto's responses over deployments of our own.

moto creates resources lazily, skips the types that it lacks and swallows failures.
"""

import threading
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

from embedded_aws.clients import ACCOUNT_ID, Clients
from embedded_aws.cloudformation.change_sets import new_change_set
from embedded_aws.cloudformation.deployment import StackDeployment, Target, check_kinds, check_types, in_order
from embedded_aws.cloudformation.errors import DeploymentError, TemplateError
from embedded_aws.cloudformation.intrinsics import StackResource
from embedded_aws.cloudformation.stack_store import StackStore
from embedded_aws.cloudformation.stacks import DeployedStack
from embedded_aws.cloudformation.templates import check_rules, parameter_values, parse_template, read_template
from embedded_aws.moto_internals.cloudformation import AlreadyExistsException, CloudFormationBackend, ValidationError
from embedded_aws.moto_internals.protocols import ActionResult, EmptyResult
from embedded_aws.moto_internals.s3 import s3_backends

# a waiter asks again only after seconds: a small stack is complete before it asks for the first time
_FIRST_ANSWER_AFTER_SECONDS = 3.0
_EVENTS_A_PAGE = 100  # AWS documents pages of 1 MB; a number is simpler
_UPDATABLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")


class StackBackend(CloudFormationBackend):  # type: ignore[misc]
    """Stacks of one region. Deployments run in the background, as on AWS."""

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
        checked = self._check(template, given, stack.template_dict)
        stack.tags = tags or stack.tags
        self._begin(stack, "UPDATE", template, *checked)
        return stack

    def continue_update_rollback(self, name: str) -> None:
        """Try a failed rollback again, after its cause was removed."""
        stack: DeployedStack = self.get_stack(name)
        _require(stack, "rolled back", "UPDATE_ROLLBACK_FAILED")
        stack.enter("UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated")
        _in_background(
            self._revert, stack, stack.rollback or StackDeployment(stack.target, self.clients, stack.add_event)
        )

    def delete_stack(self, name_or_stack_id: str) -> None:
        for stack in list(self.stacks.values()):
            if name_or_stack_id in (stack.name, stack.stack_id):
                stack.enter("DELETE_IN_PROGRESS", "User Initiated")
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
        known = [stack for stack in self.stacks.values() if stack.name == stack_name]
        if change_set_type == "UPDATE" and not known:
            raise ValidationError(stack_name)
        if known and known[0].status == "ROLLBACK_COMPLETE":
            raise ValidationError(message=f"Stack:{known[0].stack_id} is in ROLLBACK_COMPLETE state: delete it first")
        if known and change_set_type == "UPDATE":
            _require(known[0], "updated", *_UPDATABLE)
        checked = self._check(template, parameters, known[0].template_dict if known else None)
        stack = known[0] if known else self._new_stack(stack_name, options.get("tags") or {})
        if not known:
            stack.enter("REVIEW_IN_PROGRESS", "User Initiated")
        change_set = new_change_set(stack, change_set_name, change_set_type, template, *checked)
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
        """Deploy this region's stacks of the last server again, in the order of their creation."""
        for saved in self.store.stacks(self.region_name):
            stack = self._new_stack(saved["name"], saved["tags"], saved["stack_id"])
            stack.template, stack.values = saved["template"], saved["parameters"]
            stack.template_dict = read_template(stack.template, stack.values, self.region_name)
            stack.target.resources.update({item["logical_id"]: StackResource(**item) for item in saved["resources"]})
            if saved["status"] != "ROLLBACK_COMPLETE":  # such a stack has no resources
                StackDeployment(stack.target, self.clients, stack.add_event, restoring=True).apply(
                    stack.template_dict, stack.values
                )
            stack.enter(saved["status"])

    def _check(
        self, body: str, parameters: dict[str, str], previous: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Return (transformed template, values of its parameters), or raise moto's ValidationError.

        Args:
            previous: the deployed template, if the stack has one.
        """
        try:
            values = parameter_values(parse_template(body), parameters)
            template = read_template(body, values, self.region_name)
            check_types(template)
            in_order(template)
            check_rules(template, Target("", "", self.region_name).scope(template, values))
            check_kinds(previous or {}, template)
        except TemplateError as error:
            raise ValidationError(message=str(error)) from None
        return template, values

    def _new_stack(self, name: str, tags: dict[str, str], stack_id: str | None = None) -> DeployedStack:
        identity = f"arn:aws:cloudformation:{self.region_name}:{ACCOUNT_ID}:stack/{name}/{uuid.uuid4()}"
        stack = DeployedStack(stack_id or identity, name, self.region_name)
        stack.tags = tags
        self.stacks[stack.stack_id] = stack
        return stack

    def _begin(
        self, stack: DeployedStack, action: str, body: str, template: dict[str, Any], values: dict[str, str]
    ) -> None:
        stack.enter(f"{action}_IN_PROGRESS", "User Initiated")
        _in_background(self._deploy, stack, action, body, template, values)

    def _deploy(
        self, stack: DeployedStack, action: str, body: str, template: dict[str, Any], values: dict[str, str]
    ) -> None:
        before = (stack.template, stack.template_dict, stack.values)
        stack.template, stack.template_dict, stack.values = body, template, values
        deployment = StackDeployment(stack.target, self.clients, stack.add_event)
        try:
            deployment.apply(template, values)
            if action == "UPDATE":
                stack.enter("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
                deployment.clean_up(template, values)
            stack.enter(f"{action}_COMPLETE")
        except Exception as error:
            if action == "UPDATE":
                stack.template, stack.template_dict, stack.values = before
            self._roll_back(stack, action, deployment, str(error))
        self.store.save_stack(stack)

    def _roll_back(self, stack: DeployedStack, action: str, deployment: StackDeployment, reason: str) -> None:
        if action == "UPDATE":
            stack.enter("UPDATE_ROLLBACK_IN_PROGRESS", reason)
            deployment.restore_replaced()
            self._revert(stack, deployment, reason)
            return
        stack.enter("ROLLBACK_IN_PROGRESS", reason)
        try:
            deployment.remove_all(list(stack.target.resources.values()))
            stack.enter("ROLLBACK_COMPLETE", reason)
        except Exception as error:
            stack.enter("ROLLBACK_FAILED", str(error))

    def _revert(self, stack: DeployedStack, deployment: StackDeployment, reason: str = "") -> None:
        stack.rollback = deployment
        try:
            deployment.apply(stack.template_dict, stack.values)
            stack.enter("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", reason)
            deployment.clean_up(stack.template_dict, stack.values)
            stack.enter("UPDATE_ROLLBACK_COMPLETE", reason)
        except Exception as error:
            stack.enter("UPDATE_ROLLBACK_FAILED", str(error))
        self.store.save_stack(stack)

    def _delete(self, stack: DeployedStack) -> None:
        deployment = StackDeployment(stack.target, self.clients, stack.add_event)
        try:
            deployment.remove_all(list(stack.target.resources.values()))
        except DeploymentError as error:
            stack.enter("DELETE_FAILED", str(error))
            self.store.save_stack(stack)
            return
        stack.enter("DELETE_COMPLETE")
        self.deleted_stacks[stack.stack_id] = self.stacks.pop(stack.stack_id)
        self.store.delete_stack(stack.stack_id)


def template_at(url: str, **_where: str) -> str:
    """Return the template at a path-style URL (scheme://host/bucket/key), which `sam deploy` sends."""
    bucket, _, key = unquote(urlsplit(url).path).lstrip("/").partition("/")
    return str(s3_backends[ACCOUNT_ID]["aws"].get_object(bucket, key).value.decode())


def continue_update_rollback(response: Any) -> ActionResult:
    """Respond to ContinueUpdateRollback, which moto lacks."""
    response.cloudformation_backend.continue_update_rollback(response._get_param("StackName"))
    return EmptyResult()


def describe_stack_events(response: Any) -> ActionResult:
    """Respond with a page of events, the newest first; moto responds with all events of the stack's life.

    The token is the number of older events: it stays true when new ones come.
    """
    events = response.cloudformation_backend.describe_stack_events(response._get_param("StackName"))
    token = response._get_param("NextToken")
    if token and not token.isdecimal():
        raise ValidationError(message=f"NextToken {token!r} is not one that DescribeStackEvents has given")
    end = min(int(token or len(events)), len(events))
    begin = max(end - _EVENTS_A_PAGE, 0)
    return ActionResult({"StackEvents": events[begin:end][::-1], "NextToken": str(begin) if begin else None})


def _require(stack: DeployedStack, done: str, *statuses: str) -> None:
    if stack.status not in statuses:
        raise ValidationError(message=f"Stack:{stack.stack_id} is in {stack.status} state and can not be {done}.")


def _in_background(work: Callable[..., None], *arguments: Any) -> None:
    """Run `work` in a thread; return when it ends or after _FIRST_ANSWER_AFTER_SECONDS."""
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    thread.join(_FIRST_ANSWER_AFTER_SECONDS)

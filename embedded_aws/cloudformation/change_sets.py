"""Change sets, which `sam deploy` creates and describes before it executes them."""

import uuid
from types import SimpleNamespace
from typing import Any

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.moto_internals.cloudformation import Change
from embedded_aws.moto_internals.protocols import utcnow


def new_change_set(
    stack: Any, name: str, kind: str, body: str, template: dict[str, Any], values: dict[str, str]
) -> Any:
    """Return a change set for a stack, with the attributes that moto's response reads."""
    identity = f"arn:aws:cloudformation:{stack.region_name}:{ACCOUNT_ID}:changeSet/{name}/{uuid.uuid4()}"
    unchanged = kind == "UPDATE" and stack.template_dict == template and stack.values == values
    return SimpleNamespace(
        change_set_type=kind,
        change_set_id=identity,
        change_set_name=name,
        stack_id=stack.stack_id,
        stack_name=stack.name,
        template=body,
        template_dict=template,
        values=values,
        parameters=values,
        creation_time=utcnow(),
        changes=_changes(stack, template),
        status="FAILED" if unchanged else "CREATE_COMPLETE",
        execution_status="UNAVAILABLE" if unchanged else "AVAILABLE",
        status_reason="The submitted information didn't contain changes." if unchanged else None,
    )


def _changes(stack: Any, template: dict[str, Any]) -> list[Any]:
    old, new = stack.template_dict.get("Resources", {}), template["Resources"]
    added = [Change("Add", name, new[name]["Type"]) for name in new if name not in old]
    changed = [Change("Modify", name, new[name]["Type"]) for name in new if name in old]
    return added + changed + [Change("Remove", name, old[name]["Type"]) for name in old if name not in new]

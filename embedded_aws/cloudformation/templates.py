"""Reading a template: YAML or JSON, the SAM transform, and the values of its parameters."""

import copy
import json
import os
import re
from functools import lru_cache
from typing import Any

import yaml
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.utils import yaml_tag_constructor
from moto.iam.aws_managed_policies import aws_managed_policies_data
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform

from embedded_aws.cloudformation.intrinsics import Scope

SAM = "AWS::Serverless-2016-10-31"


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms (!Ref, !Sub …)."""


_Loader.add_multi_constructor("", yaml_tag_constructor)
# a date such as 2012-10-17 stays the text that it is in a policy
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@lru_cache
def managed_policies() -> dict[str, str]:
    """The ARN of each of AWS's own policies by its name."""
    policies = json.loads(aws_managed_policies_data)
    return {name: "arn:aws:iam::aws:policy" + policy.get("Path", "/") + name for name, policy in policies.items()}


def managed_document(name: str) -> dict[str, Any]:
    """What one of AWS's own policies says."""
    return dict(json.loads(aws_managed_policies_data)[name]["Document"])


class _ManagedPolicies:
    """What the transform asks IAM for."""

    max_pages = 1

    def load(self) -> dict[str, str]:
        return managed_policies()


def read_template(body: str, parameters: dict[str, str], region: str) -> dict[str, Any]:
    """The template that CloudFormation deploys. ValidationError says what is wrong with it."""
    template = parse_template(body)
    return _apply_sam(template, parameters, region) if _uses_sam(template) else template


def parse_template(body: str) -> dict[str, Any]:
    """The template as it is written, before any transform."""
    try:
        template = yaml.load(body, Loader=_Loader)  # noqa: S506 - a SafeLoader with CloudFormation's tags
    except yaml.YAMLError as error:
        raise ValidationError(message=f"Template format error: {error}") from None
    if not isinstance(template, dict) or not template.get("Resources"):
        raise ValidationError(message="Template format error: At least one Resources member must be defined.")
    return template


def _uses_sam(template: dict[str, Any]) -> bool:
    transforms = template.get("Transform", [])
    return SAM in ([transforms] if isinstance(transforms, str) else transforms)


def _apply_sam(template: dict[str, Any], parameters: dict[str, str], region: str) -> dict[str, Any]:
    os.environ["AWS_DEFAULT_REGION"] = region  # the transform asks boto3 for the partition
    try:
        transformed = transform(copy.deepcopy(template), dict(parameters), _ManagedPolicies())
    except InvalidDocumentException as error:
        causes = "; ".join(cause.message for cause in error.causes)
        raise ValidationError(message=f"Transform {SAM} failed with: {error.message} {causes}") from None
    transformed.pop("Transform", None)
    return dict(transformed)


def parameter_values(template: dict[str, Any], given: dict[str, str]) -> dict[str, str]:
    """Every parameter's value as a string, given or by default; ValidationError names one that is not allowed."""
    declared = template.get("Parameters") or {}
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise ValidationError(message=f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    return {name: _checked(name, slot, given.get(name, slot.get("Default"))) for name, slot in declared.items()}


def _checked(name: str, slot: dict[str, Any], value: Any) -> str:
    if value is None:
        raise ValidationError(message=f"Parameters: [{name}] must have values")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    for complaint in filter(None, (_refused(slot, text), _out_of_bounds(slot, text))):
        detail = slot.get("ConstraintDescription") or complaint
        raise ValidationError(message=f"Parameter '{name}' must be valid, it is '{text}': {detail}")
    return text


def _refused(slot: dict[str, Any], text: str) -> str | None:
    allowed = [str(value).lower() if isinstance(value, bool) else str(value) for value in slot.get("AllowedValues", [])]
    if allowed and text not in allowed:
        return f"must be one of {', '.join(allowed)}"
    pattern = slot.get("AllowedPattern")
    if pattern and not re.fullmatch(pattern, text):
        return f"must match {pattern}"
    return None


def _out_of_bounds(slot: dict[str, Any], text: str) -> str | None:
    measure = float(text) if slot.get("Type") == "Number" and _is_number(text) else None
    if slot.get("Type") == "Number" and measure is None:
        return "must be a number"
    low, high = ("MinValue", "MaxValue") if measure is not None else ("MinLength", "MaxLength")
    size = len(text) if measure is None else measure
    if low in slot and size < float(slot[low]):
        return f"{low} is {slot[low]}"
    return f"{high} is {slot[high]}" if high in slot and size > float(slot[high]) else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def check_rules(template: dict[str, Any], scope: Scope) -> None:
    """Refuse what the template's own Rules refuse, with their words."""
    for name, rule in (template.get("Rules") or {}).items():
        if "RuleCondition" in rule and not scope.test(rule["RuleCondition"]):
            continue
        for assertion in rule["Assertions"]:
            if not scope.test(assertion["Assert"]):
                raise ValidationError(message=f"Rule {name}: {assertion.get('AssertDescription', 'is not kept')}")

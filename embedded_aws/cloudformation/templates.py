"""Read a template: YAML or JSON, the SAM transform, and the values of its parameters."""

import copy
import os
import re
from typing import Any

import yaml

from embedded_aws.cloudformation.errors import TemplateError
from embedded_aws.cloudformation.intrinsics import Scope
from embedded_aws.cloudformation.managed_policies import managed_policies
from embedded_aws.cloudformation.slow_imports import import_slowly

SAM = "AWS::Serverless-2016-10-31"


class _Loader(yaml.CSafeLoader):  # in C: the parser in Python is slow
    """Reads YAML with CloudFormation's short forms (!Ref, !Sub …)."""


def _full_form(loader: _Loader, tag: str, node: yaml.Node) -> dict[str, Any]:
    """Return the full form of a short one: {"Fn::Sub": text} for !Sub text."""
    name = tag.removeprefix("!")
    if isinstance(node, yaml.SequenceNode):
        value: Any = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    else:
        value = node.value.split(".", 1) if name == "GetAtt" else node.value
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_multi_constructor("", _full_form)
# a policy's version, such as 2012-10-17, is text and not a date
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _ManagedPolicies:
    """The managed policies, in the form in which the transform loads them from IAM."""

    max_pages = 1

    def load(self) -> dict[str, str]:
        return managed_policies()


def read_template(body: str, parameters: dict[str, str], region: str) -> dict[str, Any]:
    """Return the template that CloudFormation deploys, transformed; TemplateError says what is wrong with it."""
    template = parse_template(body)
    return _apply_sam(template, parameters, region) if _uses_sam(template) else template


def parse_template(body: str) -> dict[str, Any]:
    """Return the template as it is written, before the transform."""
    try:
        template = yaml.load(body, Loader=_Loader)  # noqa: S506 - a SafeLoader with CloudFormation's tags
    except yaml.YAMLError as error:
        raise TemplateError(f"Template format error: {error}") from None
    if not isinstance(template, dict) or not template.get("Resources"):
        raise TemplateError("Template format error: At least one Resources member must be defined.")
    return template


def _uses_sam(template: dict[str, Any]) -> bool:
    transforms = template.get("Transform", [])
    return SAM in ([transforms] if isinstance(transforms, str) else transforms)


def _apply_sam(template: dict[str, Any], parameters: dict[str, str], region: str) -> dict[str, Any]:
    transform = import_slowly("samtranslator.translator.transform").transform
    invalid_document = import_slowly("samtranslator.model.exceptions").InvalidDocumentException
    os.environ["AWS_DEFAULT_REGION"] = region  # the transform asks boto3 for the partition
    try:
        transformed = transform(copy.deepcopy(template), dict(parameters), _ManagedPolicies())
    except invalid_document as error:
        causes = "; ".join(cause.message for cause in error.causes)
        raise TemplateError(f"Transform {SAM} failed with: {error.message} {causes}") from None
    transformed.pop("Transform", None)
    return dict(transformed)


def parameter_values(template: dict[str, Any], given: dict[str, str]) -> dict[str, str]:
    """Return every parameter's value as text, given or by default; TemplateError names one that is not allowed."""
    declared = template.get("Parameters") or {}
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise TemplateError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    return {name: _checked(name, slot, given.get(name, slot.get("Default"))) for name, slot in declared.items()}


def _checked(name: str, slot: dict[str, Any], value: Any) -> str:
    if value is None:
        raise TemplateError(f"Parameters: [{name}] must have values")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    for complaint in filter(None, (_not_allowed(slot, text), _out_of_bounds(slot, text))):
        detail = slot.get("ConstraintDescription") or complaint
        raise TemplateError(f"Parameter '{name}' must be valid, it is '{text}': {detail}")
    return text


def _not_allowed(slot: dict[str, Any], text: str) -> str | None:
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
    """Raise TemplateError with the AssertDescription of the template's first rule that does not hold."""
    for name, rule in (template.get("Rules") or {}).items():
        if "RuleCondition" in rule and not scope.test(rule["RuleCondition"]):
            continue
        for assertion in rule["Assertions"]:
            if not scope.test(assertion["Assert"]):
                raise TemplateError(f"Rule {name}: {assertion.get('AssertDescription', 'is not kept')}")

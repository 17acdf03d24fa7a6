"""CloudFormation's intrinsic functions and conditions, over parameters and the resources that exist."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from embedded_aws.cloudformation.errors import TemplateError

_NO_VALUE = object()
_SUB = re.compile(r"\$\{(!?)([^}]+)\}")


@dataclass(frozen=True)
class StackResource:
    """A resource of a stack: what Ref and Fn::GetAtt return, and the properties of its last update."""

    type: str
    logical_id: str
    physical_id: str
    properties: dict[str, Any]
    attributes: dict[str, Any]
    retain: bool = False
    kept_when_replaced: bool = False
    generated_name: str = ""


class Scope:
    """Resolves a template's expressions: parameters, pseudo parameters and the resources that exist."""

    def __init__(
        self,
        template: dict[str, Any],
        parameters: Mapping[str, str],
        pseudo: Mapping[str, str],
        resources: Mapping[str, StackResource],
    ) -> None:
        self._template = template
        self._parameters = parameters
        self._pseudo = pseudo
        self._resources = resources
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": lambda value: value[0].join(str(part) for part in self.resolve(value[1])),
            "Fn::Split": lambda value: self.resolve(value[1]).split(value[0]),
            "Fn::Select": lambda value: self.resolve(value[1])[int(self.resolve(value[0]))],
            "Fn::If": lambda value: self._resolve(value[1 if self.condition(value[0]) else 2]),
            "Fn::FindInMap": self._find_in_map,
            "Fn::Base64": lambda value: base64.b64encode(self.resolve(value).encode()).decode(),
            "Fn::ToJsonString": lambda value: json.dumps(self.resolve(value)),
        }

    def resolve(self, value: Any) -> Any:
        """Return the value with every intrinsic function evaluated."""
        resolved = self._resolve(value)
        return None if resolved is _NO_VALUE else resolved

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [item for item in map(self._resolve, value) if item is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1 and (name := next(iter(value))) in self._functions:
            return self._functions[name](value[name])
        for name in value:
            if name.startswith("Fn::"):
                raise TemplateError(f"The embedded AWS does not know the function {name}")
        resolved = {name: self._resolve(item) for name, item in value.items()}
        return {name: item for name, item in resolved.items() if item is not _NO_VALUE}

    def condition(self, name: str) -> bool:
        """Return the value of the condition with this name."""
        conditions = self._template.get("Conditions") or {}
        if name not in conditions:
            raise TemplateError(f"Template error: unresolved condition {name}")
        return self.test(conditions[name])

    def test(self, expression: Any) -> bool:
        """Evaluate a condition expression: Fn::Equals, Fn::Not, Fn::And, Fn::Or, Fn::Contains or Condition."""
        ((name, value),) = expression.items()
        if name == "Condition":
            return self.condition(value)
        if name == "Fn::Not":
            return not self.test(value[0])
        if name in ("Fn::And", "Fn::Or"):
            return (all if name == "Fn::And" else any)(self.test(part) for part in value)
        left, right = self.resolve(value[0]), self.resolve(value[1])
        if name == "Fn::Equals":
            return _text(left) == _text(right)
        if name == "Fn::Contains":
            return _text(right) in [_text(item) for item in left]
        raise TemplateError(f"The embedded AWS does not know the condition {name}")

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NO_VALUE
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self._parameters:
            return self._parameter(name)
        return self._resource(name).physical_id

    def _parameter(self, name: str) -> Any:
        kind = self._template["Parameters"][name].get("Type", "String")
        value = self._parameters[name]
        return [part.strip() for part in value.split(",")] if "List" in kind else value

    def _resource(self, name: str) -> StackResource:
        if name not in self._resources:
            raise TemplateError(f"Unresolved resource dependencies [{name}] in the template")
        return self._resources[name]

    def _get_att(self, value: Any) -> Any:
        name, attribute = value.split(".", 1) if isinstance(value, str) else value
        resource = self._resource(name)
        if attribute not in resource.attributes:
            raise TemplateError(f"Resource {name} ({resource.type}) has no attribute {attribute} here")
        return resource.attributes[attribute]

    def _sub(self, value: Any) -> str:
        text, extra = value if isinstance(value, list) else (value, {})

        def replace(match: re.Match[str]) -> str:
            escaped, name = match.groups()
            if escaped:
                return "${" + name + "}"
            if name in extra:
                return str(self.resolve(extra[name]))
            return str(self._get_att(name) if "." in name else self._ref(name))

        return _SUB.sub(replace, text)

    def _find_in_map(self, value: list[Any]) -> Any:
        first, second, third = (self.resolve(part) for part in value[:3])
        try:
            return self._template["Mappings"][first][second][third]
        except KeyError as error:
            raise TemplateError(f"Template error: Unable to get mapping for {error}") from None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def references(value: Any) -> set[str]:
    """Return the names that an expression refers to: parameters, pseudo parameters and resources."""
    if isinstance(value, list):
        return set().union(*map(references, value))
    if not isinstance(value, dict):
        return set()
    found: set[str] = set()
    for name, item in value.items():
        found |= _named_by(name, item) | references(item)
    return found


def _named_by(function: str, value: Any) -> set[str]:
    if function == "Ref":
        return {value}
    if function == "Fn::GetAtt":
        return {value.split(".")[0] if isinstance(value, str) else value[0]}
    if function == "Fn::Sub":
        text = value[0] if isinstance(value, list) else value
        return {name.split(".")[0] for escaped, name in _SUB.findall(text) if not escaped}
    return {value} if function == "DependsOn" and isinstance(value, str) else _listed(function, value)


def _listed(function: str, value: Any) -> set[str]:
    return set(value) if function == "DependsOn" else set()

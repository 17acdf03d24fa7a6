"""CloudFormation's registry: which properties a resource type has, and which of them require a replacement.

The schemas are AWS's own, as cfn-lint ships them. Their keywords are explained in
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from embedded_aws.cloudformation.slow_imports import import_slowly

CUSTOM = "AWS::CloudFormation::CustomResource"
_TYPES = {str: "String", int: "Integer", float: "Number", bool: "Boolean", dict: "JSONObject", list: "JSONArray"}
_INTEGER = re.compile(r"-?\d+")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE]-?\d+)?")
# the handlers of these types update in place where the schema allows a replacement, and fail if the service refuses:
# aws-solutions-library-samples/guidance-for-clickstream-analytics-on-aws #60 (HandlerErrorCode: InvalidRequest)
_UPDATED_IN_PLACE = {"AWS::EMRServerless::Application"}


def is_custom(kind: str) -> bool:
    """Return True for a custom resource, which a Lambda function provides."""
    return kind == CUSTOM or kind.startswith("Custom::")


@lru_cache
def schema(kind: str, region: str) -> dict[str, Any]:
    """Return the registry's schema of a resource type in a region."""
    manager = import_slowly("cfnlint.schema.manager").PROVIDER_SCHEMA_MANAGER
    return dict(manager.get_resource_schema(region, kind).schema)


def load_schemas() -> None:
    """Load what a deployment needs ahead of the first one: the imports and the first schema take about a second."""
    import_slowly("samtranslator.translator.transform")
    schema("AWS::S3::Bucket", "us-east-1")


def complaints(kind: str, region: str, properties: Mapping[str, Any]) -> list[str]:
    """Return the violations of the type's schema in CloudFormation's words; empty if there are none."""
    if is_custom(kind):
        return [] if "ServiceToken" in properties else ["#: required key [ServiceToken] not found"]
    known = schema(kind, region)
    validator = (
        import_slowly("cfnlint.jsonschema").CfnTemplateValidator({}).extend(validators={"type": _type})(schema=known)
    )
    # CloudFormation's message for these is not known
    read_only = [f"#: read-only key [{name}] is not permitted" for name in _read_only(known, properties)]
    return sorted({_in_words(error) for error in validator.iter_errors(properties)} | set(read_only))


def replacing(kind: str, region: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the changed properties that make CloudFormation replace the resource, as dotted paths."""
    if is_custom(kind):
        return []
    known = schema(kind, region)
    pointers = list(known.get("createOnlyProperties") or ())
    if kind not in _UPDATED_IN_PLACE:
        pointers += known.get("conditionalCreateOnlyProperties") or ()
    return [".".join(_steps(pointer)) for pointer in pointers if _text(_at(old, pointer)) != _text(_at(new, pointer))]


def custom_name(kind: str, region: str, properties: Mapping[str, Any]) -> str:
    """Return the name that the template gives the resource; empty if CloudFormation generates one."""
    own = {"Name", kind.rpartition("::")[2] + "Name"}
    for pointer in schema(kind, region).get("createOnlyProperties") or ():
        if _steps(pointer)[-1] in own and (found := _at(properties, pointer)):
            return str(found[0])
    return ""


def _read_only(known: Mapping[str, Any], properties: Mapping[str, Any]) -> list[str]:
    return [".".join(_steps(one)) for one in known.get("readOnlyProperties") or () if _at(properties, one)]


def _steps(pointer: str) -> list[str]:
    return pointer.split("/")[2:]


def _at(properties: Mapping[str, Any], pointer: str) -> list[Any]:
    """Return every value at a pointer such as /properties/Budget/BudgetName; a star matches each item of a list."""
    found: list[Any] = [properties]
    for step in _steps(pointer):
        items = [item for value in found for item in (value if isinstance(value, list) else [value])]
        found = items if step == "*" else [one[step] for one in items if isinstance(one, dict) and step in one]
    return found


def _text(value: Any) -> Any:
    """Return the value with numbers and Booleans as text, because parameters are text and literals may not be."""
    if isinstance(value, dict):
        return {key: _text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_text(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def _type(validator: Any, wanted: str | list[str], value: Any, _schema: Any) -> Iterator[Any]:
    """Check a type as CloudFormation does, which converts text, numbers and Booleans into each other."""
    kinds = [wanted] if isinstance(wanted, str) else wanted
    if not any(validator.is_type(value, kind) or _converts(value, kind) for kind in kinds):
        yield import_slowly("cfnlint.jsonschema").ValidationError(
            f"expected type: {kinds[0].capitalize()}, found: {_TYPES.get(type(value), 'Null')}"
        )


def _converts(value: Any, kind: str) -> bool:
    if kind == "string":
        return isinstance(value, (bool, int, float))
    if not isinstance(value, str):
        return False
    if kind == "boolean":
        return value in ("true", "false")
    pattern = {"integer": _INTEGER, "number": _NUMBER}.get(kind)
    return bool(pattern and pattern.fullmatch(value))


def _in_words(error: Any) -> str:
    steps = [str(step) for step in error.path]
    if error.validator == "additionalProperties":
        return f"{_place(steps[:-1])}: extraneous key [{steps[-1]}] is not permitted"
    if error.validator == "required":
        return f"{_place(steps)}: required key [{error.message.split(chr(39))[1]}] not found"
    if error.validator == "enum":
        return f"{_place(steps)}: {error.instance} is not a valid enum value"
    if error.validator == "type":
        return f"{_place(steps)}: {error.message}"
    return f"{_place(steps)}: failed validation constraint for keyword [{error.validator}]"


def _place(steps: list[str]) -> str:
    return "/".join(["#", *steps])

"""IAM's evaluation of policies, by the rules of its user guide ("Policy evaluation logic", "Condition operators").

Pure: statements and a call in, a decision out. An unknown operator is an error, never a permission.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

Statement = Mapping[str, Any]


class PolicyError(Exception):
    """A policy uses an operator or a variable that is not supported."""


@dataclass(frozen=True)
class Call:
    """One action on one resource. `context` holds condition keys in lower case and their values."""

    action: str  # service:Action
    resource: str  # an ARN
    context: tuple[tuple[str, str], ...] = ()


def allowed(statements: Iterable[Statement], call: Call, principal: str = "") -> bool:
    """Return True if a statement allows the call and none denies it.

    Args:
        principal: the service or ARN that calls; needed for a resource policy or a role's trust policy only.
    """
    effects = {statement["Effect"] for statement in statements if applies(statement, call, principal)}
    return effects == {"Allow"}


def applies(statement: Statement, call: Call, principal: str = "") -> bool:
    """Return True if a statement applies to the call."""
    return (
        _covers(statement, "Action", call.action.lower(), fold=True)
        and _covers(statement, "Resource", call.resource)
        and ("Principal" not in statement or _is_named(statement["Principal"], principal))
        and all(
            _holds(operator, key.lower(), _list(wanted), dict(call.context))
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def matches(pattern: str, text: str) -> bool:
    """Return True if the text matches a pattern with IAM's wildcards: `*` any characters, `?` one."""
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(4096)
def statements_of(document: str) -> tuple[Statement, ...]:
    """Return the statements of a policy's JSON."""
    return tuple(_list(json.loads(document)["Statement"]))


def _covers(statement: Statement, element: str, value: str, fold: bool = False) -> bool:
    if f"Not{element}" in statement:
        return not _fits_one(statement[f"Not{element}"], value, fold)
    # a role's trust policy has no Resource: the role itself is the resource
    return element not in statement or _fits_one(statement[element], value, fold)


def _fits_one(patterns: Any, value: str, fold: bool) -> bool:
    return any(matches(pattern.lower() if fold else pattern, value) for pattern in _list(patterns))


def _is_named(principals: Any, principal: str) -> bool:
    if principals == "*":
        return True
    return any(one in ("*", principal) for kind in principals.values() for one in _list(kind))


def _holds(operator: str, key: str, wanted: list[Any], context: Mapping[str, str]) -> bool:
    name, if_exists = operator.removesuffix("IfExists"), operator.endswith("IfExists")
    if name == "Null":
        return (key not in context) == (str(wanted[0]).lower() == "true")
    if name not in _OPERATORS:
        raise PolicyError(f"the condition operator {operator} is not known to the embedded AWS")
    if key not in context:
        return if_exists or "Not" in name
    found = any(_OPERATORS[name](str(value), context[key]) for value in wanted)
    return found != ("Not" in name)


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, given: wanted == given,
    "StringNotEquals": lambda wanted, given: wanted == given,
    "StringEqualsIgnoreCase": lambda wanted, given: wanted.lower() == given.lower(),
    "StringLike": matches,
    "StringNotLike": matches,
    "ArnEquals": matches,
    "ArnLike": matches,
    "ArnNotEquals": matches,
    "ArnNotLike": matches,
    "Bool": lambda wanted, given: wanted.lower() == given.lower(),
}


@lru_cache(4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    if "${" in pattern:
        raise PolicyError(f"the policy variable in {pattern} is not known to the embedded AWS")
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(character) or re.escape(character) for character in pattern), re.DOTALL)


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]

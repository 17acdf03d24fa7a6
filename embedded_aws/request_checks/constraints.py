"""The constraints of AWS's published models: required members, lengths, ranges, patterns, enumerations.

A client with botocore only checks types and required members; the services check all constraints.
Pure: a botocore shape and a parsed value in, AWS's own error messages out.
"""

import json
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

# (service, shape) → why the published constraint is not what the service does, or not what Python can check
EXCEPTIONS = {
    ("s3", "ChecksumMode"): "S3 answers a GetObject with `enabled`, which AWS's own SDK for C++ sends (pyarrow has it)",
    ("budgets", "BudgetName"): "its pattern switches to (?i) in the middle, which Python's re refuses",
}
_PAIRS = "\\uD800\\uDC00-\\uDBFF\\uDFFF"  # Java's way to write all characters beyond the first plane


def violations(service: str, shape: Any, value: Any, place: str = "") -> Iterator[str]:
    """Yield a sentence for each constraint of `shape` that `value` breaks.

    Args:
        service: botocore's name of the service, for EXCEPTIONS.
        shape: a botocore shape.
        value: what a request holds for it: dicts, lists, texts, numbers, bytes; None is nothing.
        place: the path in the request, such as `jobDriver.sparkSubmit.entryPoint`.
    """
    if value is None or (service, shape.name) in EXCEPTIONS:
        return
    if check := _CHECKS.get(shape.type_name):
        yield from check(service, shape, value, place)


def _structure(service: str, shape: Any, value: Mapping[str, Any], place: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield _sentence("null", _join(place, name), "Member must not be null")
    for name, member in shape.members.items():
        yield from violations(service, member, value.get(name), _join(place, name))


def _list(service: str, shape: Any, value: list[Any], place: str) -> Iterator[str]:
    yield from _length(shape, value, place)
    for index, one in enumerate(value, 1):
        yield from violations(service, shape.member, one, _join(place, f"{index}.member"))


def _map(service: str, shape: Any, value: Mapping[str, Any], place: str) -> Iterator[str]:
    yield from _length(shape, value, place)
    for key, one in value.items():
        yield from violations(service, shape.key, key, _join(place, "key"))
        yield from violations(service, shape.value, one, _join(place, f"{key}.member"))


def _string(_service: str, shape: Any, value: str, place: str) -> Iterator[str]:
    yield from _length(shape, value, place)
    if shape.enum and value not in shape.enum:
        yield _sentence(value, place, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    pattern = shape.metadata.get("pattern")
    if pattern and not compiled(pattern).fullmatch(value):
        yield _sentence(value, place, f"Member must satisfy regular expression pattern: {pattern}")


def _blob(_service: str, shape: Any, value: bytes, place: str) -> Iterator[str]:
    yield from _length(shape, value, place)


def _number(_service: str, shape: Any, value: float, place: str) -> Iterator[str]:
    yield from _bounds(shape, value, value, place, "value")


_CHECKS: dict[str, Callable[[str, Any, Any, str], Iterator[str]]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "blob": _blob,
    **dict.fromkeys(("integer", "long", "float", "double"), _number),
}


def _length(shape: Any, value: Any, place: str) -> Iterator[str]:
    yield from _bounds(shape, value, len(value), place, "length")


def _bounds(shape: Any, value: Any, amount: float, place: str, noun: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and amount < least:
        yield _sentence(value, place, f"Member must have {noun} greater than or equal to {least}")
    if most is not None and amount > most:
        yield _sentence(value, place, f"Member must have {noun} less than or equal to {most}")


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _sentence(value: Any, place: str, constraint: str) -> str:
    text = json.dumps(value, sort_keys=True, default=str) if isinstance(value, (list, dict)) else str(value)
    shown = text if len(text) <= 200 else f"{text[:200]}…"
    return f"Value '{shown}' at '{place}' failed to satisfy constraint: {constraint}"


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """Return a published pattern, written for Java, for Python: \\w, \\d and \\s are ASCII's, \\p{L} is spelled out."""
    translated = pattern.replace(_PAIRS, "\\U00010000-\\U0010FFFF").replace("[\\w-_]", "[\\w\\-]")
    translated = re.sub(r"\\p\{(\w+)\}", lambda found: _category(found[1]), translated)
    return re.compile(translated, re.ASCII)


@cache
def _category(name: str) -> str:
    """The characters of a Unicode category (L, Zs …) as the inside of a character class."""
    ranges: list[list[int]] = []
    for point in range(sys.maxunicode + 1):
        if unicodedata.category(chr(point)).startswith(name):
            if ranges and ranges[-1][1] == point - 1:
                ranges[-1][1] = point
            else:
                ranges.append([point, point])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)

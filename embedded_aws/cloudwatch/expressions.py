"""Metric math: the supported part of the language. Everything else is an ExpressionError.

Source: CloudWatch User Guide, "Using math expressions with CloudWatch metrics" (operators, missing values, FILL, IF).
A time series is a tuple with a value, or None for a missing one, for each period; an array is a list of time series.
"""

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NoReturn

Series = tuple[float | None, ...]
Value = float | Series | list[Series]
Operation = Callable[[float, float], float | None]
Node = Callable[[Mapping[str, Series]], Value]

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*|\.\d+)|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>==|!=|<=|>=|&&|\|\||[-+*/^<>(),\[\]]))"
)


class ExpressionError(Exception):
    """An expression is not metric math, or uses a part of it that the embedded AWS does not support."""


@dataclass(frozen=True)
class Expression:
    """A parsed expression: the ids that it refers to, and a function that computes its time series from theirs."""

    ids: frozenset[str]
    compute: Callable[[Mapping[str, Series]], Series]


def parse(text: str) -> Expression:
    """Parse an expression; ExpressionError if it is not supported or does not give one time series."""
    parser = _Parser(_tokens(text), text)
    node = parser.whole()

    def compute(known: Mapping[str, Series]) -> Series:
        value = node(known)
        if not isinstance(value, tuple):
            raise ExpressionError(f"{text!r} does not give a single time series")
        return value

    compute(dict.fromkeys(parser.ids, (None,)))  # the kind of its value does not depend on the data
    return Expression(frozenset(parser.ids), compute)


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while at < len(text.rstrip()):
        token = _TOKEN.match(text, at)
        if token is None:
            raise ExpressionError(f"{text!r} is not understood at {text[at:].strip()!r}")
        found.append(token[0].strip())
        at = token.end()
    return found


def _ratio(left: float, right: float) -> float | None:
    """Drop a data point that would be divided by zero."""
    return left / right if right else None


def _power(left: float, right: float) -> float | None:
    try:
        return math.pow(left, right)
    except (ValueError, OverflowError):
        return None


def _truth(compare: Callable[[float, float], bool]) -> Operation:
    return lambda left, right: float(compare(left, right))


# from the loosest to the tightest; a level's operators are of equal rank and group from the left
_LEVELS: tuple[Mapping[str, Operation], ...] = (
    dict.fromkeys(("OR", "||"), _truth(lambda left, right: bool(left) or bool(right))),
    dict.fromkeys(("AND", "&&"), _truth(lambda left, right: bool(left) and bool(right))),
    {
        "==": _truth(operator.eq),
        "!=": _truth(operator.ne),
        "<=": _truth(operator.le),
        ">=": _truth(operator.ge),
        "<": _truth(operator.lt),
        ">": _truth(operator.gt),
    },
    {"+": operator.add, "-": operator.sub},
    {"*": operator.mul, "/": _ratio},
    {"^": _power},
)


class _Parser:
    """A recursive descent over the tokens. Every node is a function of the known time series."""

    def __init__(self, tokens: list[str], text: str) -> None:
        self._tokens = tokens
        self._text = text
        self.ids: set[str] = set()

    def whole(self) -> Node:
        node = self._level(0)
        return node if not self._tokens else self._refuse(self._tokens[0])

    def _refuse(self, token: str) -> NoReturn:
        raise ExpressionError(f"{self._text!r} is not understood at {token!r}")

    def _take(self, *wanted: str) -> str:
        """Return the next token if it is one of these, and an empty text otherwise."""
        return self._tokens.pop(0) if self._tokens and self._tokens[0] in wanted else ""

    def _expect(self, token: str) -> None:
        if not self._take(token):
            self._refuse(self._tokens[0] if self._tokens else "its end")

    def _level(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        node = self._level(level + 1)
        while sign := self._take(*_LEVELS[level]):
            node = _binary(_LEVELS[level][sign], node, self._level(level + 1))
        return node

    def _unary(self) -> Node:
        if self._take("-"):
            operand = self._unary()
            return _binary(operator.mul, lambda _known: -1.0, operand)
        return self._primary()

    def _primary(self) -> Node:
        if self._take("("):
            node = self._level(0)
            self._expect(")")
            return node
        if self._take("["):
            return _array(self._list("]"))
        if not self._tokens:
            self._refuse("its end")
        return self._named(self._tokens.pop(0))

    def _named(self, token: str) -> Node:
        if token[0].isdigit() or token[0] == ".":
            number = float(token)
            return lambda _known: number
        if token[0].islower():
            self.ids.add(token)
            return lambda known: known[token]
        if token == "REPEAT":  # noqa: S105 - no password
            return lambda _known: math.inf  # PutMetricData refuses infinity, so that no metric has it
        if token not in _FUNCTIONS:
            self._refuse(token)
        self._expect("(")
        return _call(token, self._list(")"))

    def _list(self, closing: str) -> list[Node]:
        nodes = [self._level(0)]
        while self._take(","):
            nodes.append(self._level(0))
        self._expect(closing)
        return nodes


def _binary(operation: Operation, left: Node, right: Node) -> Node:
    return lambda known: _combined(operation, left(known), right(known))


def _array(nodes: Iterable[Node]) -> Node:
    def gather(known: Mapping[str, Series]) -> list[Series]:
        values = [node(known) for node in nodes]
        series = [one for value in values for one in (value if isinstance(value, list) else [value])]
        return [one if isinstance(one, tuple) else _wrong("an array", "anything but time series") for one in series]

    return gather


def _call(name: str, nodes: list[Node]) -> Node:
    least, most, function = _FUNCTIONS[name]
    if not least <= len(nodes) <= most:
        raise ExpressionError(f"{name} does not take {len(nodes)} arguments")
    return lambda known: function(*(node(known) for node in nodes))


def _combined(operation: Operation, left: Value, right: Value) -> Value:
    if isinstance(left, list):
        return [_joined(operation, one, right) for one in left] if not isinstance(right, list) else _two_arrays()
    if isinstance(right, list):
        return [_joined(operation, left, one) for one in right]
    if isinstance(left, tuple) or isinstance(right, tuple):
        return _joined(operation, left, right)
    result = operation(left, right)
    return result if result is not None else _wrong("an operator", "a division by zero")


def _two_arrays() -> NoReturn:
    _wrong("an operator", "two arrays")


def _wrong(what: str, given: str) -> NoReturn:
    raise ExpressionError(f"{what} does not take {given}")


def _joined(operation: Operation, left: Value, right: Value) -> Series:
    """Combine values. Of two time series a missing value counts as 0 unless both are missing; not so with a scalar."""
    if isinstance(left, tuple) and isinstance(right, tuple):
        pairs = zip(left, right, strict=True)
        return tuple(None if a is None and b is None else operation(a or 0.0, b or 0.0) for a, b in pairs)
    if isinstance(left, tuple) and isinstance(right, float):
        return tuple(None if a is None else operation(a, right) for a in left)
    if isinstance(right, tuple) and isinstance(left, float):
        return tuple(None if b is None else operation(left, b) for b in right)
    _wrong("an operator", "an array in an array")


def _if(condition: Value, then: Value, otherwise: Value = ()) -> Series:
    """IF: missing where the condition or the second branch is missing; a missing first branch counts as 0."""
    if not isinstance(condition, tuple):
        _wrong("IF", "a condition that is no time series")
    choices = zip(condition, _spread(then, len(condition)), _spread(otherwise, len(condition)), strict=True)
    return tuple(None if test is None else ((yes or 0.0) if test else no) for test, yes, no in choices)


def _spread(value: Value, length: int) -> Series:
    """Return a scalar for every period; missing values for an omitted argument."""
    if isinstance(value, list):
        _wrong("IF", "an array")
    if isinstance(value, tuple):
        return value or (None,) * length
    return (value,) * length


def _fill(value: Value, filler: Value) -> Value:
    if isinstance(value, list):
        return [_filled(one, filler) for one in value]
    return _filled(value, filler)


def _filled(series: Value, filler: Value) -> Series:
    if not isinstance(series, tuple) or not isinstance(filler, float):
        _wrong("FILL", "these arguments")
    if filler != math.inf:
        return tuple(filler if value is None else value for value in series)
    repeated: list[float | None] = []
    for value in series:
        repeated.append(repeated[-1] if value is None and repeated else value)
    return tuple(repeated)


def _across(reduce: Callable[[list[float]], float], name: str) -> Callable[[Value], Series]:
    """Return a function over an array, by period. Over one time series the result would depend on the range read."""

    def reduced(array: Value) -> Series:
        if not isinstance(array, list):
            _wrong(name, "a single time series in an alarm (the user guide advises against it)")
        columns = ([value for value in column if value is not None] for column in zip(*array, strict=True))
        return tuple(reduce(values) if values else None for values in columns)

    return reduced


_FUNCTIONS: dict[str, tuple[int, int, Callable[..., Value]]] = {
    "IF": (2, 3, _if),
    "FILL": (2, 2, _fill),
    "MAX": (1, 1, _across(max, "MAX")),
    "MIN": (1, 1, _across(min, "MIN")),
    "SUM": (1, 1, _across(sum, "SUM")),
}

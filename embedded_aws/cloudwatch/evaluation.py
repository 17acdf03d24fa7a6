"""Evaluate an alarm's data points.

Sources: CloudWatch User Guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data", whose
tables are the tests. AWS does not say how far back the evaluation range goes (awsdocs/amazon-cloudwatch-user-guide
issue 102). In the guide's tables it has five data points for three evaluation periods, and an alarm with one period of
a day took "something like 3? or 4?" silent days (Stack Overflow 72093282). Here it is the evaluated periods plus two.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from embedded_aws.cloudwatch.expressions import Expression, Series
from embedded_aws.cloudwatch.metrics import MetricId, MetricRecord, Window, statistic, windows

EXTRA_DATAPOINTS = 2
OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
COMPARISONS: Mapping[str, tuple[str, Callable[[float, float], bool]]] = {
    "GreaterThanThreshold": ("greater than", lambda value, threshold: value > threshold),
    "GreaterThanOrEqualToThreshold": ("greater than or equal to", lambda value, threshold: value >= threshold),
    "LessThanThreshold": ("less than", lambda value, threshold: value < threshold),
    "LessThanOrEqualToThreshold": ("less than or equal to", lambda value, threshold: value <= threshold),
}
MISSING_DATA = ("missing", "ignore", "breaching", "notBreaching")


@dataclass(frozen=True)
class Statistic:
    """A statistic of a metric over each period."""

    metric: MetricId
    name: str
    unit: str = ""


@dataclass(frozen=True)
class AlarmRule:
    """An alarm's metrics and condition: `datapoints_to_alarm` out of `evaluation_periods` data points breach."""

    queries: Mapping[str, Statistic | Expression]
    watched: str  # the id of the query with ReturnData
    period: timedelta
    evaluation_periods: int
    datapoints_to_alarm: int
    threshold: float
    comparison: str
    treat_missing_data: str


@dataclass(frozen=True)
class Verdict:
    """The new state of an alarm, its reason, and the data points, each with the beginning of its period."""

    state: str
    reason: str
    datapoints: tuple[tuple[datetime, float], ...] = ()


def evaluate(rule: AlarmRule, record: MetricRecord, now: datetime, current: str) -> Verdict:
    """Return the state of an alarm at a moment. It may depend on the current state."""
    range_ = windows(now, rule.period, rule.evaluation_periods + EXTRA_DATAPOINTS)
    values = series(rule, record, range_)
    state = state_of([_breaches(rule, value) for value in values], rule, current)
    present = [(begin, value) for (begin, _), value in zip(range_, values, strict=True) if value is not None]
    evaluated = tuple(present[-rule.evaluation_periods :])
    return Verdict(state, _reason(rule, state, evaluated), evaluated)


def series(rule: AlarmRule, record: MetricRecord, over: Sequence[Window]) -> Series:
    """Return the data points of the alarm's metric or expression, one for each window."""
    known: dict[str, Series] = {}

    def of(name: str) -> Series:
        if name not in known:
            query = rule.queries[name]
            if isinstance(query, Expression):
                known[name] = query.compute({used: of(used) for used in query.ids})
            else:
                known[name] = tuple(
                    statistic(query.name, record.within(query.metric, window, query.unit)) for window in over
                )
        return known[name]

    return of(rule.watched)


def _breaches(rule: AlarmRule, value: float | None) -> bool | None:
    """Return whether a data point breaches the threshold; None for a missing one."""
    return None if value is None else COMPARISONS[rule.comparison][1](value, rule.threshold)


def state_of(breaches: Sequence[bool | None], rule: AlarmRule, current: str) -> str:
    """Return the state from data points, oldest first: breaching, within the threshold, or missing (None)."""
    present = [one for one in breaches if one is not None]
    missing = rule.evaluation_periods - len(present)
    if missing <= 0:
        return _counted(present[-rule.evaluation_periods :], rule)
    if rule.treat_missing_data in ("breaching", "notBreaching"):
        return _counted([*present, *[rule.treat_missing_data == "breaching"] * missing], rule)
    if sum(present) >= rule.datapoints_to_alarm:
        return ALARM
    if not all(present):
        return OK
    # too few data points, all breaching: ALARM when the first is as old as datapoints_to_alarm
    age = next((len(breaches) - number for number, one in enumerate(breaches) if one), 0)
    if rule.treat_missing_data == "ignore":
        return current
    return ALARM if age >= rule.datapoints_to_alarm else INSUFFICIENT_DATA


def _counted(breaches: Sequence[bool], rule: AlarmRule) -> str:
    return ALARM if sum(breaches) >= rule.datapoints_to_alarm else OK


_TREATED = {"missing": "Missing", "ignore": "Ignored", "breaching": "Breaching", "notBreaching": "NonBreaching"}


def _reason(rule: AlarmRule, state: str, evaluated: Sequence[tuple[datetime, float]]) -> str:
    """Return the reason of a state in CloudWatch's format."""
    missing = rule.evaluation_periods - len(evaluated)
    if state == INSUFFICIENT_DATA:
        return f"Insufficient Data: {missing} datapoint{'s were' if missing > 1 else ' was'} unknown."
    if not evaluated:
        periods = f"{missing} period{'s' if missing > 1 else ''}"
        were = f"{missing} missing datapoint{'s were' if missing > 1 else ' was'}"
        treated = _TREATED[rule.treat_missing_data]
        return f"Threshold Crossed: no datapoints were received for {periods} and {were} treated as [{treated}]."
    points = ", ".join(f"{value} ({begin:%d/%m/%y %H:%M:%S})" for begin, value in reversed(evaluated))
    count = f"{len(evaluated)} out of the last {rule.evaluation_periods} datapoints"
    was = ("was" if len(evaluated) == 1 else "were") + ("" if state == ALARM else " not")
    crossed = f"{was} {COMPARISONS[rule.comparison][0]} the threshold ({rule.threshold})"
    return f"Threshold Crossed: {count} [{points}] {crossed}."

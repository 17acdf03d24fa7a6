"""Build the rule of an alarm from moto's Alarm. An alarm that cannot be evaluated is refused, never left in OK."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from embedded_aws.cloudwatch.evaluation import COMPARISONS, MISSING_DATA, AlarmRule, Statistic
from embedded_aws.cloudwatch.expressions import Expression, ExpressionError, parse
from embedded_aws.cloudwatch.metrics import STATISTICS, MetricId

_DEFAULT_TREATMENT = "missing"


class AlarmError(Exception):
    """An alarm is not valid, or the embedded AWS does not support it; the message says why."""


def rule_of(alarm: Any) -> AlarmRule:
    """Return the rule of an alarm (moto's Alarm); AlarmError if any part of it is not supported."""
    if alarm.rule or alarm.extended_statistic or alarm.threshold_metric_id:
        raise AlarmError("composite alarms, percentiles and anomaly detection are not evaluated by the embedded AWS")
    queries = _queries(alarm)
    periods = int(alarm.evaluation_periods)
    rule = AlarmRule(
        queries=queries,
        watched=_watched(alarm),
        period=_period(alarm),
        evaluation_periods=periods,
        datapoints_to_alarm=int(alarm.datapoints_to_alarm or periods),
        threshold=_required(alarm.threshold, "Threshold"),
        comparison=_one_of(alarm.comparison_operator, COMPARISONS, "ComparisonOperator"),
        treat_missing_data=_one_of(
            alarm.treat_missing_data or _DEFAULT_TREATMENT, dict.fromkeys(MISSING_DATA), "TreatMissingData"
        ),
    )
    _check(rule)
    return rule


def _queries(alarm: Any) -> Mapping[str, Statistic | Expression]:
    if not alarm.metric_data_queries:
        metric = MetricId(alarm.namespace, alarm.metric_name, _dimensions(alarm.dimensions))
        return {"": Statistic(metric, _one_of(alarm.statistic, STATISTICS, "Statistic"), alarm.unit or "")}
    return {query.id: _query(query) for query in alarm.metric_data_queries}


def _query(query: Any) -> Statistic | Expression:
    if query.expression:
        try:
            return parse(query.expression)
        except ExpressionError as error:
            raise AlarmError(f"the expression {query.id} cannot be evaluated: {error}") from error
    stat = query.metric_stat
    if stat is None:
        raise AlarmError(f"the metric {query.id} has neither a MetricStat nor an Expression")
    metric = MetricId(stat.metric.namespace, stat.metric.metric_name, _dimensions(stat.metric.dimensions))
    return Statistic(metric, _one_of(stat.stat, STATISTICS, "Stat"), stat.unit or "")


def _dimensions(dimensions: Any) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((one.name, one.value) for one in dimensions))


def _watched(alarm: Any) -> str:
    if not alarm.metric_data_queries:
        return ""
    returned = [query.id for query in alarm.metric_data_queries if query.return_data in (None, True)]
    if len(returned) != 1:
        raise AlarmError(f"exactly one of Metrics may have ReturnData, not {len(returned)}")
    return str(returned[0])


def _period(alarm: Any) -> timedelta:
    stats = [query.metric_stat for query in alarm.metric_data_queries if query.metric_stat]
    periods = {int(stat.period) for stat in stats} if alarm.metric_data_queries else {int(alarm.period or 0)}
    if len(periods) != 1:
        raise AlarmError(f"the metrics of an alarm have one period, not {sorted(periods)}")
    (seconds,) = periods
    if seconds <= 0 or seconds % 60:
        raise AlarmError(f"the period {seconds} is not a multiple of 60 seconds (high resolution is not evaluated)")
    return timedelta(seconds=seconds)


def _check(rule: AlarmRule) -> None:
    if not 1 <= rule.datapoints_to_alarm <= rule.evaluation_periods:
        raise AlarmError(f"DatapointsToAlarm is {rule.datapoints_to_alarm} of {rule.evaluation_periods} periods")
    seconds = rule.period.total_seconds() * rule.evaluation_periods
    if seconds > (604_800 if rule.period >= timedelta(hours=1) else 86_400):
        raise AlarmError(f"{seconds:.0f} seconds are evaluated, which is longer than CloudWatch allows")
    for name, query in rule.queries.items():
        _check_ids(rule, name, query)


def _check_ids(rule: AlarmRule, name: str, query: Statistic | Expression, above: tuple[str, ...] = ()) -> None:
    """Raise AlarmError for an expression that refers to an unknown id or to itself."""
    if name in above:
        raise AlarmError(f"the expression {name} refers to itself")
    for used in sorted(query.ids) if isinstance(query, Expression) else ():
        if used not in rule.queries:
            raise AlarmError(f"the expression {name} refers to {used}, which is none of the alarm's metrics")
        _check_ids(rule, used, rule.queries[used], (*above, name))


def _one_of(value: Any, known: Mapping[str, Any], name: str) -> str:
    if value not in known:
        raise AlarmError(f"{name} is {value!r}, but only {', '.join(known)} are evaluated")
    return str(value)


def _required(value: Any, name: str) -> float:
    if value is None:
        raise AlarmError(f"{name} is missing")
    return float(value)

"""Alarms are evaluated by the rules of CloudWatch's user guide; its tables and examples are the cases here.

Sources: CloudWatch User Guide, "Using Amazon CloudWatch alarms" (awsdocs/amazon-cloudwatch-user-guide,
doc_source/AlarmThatSendsEmail.md: the tables of missing data) and "Using math expressions with CloudWatch metrics"
(doc_source/using-metric-math.md: operators, missing values, FILL and IF).
"""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_aws.cloudwatch import emf
from embedded_aws.cloudwatch.clock import Clock
from embedded_aws.cloudwatch.evaluation import COMPARISONS, MISSING_DATA, AlarmRule, Statistic, evaluate, state_of
from embedded_aws.cloudwatch.expressions import ExpressionError, parse
from embedded_aws.cloudwatch.metrics import (
    STATISTICS,
    MetricId,
    MetricRecord,
    MetricSample,
    samples_of,
    statistic,
    windows,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
METRIC = MetricId("N", "M", ())
SYMBOLS = {"0": False, "X": True, "-": None}


def rule(needed: int = 1, periods: int = 1, treatment: str = "missing", **changed) -> AlarmRule:
    usual = {
        "queries": {"": Statistic(METRIC, "Sum")},
        "watched": "",
        "period": timedelta(minutes=5),
        "evaluation_periods": periods,
        "datapoints_to_alarm": needed,
        "threshold": 0.0,
        "comparison": "GreaterThanThreshold",
        "treat_missing_data": treatment,
    }
    return AlarmRule(**(usual | changed))


KEPT = "the state that it had"
UNKNOWN = "INSUFFICIENT_DATA"


# data points, then the state for missing, ignore, breaching, notBreaching
@pytest.mark.parametrize(
    ("needed", "points", "states"),
    [
        (3, "0 - X - X", ("OK", "OK", "OK", "OK")),
        (3, "0 - - - -", ("OK", "OK", "OK", "OK")),
        (3, "- - - - -", (UNKNOWN, KEPT, "ALARM", "OK")),
        (3, "0 X X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (3, "- - - - X", (UNKNOWN, KEPT, "ALARM", "OK")),
        (3, "X - - - -", ("ALARM", KEPT, "ALARM", "OK")),
        (3, "- - X - -", ("ALARM", KEPT, "ALARM", "OK")),  # "Avoiding premature transitions to alarm state"
        (2, "0 - X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (2, "0 0 X 0 X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (2, "0 - X - -", ("OK", "OK", "ALARM", "OK")),
        (2, "- - - - 0", ("OK", "OK", "ALARM", "OK")),
        (2, "- - - - X", (UNKNOWN, KEPT, "ALARM", "OK")),
    ],
)
def test_the_tables_of_the_user_guide(needed, points, states):
    breaches = [SYMBOLS[symbol] for symbol in points.split()]
    found = tuple(state_of(breaches, rule(needed, 3, treatment), KEPT) for treatment in MISSING_DATA)
    assert found == states


def recorded(*values: float | None, period: timedelta = timedelta(minutes=5)) -> MetricRecord:
    """A record with one value in the middle of each of the last periods before noon."""
    record = MetricRecord()
    for number, value in enumerate(reversed(values)):
        if value is not None:
            at = NOON - period * number - period / 2
            record.add(METRIC, MetricSample(at, 1, value, value, value, "None"))
    return record


@pytest.mark.parametrize(
    ("value", "states"),
    [
        (4.9, ("OK", "OK", "ALARM", "ALARM")),
        (5.0, ("OK", "ALARM", "OK", "ALARM")),
        (5.1, ("ALARM", "ALARM", "OK", "OK")),
    ],
)
def test_the_threshold_is_compared_as_the_alarm_says(value, states):
    rules = [rule(threshold=5.0, comparison=comparison) for comparison in COMPARISONS]
    assert tuple(evaluate(one, recorded(value), NOON, "OK").state for one in rules) == states


@pytest.mark.parametrize(("silent", "state"), [(0, "OK"), (1, "OK"), (2, "OK"), (3, "ALARM")])
def test_real_data_points_further_back_count_before_missing_ones(silent, state):
    # Given an alarm on silence with one period, and one data point before some silent periods
    watch = rule(threshold=1.0, comparison="LessThanThreshold", treatment="breaching")
    assert evaluate(watch, recorded(1.0, *[None] * silent), NOON, "OK").state == state


def test_filled_data_points_are_data_points():
    # Given the same alarm on FILL(m, 0), then one silent period is enough
    queries = {"m": Statistic(METRIC, "Sum"), "filled": parse("FILL(m, 0)")}
    watch = rule(threshold=1.0, comparison="LessThanThreshold", queries=queries, watched="filled")
    assert evaluate(watch, recorded(1.0), NOON, "OK").state == "OK"
    assert evaluate(watch, recorded(1.0, None), NOON, "OK").state == "ALARM"
    assert evaluate(watch, MetricRecord(), NOON, "OK").state == "ALARM"


def test_the_reason_names_data_point_threshold_and_what_is_missing():
    assert evaluate(rule(), recorded(3.0), NOON, "OK").reason == (
        "Threshold Crossed: 1 out of the last 1 datapoints [3.0 (20/11/26 11:55:00)] was greater than "
        "the threshold (0.0)."
    )
    assert evaluate(rule(treatment="breaching"), MetricRecord(), NOON, "OK").reason == (
        "Threshold Crossed: no datapoints were received for 1 period and "
        "1 missing datapoint was treated as [Breaching]."
    )


def test_a_window_slides_by_the_minute_and_ends_before_the_present_one():
    # CloudFormation, AWS::CloudWatch::Alarm EvaluationWindow: a sliding window is the default
    now = NOON + timedelta(seconds=59)
    assert windows(now, timedelta(minutes=5), 1) == [(NOON - timedelta(minutes=5), NOON)]
    assert windows(now + timedelta(seconds=1), timedelta(minutes=5), 1)[0][1] == NOON + timedelta(minutes=1)


@given(st.lists(st.one_of(st.none(), st.booleans()), min_size=5, max_size=5), st.sampled_from(MISSING_DATA))
def test_with_enough_real_data_points_the_treatment_of_missing_ones_is_ignored(breaches, treatment):
    present = [one for one in breaches if one is not None]
    found = state_of(breaches, rule(2, 3, treatment), KEPT)
    if len(present) >= 3:
        assert found == ("ALARM" if sum(present[-3:]) >= 2 else "OK")
    if treatment in ("breaching", "notBreaching"):
        assert found in ("ALARM", "OK")


VALUES = st.lists(st.integers(-1000, 1000).map(float), min_size=1)


@given(VALUES, st.data())
def test_statistics_do_not_depend_on_how_values_were_put(values, data):
    # Given the same values one by one, in a list with counts, and as a statistic set
    cut = data.draw(st.integers(0, len(values)))
    single = [one for value in values for one in samples_of({"Value": value}, NOON)]
    several = [
        one
        for part in (values[:cut], values[cut:])
        if part
        for one in samples_of({"Values": part, "Counts": [1] * len(part)}, NOON)
    ]
    told = {"SampleCount": len(values), "Sum": sum(values), "Minimum": min(values), "Maximum": max(values)}
    whole = samples_of({"StatisticValues": told}, NOON)
    for name in STATISTICS:
        assert statistic(name, single) == statistic(name, several) == statistic(name, whole)
    assert statistic("Average", single) == sum(values) / len(values)
    assert statistic("Sum", []) is None


def test_a_unit_narrows_a_metric_and_other_dimensions_are_another_metric():
    record = recorded(1.0)
    record.add(MetricId("N", "M", (("a", "b"),)), MetricSample(NOON, 1, 9, 9, 9, "None"))
    window = (NOON - timedelta(hours=1), NOON + timedelta(hours=1))
    assert [one.total for one in record.within(METRIC, window)] == [1.0]
    assert record.within(METRIC, window, "Seconds") == []


M1, M2, M3 = (1, 1, 0, 0, None), (30, None, 0, 0, 30), (0, 0, 20, None, 20)


@pytest.mark.parametrize(
    ("expression", "known", "expected"),
    [
        # the guide's own examples
        ("m1 < m2", {"m1": (30, 20, 0, 0), "m2": (20, None, 20, None)}, (0, 0, 1, 0)),
        ("m1 >= 30", {"m1": (30, 20, 0, 0)}, (1, 0, 0, 0)),
        ("m1 > 15 AND m2 > 15", {"m1": (30, 20, 0, 0), "m2": (20, None, 20, None)}, (1, 0, 0, 0)),
        ("IF(m1, m2, m3)", {"m1": M1, "m2": M2, "m3": M3}, (30, 0, 20, None, None)),
        ("IF(m1, 5, m3)", {"m1": M1, "m3": M3}, (5, 5, 20, None, None)),
        ("IF(m1, m2, 5)", {"m1": M1, "m2": M2}, (30, 0, 5, 5, None)),
        ("IF(m1 < 400, m1)", {"m1": (300, 500, None)}, (300, None, None)),
        # arithmetic: a missing value is 0 beside another, a division by zero is dropped
        ("a + b * 2", {"a": (1, None, None), "b": (2, 3, None)}, (5, 6, None)),
        ("100 * a / (a + b)", {"a": (1, 0, None), "b": (3, 0, None)}, (25, None, None)),
        ("-1 + a ^ 2", {"a": (3,)}, (8,)),
        ("a - b - 1", {"a": (5,), "b": (2,)}, (2,)),
        ("MAX([FILL(a, 0), FILL(b, 0)])", {"a": (1, None), "b": (None, None)}, (1, 0)),
        ("SUM([a, b])", {"a": (1, None, None), "b": (2, 3, None)}, (3, 3, None)),
        ("MIN(FILL([a, b], 7))", {"a": (1, None), "b": (2, 9)}, (1, 7)),
        ("FILL(a, REPEAT)", {"a": (None, 1, None, 2, None)}, (None, 1, 1, 2, 2)),
        ("a != 1 || a == 1", {"a": (1, 2, None)}, (1, 1, None)),
    ],
)
def test_metric_math(expression, known, expected):
    series = {name: tuple(None if one is None else float(one) for one in values) for name, values in known.items()}
    assert parse(expression).compute(series) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "a +",
        "(a",
        "a b",
        "1 + 2",
        "MAX(a)",
        "SEARCH(a)",
        "RATE(a)",
        "FILL(a, LINEAR)",
        "IF(1, a, a)",
        "[a, b]",
        "a $ b",
    ],
)
def test_what_is_not_understood_is_an_error_and_never_ok(expression):
    with pytest.raises(ExpressionError):
        parse(expression)


def line(**changed) -> str:
    metrics = [{"Name": "Looks", "Unit": "Count"}, {"Name": "Absent"}]
    directive = {"Namespace": "Pomona", "Dimensions": [["service"]], "Metrics": metrics}
    document = {"_aws": {"Timestamp": 1_795_176_000_000, "CloudWatchMetrics": [directive]}, "service": "pomona"}
    return json.dumps(document | {"Looks": [1, 2.5]} | changed)


def test_a_line_in_the_embedded_metric_format_is_measured_at_its_own_time():
    (measured,) = emf.metrics_in(line())
    dimensions = [{"Name": "service", "Value": "pomona"}]
    assert measured.namespace == "Pomona"
    assert measured.at == datetime.fromtimestamp(1_795_176_000, UTC)
    assert measured.data == [{"MetricName": "Looks", "Dimensions": dimensions, "Values": [1.0, 2.5], "Unit": "Count"}]


@pytest.mark.parametrize("text", ["", "INFO done", "[1]", '{"a": 1}', '{"_aws": 3}', line(Looks="many"), line()[:-1]])
def test_any_other_line_measures_nothing(text):
    assert emf.metrics_in(text) == []


def test_the_clock_goes_forward_only():
    clock = Clock()
    later = clock.now() + timedelta(hours=6)
    clock.put_forward(later)
    assert timedelta() <= clock.now() - later < timedelta(minutes=1)
    assert clock.shifted(datetime.now(UTC)) >= later
    with pytest.raises(ValueError, match="cannot be set back"):
        clock.put_forward(later - timedelta(seconds=1))

"""Which alarms `pomona status` shows: those of this stack that are on, or none at all without the permission."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from pomona_cli.status.alarms import active_alarms

DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DescribeAlarms")
SINCE = datetime(2026, 11, 20, 12, tzinfo=UTC)


def alarm(name: str, hour: int = 12) -> dict:
    return {"AlarmName": name, "StateUpdatedTimestamp": SINCE.replace(hour=hour), "StateReason": "Threshold Crossed"}


def stack_with(*pages, error: Exception | None = None):
    def paginate(**asked):
        assert asked == {"AlarmNamePrefix": "pomona-", "StateValue": "ALARM", "AlarmTypes": ["MetricAlarm"]}
        if error:
            raise error
        return [{"MetricAlarms": page} for page in pages]

    client = SimpleNamespace(get_paginator=lambda _: SimpleNamespace(paginate=paginate))
    return SimpleNamespace(location=SimpleNamespace(stack="pomona"), client=lambda _: client)


def test_an_alarm_has_its_name_in_the_template_its_reason_and_its_place_in_the_runbook():
    (found,) = active_alarms(stack_with([alarm("pomona-DeadLetterAlarm-1A2B")]))
    assert found.document() == {
        "name": "DeadLetterAlarm",
        "since": "2026-11-20T12:00:00.000Z",
        "reason": "Threshold Crossed",
        "runbook": "docs/operations.md#deadletteralarm",
    }


def test_alarms_of_every_page_are_shown_the_oldest_first():
    pages = [alarm("pomona-A-1", 12)], [alarm("pomona-B-1", 11), alarm("pomona-C-1", 13)]
    assert [one.name for one in active_alarms(stack_with(*pages))] == ["B", "A", "C"]


def test_the_alarms_of_a_stack_whose_name_begins_alike_are_not_shown():
    assert active_alarms(stack_with([alarm("pomona-two-DeadLetterAlarm-1A2B"), alarm("pomona-by-hand-now")])) == []


@pytest.mark.parametrize("error", [DENIED, EndpointConnectionError(endpoint_url="monitoring")])
def test_what_may_not_be_seen_is_left_out(error):
    assert active_alarms(stack_with(error=error)) is None

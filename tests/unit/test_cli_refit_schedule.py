"""When the next refit is due, as the schedule of the stack says it."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from pomona_cli.status.refit_schedule import RefitSchedule, read_refit_schedule

REFUSED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetSchedule")
GONE = ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}, "GetSchedule")


def schedule(answer: dict[str, Any] | Exception) -> RefitSchedule | None:
    def get_schedule(Name: str) -> dict[str, Any]:
        assert Name == "orchard-refit"
        if isinstance(answer, Exception):
            raise answer
        return answer

    stack: Any = SimpleNamespace(
        client=lambda _: SimpleNamespace(get_schedule=get_schedule), location=SimpleNamespace(stack="orchard")
    )
    return read_refit_schedule(stack)


def test_a_rate_is_counted_from_the_last_change_of_the_schedule() -> None:
    changed = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=30)
    found = schedule({"ScheduleExpression": "rate(1 day)", "State": "ENABLED", "LastModificationDate": changed})
    assert found == RefitSchedule("rate(1 day)", True, changed + timedelta(days=2))
    assert found.is_rate


def test_a_start_date_comes_before_the_last_change() -> None:
    starts = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=5)
    found = schedule({"ScheduleExpression": "rate(1 day)", "StartDate": starts, "LastModificationDate": starts})
    assert found is not None
    assert found.next_at == starts


@pytest.mark.parametrize(
    "changed",
    [
        {"ScheduleExpression": "daily"},
        {"ScheduleExpressionTimezone": "Mars/Olympus"},
        {"ScheduleExpression": "cron(0 3 1 1 ? 1999)"},
    ],
)
def test_what_is_not_understood_has_no_next_time(changed: dict[str, str]) -> None:
    found = schedule({"ScheduleExpression": "cron(0 3 * * ? *)", **changed})
    assert found is not None
    assert found.next_at is None


def test_a_disabled_schedule_tells_no_next_time() -> None:
    found = schedule({"ScheduleExpression": "cron(0 3 * * ? *)", "State": "DISABLED"})
    assert found is not None
    assert found.document() == {"expression": "cron(0 3 * * ? *)", "is_enabled": False, "next_at": None}


@pytest.mark.parametrize("error", [REFUSED, GONE, EndpointConnectionError(endpoint_url="scheduler")])
def test_what_may_not_be_seen_is_left_out(error: Exception) -> None:
    assert schedule(error) is None

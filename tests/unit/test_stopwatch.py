"""The clock of a run."""

import time
from datetime import UTC, datetime

import pytest

from pomona.stopwatch import Stopwatch


def test_work_that_was_done_before_counts_and_the_time_between_does_not() -> None:
    # Given imports that took two seconds, and a process that then waited for its first event
    before = datetime.now(UTC)
    watch = Stopwatch(before=2.0)
    # When the run is timed
    with watch.timing("plan"):
        time.sleep(0.1)
    # Then the whole is both, and the run began when its event came
    readings = watch.readings()
    assert readings["plan"] == pytest.approx(0.1, abs=0.09)
    assert readings["total"] == pytest.approx(2.1, abs=0.5)
    assert watch.started_at >= before

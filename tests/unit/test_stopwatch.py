"""The clock of a run."""

from collections.abc import Iterator

import pytest

from pomona import stopwatch
from pomona.stopwatch import Stopwatch


def test_work_that_was_done_before_counts_and_the_time_between_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given imports that took two seconds, and a process that then waited for its first event until second 100
    seconds: Iterator[float] = iter([100.0, 101.0, 104.0, 105.0])
    monkeypatch.setattr(stopwatch, "perf_counter", lambda: next(seconds))
    watch = Stopwatch(before=2.0, _started=100.0)
    # When the run plans from second 100 to 101, and its end is read at 104
    with watch.timing("plan"):
        pass
    # Then the whole is the imports and the run
    assert watch.readings() == {"plan": 1.0, "total": 6.0}

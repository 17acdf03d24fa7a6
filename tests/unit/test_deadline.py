"""A run's deadline comes before its timeout, and what runs then is cancelled until it has ended."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pomona.table.deadline import NEVER, RESERVED_MINUTES, Deadline


@pytest.mark.parametrize(("timeout", "used", "left"), [(5, 0, 180), (60, 600, 54 * 60 - 600), (720, 0, 648 * 60)])
def test_a_deadline_is_the_timeout_less_what_is_used_and_reserved(timeout, used, left):
    assert Deadline.of_run(timeout, used).at - time.monotonic() == pytest.approx(left, abs=1)


@given(timeout=st.integers(5, 720), used=st.floats(0, 100_000))
def test_a_deadline_leaves_time_to_write_the_record(timeout, used):
    at = Deadline.of_run(timeout, used).at
    assert at + used <= time.monotonic() + 60 * (timeout - RESERVED_MINUTES)


def test_a_deadline_that_has_passed_says_so():
    assert Deadline.of_run(5, 181).has_passed
    assert not Deadline.of_run(5, 170).has_passed
    assert not NEVER.has_passed


def test_nothing_is_cancelled_before_the_deadline():
    cancelled = []
    with Deadline(time.monotonic() + 60).cancelling(lambda: cancelled.append(1)), NEVER.cancelling(lambda: 1 / 0):
        pass
    assert cancelled == []


def test_work_is_cancelled_again_and_again_until_the_block_ends(monkeypatch):
    # Given a procedure that begins a new job whenever one is cancelled, three times
    monkeypatch.setattr("pomona.table.deadline.CANCELS_EVERY_SECONDS", 0.01)
    cancelled = threading.Semaphore(0)
    with Deadline(time.monotonic() + 0.05).cancelling(cancelled.release):
        for _ in range(3):
            assert cancelled.acquire(timeout=10)
    # Then it is left alone afterwards
    threads = [thread.name for thread in threading.enumerate()]
    assert "deadline" not in threads

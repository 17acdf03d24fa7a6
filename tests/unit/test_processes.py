"""Processes carry out pieces of work; one that dies costs the piece that it was at."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pomona.processes import Processes, WorkFailedError


def squared(number: int) -> int:
    return number * number


def dies_of_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def raises_at_odd(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number


def process_id(_: int) -> int:
    return os.getpid()


def unpicklable(_: int) -> object:
    return lambda: None


def gathered(
    processes: Processes, work: list[int], task: Callable[[int], int]
) -> tuple[list[tuple[int, int]], WorkFailedError[int]]:
    """The results that came, and the error after them."""
    found = []
    try:
        for result in processes.results(work, task):
            found.append(result)
    except WorkFailedError as error:
        return found, error
    raise AssertionError("no piece failed")


def test_every_piece_has_its_result() -> None:
    with Processes.spawned(2) as processes:
        for count in (0, 1, 7):
            found = dict(processes.results(list(range(count)), squared))
            assert found == {number: number**2 for number in range(count)}


def test_the_same_process_gets_the_piece_of_the_same_number() -> None:
    with Processes.spawned(3) as processes:
        first = dict(processes.results([1, 2, 3], process_id))
        assert dict(processes.results([7, 8, 9], process_id)) == first
        assert len(set(first.values())) == 3


def test_a_process_that_dies_costs_the_piece_that_it_was_at() -> None:
    with Processes.spawned(2) as processes:
        found = []
        with pytest.raises(
            WorkFailedError, match=r"1 pieces of the work have no result: a process died \(exit code -9"
        ) as raised:
            found += processes.results(list(range(20)), dies_of_three)
        assert raised.value.unfinished == [3]
        # And the other process goes on, also with further work
        assert sorted(processes.results([4, 5], squared)) == [(0, 16), (1, 25)]


def test_another_process_takes_the_place_of_one_that_has_died() -> None:
    with Processes.spawned(1) as processes:
        first = dict(processes.results([0], process_id))
        found, error = gathered(processes, [1, 2, 3, 4, 5], dies_of_three)
        assert ([made for _, made in found], error.unfinished) == ([1, 2, 4, 5], [3])
        assert dict(processes.results([0], process_id)) != first


def test_work_that_nobody_waits_for_any_more_is_given_up_and_the_next_is_done() -> None:
    with Processes.spawned(2) as processes:
        results = processes.results(list(range(9)), squared)
        next(results)
        results.close()
        assert sorted(processes.results([4, 5], squared)) == [(0, 16), (1, 25)]


def test_an_error_is_told_after_all_other_results() -> None:
    with Processes.spawned(2) as processes:
        found, error = gathered(processes, [0, 1, 2, 3], raises_at_odd)
    assert sorted(found) == [(0, 0), (2, 2)]
    assert (str(error).endswith("ValueError: 1 is odd"), error.unfinished) == (True, [1, 3])


def test_a_result_that_cannot_be_sent_is_an_error_of_its_piece() -> None:
    with Processes.spawned(1) as processes:
        with pytest.raises(WorkFailedError, match="pickle"):
            list(processes.results([1], unpicklable))
        assert list(processes.results([3], squared)) == [(0, 9)]


PARENT = """
import multiprocessing, time
from pomona.processes import Processes
with Processes.forked(2):
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
    time.sleep(60)
"""


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_no_process_outlives_a_parent_that_is_killed() -> None:
    # Given a process with two others
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        children = [int(word) for word in parent.stdout.readline().split()]
        assert [is_running(child) for child in children] == [True, True]
        # When it is killed
        parent.kill()
    # Then the kernel ends the others
    until = time.monotonic() + 10
    while any(map(is_running, children)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(is_running, children))

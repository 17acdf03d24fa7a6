"""Work on a stream with a few threads."""

import pytest

from pomona_cli.parallel import parallel_map


def test_no_more_is_taken_than_is_worked_on():
    taken = []

    def items():
        for item in range(100):
            taken.append(item)
            yield item

    results = parallel_map(2, lambda item: item * 2, items())
    assert next(results) == 0
    assert len(taken) == 4
    assert list(results) == [item * 2 for item in range(1, 100)]


def test_the_first_error_ends_it():
    def work(item):
        if item == 5:
            raise ValueError("five")
        return item

    results = parallel_map(2, work, range(1000))
    with pytest.raises(ValueError, match="five"):
        list(results)


def test_whoever_stops_early_leaves_nothing_behind():
    done = []
    results = parallel_map(1, done.append, range(1000))
    next(results)
    results.close()
    assert len(done) <= 2

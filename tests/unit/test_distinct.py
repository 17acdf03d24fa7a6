"""The number of different texts: exact for few, near for many, however they are cut, in bounded memory."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pomona.classifier.distinct import KEPT, DistinctCount


@given(st.lists(st.text(max_size=3), max_size=60), st.integers(0, 60))
def test_few_texts_are_counted_exactly_however_they_are_cut(texts, cut):
    whole, some = DistinctCount(texts), DistinctCount(texts[:cut])
    some.update(DistinctCount(texts[cut:]))
    assert some == whole
    assert int(some) == len(set(texts))


def test_many_texts_are_counted_to_a_per_cent_or_so_in_bounded_memory():
    # Given four times as many texts as are counted exactly, in parts that overlap
    total = DistinctCount()
    for first in range(0, 4 * KEPT, KEPT // 2):
        total.update(DistinctCount(f"upload-{number}" for number in range(first, first + KEPT)))
    # Then their number is known about, and eight bytes or so are kept of so many
    assert int(total) == pytest.approx(4.5 * KEPT, rel=0.02)
    assert len(pickle.dumps(total)) < 2 * KEPT * 12


def test_a_label_that_is_one_of_the_smallest_hashes_is_counted_once():
    one, other = DistinctCount(["apple"]), DistinctCount(["apple", "pear"])
    one.update(other)
    assert int(one) == 2

"""Co-moments of parts add up to those of the whole, in any order and at any offset."""

import pickle
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pomona.pca.comoments import CoMoments

values = st.floats(-1e3, 1e3, width=32)


def rows(width):
    return arrays(np.float32, st.tuples(st.integers(0, 12), st.just(width)), elements=values)


blocks = st.integers(1, 5).flatmap(lambda width: st.lists(rows(width), min_size=1, max_size=6))


def assert_same(ours: CoMoments, theirs: CoMoments):
    assert ours.count == theirs.count
    np.testing.assert_allclose(ours.mean, theirs.mean, rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(ours.scatter, theirs.scatter, rtol=1e-11, atol=1e-6)


def merge_all(parts, width):
    return reduce(CoMoments.merge, parts, CoMoments.empty(width))


def directly(rows):
    """Mean and scatter by their definition."""
    rows = rows.astype(np.float64)
    if not len(rows):
        return CoMoments.empty(rows.shape[1])
    centred = rows - rows.mean(axis=0)
    return CoMoments(len(rows), rows.mean(axis=0), centred.T @ centred)


@given(blocks)
def test_merged_blocks_are_the_whole(blocks):
    width = blocks[0].shape[1]
    assert_same(merge_all(map(CoMoments.of, blocks), width), directly(np.concatenate(blocks)))


@given(blocks)
def test_blocks_taken_in_one_after_the_other_are_the_whole(blocks):
    width = blocks[0].shape[1]
    assert_same(reduce(CoMoments.with_rows, blocks, CoMoments.empty(width)), directly(np.concatenate(blocks)))


@given(blocks)
def test_a_union_of_many_is_what_merging_one_after_the_other_gives(blocks):
    width = blocks[0].shape[1]
    parts = [CoMoments.of(block) for block in blocks]
    assert_same(CoMoments.of_union(parts), merge_all(parts, width))


@given(st.floats(-1e6, 1e6, width=32), st.lists(st.integers(1, 9), min_size=2, max_size=6))
def test_a_column_that_is_constant_in_all_parts_has_no_scatter_in_their_union(value, lengths):
    blocks = [np.full((length, 1), value, np.float32) for length in lengths]
    union = CoMoments.of_union(list(map(CoMoments.of, blocks)))
    for whole in (union, reduce(CoMoments.with_rows, blocks, CoMoments.empty(1))):
        assert whole.scatter[0, 0] == 0.0
        assert whole.mean[0] == np.float32(value)


@given(st.tuples(rows(3), rows(3), rows(3)))
def test_order_and_grouping_do_not_matter(three):
    a, b, c = map(CoMoments.of, three)
    assert_same(a.merge(b), b.merge(a))
    assert_same(a.merge(b).merge(c), a.merge(b.merge(c)))


@given(rows(3))
def test_no_rows_are_neutral(some):
    moments = CoMoments.of(some)
    assert_same(moments.merge(CoMoments.empty(3)), moments)
    assert_same(CoMoments.empty(3).merge(moments), moments)


@given(rows(3), rows(3))
def test_rows_that_are_taken_away_again_leave_the_others(some, others):
    merged = CoMoments.of(some).merge(CoMoments.of(others))
    left = merged.without(CoMoments.of(others))
    assert left.count == len(some)
    expected = CoMoments.of(some).scatter
    varies = left.scatter.any(axis=0)  # in other columns the rest is below the digits of the whole
    assert (np.diag(expected)[~varies] <= 1e-12 * np.diag(merged.scatter)[~varies]).all()
    np.testing.assert_allclose(left.scatter[np.ix_(varies, varies)], expected[np.ix_(varies, varies)], atol=1e-6)
    if len(some):
        np.testing.assert_allclose(left.mean, CoMoments.of(some).mean, atol=1e-9)


@given(rows(4))
def test_statistics_survive_pickling_in_half_the_bytes(some):
    moments = CoMoments.of(some)
    assert_same(pickle.loads(pickle.dumps(moments)), moments)


def test_a_pickle_holds_one_triangle():
    moments = CoMoments.of(np.random.default_rng(0).normal(size=(10, 100)))
    assert len(pickle.dumps(moments)) < 0.6 * moments.scatter.nbytes


@pytest.mark.parametrize("offset", [1e3, 1e6])
def test_a_large_offset_costs_no_digits(offset):
    # Given standard normal features far from zero, in blocks
    features = np.random.default_rng(0).normal(size=(5000, 20))
    moments = merge_all((CoMoments.of(block) for block in np.split(features + offset, 10)), 20)
    # Then the scatter is that of the features without the offset, as far as the shifted numbers hold it
    expected = directly((features + offset) - offset)
    np.testing.assert_allclose(moments.scatter, expected.scatter, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(moments.mean - offset, expected.mean, atol=1e-9)


def test_a_constant_column_has_no_scatter_at_all():
    features = np.random.default_rng(0).normal(size=(1000, 3))
    features[:, 1] = 0.1
    moments = merge_all((CoMoments.of(block) for block in np.split(features, 7 * [0] + [300, 301])), 3)
    assert not moments.scatter[1].any()
    assert moments.mean[1] == 0.1


def test_features_are_multiplied_as_float64():
    features = np.random.default_rng(0).normal(size=(4000, 8)).astype(np.float32) + np.float32(100)
    np.testing.assert_allclose(CoMoments.of(features).scatter, directly(features).scatter, rtol=1e-10, atol=1e-8)

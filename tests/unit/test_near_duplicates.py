"""Near-copies are grouped as a dense comparison and a graph search group them."""

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pomona.identify.near_duplicates import near_duplicates
from pomona.identify.neighbours import unit


def vectors(rows):
    return unit(np.asarray(rows, float)).astype(np.float16)


@settings(deadline=None)
@given(st.integers(0, 60), st.floats(0.2, 0.99), st.integers(0, 10**6))
def test_groups_are_the_connected_components_of_similar_pairs(count, threshold, seed):
    # Given vectors, and the graph of all pairs that are similar enough
    rows = vectors(np.random.default_rng(seed).normal(size=(count, 3)).reshape(count, 3))
    similar = rows.astype(np.float32) @ rows.astype(np.float32).T >= threshold
    graph = networkx.Graph()
    graph.add_edges_from(np.argwhere(np.triu(similar, 1)).tolist())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pomona.identify.near_duplicates.ROWS_AT_ONCE", 7)
        found = near_duplicates(rows, threshold)
    assert sorted(group.rows for group in found) == sorted(
        tuple(sorted(component)) for component in networkx.connected_components(graph)
    )


def test_the_largest_group_comes_first_and_tells_how_alike_it_is():
    found = near_duplicates(vectors([[1, 0], [0, 1], [1, 0], [0, 1], [0, 1.02], [-1, 0]]), 0.99)
    assert [group.rows for group in found] == [(1, 3, 4), (0, 2)]
    assert [group.similarity for group in found] == [pytest.approx(1, abs=1e-3)] * 2


def test_an_empty_table_has_no_duplicates():
    assert near_duplicates(np.empty((0, 0), np.float16), 0.9) == []

"""What the parts of a table are is what the whole is, however it is cut."""

import itertools

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pomona.pca.comoments import CoMoments
from pomona.refit.first_pass import FirstPassResult
from pomona.refit.row_statistics import RowStatistics, RowStatisticsTotal

ROWS = st.lists(
    st.tuples(
        st.text("abc", min_size=1, max_size=3),
        st.one_of(st.none(), st.text("xyz", max_size=2)),
        st.sampled_from(["net@1", "net@0"]),
        st.one_of(st.none(), st.just("it is text")),
    ),
    max_size=30,
)


def batch_of(rows) -> pa.RecordBatch:
    columns = {name: [row[at] for row in rows] for at, name in enumerate(("key", "label", "backbone", "error"))}
    return pa.RecordBatch.from_pydict({name: pa.array(values, pa.string()) for name, values in columns.items()})


@given(rows=ROWS, cuts=st.lists(st.integers(0, 30), max_size=6))
def test_the_parts_together_are_the_whole(rows, cuts):
    # Given rows of every kind, cut anywhere, some parts empty
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    width, random = 2, np.random.default_rng(len(rows))
    features = random.normal(size=(len(rows), width))
    parts = [
        FirstPassResult(
            RowStatistics.of(batch_of(rows[low:high]), "net@1"), CoMoments.of(features[low:high]), high - low
        )
        for low, high in itertools.pairwise(edges)
    ]
    # Then their sum is what is found out about all of them at once, whatever their order
    for some in (parts, parts[::-1]):
        found = FirstPassResult.merge_all(iter(some), width)
        assert found.statistics == RowStatistics.of(batch_of(rows), "net@1")
        assert found.left_out == found.moments.count == len(rows)
        np.testing.assert_allclose(found.moments.mean, CoMoments.of(features).mean, atol=1e-12)


def test_labels_are_added_to_one_set_which_no_sum_copies():
    total = RowStatisticsTotal()
    labels = total.labels
    for number in range(100):
        total.add(RowStatistics(1, labels=frozenset({f"label {number}"})))
    assert total.labels is labels
    assert total.result().classes == 100

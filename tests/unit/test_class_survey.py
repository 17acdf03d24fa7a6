"""What the parts of a table are is what the whole is, however it is cut."""

import itertools

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pomona.refit.class_survey import ClassSurvey
from pomona.refit.row_statistics import RowStatistics, RowStatisticsTotal

ROWS = st.lists(
    st.tuples(
        st.text("abc", min_size=1, max_size=3),
        st.one_of(st.none(), st.text("xyz", max_size=2)),
        st.sampled_from(["net@1", "net@0"]),
        st.one_of(st.none(), st.just("it is text")),
        st.one_of(st.none(), st.text("e", max_size=2)),
    ),
    max_size=30,
)


def batch_of(rows) -> pa.RecordBatch:
    columns = {name: [row[at] for row in rows] for at, name in enumerate(("key", "label", "backbone", "error", "etag"))}
    return pa.RecordBatch.from_pydict({name: pa.array(values, pa.string()) for name, values in columns.items()})


@given(rows=ROWS, cuts=st.lists(st.integers(0, 30), max_size=6))
def test_the_parts_together_are_the_whole(rows, cuts):
    # Given rows of every kind, cut anywhere, some parts empty
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    parts = []
    for low, high in itertools.pairwise(edges):
        part = ClassSurvey.of_table(len(rows))
        part.add(batch_of(rows[low:high]), "net@1")
        parts.append(part)
    whole = ClassSurvey.of_table(len(rows))
    whole.add(batch_of(rows), "net@1")
    # Then their sum is what is found out about all of them at once, whatever their order
    for some in (parts, parts[::-1]):
        found = ClassSurvey.of_table(len(rows))
        for part in some:
            found.merge(part)
        assert found.statistics.result() == RowStatistics.of(batch_of(rows), "net@1")
        assert found.classes == whole.classes
        assert found.folds().cuts == whole.folds().cuts


def test_labels_are_added_to_one_set_which_no_sum_copies():
    total = RowStatisticsTotal()
    labels = total.labels
    for number in range(100):
        total.add(RowStatistics(1, labels=frozenset({f"label {number}"})))
    assert total.labels is labels
    assert total.result().classes == 100

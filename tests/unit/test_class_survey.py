"""What the parts of a table are is what the whole is, however it is cut."""

import itertools
import pickle

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pomona.classifier import distinct, folds
from pomona.refit.class_survey import ClassSurvey
from pomona.refit.row_statistics import RowStatistics

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


def test_a_label_for_each_image_costs_bounded_memory(monkeypatch):
    # Given a service that puts each image into a folder of its own, beside two folders with many
    monkeypatch.setattr(folds, "MOST_SAMPLED_LABELS", 40)
    monkeypatch.setattr(distinct, "KEPT", 64)
    sizes = {}
    for images in (1_000, 4_000):
        survey = ClassSurvey.of_table(2**16)
        for first in range(0, images, 100):
            numbers = range(first, first + 100)
            labels = ["apple" if n % 10 == 0 else "pear" if n % 10 == 1 else f"upload-{n}" for n in numbers]
            survey.add(
                batch_of(
                    [(f"{n}.jpg", label, "net@1", None, f"{n}") for n, label in zip(numbers, labels, strict=True)]
                ),
                "net@1",
            )
        sizes[images] = len(pickle.dumps(survey))
    # Then what a task hands over does not grow with their number
    assert sizes[4_000] < 1.1 * sizes[1_000]
    # And the two are known as classes, and about how many others there are
    assert {"apple", "pear"} <= set(survey.classes.labels)
    assert survey.statistics.result().classes == pytest.approx(3_202, rel=0.4)

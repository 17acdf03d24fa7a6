"""A comparison counts only if both sides did the same: the same keys, and the same features but for rounding."""

import numpy as np
import pyarrow as pa
import pytest

from benchmarks.agreement import features_by_key, largest_difference
from benchmarks.places import BenchError

OURS = {"a.jpg": np.array([0.0, 2.0, 4.0], np.float32), "b.jpg": np.array([1.0, 0.0, 3.0], np.float32)}


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.list_(pa.float32(), 3)], ids=["lists", "of one length"])
def test_features_are_found_by_their_key(kind: pa.DataType):
    # Given a table of several chunks
    rows = pa.table({"key": ["a.jpg"], "features": pa.array([[0, 2, 4]], kind)})
    more = pa.table({"key": ["b.jpg"], "features": pa.array([[1, 0, 3]], kind)})
    # When it is read by key
    found = features_by_key(pa.concat_tables([rows, more]))
    # Then each key has its row
    assert {key: row.tolist() for key, row in found.items()} == {key: row.tolist() for key, row in OURS.items()}


def test_rounding_is_no_difference():
    theirs = {"a.jpg": OURS["a.jpg"] * np.float32(1 + 1e-6)}
    assert largest_difference(OURS, theirs, ["a.jpg"], "the peer") == pytest.approx(1e-6, rel=0.2)


@pytest.mark.parametrize("wrong", [0.01, float("nan")])
def test_other_features_end_the_measurement(wrong: float):
    theirs = OURS | {"b.jpg": OURS["b.jpg"] + np.array([0, wrong, 0], np.float32)}
    with pytest.raises(BenchError, match="the features of the peer are others than ours"):
        largest_difference(OURS, theirs, ["a.jpg", "b.jpg"], "the peer")


@pytest.mark.parametrize("keys", [["a.jpg"], ["a.jpg", "b.jpg", "c.jpg"]], ids=["too many", "too few"])
def test_other_keys_end_the_measurement(keys: list[str]):
    with pytest.raises(BenchError, match="the peer has 2 keys"):
        largest_difference(OURS, OURS, keys, "the peer")

"""The nearest images are those that a dense comparison of all finds."""

import io

import numpy as np
import pytest

from pomona.identify.neighbours import NeighboursBuilder, load_neighbours, neighbours_bytes


def built(rows, keys=None, labels=None):
    builder = NeighboursBuilder()
    keys = keys or [f"{number}.jpg" for number in range(len(rows))]
    labels = labels or [None] * len(rows)
    for part in np.array_split(np.arange(len(rows)), 3):
        builder.add([keys[row] for row in part], [labels[row] for row in part], rows[part])
    return builder.finish()


def test_the_nearest_are_those_with_the_largest_cosine(monkeypatch):
    monkeypatch.setattr("pomona.identify.neighbours.ROWS_AT_ONCE", 64)
    rng = np.random.default_rng(0)
    rows, wanted = rng.normal(size=(1000, 20)), rng.normal(size=20)
    cosines = rows @ wanted / np.linalg.norm(rows, axis=1) / np.linalg.norm(wanted)
    found = built(rows).nearest(wanted, 10)
    assert [one.key for one in found] == [f"{row}.jpg" for row in np.argsort(-cosines)[:10]]
    assert [one.similarity for one in found] == pytest.approx(sorted(cosines, reverse=True)[:10], abs=1e-3)


def test_widened_vectors_find_the_same():
    rng = np.random.default_rng(0)
    index = built(rng.normal(size=(300, 20)))
    wanted = rng.normal(size=20)
    assert index.widened().nearest(wanted, 10) == index.nearest(wanted, 10)
    assert index.widened().vectors.dtype == np.float32


def test_a_saved_index_comes_back_whole():
    rows = np.random.default_rng(0).normal(size=(5, 3))
    keys, labels = ["ä/1.jpg", "b/, 2.jpg", "c", "d\ud800/4", "e\n5"], ["ä", "b", None, "d", "ä"]
    loaded = load_neighbours(io.BytesIO(neighbours_bytes(built(rows, keys, labels))))
    assert [(loaded.key(row), loaded.nearest(rows[row], 1)[0].label) for row in range(5)] == list(
        zip(keys, labels, strict=True)
    )


def test_the_same_picture_has_similarity_1_and_zeros_have_none():
    rows = np.array([[1.0, 2.0], [0.0, 0.0], [-1.0, -2.0]])
    found = built(rows).nearest(np.array([2.0, 4.0]), 5)
    assert [one.similarity for one in found] == pytest.approx([1, 0, -1], abs=1e-3)


def test_an_empty_index_has_no_nearest():
    assert load_neighbours(io.BytesIO(neighbours_bytes(NeighboursBuilder().finish()))).nearest(np.ones(3), 4) == []


def test_only_the_first_components_are_kept(monkeypatch):
    monkeypatch.setattr("pomona.identify.neighbours.MOST_COMPONENTS", 2)
    index = built(np.array([[1.0, 0.0, 100.0], [0.0, 1.0, 100.0]]))
    assert index.nearest(np.array([1.0, 0.0, -100.0]), 1)[0].key == "0.jpg"


def test_another_format_is_refused():
    file = io.BytesIO()
    np.savez(file, format=3)
    file.seek(0)
    with pytest.raises(ValueError, match="format 2"):
        load_neighbours(file)


def test_the_index_of_an_earlier_release_is_read():
    # Given a file of format 1, whose labels are NumPy's strings
    index = built(np.eye(2), labels=["ä", "b"])
    file = io.BytesIO()
    arrays = {name: getattr(index, name) for name in ("vectors", "keys", "ends", "codes")}
    np.savez(file, format=1, labels=np.array(index.labels, np.str_), **arrays)
    file.seek(0)
    # Then it is the same index
    assert load_neighbours(file).nearest(np.eye(2)[0], 2) == index.nearest(np.eye(2)[0], 2)


def test_a_long_label_makes_no_other_longer():
    # Given each image in a folder of its own, and one folder with the longest name
    labels = [f"upload-{number}" for number in range(2000)]
    usual = len(neighbours_bytes(built(np.ones((2000, 2)), labels=labels)))
    long = len(neighbours_bytes(built(np.ones((2000, 2)), labels=[*labels[1:], "l" * 1000])))
    # Then the file has room for that name once
    assert long < usual + 2000


def test_a_key_is_found_by_its_whole_name_alone():
    # Given keys that are parts of each other, also across the end of one and the beginning of the next
    keys = ["a", "ba", "ab", "a/b", "ä.jpg"]
    index = built(np.eye(len(keys)), keys)
    assert [index.row(key) for key in keys] == [0, 1, 2, 3, 4]
    assert [index.row(key) for key in ("b", "aba", "a/", "ä", "c")] == [None] * 5
    assert NeighboursBuilder().finish().row("a") is None

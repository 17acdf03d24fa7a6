"""Folds hold near-copies together: contiguous ranges in natural order, and equal etags in one fold."""

import itertools
import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pomona.classifier import copies as copies_module
from pomona.classifier import folds as folds_module
from pomona.classifier.copies import CopySurvey
from pomona.classifier.folds import FOLDS, Folds, KeySample, content_hashes
from pomona.classifier.natural_order import natural_key
from pomona.classifier.repeats import FEWEST_BITS, Repeats

keys = st.lists(st.text(st.characters(codec="utf-8"), max_size=12), unique=True, max_size=30)


def sampled(labels, keys):
    sample = KeySample()
    sample.add(labels, keys)
    return sample


def folds_of(labels, keys, etags=None, times=None):
    etags = [f"etag of {key}" for key in keys] if etags is None else etags
    folds, copies = Folds.of(sampled(labels, keys)), CopySurvey()
    times = np.zeros(len(keys), np.int64) if times is None else np.array(times)
    copies.add(content_hashes(etags, keys), times, *folds.ranges(labels, keys))
    return folds.with_copies(copies.result()).of_rows(labels, keys, etags)


def test_numbers_in_names_are_in_the_order_in_which_people_count():
    ordered = ["a/r_1.jpg", "a/r_2.jpg", "a/r_10.jpg", "a/r_100.jpg", "b/r_1.jpg"]
    assert sorted(ordered, key=natural_key) == ordered


@given(keys)
def test_every_text_has_its_place(keys):
    ordered = sorted(keys, key=natural_key)
    assert sorted(ordered) == sorted(keys)
    assert sorted(ordered, key=natural_key) == ordered


@pytest.mark.parametrize("name", ["٣.jpg", "²", "9" * 1000, "", "\ud800"])
def test_odd_names_can_be_compared(name):
    assert natural_key(name) == natural_key(name)
    assert sorted([name, "a1", "1a"], key=natural_key)


def test_a_fold_is_a_range_of_a_labels_keys():
    # Given 90 frames of one fruit, in the order in which a bucket lists them
    keys = sorted(f"apple/r_{number}.jpg" for number in range(90))
    folds = folds_of(["apple"] * 90, keys)
    # Then walking through the frames as they were taken changes the fold FOLDS - 1 times
    in_order = [fold for _, fold in sorted(zip(map(natural_key, keys), folds.tolist(), strict=True))]
    assert sum(a != b for a, b in itertools.pairwise(in_order)) == FOLDS - 1
    assert Counter(in_order) == dict.fromkeys(range(FOLDS), 90 // FOLDS)


def test_folds_of_a_large_label_have_about_the_same_size():
    keys = [f"apple/{number}.jpg" for number in range(5000)]
    shares = np.bincount(folds_of(["apple"] * 5000, keys), minlength=FOLDS) / 5000
    assert shares.min() > 0.08
    assert shares.max() < 0.35


def test_small_labels_do_not_all_fill_the_same_fold():
    labels = [f"label {number}" for number in range(200)]
    assert set(folds_of(labels, [f"{label}/1.jpg" for label in labels]).tolist()) == set(range(FOLDS))


@pytest.mark.parametrize("images", [2, 3, 4, 5, 7])
def test_a_label_of_two_images_or_more_is_in_two_folds_or_more(images):
    keys = [f"kiwi/{number}.jpg" for number in range(images)]
    assert len(set(folds_of(["kiwi"] * images, keys).tolist())) == min(images, FOLDS)


def test_images_of_one_etag_are_in_one_fold_whatever_their_labels():
    # Given a picture that lies under two labels, far apart in each
    keys = [f"{label}/{number:03}.jpg" for label in ("apple", "pear") for number in range(100)]
    etags = ["the same" if key in ("apple/001.jpg", "apple/099.jpg", "pear/050.jpg") else key for key in keys]
    folds = folds_of([key[: key.index("/")] for key in keys], keys, etags)
    assert len({int(fold) for fold, etag in zip(folds, etags, strict=True) if etag == "the same"}) == 1


FRAMES = 100


@pytest.mark.parametrize(
    ("folder", "copied", "delay"),
    [
        ("backup/apple", range(FRAMES), 0),
        ("a-backup/apple", range(FRAMES), 0),
        ("a-backup/apple", range(FRAMES), 60),
        ("backup/apple", range(5, FRAMES, 10), 0),
        ("a-backup/apple", range(5, FRAMES, 10), 60),
        ("selection/apple", range(40, 60), 60),
    ],
)
def test_copies_take_no_image_away_from_those_beside_it(folder, copied, delay):
    # Given 100 frames of a fruit, and copies of some in a folder before or after them
    originals = [f"apple/IMG_{number}.jpg" for number in range(FRAMES)]
    copies = [f"{folder}/IMG_{number}.jpg" for number in copied]
    keys = originals + copies
    etags = [key.rpartition("/")[2] for key in keys]
    times = [0] * len(originals) + [delay] * len(copies)
    folds = dict(zip(keys, folds_of(["apple"] * len(keys), keys, etags, times).tolist(), strict=True))
    # Then each copy is in the fold of its original
    assert all(folds[copy] == folds[f"apple/{copy.rpartition('/')[2]}"] for copy in copies)
    # And the frames are still in a few ranges, so that hardly one has the frame before it in another fold
    in_order = [folds[key] for key in originals]
    assert sum(a != b for a, b in itertools.pairwise(in_order)) <= FOLDS - 1


@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3), st.integers(0, 4), st.integers(0, 4))), st.integers(0, 30)
)
def test_copies_are_found_however_the_table_is_cut(occurrences, cut):
    def surveyed(some):
        survey = CopySurvey()
        contents, times, ranges, folds = (np.array(column) for column in zip(*some, strict=True)) if some else [[]] * 4
        survey.add(np.asarray(contents, np.uint64), np.asarray(times, np.int64), ranges, folds)
        return survey

    whole, parts = surveyed(occurrences).result(), surveyed(occurrences[:cut])
    parts.merge(surveyed(occurrences[cut:]))
    np.testing.assert_array_equal(parts.result().hashes, whole.hashes)
    np.testing.assert_array_equal(parts.result().folds, whole.folds)
    counts = Counter(content for content, *_ in occurrences)
    assert whole.hashes.tolist() == sorted(content for content, count in counts.items() if count > 1)
    for content, fold in zip(whole.hashes.tolist(), whole.folds.tolist(), strict=True):
        assert fold == min(one[1:] for one in occurrences if one[0] == content)[-1]


def test_of_too_many_contents_those_that_are_kept_are_right(monkeypatch):
    # Given 1,000 contents that occur twice, of which only 100 may be looked at, in many parts
    monkeypatch.setattr(copies_module, "MOST_CONTENTS", 100)
    survey = CopySurvey()
    contents = np.random.default_rng(0).permutation(np.repeat(np.arange(1000, dtype=np.uint64), 2))
    for part in np.split(contents, 40):
        survey.add(part, np.zeros(50, np.int64), np.zeros(50, np.int8), (part % FOLDS).astype(np.int8))
    # Then so many are found with their folds, and little more is held meanwhile
    assert len(pickle.dumps(survey)) < 2 * 100 * 26 + 50 * 26 + 4000
    found = survey.result()
    assert found.hashes.tolist() == list(range(100))
    assert found.folds.tolist() == [content % FOLDS for content in range(100)]


def test_images_without_a_label_have_a_fold_too():
    assert set(folds_of([None] * 100, [f"{number}.jpg" for number in range(100)]).tolist()) == set(range(FOLDS))


@given(st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.text(max_size=5)), max_size=60), st.integers(0, 60))
def test_samples_of_parts_are_the_sample_of_the_whole(rows, cut):
    labels, keys = [label for label, _ in rows], [key for _, key in rows]
    merged = sampled(labels[:cut], keys[:cut])
    merged.merge(sampled(labels[cut:], keys[cut:]))
    whole = sampled(labels, keys)
    assert merged.counts == whole.counts
    assert {label: sorted(found) for label, found in merged.hashed.items()} == {
        label: sorted(found) for label, found in whole.hashed.items()
    }


def test_of_too_many_labels_those_with_many_images_are_sampled_on(monkeypatch):
    monkeypatch.setattr(folds_module, "MOST_SAMPLED_LABELS", 10)
    # Given a table with a new label in each row, but for two fruits
    sample = KeySample()
    for number in range(100):
        sample.add(["apple", "pear", f"rare {number}"], [f"{number}/{fruit}.jpg" for fruit in ("a", "p", "r")])
    # Then only so many labels are known, and the fruits are among them with every key
    assert len(sample.hashed) == len(sample.counts) <= 10
    assert (len(sample.hashed["apple"]), len(sample.hashed["pear"])) == (100, 100)
    assert (sample.counts["apple"], sample.counts["pear"]) == (100, 100)


@given(st.lists(st.integers(0, 2**64 - 1), max_size=40), st.integers(0, 40))
def test_repeated_values_are_held_however_they_are_split(values, cut):
    # Given values, some of which occur twice
    values += values[::3]
    hashes = np.array(values, np.uint64)
    one, other = Repeats.for_values(len(values)), Repeats.for_values(len(values))
    one.add(hashes[:cut])
    other.add(hashes[cut:])
    one.merge(other)
    # Then every value that occurs twice is held
    repeated = [values.count(value) > 1 for value in values]
    assert (one.hold(hashes) | ~np.array(repeated, bool)).all()


def test_few_values_that_occur_once_are_held():
    hashes = np.random.default_rng(0).integers(0, 2**63, 20_000).astype(np.uint64)
    repeats = Repeats.for_values(len(hashes))
    repeats.add(hashes)
    assert repeats.hold(hashes).mean() < 0.002


def test_the_filter_is_bounded():
    assert len(Repeats.for_values(0).once) * 8 == FEWEST_BITS
    assert len(Repeats.for_values(10**12).once) * 8 == 2**28

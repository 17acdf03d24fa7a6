"""Which image of a group of copies is kept."""

import numpy as np
import pytest

from pomona.identify.copies import kept_images
from pomona.identify.neighbours import unit


def at_angles(*degrees):
    radians = np.radians(degrees)
    return unit(np.column_stack([np.cos(radians), np.sin(radians)])).astype(np.float16)


def kept(vectors, contents, threshold):
    places, similarity = kept_images(vectors, np.array(contents), threshold)
    return places.tolist(), similarity.tolist()


def test_the_first_is_kept_and_the_others_are_its_copies():
    places, similarity = kept(at_angles(0, 3, 5), [0, 1, 2], 0.99)
    assert places == [0, 0, 0]
    assert similarity == pytest.approx([1, np.cos(np.radians(3)), np.cos(np.radians(5))], abs=1e-3)


def test_a_chain_of_pairs_leads_to_no_copy_of_what_is_unlike_it():
    # Given images of which only neighbours are alike (cos 8° = .990, cos 16° = .961)
    places, _ = kept(at_angles(0, 8, 16, 24), range(4), 0.985)
    # Then each that is dropped is like the one that is kept in its place
    assert places == [0, 0, 2, 2]


def test_an_image_goes_with_the_kept_one_that_is_most_like_it():
    # Given kept images at 0° and 20°, and one at 12°
    assert kept(at_angles(0, 20, 12), range(3), 0.975)[0] == [0, 1, 1]


def test_the_same_content_is_a_copy_even_without_a_projection():
    places, similarity = kept(np.zeros((3, 2), np.float16), [7, 7, 8], 0.99)
    assert (places, similarity) == ([0, 0, 2], [1, 1, 1])

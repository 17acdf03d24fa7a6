"""Signs stay from refit to refit, and what has moved is told."""

import numpy as np
import pytest

from pomona.pca.comoments import CoMoments
from pomona.pca.component_choice import ComponentCount
from pomona.pca.drift import drift, with_signs_of
from pomona.pca.model import fit


def drawn(rows, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, 8)) * np.arange(1, 9) @ np.random.default_rng(9).normal(size=(8, 8))


def fitted(rows, k=3):
    return fit(CoMoments.of(rows), ComponentCount(k))


def test_no_sign_flips_while_rows_come_one_by_one():
    # Given a table that grows by one row a refit
    rows = drawn(250)
    earlier = fitted(rows[:50])
    for count in range(51, 250):
        model = with_signs_of(fitted(rows[:count]), earlier)
        cosines = np.einsum("ij,ij->i", model.components, earlier.components)
        # Then no component points the other way, unless it is another one
        assert (cosines > -0.5).all()
        earlier = model


def test_turned_signs_are_turned_back_and_the_rest_stays():
    model = fitted(drawn(100))
    flipped = type(model)(**vars(model) | {"components": -model.components})
    np.testing.assert_array_equal(with_signs_of(flipped, model).components, model.components)


def test_a_model_has_not_drifted_from_itself():
    model = fitted(drawn(100))
    found = drift(model, model)
    assert found.mean_shift == 0
    assert found.turned == ()
    assert found.angles_degrees == pytest.approx((0, 0, 0), abs=1e-5)


def test_a_shifted_mean_and_a_new_direction_are_told():
    rows = drawn(400)
    earlier = fitted(rows, k=2)
    other = rows.copy()
    other[:, 0] += 3 * rows[:, 0].std()
    assert drift(fitted(other, k=2), earlier).mean_shift == pytest.approx(3 / np.sqrt(8), rel=0.01)
    turned = type(earlier)(**vars(earlier) | {"components": np.roll(np.eye(8), 3, axis=0)[:2]})
    orthogonal = type(earlier)(**vars(earlier) | {"components": np.eye(8)[:2]})
    assert drift(turned, orthogonal).turned == (1, 2)
    assert drift(turned, orthogonal).angles_degrees == pytest.approx((90, 90))


def test_models_of_other_numbers_of_components_can_be_compared():
    rows = drawn(100)
    assert len(drift(fitted(rows, k=4), fitted(rows, k=2)).angles_degrees) == 2

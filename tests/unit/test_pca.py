"""The scaler and the components that follow from co-moments, against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pomona.pca.comoments import CoMoments
from pomona.pca.component_choice import ComponentCount, VarianceShare, parse_components
from pomona.pca.model import NothingToFitError, fit


def features(n, d, seed=0):
    random = np.random.default_rng(seed)
    return (random.normal(size=(n, d)) * np.linspace(4, 0.3, d)) @ random.normal(size=(d, d)) + random.normal(size=d)


def fitted_by_scikit_learn(rows, k):
    # imported here: its import takes longer than all these tests, and every worker imports every module
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    return PCA(k, svd_solver="full").fit(StandardScaler().fit_transform(rows))


def fitted(rows, wanted):
    return fit(CoMoments.of(rows), wanted)


def up_to_sign(ours, theirs):
    signs = np.sign(np.einsum("ij,ij->i", ours, theirs))
    return np.abs(ours * signs[:, None] - theirs).max()


@pytest.mark.parametrize(("n", "d", "k"), [(500, 30, 10), (40, 60, 39), (2, 5, 1), (400, 200, 100)])
def test_components_and_shares_are_those_of_scikit_learn(n, d, k):
    rows = features(n, d)
    ours, theirs = fitted(rows, ComponentCount(k)), fitted_by_scikit_learn(rows, k)
    assert up_to_sign(ours.components, theirs.components_) < 1e-6
    np.testing.assert_allclose(ours.explained_variance_ratio, theirs.explained_variance_ratio_, rtol=0, atol=1e-8)
    # scikit-learn's scaler divides by the population's standard deviation
    np.testing.assert_allclose(ours.explained_variance * n / (n - 1), theirs.explained_variance_, rtol=1e-8)


def test_the_scaler_divides_by_the_sample_standard_deviation():
    rows = features(50, 6)
    model = fitted(rows, ComponentCount(3))
    np.testing.assert_allclose(model.std, rows.std(axis=0, ddof=1), rtol=1e-12)
    np.testing.assert_allclose(model.scale, 1 / rows.std(axis=0, ddof=1), rtol=1e-12)


def test_a_constant_column_stays_finite_and_takes_no_part():
    rows = features(50, 6)
    rows[:, 2] = 7.3
    ours, theirs = fitted(rows, ComponentCount(5)), fitted_by_scikit_learn(rows, 5)
    assert (ours.scale[2], ours.std[2]) == (0, 0)
    assert np.abs(ours.components[:, 2]).max() < 1e-12
    np.testing.assert_allclose(ours.explained_variance_ratio, theirs.explained_variance_ratio_, atol=1e-8)


@given(st.integers(2, 30), st.integers(1, 10), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_components_are_orthonormal_ordered_and_their_signs_fixed(n, d, seed):
    model = fitted(features(n, d, seed), ComponentCount(d))
    k = len(model.components)
    assert k <= min(n - 1, d)
    np.testing.assert_allclose(model.components @ model.components.T, np.eye(k), atol=1e-9)
    assert (np.diff(model.explained_variance) <= 0).all()
    assert model.variance == pytest.approx(1)
    assert (model.components[np.arange(k), np.argmax(np.abs(model.components), axis=1)] > 0).all()


@given(st.floats(0.01, 1.0))
@settings(deadline=None)
def test_a_share_keeps_the_fewest_components_that_explain_it(share):
    rows = features(60, 12)
    every = fitted(rows, ComponentCount(12)).explained_variance_ratio
    kept = len(fitted(rows, VarianceShare(share)).components)
    assert every[:kept].sum() >= share - 1e-9
    assert every[: kept - 1].sum() < share


def test_fewer_rows_than_components_are_said_clearly():
    model = fitted(features(5, 20), ComponentCount(100))
    assert len(model.components) == 4
    assert model.notes == (
        "100 components were asked for and 4 kept: 5 images with 20 features each vary in no more than 4 directions",
    )


def test_columns_that_repeat_each_other_lower_the_rank():
    rows = features(50, 6)
    model = fitted(np.hstack([rows, 3 * rows - 1]), ComponentCount(12))
    assert len(model.components) == 6
    assert "6 kept" in model.notes[0]


@pytest.mark.parametrize("rows", [np.empty((0, 3)), np.ones((1, 3)), np.full((9, 3), 0.1)])
def test_rows_that_do_not_vary_cannot_be_fitted(rows):
    with pytest.raises(NothingToFitError, match="PCA needs"):
        fitted(rows, ComponentCount(2))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("100", ComponentCount(100)),
        ("1", ComponentCount(1)),
        ("0.95", VarianceShare(0.95)),
        (".5", VarianceShare(0.5)),
    ],
)
def test_components_are_a_number_or_a_share(text, wanted):
    assert parse_components(text) == wanted

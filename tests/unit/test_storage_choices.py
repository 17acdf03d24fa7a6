"""The table of what must be stored of an image, against fits that are made one row at a time."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from pomona.classifier.class_moments import FoldMomentsBuilder
from pomona.classifier.selection import SampledRows, cross_validate
from pomona.pca.component_choice import ComponentCount
from pomona.pca.model import fit
from pomona.projection import project
from pomona.refit.storage_choices import quantised, storage_choices

CLASSES, WIDTH, ROWS = 6, 30, 3000


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    means = rng.normal(size=(CLASSES, WIDTH)) * 0.7
    codes = rng.integers(0, CLASSES, ROWS)
    features = (means[codes] + rng.normal(size=(ROWS, WIDTH)) + 3).astype(np.float32)
    folds = rng.integers(0, 5, ROWS)
    builder = FoldMomentsBuilder(WIDTH)
    builder.add(features, folds, codes)
    moments, sample = builder.finish(), SampledRows(features, folds, codes)
    model = fit(moments.whole(), ComponentCount(20))
    return storage_choices(moments, model, cross_validate(moments, CLASSES, sample), sample), model, sample


def test_each_choice_has_the_bytes_and_the_variance_of_its_components(fitted):
    found, model, _ = fitted
    wanted = {"10 components": 10, "20 components": 20, "all 30 features": 30}
    assert [(one.what, one.type, one.bytes) for one in found.choices] == [
        (what, kind, size * width)
        for what, width in wanted.items()
        for kind, size in (("float32", 4), ("float16", 2), ("int8", 1))
    ]
    variance = {one.what: one.variance for one in found.choices}
    assert variance["10 components"] == pytest.approx(model.explained_variance_ratio[:10].sum())
    assert variance["all 30 features"] == 1
    assert found.rows == ROWS


@pytest.mark.parametrize("kept", [10, 20])
def test_the_accuracy_is_that_of_lda_fitted_to_the_components_of_the_other_folds(fitted, kept):
    # Given scikit-learn's LDA on the projections, cross-validated over the same folds
    found, model, sample = fitted
    projected, right = project(sample.features, model)[:, :kept], 0
    for fold in range(5):
        held_out = sample.folds == fold
        lda = LinearDiscriminantAnalysis(solver="lsqr").fit(projected[~held_out], sample.codes[~held_out])
        right += (lda.predict(projected[held_out]) == sample.codes[held_out]).sum()
    # Then the accuracy is the same, but for the shrinkage
    told = {(one.what, one.type): one.accuracy for one in found.choices}
    assert told[f"{kept} components", "float32"] == pytest.approx(right / ROWS, abs=0.01)
    # And 16 bits cost nothing that can be seen
    assert told[f"{kept} components", "float16"] == pytest.approx(told[f"{kept} components", "float32"], abs=0.002)


def test_eight_bits_round_to_127_steps_of_the_largest_magnitude():
    rows = np.array([[0.0, -2.0, 0.0], [1.27, 0.5, 0.0]])
    np.testing.assert_allclose(quantised(rows)[:, [0, 2]], [[0.0, 0.0], [1.27, 0.0]], atol=1e-12)
    assert abs(quantised(rows)[1, 1] - 0.5) <= 2 / 127 / 2

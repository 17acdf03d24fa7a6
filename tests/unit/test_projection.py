"""The model as a file: whoever has NumPy can project with it."""

import numpy as np
import pytest

from pomona.classifier.lda import LinearClassifier
from pomona.pca.comoments import CoMoments
from pomona.pca.component_choice import ComponentCount
from pomona.pca.model import fit
from pomona.projection import FittedModel, class_probabilities, classify, load_model, model_bytes, project


@pytest.fixture
def features():
    return np.random.default_rng(0).gamma(2, size=(200, 16)).astype(np.float32)


@pytest.fixture
def model(features) -> FittedModel:
    pca = fit(CoMoments.of(features), ComponentCount(100))
    return FittedModel.of(pca, (), np.empty(0, np.int64), None)


def test_projections_are_scikit_learn_s(features, model):
    # imported here: its import takes longer than the test, and every worker imports every module
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    scaled = StandardScaler().fit_transform(features.astype(np.float64))
    theirs = PCA().fit_transform(scaled) * np.sqrt(199 / 200)  # its scaler divides by the population's deviation
    assert np.abs(np.abs(project(features, model)) - np.abs(theirs)).max() < 1e-9


def test_one_row_is_projected_like_many(features, model):
    np.testing.assert_allclose(project(features[3], model), project(features, model)[3], atol=1e-12)


def test_a_saved_model_comes_back_whole(tmp_path, model, features):
    (tmp_path / "model.npz").write_bytes(model_bytes(model))
    loaded = load_model(tmp_path / "model.npz")
    assert np.array_equal(project(features, loaded), project(features, model))
    assert (loaded.rows, loaded.notes) == (model.rows, model.notes)
    assert "16 kept" in loaded.notes[0]


def test_a_saved_classifier_comes_back_whole(tmp_path, model, features):
    # Given a model with three classes
    rng = np.random.default_rng(0)
    classifier = LinearClassifier(rng.normal(size=(3, 16)), rng.normal(size=3))
    labels = ("Äpfel", "kiwi", "pear, green")
    (tmp_path / "model.npz").write_bytes(model_bytes(FittedModel.of(model, labels, np.array([5, 7, 2]), classifier)))
    loaded = load_model(tmp_path / "model.npz")
    # Then it gives the softmax of the scores
    scores = features.astype(float) @ classifier.weights.T + classifier.bias
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(class_probabilities(features, loaded), shares, atol=1e-12)
    found, probability = classify(features, loaded)
    assert found.tolist() == [labels[best] for best in shares.argmax(axis=1)]
    np.testing.assert_allclose(probability, shares.max(axis=1), atol=1e-12)
    assert (loaded.classes, loaded.class_counts.tolist()) == (labels, [5, 7, 2])


def test_a_model_without_classes_says_so(model, features):
    with pytest.raises(ValueError, match="fewer than two labels"):
        classify(features, model)


def test_the_same_model_is_the_same_file(model):
    assert model_bytes(model) == model_bytes(model)


def test_another_format_is_refused(tmp_path):
    np.savez(tmp_path / "model.npz", format=2)
    with pytest.raises(ValueError, match=r"model\.npz is not a PCA model of format 1"):
        load_model(tmp_path / "model.npz")

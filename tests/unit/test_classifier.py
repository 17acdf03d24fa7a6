"""The classifier against scikit-learn and against dense computations of its own definition."""

import csv
import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import accuracy_score
from sklearn.metrics import classification_report as classification_report_of
from sklearn.metrics import log_loss as sklearn_log_loss

from pomona.classifier.calibration import log_loss, temperature
from pomona.classifier.class_moments import NO_CLASS, FoldMoments, FoldMomentsBuilder
from pomona.classifier.classes import Classes
from pomona.classifier.documents import Evaluation, HoldOut, classification_report, suspects_table
from pomona.classifier.evaluation import PredictionCounts, figures, interval
from pomona.classifier.folds import FOLDS
from pomona.classifier.hold_out import random_hold_out
from pomona.classifier.lda import SHRINKAGES, LdaStatistics, probabilities
from pomona.classifier.selection import SampledRows, cross_validate
from pomona.classifier.suspects import Suspect, Suspects


def drawn(rows=600, width=6, classes=4, spread=1.5, seed=0):
    """Rows of classes with one covariance, not the identity, far from zero."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, classes, rows)
    means, mixing = rng.normal(size=(classes, width)) * spread, rng.normal(size=(width, width))
    features = means[codes] + rng.normal(size=(rows, width)) @ mixing + 3
    return features.astype(np.float32), codes


def gathered(features, folds, codes, blocks=7):
    total = FoldMoments.empty(features.shape[1])
    for part in np.array_split(np.arange(len(features)), blocks):
        builder = FoldMomentsBuilder(features.shape[1])
        for few in np.array_split(part, 3):
            builder.add(features[few], folds[few], codes[few])
        total = total.merge(builder.finish())
    return total


def statistics_of(features, codes, classes):
    moments = gathered(features, np.arange(len(features)) % FOLDS, codes)
    return LdaStatistics.of(moments.classified(), moments.class_sums(classes))


def test_without_shrinkage_it_is_scikit_learns_lda():
    features, codes = drawn(4000, 20, 7)
    ours = statistics_of(features, codes, 7).fit(0.0).scores(features)
    theirs = LinearDiscriminantAnalysis(solver="lsqr").fit(features.astype(float), codes)
    np.testing.assert_array_equal(ours.argmax(axis=1), theirs.predict(features.astype(float)))
    np.testing.assert_allclose(probabilities(ours), theirs.predict_proba(features.astype(float)), atol=1e-6)


@pytest.mark.parametrize("shrinkage", [1e-4, 0.1, 0.3])
def test_shrinkage_is_of_the_pooled_covariance_of_standardised_rows(shrinkage):
    # Given the definition, computed densely
    features, codes = drawn(300, 8, 3)
    rows = features.astype(float)
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    means = np.stack([rows[codes == code].mean(axis=0) for code in range(3)])
    within = sum((rows[codes == code] - means[code]).T @ (rows[codes == code] - means[code]) for code in range(3)) / 300
    shrunk = (1 - shrinkage) * within + shrinkage * np.trace(within) / 8 * np.eye(8)
    gaps = rows[:, None, :] - means
    scores = -0.5 * np.einsum("ncd,de,nce->nc", gaps, np.linalg.inv(shrunk), gaps) + np.log(np.bincount(codes) / 300)
    # Then the closed form from the co-moments gives the same probabilities
    ours = statistics_of(features, codes, 3).fit(shrinkage).scores(features)
    np.testing.assert_allclose(probabilities(ours), probabilities(scores), atol=1e-9)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 10**6))
def test_statistics_of_parts_are_those_of_the_whole(rows, blocks, seed):
    rng = np.random.default_rng(seed)
    features, codes = drawn(rows, 3, 4, seed=seed)
    codes = np.where(rng.random(rows) < 0.2, NO_CLASS, codes)
    folds = rng.integers(0, FOLDS, rows)
    moments = gathered(features, folds, codes, blocks)
    for without in (None, 0, FOLDS - 1):
        kept = (codes != NO_CLASS) & (folds != without)
        sums = moments.class_sums(4, without)
        np.testing.assert_array_equal(sums.counts, np.bincount(codes[kept], minlength=4))
        expected = [features[kept & (codes == code)].astype(float).sum(axis=0) for code in range(4)]
        np.testing.assert_allclose(sums.sums, expected, atol=1e-6)
        directly = features[kept].astype(float)
        assert moments.classified(without).count == kept.sum()
        if kept.any():
            centred = directly - directly.mean(axis=0)
            np.testing.assert_allclose(moments.classified(without).scatter, centred.T @ centred, atol=1e-5)
    assert moments.whole().count == rows


def test_each_fold_is_classified_by_a_classifier_that_has_not_seen_it():
    features, codes = drawn(500, 5, 3)
    folds = np.arange(500) % FOLDS
    found = cross_validate(gathered(features, folds, codes), 3, SampledRows(features, folds, codes))
    scores = found.scores(features, folds)
    for fold in range(FOLDS):
        seen = folds != fold
        alone = statistics_of(features[seen], codes[seen], 3).fit(found.shrinkage)
        np.testing.assert_allclose(scores[~seen], alone.scores(features[~seen]) / found.temperature, atol=1e-8)


def test_without_rows_to_choose_by_the_covariance_is_shrunk_most():
    # Given a sample none of whose rows is of a class
    features, codes = drawn(100, 5, 3)
    folds = np.arange(100) % FOLDS
    sample = SampledRows(features, folds, np.full(100, NO_CLASS))
    # Then every shrinkage predicts it as well, and the safest is taken
    found = cross_validate(gathered(features, folds, codes), 3, sample)
    assert (found.shrinkage, found.temperature) == (max(SHRINKAGES), 1)


@pytest.mark.parametrize(("classes", "rows"), [(2, 5000), (1000, 4000), (10_000, 1000), (10**7, 1000), (0, 5000)])
def test_with_many_classes_fewer_rows_choose_but_never_too_few(classes, rows):
    sample = SampledRows(np.zeros((5000, 1), np.float32), np.zeros(5000, int), np.zeros(5000, int))
    assert len(sample.fewer_for(classes).codes) == rows


def cross_validated_accuracy(features, folds, codes, classes):
    found = cross_validate(gathered(features, folds, codes), classes, SampledRows(features, folds, codes))
    return float((found.scores(features, folds).argmax(axis=1) == codes).mean())


def test_random_labels_give_the_accuracy_of_chance():
    # Given features that say nothing about the labels, almost as many columns as rows of a class
    rng = np.random.default_rng(1)
    features, codes = rng.normal(size=(2000, 100)).astype(np.float32), rng.integers(0, 10, 2000)
    accuracy = cross_validated_accuracy(features, np.arange(2000) % FOLDS, codes, 10)
    # Then the accuracy is that of guessing, within four standard deviations
    assert abs(accuracy - 0.1) < 4 * np.sqrt(0.1 * 0.9 / 2000)


def test_near_copies_flatter_random_folds_but_not_contiguous_ones():
    # Given sequences of 20 near-copies, each sequence with a label that its features do not tell
    rng = np.random.default_rng(2)
    scenes = rng.normal(size=(100, 200))
    features = (np.repeat(scenes, 20, axis=0) + rng.normal(size=(2000, 200)) * 0.01).astype(np.float32)
    codes = np.repeat(np.arange(100) % 4, 20)
    contiguous = np.repeat(np.arange(100) // 20, 20)
    assert cross_validated_accuracy(features, rng.integers(0, FOLDS, 2000), codes, 4) > 0.9
    assert cross_validated_accuracy(features, contiguous, codes, 4) < 0.45


def test_a_class_in_one_fold_alone_is_not_evaluable_and_is_never_predicted_there():
    features, codes = drawn(200, 4, 3)
    folds = np.where(codes == 2, 1, np.arange(200) % FOLDS)
    moments = gathered(features, folds, codes)
    assert moments.evaluable(3).tolist() == [True, True, False]
    found = cross_validate(moments, 3, SampledRows(features, folds, codes))
    predicted = found.scores(features, folds).argmax(axis=1)
    assert not (predicted[folds == 1] == 2).any()
    assert (found.whole.scores(features).argmax(axis=1) == 2).any()  # new images may be of it


@pytest.mark.parametrize("rows", [2, 3, 6])
def test_fewer_rows_than_columns_are_fitted_too(rows):
    features = np.random.default_rng(0).normal(size=(rows, 50)).astype(np.float32)
    codes, folds = np.arange(rows) % 2, np.arange(rows) % FOLDS
    found = cross_validate(gathered(features, folds, codes), 2, SampledRows(features, folds, codes))
    assert np.isfinite(found.whole.scores(features)).all()
    np.testing.assert_array_equal(found.whole.scores(features).argmax(axis=1), codes)


def test_constant_columns_do_not_matter():
    features, codes = drawn(300, 5, 3)
    folds = np.arange(300) % FOLDS
    wider = np.concatenate([features, np.full((300, 2), 0.1, np.float32)], axis=1)
    with_them = cross_validate(gathered(wider, folds, codes), 3, SampledRows(wider, folds, codes))
    without = cross_validate(gathered(features, folds, codes), 3, SampledRows(features, folds, codes))
    np.testing.assert_array_equal(
        with_them.scores(wider, folds).argmax(axis=1), without.scores(features, folds).argmax(axis=1)
    )


def test_the_temperature_has_the_smallest_log_loss():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 5, 1000)
    scores = 8 * (np.eye(5)[codes] + rng.normal(size=(1000, 5)))
    at = temperature(scores, codes)
    losses = [log_loss(scores, codes, value) for value in (at * 0.99, at, at * 1.01)]
    assert min(losses) == losses[1]
    assert at > 1  # overconfident scores are cooled down
    assert losses[1] == pytest.approx(sklearn_log_loss(codes, probabilities(scores / at)))


@pytest.mark.parametrize("distance", [40, 700])
def test_scores_that_leave_no_doubt_keep_their_temperature(distance):
    # Given classes so far apart that any temperature is as good; then none is searched for
    codes = np.arange(100) % 5
    assert temperature(distance * np.eye(5)[codes], codes) == 1


def test_scores_of_classes_that_cannot_be_are_no_trouble():
    scores = np.array([[0.0, 1.0, -np.inf], [2.0, 1.0, -np.inf], [1.0, 2.0, -np.inf]])
    assert np.isfinite(temperature(scores, np.array([1, 0, 0])))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=80))
def test_the_figures_are_those_of_scikit_learn(pairs):
    true, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    names = ["Apple", "Banana", "Cherry", "Date", "Elder"]
    counts = PredictionCounts()
    for few in np.array_split(np.arange(len(true)), 3):
        part = PredictionCounts()
        part.add(true[few], predicted[few], np.full(len(few), 0.5), few % FOLDS)
        counts.merge(part)
    theirs = classification_report_of(
        [names[code] for code in true], [names[code] for code in predicted], output_dict=True, zero_division=0
    )
    ours = figures(counts, names)
    assert counts.accuracy == pytest.approx(accuracy_score(true, predicted))
    for one in ours.classes:
        report = theirs[one.label]
        assert (one.precision, one.recall, one.f1, one.support) == pytest.approx(tuple(report.values()))
    assert {one.label for one in ours.classes} == set(theirs) - {"accuracy", "macro avg", "weighted avg"}
    for average, name in ((ours.macro, "macro avg"), (ours.weighted, "weighted avg")):
        assert (average.precision, average.recall, average.f1) == pytest.approx(tuple(theirs[name].values())[:3])


def test_the_interval_is_wilsons():
    # Source: statsmodels.stats.proportion.proportion_confint(98, 100, method="wilson")
    assert interval(98, 100) == pytest.approx((0.9299882, 0.9944987), abs=1e-6)
    assert interval(0, 0) == (0.0, 1.0)
    assert interval(5, 5)[1] == 1.0


def test_the_calibration_error_is_the_distance_of_probability_and_accuracy():
    counts = PredictionCounts()
    counts.add(np.zeros(100, int), np.arange(100) // 80, np.full(100, 0.9), np.zeros(100, int))
    assert counts.calibration_error == pytest.approx(0.1)


def test_the_largest_labels_are_classes(monkeypatch):
    monkeypatch.setattr("pomona.classifier.classes.MOST_CLASSES", 2)
    classes = Classes.largest({"c": 5, "b": 5, "a": 9, "d": 1})
    assert classes.labels == ("a", "b")
    assert classes.left_out == 2
    assert classes.codes(["b", None, "d", "a"]).tolist() == [1, NO_CLASS, NO_CLASS, 0]


def test_a_random_hold_out_is_a_fit_without_the_sample():
    # Given all rows, and a sample of them that is held out
    features, codes = drawn(1000, 6, 4)
    folds = np.arange(1000) % FOLDS
    chosen = np.random.default_rng(0).permutation(1000)[:150]
    sample = SampledRows(features[chosen], folds[chosen], codes[chosen])
    found = random_hold_out(gathered(features, folds, codes), 4, sample, 0.01)
    # Then its accuracy is that of a classifier of the other rows
    others = np.setdiff1d(np.arange(1000), chosen)
    alone = statistics_of(features[others], codes[others], 4).fit(0.01).scores(features[chosen])
    assert found == HoldOut(150, int((alone.argmax(axis=1) == codes[chosen]).sum()))


@pytest.mark.parametrize("seed", range(8))
def test_a_feature_that_the_held_out_sample_alone_has_decides_nothing(seed):
    # Given classes that are told apart easily, and features that are not zero in the sample alone
    features, codes = drawn(300, 6, 3, spread=8, seed=seed)
    folds, chosen = np.arange(300) % FOLDS, np.arange(50)
    rare = np.zeros((300, 4), np.float32)
    rare[chosen] = np.random.default_rng(seed).gamma(1, 0.3, (50, 4))
    wider = np.hstack([features, rare])

    def held_out(rows):
        sample = SampledRows(rows[chosen], folds[chosen], codes[chosen])
        return random_hold_out(gathered(rows, folds, codes), 3, sample, 0.01)

    # Then the sample is classified as without them
    assert held_out(wider) == held_out(features)


def evaluated(labels, true, predicted, images=None):
    counts = PredictionCounts()
    counts.add(np.array(true), np.array(predicted), np.full(len(true), 0.75), np.arange(len(true)) % FOLDS)
    suspects = Suspects()
    suspects.add([Suspect(2.5, "a/1, 2.jpg", labels[0], labels[1], 0.75)])
    images = images or dict.fromkeys(labels, 10)
    return Evaluation(Classes(tuple(labels)), images, [True] * len(labels), counts, suspects, 0.01, 1.5, HoldOut(4, 4))


def test_the_documents_say_what_was_counted():
    found = evaluated(["apple", "pear"], [0, 0, 1, 1], [0, 1, 1, 1]).document()
    assert (found["accuracy"], found["images"], found["classes"]) == (0.75, 4, 2)
    assert found["random_hold_out"] == {"images": 4, "accuracy": 1.0}
    assert found["confusions"] == [{"label": "apple", "predicted": "pear", "images": 1}]
    assert [one["images"] for one in found["folds"]] == [1, 1, 1, 1, 0]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_report_has_scikit_learns_rows_and_columns():
    evaluation = evaluated(["apple", "pear"], [0, 0, 1, 1], [0, 1, 1, 1])
    rows = list(csv.DictReader(io.StringIO(classification_report(evaluation).decode())))
    theirs = classification_report_of(["a", "a", "p", "p"], ["a", "p", "p", "p"], output_dict=True)
    assert [row["label"] for row in rows] == ["apple", "pear", "accuracy", "macro avg", "weighted avg"]
    assert set(rows[0]) - {"label"} == set(theirs["a"])
    assert float(rows[2]["f1-score"]) == theirs["accuracy"]
    assert float(rows[3]["precision"]) == pytest.approx(theirs["macro avg"]["precision"])


def test_names_with_commas_stay_one_cell():
    (row,) = csv.DictReader(io.StringIO(suspects_table(evaluated(["a", "b"], [0], [1]).suspects).decode()))
    assert (row["key"], row["predicted"], row["probability"]) == ("a/1, 2.jpg", "b", "0.75")


def test_an_evaluation_of_nothing_has_no_figures():
    nothing = Evaluation(
        Classes(("a", "b")), {"a": 1, "b": 1}, [False] * 2, PredictionCounts(), Suspects(), 0.1, 1.0, None
    )
    found = nothing.document()
    assert found["accuracy"] is None
    assert found["per_class"] == []
    assert [one["label"] for one in found["not_evaluated"]] == ["a", "b"]
    assert "not evaluated (a, b)" in found["notes"][0]
    assert json.dumps(found, allow_nan=False)


def test_the_most_certain_suspects_are_kept(monkeypatch):
    monkeypatch.setattr("pomona.classifier.suspects.MOST_SUSPECTS", 3)
    total = Suspects()
    for margin in (1.0, 5.0, 3.0, 2.0, 4.0):
        part = Suspects()
        part.add([Suspect(margin, f"{margin}", "a", "b", 0.9)])
        total.merge(part)
    assert [one.margin for one in total.found] == [5.0, 4.0, 3.0]
    assert total.total == 5

import math

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics
from sklearn.calibration import calibration_curve

from sentiment.metrics import (
    _correlation,
    accuracy,
    collapse,
    confusion_matrix,
    expected_calibration_error,
    macro_f1,
    per_class,
    prior_entropy,
)


def random_cases():
    """Labels and predictions of many shapes: few rows, absent classes, one class only, skewed classes."""
    rng = np.random.default_rng(20240915)
    for _ in range(60):
        n_classes, rows = int(rng.integers(2, 7)), int(rng.integers(1, 80))
        labels = rng.choice(n_classes, size=rows, p=rng.dirichlet(np.full(n_classes, 0.5)))
        predictions = np.where(rng.random(rows) < 0.5, labels, rng.integers(0, n_classes, rows))
        yield labels, predictions, n_classes
        yield labels, np.full(rows, labels[0]), n_classes


def random_probabilities(rows, n_classes, seed=0):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(n_classes, 0.7), size=rows), rng.integers(0, n_classes, rows)


def test_macro_f1_and_per_class_figures_equal_scikit_learns():
    for labels, predictions, k in random_cases():
        names = list(range(k))
        expected = sklearn_metrics.precision_recall_fscore_support(labels, predictions, labels=names, zero_division=0)
        ours = per_class(labels, predictions, k)
        for ours_of, theirs_of in zip((ours.precision, ours.recall, ours.f1, ours.support), expected, strict=True):
            np.testing.assert_allclose(ours_of, theirs_of, rtol=0, atol=1e-12)
        theirs = sklearn_metrics.f1_score(labels, predictions, labels=names, average="macro", zero_division=0)
        assert macro_f1(labels, predictions, k) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.filterwarnings("ignore:A single label was found")
def test_confusion_accuracy_and_correlation_equal_scikit_learns():
    for labels, predictions, k in random_cases():
        theirs = sklearn_metrics.confusion_matrix(labels, predictions, labels=list(range(k)))
        np.testing.assert_array_equal(confusion_matrix(labels, predictions, k), theirs)
        assert accuracy(labels, predictions) == pytest.approx(sklearn_metrics.accuracy_score(labels, predictions))
        expected = sklearn_metrics.matthews_corrcoef(labels, predictions)
        assert _correlation(confusion_matrix(labels, predictions, k)) == pytest.approx(expected, abs=1e-9)


def test_a_class_that_never_occurs_counts_as_zero():
    # Two classes are perfect, the third is absent: (1 + 1 + 0) / 3.
    assert macro_f1([0, 1], [0, 1], 3) == pytest.approx(2 / 3)


def test_a_constant_prediction_scores_the_macro_f1_that_theory_says():
    labels = np.repeat([0, 1, 2], [70, 20, 10])
    # 2p / ((1 + p) K) for the class of share p.
    assert macro_f1(labels, np.zeros(100, dtype=int), 3) == pytest.approx(2 * 0.7 / (1.7 * 3))


def test_class_numbers_outside_the_classes_and_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="one length"):
        macro_f1([0, 1], [0], 2)
    with pytest.raises(ValueError, match=r"predictions must lie in 0\.\.1, but got 0\.\.2"):
        macro_f1([0, 1], [0, 2], 2)
    with pytest.raises(ValueError, match="labels must lie in"):
        confusion_matrix([-1, 1], [0, 1], 2)


def test_small_integer_types_do_not_overflow_the_cells():
    labels = np.array([199, 0], dtype=np.uint8)
    assert confusion_matrix(labels, labels, 200)[199, 199] == 1


def test_calibration_error_equals_the_one_from_scikit_learns_calibration_curve():
    probabilities, labels = random_probabilities(5000, 3)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    share_right, mean_confidence = calibration_curve(right, confidence, n_bins=15)
    edges = np.linspace(0, 1, 16)
    weights = np.bincount(np.searchsorted(edges[1:-1], confidence), minlength=15) / len(labels)
    expected = (weights[weights > 0] * np.abs(share_right - mean_confidence)).sum()
    assert expected_calibration_error(probabilities, labels) == pytest.approx(expected, abs=1e-12)


def test_calibration_error_of_a_case_worked_by_hand():
    # Two bins: (0, .5] holds .5 (right); (.5, 1] holds .9 (right) and .7 (wrong).
    probabilities = np.array([[0.5, 0.5], [0.9, 0.1], [0.3, 0.7]])
    expected = 1 / 3 * abs(1 - 0.5) + 2 / 3 * abs(1 / 2 - 0.8)
    assert expected_calibration_error(probabilities, [0, 0, 0], bins=2) == pytest.approx(expected)


def test_no_rows_give_nan_and_not_an_exception():
    nothing = np.empty((0, 2))
    assert math.isnan(accuracy([], []))
    assert math.isnan(expected_calibration_error(nothing, []))
    assert macro_f1([], [], 2) == 0
    assert collapse([], [], ("a", "b"), 0.7) is None


def test_prior_entropy_is_the_log_loss_of_always_saying_the_frequencies():
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    constant = np.tile([0.6, 0.3, 0.1], (100, 1))
    assert prior_entropy(labels, 3) == pytest.approx(sklearn_metrics.log_loss(labels, constant))
    assert prior_entropy([1, 1], 3) == 0


CLASSES = ("negative", "neutral", "positive")
BALANCED = np.repeat([0, 1, 2], [400, 300, 300])


def test_collapse_says_which_class_for_how_many_rows_and_that_nothing_was_learned():
    predictions = np.zeros(1000, dtype=int)
    predictions[[3, 700]] = 2
    loss = prior_entropy(BALANCED, 3) * 1.004
    assert collapse(BALANCED, predictions, CLASSES, loss) == (
        "predicts only 'negative' for 99.8 % of the validation rows; "
        "loss equals the entropy of the class frequencies: nothing was learned from the text"
    )


@pytest.mark.parametrize("loss", [None, 0.9, 1.5, float("nan")])
def test_collapse_says_nothing_of_the_loss_where_it_differs_from_the_entropy(loss):
    sentence = collapse(BALANCED, np.zeros(1000, dtype=int), CLASSES, loss)
    assert sentence == "predicts only 'negative' for 100 % of the validation rows"


def test_a_share_just_below_all_rows_is_not_rounded_up_to_all():
    labels = np.tile([0, 1], 5000)
    predictions = np.zeros(10_000, dtype=int)
    predictions[0] = 1
    assert "99.9 %" in (collapse(labels, predictions, ("a", "b")) or "")


def test_a_model_that_predicts_two_classes_has_not_collapsed_however_wrong_it_is():
    predictions = np.tile([0, 1], 500)
    assert collapse(BALANCED, predictions, CLASSES, 1.09) is None


def test_a_sound_model_of_very_skewed_classes_has_not_collapsed():
    labels = np.repeat([0, 1], [9950, 50])
    predictions = np.repeat([0, 1, 0, 1], [9945, 5, 15, 35])
    assert collapse(labels, predictions, ("common", "rare"), 0.02) is None


def test_where_the_labels_are_99_percent_one_class_only_the_loss_can_prove_a_collapse():
    labels = np.repeat([0, 1], [9950, 50])
    always_common = np.zeros(10_000, dtype=int)
    entropy = prior_entropy(labels, 2)
    assert collapse(labels, always_common, ("common", "rare"), None) is None
    # The probabilities depend on the text although none reaches one half.
    assert collapse(labels, always_common, ("common", "rare"), 0.8 * entropy) is None
    assert "nothing was learned" in (collapse(labels, always_common, ("common", "rare"), entropy) or "")


def test_rare_but_right_predictions_of_the_minority_are_no_collapse():
    # Majority 95 %, the model names 0.9 % and is right each time: its correlation is about .4.
    labels = np.repeat([0, 1], [9500, 500])
    predictions = np.zeros(10_000, dtype=int)
    predictions[-90:] = 1
    assert collapse(labels, predictions, ("common", "rare"), 0.1) is None


def test_labels_of_one_class_prove_nothing():
    assert collapse([1, 1, 1], [1, 1, 1], ("a", "b"), 0.0) is None

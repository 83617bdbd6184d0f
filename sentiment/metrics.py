"""How right the predictions are, and whether anything was learned at all.

Called at every validation, so it is numpy on whole arrays: one pass over the rows makes a confusion matrix, and the
rest is arithmetic on its K x K cells. It knows nothing of texts, torch or models.

Labels and predictions are class numbers 0..K-1. A class that neither occurs nor is predicted still counts as one of
the K with F1 = 0, so scores of different models and splits stay comparable (`zero_division=0` of scikit-learn).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

__all__ = [
    "PerClass",
    "Reliability",
    "accuracy",
    "collapse",
    "confusion_matrix",
    "cross_entropy",
    "expected_calibration_error",
    "macro_f1",
    "per_class",
    "prior_entropy",
    "reliability",
]

COLLAPSE_SHARE: Final = 0.99
"""A model that predicts one class for more than this share of the rows is suspected to have collapsed."""
COLLAPSE_CORRELATION: Final = 0.1
"""Below this Matthews correlation the few other predictions are taken for noise. With two equal classes, 1 % of
predictions off the majority reach .1 only if all of them are right."""
COLLAPSE_LOSS: Final = 0.01
"""How near, as a fraction of it, the loss must be to the entropy of the class frequencies to be called equal."""
CALIBRATION_BINS: Final = 15
"""Equally wide, of the top probability; those of a figure are the ones of the error that stands beside it."""


@dataclass(frozen=True)
class PerClass:
    """What a model does on each class; arrays of length K, in class order."""

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray
    """int64: rows with this label."""


@dataclass(frozen=True)
class Reliability:
    """How sure a model is and how often it is right; arrays with one number for each bin, from the least sure."""

    rows: np.ndarray
    """int64."""
    confidence: np.ndarray
    """Sum over the rows of the probability of what is predicted."""
    right: np.ndarray
    """Rows predicted right."""


def confusion_matrix(labels: ArrayLike, predictions: ArrayLike, n_classes: int) -> np.ndarray:
    """Rows by true class (first axis) and predicted class (second), int64 [K, K].

    Raises:
        ValueError: the two differ in length, or a class number lies outside 0..K-1.
    """
    true, predicted = np.asarray(labels), np.asarray(predictions)
    if true.shape != predicted.shape or true.ndim != 1:
        raise ValueError(f"labels and predictions must be of one length, but got {true.shape} and {predicted.shape}")
    if not len(true):
        return np.zeros((n_classes, n_classes), dtype=np.int64)
    for name, values in (("labels", true), ("predictions", predicted)):
        if values.min() < 0 or values.max() >= n_classes:
            raise ValueError(f"{name} must lie in 0..{n_classes - 1}, but got {values.min()}..{values.max()}")
    cells = np.bincount(true.astype(np.int64) * n_classes + predicted.astype(np.int64), minlength=n_classes**2)
    return cells.reshape(n_classes, n_classes)


def per_class(labels: ArrayLike, predictions: ArrayLike, n_classes: int) -> PerClass:
    """Precision, recall, F1 and support of each class; 0 where a ratio has nothing below it."""
    confusion = confusion_matrix(labels, predictions, n_classes)
    hits, support, predicted = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    return PerClass(
        precision=_ratio(hits, predicted),
        recall=_ratio(hits, support),
        f1=_ratio(2 * hits, support + predicted),
        support=support,
    )


def macro_f1(labels: ArrayLike, predictions: ArrayLike, n_classes: int) -> float:
    """The plain mean of the F1 of all K classes: a rare class weighs as much as a common one."""
    return float(per_class(labels, predictions, n_classes).f1.mean())


def accuracy(labels: ArrayLike, predictions: ArrayLike) -> float:
    """Share of rows predicted right; NaN without rows."""
    true, predicted = np.asarray(labels), np.asarray(predictions)
    return float((true == predicted).mean()) if len(true) else math.nan


def cross_entropy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean -ln p(label), in nats, for probabilities [n, K] and labels [n]; NaN without rows."""
    if not len(labels):
        return math.nan
    chosen = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(chosen, 1e-38)).mean())


def reliability(probabilities: np.ndarray, labels: ArrayLike, bins: int = CALIBRATION_BINS) -> Reliability:
    """How sure a model is and how often it is right, in equally wide bins of the top probability.

    Args:
        probabilities: float [n, K].
        labels: int [n].
        bins: each holds the confidences in (lower edge, upper edge].
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == np.asarray(labels)
    bin_of = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    sums = (np.bincount(bin_of, weights=weights, minlength=bins) for weights in (None, confidence, right))
    return Reliability(*sums)


def expected_calibration_error(probabilities: np.ndarray, labels: ArrayLike, bins: int = CALIBRATION_BINS) -> float:
    """How far confidence is from accuracy, in 0..1, weighted over equally wide bins of the top probability.

    Args:
        probabilities: float [n, K].
        labels: int [n].
        bins: as in `reliability`.

    Formula: Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3. NaN without rows.
    """
    if not len(probabilities):
        return math.nan
    found = reliability(probabilities, labels, bins)
    # A bin's weight times |accuracy - confidence| is |sum of (right - confidence)| / n.
    return float(np.abs(found.right - found.confidence).sum() / len(probabilities))


def prior_entropy(labels: ArrayLike, n_classes: int) -> float:
    """Entropy of the class frequencies in nats: the cross-entropy of always saying how common each class is."""
    counts = np.bincount(np.asarray(labels, dtype=np.int64), minlength=n_classes)
    frequencies = counts[counts > 0] / counts.sum()
    return float(-(frequencies * np.log(frequencies)).sum())


def collapse(
    labels: ArrayLike, predictions: ArrayLike, classes: Sequence[str], loss: float | None = None
) -> str | None:
    """Why this model is taken for collapsed, in one sentence; None if it is not.

    Collapsed means: one class is predicted for more than 99 % of the rows, and the Matthews correlation is near 0,
    so that the other predictions are noise. Where one class makes up more than 99 % of the *labels*, a sound
    model predicts so too and even the best one may never name the rare classes. There the predictions prove
    nothing, and only a loss equal to the entropy of the class frequencies does: it says that the probabilities
    as well do not depend on the text. With one class in the labels nothing can be told, and nothing is.

    Args:
        labels: true classes of the validation rows, int [n].
        predictions: predicted classes, int [n].
        classes: the names of the K classes.
        loss: plain cross-entropy of the same rows in nats, without smoothing or class weights, if known.
    """
    confusion = confusion_matrix(labels, predictions, len(classes))
    rows = int(confusion.sum())
    support, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    if not rows or support.max() == rows:
        return None
    share = predicted.max() / rows
    if share <= COLLAPSE_SHARE or abs(_correlation(confusion)) >= COLLAPSE_CORRELATION:
        return None
    entropy = prior_entropy(labels, len(classes))
    uninformed = loss is not None and abs(loss - entropy) <= COLLAPSE_LOSS * entropy
    if support.max() / rows > COLLAPSE_SHARE and not uninformed:
        return None
    percent = math.floor(share * 1000) / 10  # never rounded up to "100 %"
    sentence = f"predicts only {classes[int(predicted.argmax())]!r} for {percent:g} % of the validation rows"
    if uninformed:
        sentence += "; loss equals the entropy of the class frequencies: nothing was learned from the text"
    return sentence


def _ratio(above: np.ndarray, below: np.ndarray) -> Any:
    return np.divide(above, below, out=np.zeros(len(above)), where=below > 0)


def _correlation(confusion: np.ndarray) -> float:
    """Gorodkin 2004, "Comparing two K-category assignments by a K-category correlation coefficient"; else 0."""
    cells = confusion.astype(np.float64)  # products of row counts leave int64 with 3e9 rows, and so does no float
    rows, support, predicted = cells.sum(), cells.sum(axis=1), cells.sum(axis=0)
    covariance = np.trace(cells) * rows - support @ predicted
    spread = (rows**2 - support @ support) * (rows**2 - predicted @ predicted)
    return float(covariance / math.sqrt(spread)) if spread > 0 else 0.0

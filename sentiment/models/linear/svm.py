"""A linear support vector machine that says how sure it is.

It knows two classes, so there is a machine for each: this class or another one.
"""

from typing import Any, Final

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit

__all__ = ["fit", "normalized"]

FOLDS: Final = 3
"""In each of them the machines are asked about the training rows that they were not fitted to."""
SLOPES: Final = (-4.0, 4.0)
"""Between which the logarithm of the slope is looked for."""


def fit(features: Any, labels: np.ndarray, weights: np.ndarray, C: float) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients float64 [R, n_features] and intercepts float64 [R] of log-odds: R is 1 for two classes, else K.

    They are multiplied by the slope that minimizes the loss of scores of rows that the machines were not fitted to. It
    is one number for all classes, without the intercepts that Platt has: every prediction is as the machines made it.

    Args:
        features: sparse [n, n_features].
        labels: int64 [n], in 0..K-1, each of them at least once.
        weights: what each class weighs in the loss, float64 [K].
        C: inverse of the strength of the L2 penalty.
    """
    coefficients, intercepts = _machines(features, labels, weights, C)
    scores, true = [], []
    folds = _folds(labels)
    for fold in range(FOLDS):
        held = folds == fold
        if held.any():
            without = _machines(features[~held], labels[~held], weights, C)
            scores.append(features[held] @ without[0].T + without[1])
            true.append(labels[held])
    slope = _slope(np.concatenate(scores), np.concatenate(true), weights) if scores else 1.0
    return slope * coefficients, slope * intercepts


def normalized(scores: np.ndarray) -> np.ndarray:
    """Class probabilities [n, K] of log-odds [n, K], or [n, 1] where there are two classes.

    With more classes, what is said of each is divided by the sum over all.
    """
    said = expit(scores)
    if said.shape[1] == 1:
        return np.hstack([1 - said, said])
    said = np.maximum(said, 1e-30)  # where it is none of them, there would be no sum
    shares: np.ndarray = said / said.sum(axis=1, keepdims=True)
    return shares


def _machines(features: Any, labels: np.ndarray, weights: np.ndarray, C: float) -> tuple[np.ndarray, np.ndarray]:
    """By coordinate descent in the dual, which is fast where rows are short; the order of its steps is fixed."""
    from sklearn.svm import LinearSVC

    classes = [1] if len(weights) == 2 else range(len(weights))
    machines = [LinearSVC(C=C, random_state=0).fit(features, labels == k, weights[labels]) for k in classes]
    return np.vstack([machine.coef_ for machine in machines]), np.hstack([machine.intercept_ for machine in machines])


def _slope(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    def loss(logarithm: float) -> float:
        right = normalized(np.exp(logarithm) * scores)[np.arange(len(labels)), labels]
        return float(-(weights[labels] * np.log(np.maximum(right, 1e-30))).mean())

    return float(np.exp(minimize_scalar(loss, bounds=SLOPES, method="bounded").x))


def _folds(labels: np.ndarray) -> np.ndarray:
    """The number of each row's fold, int64 [n]: rows of a class take turns. -1 are those of a class so small that a
    fold could hold all of it: they are never held out."""
    folds = np.full(len(labels), -1)
    for number in np.unique(labels):
        (rows,) = np.nonzero(labels == number)
        if len(rows) >= FOLDS:
            folds[rows] = np.arange(len(rows)) % FOLDS
    return folds

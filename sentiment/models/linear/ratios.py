"""Which n-grams tell the classes apart, before anything is fitted: log-count ratios, as in NB-SVM."""

from typing import Any

import numpy as np

__all__ = ["ratios", "scaled"]


def ratios(features: Any, labels: np.ndarray, smoothing: float) -> np.ndarray:
    """For each n-gram, how much more or less of one class's rows hold it than of the other rows, float64 [n_features].

    The largest over the classes, so that one problem of all classes can use it; a classifier finds the sign by itself.

    Args:
        features: sparse [n, n_features]; an n-gram counts once in a row, however much it weighs there.
        labels: int64 [n], of at least two classes.
        smoothing: as many rows, which hold every n-gram and are shared out as the classes are. Wang and Manning add
            the same to each class, after which an n-gram that was seen once or twice stands for the rarest one.

    Formula: |r| of Wang and Manning 2012, "Baselines and Bigrams", section 2.1, over rows in place of n-grams.
    """
    found = features.copy()
    found.data = np.ones(len(found.data))
    in_all = np.asarray(found.sum(axis=0)).ravel()
    largest = np.zeros(found.shape[1])
    for number in np.unique(labels):
        inside = labels == number
        share = inside.mean()
        of_one = found.T @ inside.astype(np.float64)
        one = (of_one + smoothing * share) / share
        other = (in_all - of_one + smoothing * (1 - share)) / (1 - share)
        largest = np.maximum(largest, np.abs(np.log(one / other)))
    return largest


def scaled(features: Any, by: np.ndarray) -> Any:
    """Each column times its number."""
    found = features.copy()
    found.data = found.data * by.astype(found.dtype)[found.indices]
    return found

"""Which models to average, and how much each counts: greedy selection with replacement.

Caruana, Niculescu-Mizil, Crew and Ksikes (2004), "Ensemble selection from libraries of models",
https://doi.org/10.1145/1015330.1015432. What is made best is not macro-F1 alone, which jumps with every row and is
chosen too well, but macro-F1 and the cross-entropy, each class counting alike; and the weights that come of it are
shrunk towards equal ones.
"""

from typing import Final

import numpy as np

__all__ = ["select"]

ROUNDS: Final = 25
"""Models that are taken, one after another; the same one may be taken again."""
AMONG: Final = 30
"""Models."""
LOSS: Final = 0.5
"""Macro-F1 that a nat of cross-entropy is worth."""
SHRINK: Final = 0.5
"""The share of the weights that all chosen models have alike."""


def select(probabilities: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Weights [M], which add up to 1, for models that say `probabilities` [M, n, K] of rows with `labels` [n].

    Each time the model is taken whose addition makes the mean best; of all means on the way the best counts. Only the
    `AMONG` best models are asked, so that a long search ends as soon as a short one.
    """
    if len(probabilities) > AMONG:
        among = np.sort(np.argsort(-_worth(probabilities, labels, n_classes), kind="stable")[:AMONG])
        found = np.zeros(len(probabilities))
        found[among] = select(probabilities[among], labels, n_classes)
        return found
    taken, total = np.zeros(len(probabilities)), np.zeros(probabilities.shape[1:])
    best, kept = -np.inf, taken
    for size in range(1, ROUNDS + 1):
        worth = _worth((total + probabilities) / size, labels, n_classes)
        chosen = int(worth.argmax())
        taken[chosen] += 1
        total += probabilities[chosen]
        if worth[chosen] > best:
            best, kept = worth[chosen], taken.copy()
    chosen_ones = kept > 0
    weights: np.ndarray = (1 - SHRINK) * kept / kept.sum() + SHRINK * chosen_ones / chosen_ones.sum()
    return weights


def _worth(means: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Macro-F1 minus some of the cross-entropy, of each of `means` [M, n, K]; of both the mean over the classes."""
    models, sizes = len(means), np.maximum(np.bincount(labels, minlength=n_classes), 1)
    cells = (np.arange(models)[:, None] * n_classes + labels) * n_classes + means.argmax(axis=2)
    confusion = np.bincount(cells.ravel(), minlength=models * n_classes**2).reshape(models, n_classes, n_classes)
    rivals = np.maximum(confusion.sum(axis=1) + confusion.sum(axis=2), 1)
    f1 = (2 * np.diagonal(confusion, axis1=1, axis2=2) / rivals).mean(axis=1)
    losses = -np.log(np.maximum(means[:, np.arange(len(labels)), labels], 1e-12))
    return np.asarray(f1 - LOSS * (losses / sizes[labels]).sum(axis=1) / n_classes)

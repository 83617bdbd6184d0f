"""Which models to average, and how much each counts: greedy selection with replacement.

Caruana, Niculescu-Mizil, Crew and Ksikes (2004), "Ensemble selection from libraries of models",
https://doi.org/10.1145/1015330.1015432, with its remedies against choosing too well: the selection is made of many
random halves of the models, and what counts is not the score alone but the loss too, which does not jump.
"""

from typing import Final

import numpy as np

__all__ = ["select"]

BAGS: Final = 10
"""Random halves of the models."""
ROUNDS: Final = 15
"""Models that are taken of each half, one after another; the same one may be taken again."""
LOSS: Final = 0.5
"""Macro-F1 that a nat of cross-entropy is worth."""
SHRINK: Final = 0.5
"""Of the weights, the share that all chosen models have alike."""
LEAST: Final = 0.02
"""A model that counts less is left out: it would have to be kept and asked all the same."""


def select(probabilities: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Weights [M], which add up to 1, for models that say `probabilities` [M, n, K] of rows with `labels` [n]."""
    models = len(probabilities)
    rng, taken = np.random.default_rng(0), np.zeros(models)
    for _ in range(BAGS if models > 3 else 1):
        among = np.sort(rng.choice(models, (models + 1) // 2, replace=False)) if models > 3 else np.arange(models)
        taken[among] += _greedy(probabilities[among], labels, n_classes)
    weights = _shrunk(taken / taken.sum())
    return _shrunk(np.where(weights < LEAST, 0.0, taken / taken.sum()))


def _shrunk(weights: np.ndarray) -> np.ndarray:
    chosen = weights > 0
    found: np.ndarray = (1 - SHRINK) * weights / weights.sum() + SHRINK * chosen / chosen.sum()
    return found


def _greedy(probabilities: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """How often each model is taken: each time the one whose addition makes the mean best, as long as it gets better
    in the end."""
    taken, total = np.zeros(len(probabilities)), np.zeros(probabilities.shape[1:])
    best, kept = -np.inf, taken
    for size in range(1, ROUNDS + 1):
        worth = _worth((total + probabilities) / size, labels, n_classes)
        chosen = int(worth.argmax())
        taken[chosen] += 1
        total += probabilities[chosen]
        if worth[chosen] > best:
            best, kept = worth[chosen], taken.copy()
    return np.asarray(kept / kept.sum())


def _worth(means: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Macro-F1 minus some of the cross-entropy, of each of `means` [M, n, K]."""
    models, rows = len(means), np.arange(len(labels))
    predictions = means.argmax(axis=2)
    cells = (np.arange(models)[:, None] * n_classes + labels) * n_classes + predictions
    confusion = np.bincount(cells.ravel(), minlength=models * n_classes**2).reshape(models, n_classes, n_classes)
    rivals = np.maximum(confusion.sum(axis=1) + confusion.sum(axis=2), 1)
    f1 = (2 * np.diagonal(confusion, axis1=1, axis2=2) / rivals).mean(axis=1)
    loss = -np.log(np.maximum(means[:, rows, labels], 1e-12)).mean(axis=1)
    return np.asarray(f1 - LOSS * loss)

"""Two arms, trained in pairs and scored on the same rows: by how much do they differ, in which score.

Each function turns stored predictions into the score of each pair and the influence of each test row on it; what
follows from them is in `crossed`.

NOTE: the influence of row i on F1_k = 2 TP_k / (S_k + R_k), with S_k the rows of class k and R_k the rows predicted as
k, is (2 [label = prediction = k] - F1_k ([label = k] + [prediction = k])) / (S_k + R_k): the derivative of F1_k by the
row's weight. Macro-F1 is the mean over k. It depends on the row's cell of the confusion matrix only, so a table of
K x K numbers per run holds it all.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from search.statistics.crossed import Difference, Floats, crossed_difference
from search.statistics.inputs import check_classes, finite

__all__ = ["calibration_difference", "paired_difference", "paired_mean_difference"]

Integers = npt.NDArray[np.integer]


def paired_difference(
    labels: Integers,
    baseline: Integers,
    idea: Integers,
    n_classes: int,
    *,
    one_class: int | None = None,
    groups: Integers | None = None,
    searches: Integers | None = None,
    confidence: float = 0.95,
) -> Difference:
    """The expected difference in macro-F1 between two arms.

    Expected over fresh seeds, fresh draws of training and validation rows, and fresh test rows, for *these* two
    configs: what their search could have found instead is not in it.

    Args:
        labels: true classes of the test rows, int [n].
        baseline: predicted classes, int [P, n].
        idea: predicted classes, int [P, n]; run p shares the seed of run p of `baseline`.
        n_classes: K. A class without rows and predictions counts as an F1 of 0 in both arms.
        one_class: compare the F1 of this class alone, instead of the mean over all: which class pays for the gain.
        groups: of test rows that are not independent (one author, one app), int [n]. Left out where they exist, the
            interval is too narrow.
        searches: that found the configs of each pair, int [P]; with them the interval speaks of what *any* search of
            this kind would have found, instead of these two configs.
        confidence: of the interval.

    Raises:
        ValueError: fewer than two pairs or rows, shapes that do not fit, or class numbers outside 0..K-1.
    """
    labels, baseline, idea = np.asarray(labels), np.asarray(baseline), np.asarray(idea)
    if labels.ndim != 1 or baseline.shape[1:] != labels.shape or not _enough(baseline, idea):
        raise ValueError(
            f"two pairs or more of predictions [pairs, rows], two rows or more, are needed for {labels.shape} labels, "
            f"but got {baseline.shape} and {idea.shape}"
        )
    if one_class is not None and not 0 <= one_class < n_classes:
        raise ValueError(f"one_class must lie in 0..{n_classes - 1}, but got {one_class}")
    check_classes(n_classes, labels=labels, baseline=baseline, idea=idea)
    weights = np.full(n_classes, 1 / n_classes) if one_class is None else np.eye(n_classes)[one_class]
    scores, influences = zip(*(_f1(labels, arm, weights) for arm in (baseline, idea)), strict=True)
    return _of_shares(_crossed(scores[1] - scores[0], influences[1] - influences[0], groups, searches, confidence))


def paired_mean_difference(
    baseline: npt.ArrayLike,
    idea: npt.ArrayLike,
    *,
    groups: Integers | None = None,
    searches: Integers | None = None,
    confidence: float = 0.95,
) -> Difference:
    """The expected difference of a score that is a plain mean over rows, such as accuracy or the Brier score.

    Args:
        baseline: the score of each row, float [P, n].
        idea: the same of the idea.
        groups: as in `paired_difference`.
        searches: as in `paired_difference`.
        confidence: of the interval.

    Raises:
        ValueError: fewer than two pairs or rows, or shapes that do not fit.
        NotFiniteError: a score is no number.
    """
    before, after = finite("scores of the baseline", baseline), finite("scores of the idea", idea)
    if before.ndim != 2 or not _enough(before, after):
        raise ValueError(
            f"two pairs or more, two rows or more, of equal shape, are needed, but got {before.shape}, {after.shape}"
        )
    gain = after - before
    pairs = gain.mean(axis=1)
    influence = (gain - pairs[:, None]) / gain.shape[1]
    return _crossed(pairs, influence, groups, searches, confidence)


def calibration_difference(
    labels: Integers,
    baseline: Floats,
    idea: Floats,
    *,
    bins: int = 15,
    groups: Integers | None = None,
    searches: Integers | None = None,
    confidence: float = 0.95,
) -> Difference:
    """The expected difference in calibration error (ECE of the top class, equally wide bins); below zero is better.

    The ECE is sum over bins of |sum of (right - confidence)| / n (Guo et al. 2017); away from a bin's zero a row moves
    it by the sign of that sum. Near zero it is biased upwards, in both arms.

    Args:
        labels: true classes, int [n].
        baseline: probabilities, float [P, n, K].
        idea: probabilities, float [P, n, K].
        bins: each holds the confidences in (lower edge, upper edge].
        groups: as in `paired_difference`.
        searches: as in `paired_difference`.
        confidence: of the interval.

    Raises:
        ValueError: fewer than two pairs or rows, or shapes that do not fit.
        NotFiniteError: a probability is no number.
    """
    baseline, idea = finite("probabilities of the baseline", baseline), finite("probabilities of the idea", idea)
    if baseline.ndim != 3 or labels.shape != baseline.shape[1:2] or not _enough(baseline, idea):
        raise ValueError(
            f"two pairs or more of probabilities [pairs, rows, classes], two rows or more, are needed for "
            f"{labels.shape} labels, but got {baseline.shape} and {idea.shape}"
        )
    errors, influences = zip(*(_calibration(labels, arm, bins) for arm in (baseline, idea)), strict=True)
    return _of_shares(_crossed(errors[1] - errors[0], influences[1] - influences[0], groups, searches, confidence))


def _crossed(
    pairs: Floats, influence: Floats, groups: Integers | None, searches: Integers | None, confidence: float
) -> Difference:
    n_pairs, n_rows = influence.shape
    return crossed_difference(
        pairs,
        influence,
        groups=_named("groups", groups, n_rows),
        searches=_named("searches", searches, n_pairs),
        confidence=confidence,
    )


def _of_shares(difference: Difference) -> Difference:
    """Of two scores in [0, 1], which differ by 1 at most."""
    return replace(difference, low=max(difference.low, -1.0), high=min(difference.high, 1.0))


def _calibration(labels: Integers, probabilities: Floats, bins: int) -> tuple[Floats, Floats]:
    n_rows = len(labels)
    errors, influences = np.empty(len(probabilities)), np.empty(probabilities.shape[:2])
    for run, of_run in enumerate(probabilities):
        top = of_run.max(axis=1)
        gap = (of_run.argmax(axis=1) == labels) - top
        bin_of = np.clip(np.ceil(top * bins).astype(np.int64) - 1, 0, bins - 1)
        sums = np.bincount(bin_of, weights=gap, minlength=bins)
        errors[run] = np.abs(sums).sum() / n_rows
        influences[run] = (np.sign(sums)[bin_of] * gap - errors[run]) / n_rows
    return errors, influences


def _f1(labels: Integers, predictions: Integers, weights: Floats) -> tuple[Floats, Floats]:
    """The mean of all F1, weighted by class [K], of each run [P], and the influence of each row on it [P, n]."""
    runs, n_classes = len(predictions), len(weights)
    n_cells = n_classes**2
    cells = labels.astype(np.int64) * n_classes + predictions
    counts = np.bincount((cells + n_cells * np.arange(runs)[:, None]).ravel(), minlength=runs * n_cells)
    confusion = counts.reshape(runs, n_classes, n_classes)
    rivals = np.maximum(confusion.sum(axis=1) + confusion.sum(axis=2), 1).astype(np.float64)
    f1 = 2 * np.diagonal(confusion, axis1=1, axis2=2) / rivals
    is_label = np.repeat(np.eye(n_classes), n_classes, axis=1)  # [K, K * K]: the cell's label is class k
    is_prediction = np.tile(np.eye(n_classes), n_classes)
    table = (2 * is_label * is_prediction - f1[:, :, None] * (is_label + is_prediction)) / rivals[:, :, None]
    return f1 @ weights, np.take_along_axis(np.einsum("k,pkc->pc", weights, table), cells, axis=1)


def _enough(baseline: npt.NDArray[np.generic], idea: npt.NDArray[np.generic]) -> bool:
    """Whether both are of one shape, with something in every dimension, and two pairs and two rows or more."""
    return baseline.shape == idea.shape and min(baseline.shape[:2]) >= 2 and baseline.size > 0


def _named(what: str, numbers: Integers | None, size: int) -> npt.NDArray[np.int64] | None:
    if numbers is None:
        return None
    if np.shape(numbers) != (size,):
        raise ValueError(f"{what} must name one for each of {size}, but got {np.shape(numbers)}")
    return np.asarray(numbers, dtype=np.int64)

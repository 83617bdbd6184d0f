"""The score that won a search is too good: by how much."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from search.statistics.crossed import Floats
from search.statistics.inputs import check_classes, finite

__all__ = ["CorrectedScore", "Optimism", "corrected_score", "optimism"]


@dataclass(frozen=True)
class Optimism:
    """By how much the score that won a search exceeds what the winner scores afresh."""

    mean: float
    low: float
    high: float


def optimism(best_search_score: float, fresh_scores: npt.ArrayLike, *, confidence: float = 0.95) -> Optimism:
    """The winning score minus the mean of the scores [P] that the same config gets on fresh seeds.

    The winning score is taken as the fixed number that it is; Student's interval is for the mean of the fresh ones.

    Raises:
        ValueError: fewer than two fresh scores.
        NotFiniteError: a score is no number.
    """
    scores, best = finite("fresh scores", fresh_scores), float(finite("the winning score", best_search_score))
    if len(scores) < 2:
        raise ValueError(f"two fresh scores or more are needed, but got {len(scores)}")
    error = float(scores.std(ddof=1)) / math.sqrt(len(scores))
    reach = float(stats.t.ppf(0.5 + confidence / 2, len(scores) - 1)) * error
    mean = best - float(scores.mean())
    return Optimism(mean, mean - reach, mean + reach)


@dataclass(frozen=True)
class CorrectedScore:
    """What the winner of a search is worth on rows that did not choose it."""

    winner: int
    """Index of the config with the best score on all rows."""
    best: float
    """Its score on the rows that chose it."""
    corrected: float
    low: float
    high: float
    """Ends of the percentile interval, which is widened where it leaves out `corrected` itself."""


def corrected_score(
    labels: npt.NDArray[np.integer],
    predictions: npt.NDArray[np.integer],
    n_classes: int,
    *,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> CorrectedScore:
    """BBC-CV: the winner's macro-F1 without the luck of having been chosen on the same rows; nothing is retrained.

    NOTE: the whole selection is bootstrapped. Rows are resampled, the best config on them is found, and scored on the
    rows left out; the mean over resamples is the corrected score, their percentiles the interval (Tsamardinos,
    Greasidou & Borboudakis 2018, "Bootstrapping the out-of-sample predictions for efficient and accurate
    cross-validation"). The interval is wide, since only about 37 % of the rows are left out to score. It knows nothing
    of a best epoch chosen on these rows, nor of seeds.

    Args:
        labels: true classes of the validation rows, int [n].
        predictions: of each config on the same rows, int [configs, n].
        n_classes: K.
        resamples: of the rows.
        confidence: of the interval.
        seed: of the resampling.

    Raises:
        ValueError: fewer than two rows, shapes that do not fit, or class numbers outside 0..K-1.
    """
    n_rows = len(labels)
    if predictions.ndim != 2 or labels.shape != predictions.shape[1:] or not predictions.size or n_rows < 2:
        raise ValueError(f"predictions [configs, {n_rows}] are needed, two rows or more, but got {predictions.shape}")
    check_classes(n_classes, labels=labels, predictions=predictions)
    cells = labels.astype(np.int64) * n_classes + predictions
    on_all = _macro_f1(np.ones((1, n_rows), dtype=np.float32), cells, n_classes)[0]
    rng = np.random.default_rng(seed)
    scores: list[float] = []
    block = max(1, 2**24 // n_rows)  # rows of weights that fit in 64 MB
    while len(scores) < resamples:
        size = min(block, resamples - len(scores))
        chosen = rng.multinomial(n_rows, np.full(n_rows, 1 / n_rows), size=size).astype(np.float32)
        left_out = (chosen == 0).astype(np.float32)
        best = _macro_f1(chosen, cells, n_classes).argmax(axis=1)
        of_best = _macro_f1(left_out, cells, n_classes)[np.arange(size), best]
        scores.extend(of_best[left_out.any(axis=1)].tolist())  # a resample of every row leaves none to score
    low, high = np.quantile(scores, [0.5 - confidence / 2, 0.5 + confidence / 2])
    winner, mean = int(on_all.argmax()), float(np.mean(scores))
    return CorrectedScore(winner, float(on_all[winner]), mean, min(float(low), mean), max(float(high), mean))


def _macro_f1(weights: npt.NDArray[np.float32], cells: npt.NDArray[np.int64], n_classes: int) -> Floats:
    """Macro-F1 [B, configs] when row i of the test set occurs weights[b, i] times."""
    scores = np.empty((len(weights), len(cells)))
    for config, of_config in enumerate(cells):
        one_hot = np.zeros((len(of_config), n_classes**2), dtype=np.float32)
        one_hot[np.arange(len(of_config)), of_config] = 1.0
        confusion = (weights @ one_hot).reshape(-1, n_classes, n_classes).astype(np.float64)
        rivals = np.maximum(confusion.sum(axis=1) + confusion.sum(axis=2), 1)
        scores[:, config] = (2 * np.diagonal(confusion, axis1=1, axis2=2) / rivals).mean(axis=1)
    return scores

"""How large a difference is, how sure that is, and what may be said of it.

Numbers in, numbers out: this room knows no torch, no Optuna and no files. Its promises (coverage of the intervals,
error rates of the verdicts) are tested by simulation with known truth in tests/search/test_statistics.py.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

__all__ = ["NO_DIFFERENCE", "Difference", "Optimism", "holm", "optimism", "paired_difference", "verdict"]

Floats = npt.NDArray[np.float64]

NO_DIFFERENCE: Final = 0.005
"""Differences in macro-F1 of less than half a point, either way, are not worth anybody's while (region of practical
equivalence)."""

RESAMPLES: Final = 400
"""Of the test rows. Only their variance is taken from these: 400 leave an error of 3.5 % in the standard error."""


@dataclass(frozen=True)
class Difference:
    """Idea minus baseline, in macro-F1 as a fraction (0.01 is one point)."""

    mean: float
    low: float
    high: float
    """Ends of the interval."""
    standard_error: float
    degrees: float
    """Of freedom, by Satterthwaite's formula."""
    p_better: float
    """Probability that the expected difference is above zero, given a flat prior."""
    p_value: float
    """Two-sided, for no difference; it is below 1 - confidence exactly where the interval leaves out zero."""
    pairs: Floats
    """float64 [P]: the difference of each pair on the whole test set."""

    @property
    def wins(self) -> float:
        """Share of pairs in which the idea beat the baseline; a tie is half a win."""
        return float(np.mean((self.pairs > 0) + 0.5 * (self.pairs == 0)))


def paired_difference(
    labels: npt.NDArray[np.int64],
    baseline: npt.NDArray[np.int64],
    idea: npt.NDArray[np.int64],
    n_classes: int,
    *,
    one_class: int | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> Difference:
    """The expected difference in macro-F1 between two arms that were trained in pairs and scored on the same rows.

    NOTE: pairs (initial weights, order, draw of training rows) and test rows are *crossed* sources of noise: every
    pair is scored on the same rows. With variance components s_p (pair), s_r (row) and s_pr (both), the mean over P
    pairs and n rows has the variance s_p/P + s_r/n + s_pr/(nP). The variance between pairs, over P, estimates
    s_p/P + s_pr/(nP); resampling the rows of the mean estimates s_r/n + s_pr/(nP). Their sum counts s_pr/(nP) twice;
    resampling the rows of single pairs, which gives s_r/n + s_pr/n, tells how much that is. The interval is
    Student's, with the degrees of freedom of Satterthwaite (1946): a percentile bootstrap over a handful of pairs is
    too narrow.

    Args:
        labels: true classes of the test rows, int [n].
        baseline: predicted classes, int [P, n].
        idea: predicted classes, int [P, n]; row p shares the seed of row p of `baseline`.
        n_classes: K.
        one_class: compare the F1 of this class alone, instead of the mean over all.
        confidence: of the interval.
        seed: of the resampling.

    Raises:
        ValueError: fewer than two pairs, or shapes that do not fit.
    """
    n_pairs, n_rows = baseline.shape
    if n_pairs < 2 or idea.shape != baseline.shape or labels.shape != (n_rows,):
        raise ValueError(f"two pairs or more, of equal shape, are needed, but got {baseline.shape} and {idea.shape}")
    rng = np.random.default_rng(seed)
    weights = np.vstack([np.ones(n_rows), rng.multinomial(n_rows, np.full(n_rows, 1 / n_rows), size=RESAMPLES)])
    # [1 + resamples, P]: the first row is the test set as it is.
    gain = np.stack(
        [
            _f1(weights, labels, b, n_classes, one_class) - _f1(weights, labels, a, n_classes, one_class)
            for a, b in zip(baseline, idea, strict=True)
        ],
        axis=1,
    )
    pairs = gain[0]
    mean = float(pairs.mean())
    between_pairs = float(pairs.var(ddof=1)) / n_pairs
    rows_of_mean = float(gain[1:].mean(axis=1).var(ddof=1))
    rows_of_pair = float(gain[1:].var(axis=0, ddof=1).mean())
    twice = max(0.0, rows_of_pair - rows_of_mean) / (n_pairs - 1)
    variance = max(between_pairs + rows_of_mean - twice, between_pairs, rows_of_mean)
    if variance == 0.0:  # equal predictions, row by row
        return Difference(mean, mean, mean, 0.0, math.inf, 0.5, 1.0, pairs)
    degrees = variance**2 / (between_pairs**2 / (n_pairs - 1) + rows_of_mean**2 / (n_rows - 1))
    error = math.sqrt(variance)
    t = mean / error
    reach = float(stats.t.ppf(0.5 + confidence / 2, degrees)) * error
    return Difference(
        mean=mean,
        low=mean - reach,
        high=mean + reach,
        standard_error=error,
        degrees=degrees,
        p_better=float(stats.t.cdf(t, degrees)),
        p_value=float(2 * stats.t.sf(abs(t), degrees)),
        pairs=pairs,
    )


def _f1(
    weights: Floats,
    labels: npt.NDArray[np.int64],
    predictions: npt.NDArray[np.int64],
    n_classes: int,
    one_class: int | None,
) -> Floats:
    """(Macro-)F1 [B] under each row of `weights` [B, n], which say how often a test row occurs."""
    cells = np.zeros((len(labels), n_classes * n_classes))
    cells[np.arange(len(labels)), labels * n_classes + predictions] = 1.0
    confusion = (weights @ cells).reshape(-1, n_classes, n_classes)
    hits = np.diagonal(confusion, axis1=1, axis2=2)
    rivals = confusion.sum(axis=1) + confusion.sum(axis=2)
    f1 = np.divide(2 * hits, rivals, out=np.zeros_like(hits), where=rivals > 0)
    return np.asarray(f1.mean(axis=1) if one_class is None else f1[:, one_class])


def holm(p_values: npt.ArrayLike) -> Floats:
    """p-values adjusted for several comparisons (Holm 1979): the chance of *any* false finding stays below alpha."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    result = np.empty_like(p)
    result[order] = np.minimum(adjusted, 1.0)
    return result


def verdict(difference: Difference, adjusted_p: float, *, alpha: float = 0.05, region: float = NO_DIFFERENCE) -> str:
    """In a word: improves, worse, no difference or undecided.

    No difference: the whole interval lies within `region` of zero, however sure the sign may be. Improves or worse: the
    adjusted p-value is below `alpha`. Undecided: neither, more pairs or more test rows would tell.
    """
    if -region < difference.low and difference.high < region:
        return "no difference"
    if adjusted_p < alpha:
        return "improves" if difference.mean > 0 else "worse"
    return "undecided"


@dataclass(frozen=True)
class Optimism:
    """By how much the score that won a search exceeds what the winner scores afresh."""

    mean: float
    low: float
    high: float


def optimism(winning: float, fresh: npt.ArrayLike, *, confidence: float = 0.95) -> Optimism:
    """`winning` minus the mean of the scores [P] that the same config gets on fresh seeds, with Student's interval.

    Raises:
        ValueError: fewer than two fresh scores.
    """
    scores = np.asarray(fresh, dtype=np.float64)
    if len(scores) < 2:
        raise ValueError(f"two fresh scores or more are needed, but got {len(scores)}")
    error = float(scores.std(ddof=1)) / math.sqrt(len(scores))
    reach = float(stats.t.ppf(0.5 + confidence / 2, len(scores) - 1)) * error
    mean = winning - float(scores.mean())
    return Optimism(mean, mean - reach, mean + reach)

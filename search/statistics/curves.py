"""How good a search is expected to be after so many trials.

NOTE: all of this takes the scores for independent draws from one distribution: trials of i.i.d. random search, none of
them pruned. Trials of TPE, or of any sampler that learns, are no such draws, and no curve may be drawn from them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy

from search.statistics.crossed import Floats
from search.statistics.inputs import finite

__all__ = ["TuningCurve", "tuning_curve"]

MOST_FITTED: Final = 64
"""Numbers of trials at which the band is fitted, which takes time for each, times all trials."""


@dataclass(frozen=True)
class TuningCurve:
    """The best score against the number of trials, with a band that holds the whole true curve at once."""

    trials: npt.NDArray[np.int64]
    """[T]: 1, 2, ..., as many as there are scores."""
    median: Floats
    """[T]: of the best score of so many trials."""
    low: Floats
    high: Floats
    """[T]: the band. Where the scores can say no more about an end, it is 0 or 1."""


def tuning_curve(
    scores: Sequence[float], *, confidence: float = 0.95, draws: int = 20_000, seed: int = 0
) -> TuningCurve:
    """The curve of N random trials and its simultaneous confidence band.

    NOTE: the median of the best of m trials is the quantile q_m = .5**(1/m) of one trial's scores (Lourie, Cho & He
    2024, "Show your work with confidence"), and how many of N scores lie below that is binomial (N, q_m), whatever the
    continuous distribution. The band leaves out the counts that are least likely in either tail: equal-tailed bounds
    of order statistics (Learned-Miller & DeStefano 2008, "A probabilistic upper bound on differential entropy"). They
    are left out for all m at once, least likely first, as long as in `draws` samples of uniform numbers the whole curve
    at m = 1..N (of more than MOST_FITTED at so many, evenly on a log scale; the others lie between those) stays in the
    band often enough. A band of the whole distribution function, as opda has it, is too wide
    by the half below the median, which no curve uses. Ties and steps only make it wider.

    Args:
        scores: of N i.i.d. random trials, in 0..1.
        confidence: that the whole true curve lies in the band.
        draws: samples that the band is fitted to.
        seed: of the draws.

    Raises:
        ValueError: fewer than two scores, or scores outside 0..1.
        NotFiniteError: a score is no number.
    """
    ordered = np.sort(finite("scores", scores))
    n = len(ordered)
    if n < 2 or ordered[0] < 0 or ordered[-1] > 1:
        raise ValueError(f"two scores or more between 0 and 1 are needed, but got {list(scores)}")
    trials = np.arange(1, n + 1)
    share = 0.5 ** (1 / trials)
    few, many = np.full(n, -1), np.full(n, n + 1)
    at = np.unique(np.geomspace(1, n, min(n, MOST_FITTED)).round().astype(np.int64)) if n > MOST_FITTED else trials
    few[at - 1], many[at - 1] = _counts_left_out(share[at - 1], n, 1 - confidence, draws, np.random.default_rng(seed))
    ranked = np.concatenate([[0.0], ordered, [1.0]])
    median = ordered[np.ceil(n * share - 1e-9).astype(np.int64) - 1]
    # Both ends of the true curve rise; a band at m therefore bounds its neighbours too.
    low = np.maximum.accumulate(ranked[few + 1])
    high = np.minimum.accumulate(ranked[many][::-1])[::-1]
    return TuningCurve(trials, median, np.minimum(low, median), np.maximum(high, median))


def _counts_left_out(
    share: Floats, n: int, left_out: float, draws: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Per quantile `share` [M] the largest count, of n scores, below it that is too few, and the smallest that is too
    many: -1 and n + 1 where none is.
    """
    below = np.empty((len(share), draws), dtype=np.int64)
    for draw in range(draws):
        below[:, draw] = np.searchsorted(np.sort(rng.random(n)), share)
    counts = np.arange(n + 1)[:, None]
    tails = np.stack(
        [scipy.stats.binom.cdf(counts, n, share), scipy.stats.binom.sf(counts - 1, n, share)]
    )  # [2, n + 1, M]
    few, many = np.full(len(share), -1), np.full(len(share), n + 1)
    missed = np.zeros(draws, dtype=bool)
    least_likely_first = np.argsort(tails, axis=None, kind="stable")[: int((tails <= left_out).sum())]
    for side, count, at in zip(*np.unravel_index(least_likely_first, tails.shape), strict=True):
        more = missed | ((below[at] >= count) if side else (below[at] <= count))
        if more.mean() > left_out:
            continue  # a smaller one may still fit
        missed = more
        if side:
            many[at] = min(many[at], count)
        else:
            few[at] = max(few[at], count)
    return few, many

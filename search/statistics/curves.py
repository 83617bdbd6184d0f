"""How good a search is expected to be after so many trials.

NOTE: all of this takes the scores for independent draws from one distribution: trials of i.i.d. random search, none of
them pruned. Trials of TPE, or of any sampler that learns, are no such draws, and no curve may be drawn from them.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from search.statistics.crossed import Floats
from search.statistics.inputs import finite

__all__ = ["TuningCurve", "expected_best", "tuning_curve"]


@dataclass(frozen=True)
class TuningCurve:
    """The best score against the number of trials, with a band that holds the whole true curve at once."""

    trials: npt.NDArray[np.int64]
    """[T]: 1, 2, ..., as many as there are scores."""
    expected: Floats
    """[T]: the mean of the best score of so many trials, unbiased."""
    median: Floats
    """[T]: its median, to which the band belongs."""
    low: Floats
    high: Floats
    """[T]: the band. Where the scores can say no more about an upper end, it is 1."""


def expected_best(scores: npt.ArrayLike, trials: int) -> float:
    """Unbiased estimate of the expected best score of `trials` random trials.

    NOTE: the mean of the maximum over all subsets of size m of the N scores, a U-statistic and therefore unbiased (Tang
    et al. 2020, "Showing your work doesn't always work"; the estimator of Dodge et al. 2019, which draws with
    replacement, is biased downwards): with the scores sorted upwards, sum of score_i C(i - 1, m - 1) / C(N, m).

    Raises:
        ValueError: `trials` lies outside 1..N; beyond the scores there is no unbiased estimate.
        NotFiniteError: a score is no number.
    """
    ordered = np.sort(finite("scores", scores))
    if not 1 <= trials <= len(ordered):
        raise ValueError(f"trials must lie in 1..{len(ordered)}, the number of scores, but got {trials}")
    rank = np.arange(trials, len(ordered) + 1)  # a score of lower rank is never the best of so many
    log_weight = _log_binomial(rank - 1, trials - 1) - _log_binomial(np.array(len(ordered)), trials)
    return float(np.exp(log_weight) @ ordered[trials - 1 :])


def tuning_curve(scores: Sequence[float], *, confidence: float = 0.95, seed: int = 0) -> TuningCurve:
    """The curve of N random trials and its simultaneous confidence band.

    NOTE: the band is that of the distribution function (Learned-Miller & DeStefano 2008), exact for any continuous
    distribution, carried over to the median of the best score (Lourie, Cho & He 2024, "Show your work with
    confidence"; package opda). Ties and steps only make it wider.

    Args:
        scores: of N i.i.d. random trials, in 0..1.
        confidence: that the whole true curve lies in the band.
        seed: of opda's search for the band.

    Raises:
        ImportError: the extra `curves` is not installed.
        ValueError: fewer than two scores, or scores outside 0..1.
        NotFiniteError: a score is no number.
    """
    try:
        from opda.nonparametric import EmpiricalDistribution
    except ImportError:
        raise ImportError("tuning curves need the extra `curves`: pip install 'sentiment-search[curves]'") from None
    ordered = np.sort(finite("scores", scores))
    if len(ordered) < 2 or ordered[0] < 0 or ordered[-1] > 1:
        raise ValueError(f"two scores or more between 0 and 1 are needed, but got {list(scores)}")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Duplicates detected")  # they only make the band wider
        below, point, above = EmpiricalDistribution.confidence_bands(
            ordered,
            confidence,
            a=0.0,
            b=1.0,
            generator=np.random.default_rng(seed),
            method="ld_equal_tailed",
            n_jobs=1,
        )
    trials = np.arange(1, len(ordered) + 1)
    return TuningCurve(
        trials=trials,
        expected=np.array([expected_best(ordered, int(m)) for m in trials]),
        median=point.quantile_tuning_curve(trials),
        # The upper band of the distribution function is the lower one of its quantiles.
        low=above.quantile_tuning_curve(trials),
        high=below.quantile_tuning_curve(trials),
    )


def _log_binomial(n: npt.NDArray[np.integer], k: int) -> Floats:
    return np.asarray(special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1))

"""What pairs and test rows, two crossed sources of noise, leave unsure about a mean difference.

The arithmetic of every interval and p-value of a comparison; it does not know which score is compared.

NOTE: every pair is scored on the same rows. With variance components s_p (pair), s_r (row) and s_pr (both), the mean
over P pairs and n rows has the variance s_p/P + s_r/n + s_pr/(nP) (two-way random effects; in radiology, readers by
cases: Hillis 2007, "A comparison of denominator degrees of freedom methods for multiple observer ROC analysis").
Three sums of squares estimate it:

- A, the variance between pairs over P, expects s_p/P + s_pr/(nP), with P - 1 degrees of freedom;
- B, the variance between rows of the mean over pairs, over n, expects s_r/n + s_pr/(nP);
- C, what is left in both, expects s_pr/(nP).

So A + R with R = max(B - C, 0). The difference is then a sum of two errors with separately estimated variances, which
is the Behrens-Fisher problem, and Fisher's (1935) solution is used: (difference - truth) is referred to
sqrt(A) t(P - 1) + sqrt(R) t(d). Its coverage is never below the nominal one, to the accuracy of extensive
computation (Robinson 1976, "Properties of Student's t and of the Behrens-Fisher solution to the two means problem").

The rows' degrees of freedom d are n - 1 only where all rows carry alike: the variance of a few influential rows (those
of a rare class) is known as badly as if there were but those. Satterthwaite's (1946) d matches the variance of the
variance, 2 (sum f^2)^2 / (sum f^4 - (sum f^2)^2 / n) with f the influence of each row; it is n - 1 for normal f.

Where each arm was tuned several times and the pairs spread over the winners, the pairs of one search share its luck:
the means of the searches then stand in the place of the pairs, and the interval speaks of the idea, not of two configs.

Why no plain bootstrap: resampling pairs and rows together counts s_pr three times (Owen 2007, "The pigeonhole
bootstrap"; McCullagh 2000: none is exact), and its percentiles know nothing of Student's t. With five pairs, 95 %
percentiles cover 88 % where seeds decide and 99 % where rows do (simulated). The draws of sqrt(A) t + sqrt(R) t *are*
a resampling of pairs and rows together, corrected for both; since their distribution is known, it is computed instead.

What it cannot know: an event, such as a collapse, that happens in one run of five and in none of the pairs at hand.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy

from search.statistics.inputs import finite

__all__ = ["Difference", "Error", "chance_of_decision", "crossed_difference", "effective_degrees"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """Idea minus baseline, as a fraction (0.01 is one point)."""

    mean: float
    low: float
    high: float
    """Ends of the interval."""
    confidence: float
    """Of the interval."""
    standard_error: float
    p_better: float
    """Probability that the *expected* difference, over all seeds and texts, is above zero, given flat priors: the
    share of the draws (see the module's note) above zero."""
    p_a_beats_b: float
    """Probability that *one* fresh run of the idea beats the baseline's run of the same pair, both scored on a fresh
    test set of this size: P(A>B) of Bouthillier et al. 2021, "Accounting for variance in machine learning
    benchmarks"."""
    p_value: float
    """Two-sided, for an expected difference of zero; below 1 - confidence just where the interval leaves out zero."""
    pairs: Floats
    """float64 [P]: the difference of each pair on the whole test set."""
    pair_variance: float
    """The part of standard_error**2 that shrinks with more pairs."""
    row_variance: float
    """The part of standard_error**2 that only more test rows can shrink."""
    both_variance: float
    """The part of pair_variance that more rows can shrink as well."""
    rows: int
    """Test rows, or groups of rows, that were taken for independent."""
    row_degrees: float
    """Degrees of freedom of row_variance: as if so many rows, less one, carried alike."""
    units: int
    """Pairs, or searches, that were taken for independent."""
    search_variance: float | None = None
    """The part of pair_variance that more pairs of the same searches cannot shrink, since these differ; None where one
    search found all, and each pair is a unit. Zero where each search has one pair, which does not tell."""

    @property
    def wins(self) -> float:
        """Share of pairs in which the idea beat the baseline on these rows; a tie is half a win."""
        return float(np.mean((self.pairs > 0) + 0.5 * (self.pairs == 0)))


def crossed_difference(
    pairs: Floats,
    influence: Floats,
    *,
    groups: npt.NDArray[np.int64] | None = None,
    searches: npt.NDArray[np.int64] | None = None,
    confidence: float = 0.95,
) -> Difference:
    """The difference and its uncertainty, from the score of each pair and the influence of each row on it.

    Args:
        pairs: score of the idea minus that of the baseline, [P], P >= 2.
        influence: by how much each test row moves that score, to first order: the empirical influence function over
            n, [P, n]; each row of the array sums to zero. Its sum of squares is the infinitesimal jackknife's variance
            (Efron 1982), to which a bootstrap of test rows converges.
        groups: of test rows that are not independent (one author, one app), int [n]; None where each is.
        searches: that found the configs of each pair, int [P], equally often each; None where one search found all.
        confidence: of the interval.

    Raises:
        ValueError: there are fewer than two independent rows or searches, searches have unequally many pairs, or
            `confidence` does not lie between 0 and 1.
        NotFiniteError: a score or an influence is no number.
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must lie between 0 and 1, but got {confidence}")
    pairs, influence = finite("scores of the pairs", pairs), finite("influences of the rows", influence)
    if groups is not None:
        influence = _of_groups(influence, groups)
    n_rows = influence.shape[1]
    if n_rows < 2:
        raise ValueError(f"two independent test rows or groups of rows are needed, but got {n_rows}")
    of_one = _Parts.of(pairs, influence)
    parts = of_one if searches is None else _Parts.of(_means(pairs, searches), _means(influence, searches))
    mean = float(pairs.mean())
    degrees = effective_degrees(influence.mean(axis=0))
    error = Error(parts.pairs, parts.rows, parts.units - 1, degrees)
    reach = error.quantile(0.5 + confidence / 2)
    return Difference(
        mean=mean,
        low=mean - reach,
        high=mean + reach,
        confidence=confidence,
        standard_error=math.sqrt(parts.pairs + parts.rows),
        p_better=1 - error.above(mean),
        p_a_beats_b=_one_beats_one(pairs, of_one),
        p_value=min(1.0, 2 * error.above(abs(mean))),
        pairs=pairs,
        pair_variance=parts.pairs,
        row_variance=parts.rows,
        both_variance=parts.both,
        rows=n_rows,
        row_degrees=degrees,
        units=parts.units,
        search_variance=None if searches is None else max(parts.pairs - _within(pairs, searches), 0.0),
    )


@dataclass(frozen=True)
class _Parts:
    """Variances of the mean over units, which are pairs or searches."""

    pairs: float
    """A of the module's note."""
    rows: float
    """R."""
    both: float
    """C."""
    units: int

    @classmethod
    def of(cls, scores: Floats, influence: Floats) -> "_Parts":
        units, n_rows = influence.shape
        of_mean = influence.mean(axis=0)
        unbiased = n_rows / (n_rows - 1)
        between_rows = unbiased * float(of_mean @ of_mean)
        both = unbiased * float(np.square(influence - of_mean).sum()) / (units - 1) / units
        # Equal pairs that got there by different rows are equal by chance; what both parts leave is the least.
        return cls(float(scores.var(ddof=1)) / units or both, max(between_rows - both, 0.0), both, units)


def _of_groups(influence: Floats, groups: npt.NDArray[np.int64]) -> Floats:
    """[P, groups]: what leaving out a whole group does to the score, in units of what it does where all are equal.

    A large group moves the score more as it is left out than its influence says, since the others then weigh more: by
    1 / (1 - its share of the rows), as in the jackknife of groups (Bell & McCaffrey 2002, "Bias reduction in standard
    errors for linear regression with multi-stage samples").
    """
    _, of_row, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    left = (1 - sizes / sizes.sum()) / (1 - 1 / len(sizes)) if len(sizes) > 1 else np.ones(1)
    return np.stack([np.bincount(of_row, weights=of_pair) / left for of_pair in influence])


def _means(values: Floats, searches: npt.NDArray[np.int64]) -> Floats:
    """The mean of each search, over the first axis."""
    _, of_pair, sizes = np.unique(searches, return_inverse=True, return_counts=True)
    if np.shape(searches) != values.shape[:1] or len(sizes) < 2 or len(set(sizes.tolist())) > 1:
        raise ValueError(
            f"searches must name two searches or more, equally often each, for {len(values)} pairs, but got {searches}"
        )
    return np.stack([values[of_pair == search].mean(axis=0) for search in range(len(sizes))])


def _within(pairs: Floats, searches: npt.NDArray[np.int64]) -> float:
    """The variance of the mean over all pairs, if searches did not differ but for their pairs' luck; infinite where
    each has one."""
    _, of_pair = np.unique(searches, return_inverse=True)
    n_searches, n_pairs = int(of_pair.max()) + 1, len(pairs)
    if n_pairs == n_searches:
        return math.inf
    left = pairs - _means(pairs, searches)[of_pair]
    return float(left @ left) / (n_pairs - n_searches) / n_pairs


def effective_degrees(influence: Floats) -> float:
    """Degrees of freedom of the variance that rows [n] leave; the module's note has the formula."""
    n_rows, largest = len(influence), float(np.abs(influence).max())
    if largest == 0.0:
        return float(n_rows - 1)
    squares = np.square(influence / largest)  # whose squares neither vanish nor leave all bounds
    spread = float(np.square(squares).sum()) - float(squares.sum()) ** 2 / n_rows
    if spread <= 0.0:
        return float(n_rows - 1)
    return float(np.clip(2 * float(squares.sum()) ** 2 / spread, 1.0, n_rows - 1))


def chance_of_decision(difference: Difference, pairs: int, *, region: float, confidence: float | None = None) -> float:
    """Probability that the interval leaves out zero, or lies within +-`region`, once there are `pairs` pairs in all.

    NOTE: given P pairs, the mean over P' > P pairs on the same rows is predicted by Student's t(P - 1) about the
    present mean, with variance A (1 - P/P') (predictive power: Spiegelhalter, Freedman & Blackburn 1986). What the rows
    add to the interval stays as it is; so does what searches differ by, if there are several.

    Raises:
        ValueError: `pairs` is not above the pairs that `difference` has.
    """
    now = len(difference.pairs)
    if pairs <= now:
        raise ValueError(f"pairs must be above the {now} there are, but got {pairs}")
    units = pairs if difference.search_variance is None else difference.units
    fixed = difference.search_variance or 0.0
    shrinking = difference.pair_variance - fixed
    later = Error(fixed + shrinking * now / pairs, difference.row_variance, units - 1, difference.row_degrees)
    reach = later.quantile(0.5 + (confidence or difference.confidence) / 2)
    spread = math.sqrt(shrinking * (1 - now / pairs))
    if spread == 0.0:
        return float(abs(difference.mean) > reach or abs(difference.mean) + reach < region)

    def below(value: float) -> float:
        return float(scipy.stats.t.cdf((value - difference.mean) / spread, difference.units - 1))

    inside = max(region - reach, 0.0)
    return below(-reach) + 1 - below(reach) + (below(min(inside, reach)) - below(-min(inside, reach)))


@dataclass(frozen=True)
class Error:
    """The distribution of sqrt(a) t(a_degrees) + sqrt(b) t(b_degrees), symmetric about zero.

    Without any variance it is zero for sure.
    """

    a: float
    b: float
    a_degrees: float
    b_degrees: float

    @property
    def _spread(self) -> float:
        return math.sqrt(self.a + self.b)

    def above(self, value: float) -> float:
        """Probability of an error above `value`."""
        if self._spread == 0.0:
            return float(value < 0) + 0.5 * (value == 0)
        return self._above(value / self._spread)

    def quantile(self, share: float) -> float:
        """The error that `share` (above one half) lie below."""
        if self._spread == 0.0:
            return 0.0
        high = 1.0
        while self._above(high) > 1 - share:
            high *= 2
        root = scipy.optimize.brentq(lambda value: self._above(value) - (1 - share), 0.0, high, rtol=1e-9)
        return float(root) * self._spread

    def _above(self, value: float) -> float:
        """The same in units of the spread, in which the smallest of variances is no smaller than any other."""
        # NOTE: t is a normal whose variance is divided by w = chi2 / degrees; the sum given both w is normal.
        a_over, a_weight = _reciprocal_chi2(self.a_degrees)
        b_over, b_weight = _reciprocal_chi2(self.b_degrees)
        whole = self.a + self.b
        spread = np.sqrt(self.a / whole * a_over[:, None] + self.b / whole * b_over)
        return float(a_weight @ scipy.special.ndtr(-value / spread) @ b_weight)


@lru_cache(maxsize=64)
def _reciprocal_chi2(degrees: float) -> tuple[Floats, Floats]:
    """Values and weights [65] that integrate over degrees / chi2(degrees).

    The chi-square is written as a function of a normal variable, over which the trapezoidal rule converges
    exponentially; steps of a quarter leave an error below 1e-9 of Student's tails.
    """
    normal = np.linspace(-8, 8, 65)
    weights = np.exp(-np.square(normal) / 2)
    lower, upper = scipy.special.ndtr(normal), scipy.special.ndtr(-normal)
    chi2 = np.where(normal < 0, scipy.stats.chi2.ppf(lower, degrees), scipy.stats.chi2.isf(upper, degrees))
    return degrees / chi2, weights / weights.sum()


def _one_beats_one(pairs: Floats, parts: _Parts) -> float:
    """P(A>B): each pair's deviation, without what its rows did to it, plus the noise of a fresh test set.

    No normal distribution of pairs is assumed: where some runs collapse and others do not, it is none.
    """
    n_pairs = len(pairs)
    of_rows = parts.rows + n_pairs * parts.both  # variance of one pair's score from the draw of its rows
    observed = n_pairs * parts.pairs
    kept = math.sqrt(max(observed - n_pairs * parts.both, 0.0) / observed) if observed > 0 else 0.0
    deviations = (pairs - pairs.mean()) * kept * math.sqrt(n_pairs / (n_pairs - 1))
    centres = pairs.mean() + deviations
    if of_rows == 0.0:
        return float(np.mean((centres > 0) + 0.5 * (centres == 0)))
    return float(scipy.special.ndtr(centres / math.sqrt(of_rows)).mean())

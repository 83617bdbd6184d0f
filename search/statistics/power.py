"""What a comparison can see, before it is made; and by how much what it found is exaggerated, after."""

from dataclasses import dataclass

import numpy as np
import scipy

from search.statistics.crossed import Difference, Error

__all__ = ["Noise", "Sight", "exaggeration", "sight"]


@dataclass(frozen=True)
class Noise:
    """Variance components of a difference in macro-F1, which is a fraction; see `search.statistics.crossed`."""

    of_pair: float
    """s_p: of a pair's difference, on infinitely many rows."""
    of_row: float
    """s_r: of what one row, or group of rows, adds to it, for all pairs alike."""
    of_both: float
    """s_pr: of what it adds in a single pair."""
    of_search: float = 0.0
    """Of what a search adds to all of its pairs."""

    @classmethod
    def of(cls, difference: Difference) -> "Noise":
        """As a comparison has measured it."""
        pairs, searches = len(difference.pairs), difference.search_variance or 0.0
        both = difference.both_variance * difference.rows * pairs
        between = (difference.pair_variance - searches) * pairs
        return cls(
            max(between - both / difference.rows, 0.0),
            difference.row_variance * difference.rows,
            both,
            searches * difference.units,
        )


@dataclass(frozen=True)
class Sight:
    """What a comparison of this size can see, in fractions of macro-F1."""

    reach: float
    """Half of the interval to expect."""
    found: float
    """The smallest difference that it finds with the probability asked for."""


def sight(
    noise: Noise, *, pairs: int, rows: int, searches: int = 1, alpha: float = 0.05, ideas: int = 1, power: float = 0.8
) -> Sight:
    """The interval to expect and the smallest difference that would be found.

    Args:
        noise: to be expected.
        pairs: in all.
        rows: or groups of rows, that are independent.
        searches: over whose winners the pairs are spread.
        alpha: two-sided, of the look that decides.
        ideas: among which Holm divides alpha; the difference is that of the first to be found.
        power: the probability of finding it.

    Raises:
        ValueError: fewer than two pairs or rows.
    """
    if pairs < 2 or rows < 2:
        raise ValueError(f"two pairs and two rows are the least, but got {pairs} and {rows}")
    units, of_search = (pairs, 0.0) if searches == 1 else (searches, noise.of_search / searches)
    of_pairs = noise.of_pair / pairs + noise.of_both / pairs / rows
    error = Error(of_search + of_pairs, noise.of_row / rows, units - 1, rows - 1)
    return Sight(error.quantile(1 - alpha / 2), error.quantile(1 - alpha / ideas / 2) + error.quantile(power))


def exaggeration(difference: Difference, level: float) -> float:
    """By how much a difference that was found is probably too large, because only large ones are found.

    NOTE: of all estimates only those beyond the threshold are called a finding, and their mean is beyond the truth by
    the type M error (Gelman & Carlin 2014, "Beyond power calculations"), which needs a guess of the true difference.
    Here nothing is guessed: all true differences of that sign are taken for equally likely before, and what is left is
    their mean after, given what was seen *and that it was to be seen* (conditional likelihood: Ghosh, Zou & Wright
    2008, "Estimating odds ratios in genome scans"; its posterior mean errs less than their mode and their mean).
    Simulated: `simulate_statistics --only exaggeration`.

    Args:
        difference: that was found.
        level: two-sided p-value below which it was to be found.

    Returns:
        the measured difference less what is probably left of it: a fraction, of the sign of the difference.
    """
    if difference.standard_error == 0.0 or not 0.0 < level < 1.0:
        return 0.0
    error = Error(difference.pair_variance, difference.row_variance, difference.units - 1, difference.row_degrees)
    threshold = error.quantile(1 - level / 2) / difference.standard_error
    seen = max(abs(difference.mean) / difference.standard_error, threshold)
    truth = np.linspace(0.0, seen + 6.0, 400)
    found = np.logaddexp(scipy.stats.norm.logsf(threshold - truth), scipy.stats.norm.logcdf(-threshold - truth))
    likelihood = scipy.special.softmax(scipy.stats.norm.logpdf(seen - truth) - found)
    left = float(likelihood @ truth)
    return max(0.0, 1 - left / seen) * difference.mean

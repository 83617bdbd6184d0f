"""From numbers to words: several ideas at once, a region that nobody cares about, four verdicts."""

from typing import Final

import numpy as np
import numpy.typing as npt

from search.statistics.crossed import Difference, Floats
from search.statistics.inputs import finite

__all__ = ["ALPHA", "FEW_GROUPS", "NO_DIFFERENCE", "holm", "verdict"]

ALPHA: Final = 0.05
"""The chance of any wrong direction among all that is compared, over all looks."""
FEW_GROUPS: Final = 30
"""With fewer groups of rows, an interval is wide and rests on their being alike."""
NO_DIFFERENCE: Final = 0.005
"""Differences in macro-F1 of less than half a point, either way, are not worth anybody's while (region of practical
equivalence)."""


def holm(p_values: npt.ArrayLike) -> Floats:
    """p-values adjusted for several comparisons (Holm 1979): the chance of *any* false finding stays below alpha.

    It holds however the comparisons depend on one another; here they share a baseline and the test rows.

    Raises:
        NotFiniteError: a p-value is no number.
    """
    p = finite("p-values", p_values)
    order = np.argsort(p, kind="stable")
    adjusted = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    result = np.empty_like(p)
    result[order] = np.minimum(adjusted, 1.0)
    return result


def verdict(difference: Difference, adjusted_p: float, *, alpha: float = ALPHA, region: float = NO_DIFFERENCE) -> str:
    """In a word: improves, worse, no difference or undecided.

    No difference: the whole interval lies within `region` of zero, however sure the sign may be. Improves or worse: the
    adjusted p-value is below `alpha` and the interval leaves out zero; an earlier look may have made the p-value small,
    and what came after it may say otherwise. The sign is then sure, the size is what the interval says. Undecided:
    neither, more pairs or more test rows would tell (`Difference.pair_variance` and `row_variance` say which).

    The first rule is two one-sided tests at (1 - confidence) / 2 each (Schuirmann 1987), for each idea by itself; the
    second, with `holm`, bounds the chance of *any* wrong direction among all ideas by `alpha`.
    """
    if -region < difference.low and difference.high < region:
        return "no difference"
    if adjusted_p < alpha and (difference.low > 0 or difference.high < 0):
        return "improves" if difference.mean > 0 else "worse"
    return "undecided"

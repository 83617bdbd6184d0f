"""What could be made of looks that nobody planned, by whoever sees a result and picks the next number of pairs by it.

The chance that identical arms come out different under the best of policies, by integration over sums of independent
normal pairs, for which levels are computed. Nothing is drawn, so there is no luck in it.
"""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from search.statistics import ALPHA, Looks

NODES, WEIGHTS = np.polynomial.legendre.leggauss(121)


def worst_case(plan: Sequence[int], growths: Sequence[float], looks: int, alpha: float = ALPHA) -> float:
    """The chance of any direction.

    Args:
        plan: pairs at each look, as planned before anything is seen.
        growths: by one of these each look may multiply the pairs of the last, if it does not go on with the plan.
        looks: that are taken in all.
        alpha: that all looks may spend; Holm leaves less than ALPHA to one of several.
    """
    return float(_ahead(Looks.at(plan), None, growths, looks, alpha)[0])


def _ahead(first: Looks, taken: Looks | None, growths: Sequence[float], looks: int, alpha: float) -> np.ndarray:
    """The chance of crossing in so many more looks, by the sum of the pairs so far, at the nodes of the last look."""
    last = 0 if taken is None else taken.pairs[-1]
    sums = np.zeros(1) if taken is None else NODES * _bound(taken, alpha)
    best = np.zeros(len(sums))
    if looks == 0:
        return best
    picks = {tuple(first.pairs)} | {(max(last + 1, round(growth * last)),) for growth in growths if taken is not None}
    for pick in picks:
        planned = Looks.at(pick, taken, first if taken is not None else None)
        reached = 1 if taken is None else len(taken.pairs) + 1
        if len(planned.pairs) < reached:  # nothing of the plan is left
            continue
        then = Looks.at((), Looks(planned.pairs[:reached], planned.shares[:reached]), first)
        step, bound = np.sqrt(then.pairs[-1] - last), _bound(then, alpha)
        crossing = stats.norm.sf((bound - sums) / step) + stats.norm.cdf((-bound - sums) / step)
        density = stats.norm.pdf((NODES * bound - sums[:, None]) / step) / step
        best = np.maximum(best, crossing + density @ (bound * WEIGHTS * _ahead(first, then, growths, looks - 1, alpha)))
    return best


def _bound(looks: Looks, alpha: float) -> float:
    level = 1 - looks.confidence(len(looks.pairs) - 1, alpha)
    return float(stats.norm.isf(level / 2) * np.sqrt(looks.pairs[-1]))

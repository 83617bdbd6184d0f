"""Looking at the result more than once, and spending pairs where they decide.

Every look spends of one budget, alpha, that is fixed before the first of them, for any future. The looks ahead share
four fifths of what is left of it by their pairs, and each that is taken leaves the rest to be shared anew; so something
is always left for whoever adds looks (a fifth after a single look, 15 % after 5 and 10 pairs), and so on without end.
However often a comparison is gone on with, and whatever the looks before have shown, the chance of any false finding
stays below alpha. (Who watches single pairs come in, and stops by them, looks at every pair; that is not paid for.)

NOTE: what a planned look spends is the chance to cross there *for the first time*, so that its level may be higher
than its share: an arm that would cross at this look has often crossed before. The levels are those of group-sequential
trials with a spending function (Lan & DeMets 1983, "Discrete sequential boundaries for clinical trials"; the
integration: Armitage, McPherson & Rowe 1969), for sums of independent pairs. Pairs that are scored on the same test
rows are no such sums: the rows' noise is the same at every look, which ties the looks closer together and so makes any
crossing rarer than computed.

That holds for looks that were planned before anything was seen. Who sees a result and then picks the number of pairs
that suits it best, or drops a look that was planned, crosses more often: by such levels the best of policies would come
to 5.5 to 6.5 % in place of 5 (integrated over all that it may see: `tests/support/policies.py`). So the level of an
added look is half of its share, without any credit for the looks before it. The best of policies then stays at 4.9 % or
below, also beside a plan of 10 and 1,000 pairs, which makes dropping the second cost nothing. (Of the level that Holm
leaves to one of twenty it reaches 1.07 there, if it picks for that one alone; but one number is picked for all.)

A p-value over the looks taken so far is the least alpha at which one of them would have crossed ("repeated p-value":
Jennison & Turnbull 2000, section 9.5). It holds *whatever* made one stop, so ideas may stop one by one, and Holm over
these p-values holds family-wise as before. Likewise the interval at each look covers at *all* looks at once.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import scipy

from search.statistics.crossed import Difference, Floats, chance_of_decision
from search.statistics.verdicts import ALPHA, NO_DIFFERENCE

__all__ = ["Looks"]

PLANNED: Final = 0.8
"""Of what is left of alpha, for the looks of one plan; the rest is for plans to come."""
ADDED: Final = 0.5
"""Level of a look that was added, per share; see the module's note."""
ALPHAS: Final = np.union1d(np.logspace(-12, 0, 73), ALPHA)
"""At which levels are computed; between them they are interpolated. At ALPHA itself p-values must agree with the
intervals, which are made by it."""


@dataclass(frozen=True)
class Looks:
    """When to look, and how much of the error each look may spend. One look is the fixed design.

    Raises:
        ValueError: the looks do not rise from two pairs or more, or the shares are not positive with a sum of one at
            most.
    """

    pairs: tuple[int, ...]
    """Pairs in all at each look; the last is the cap."""
    shares: tuple[float, ...]
    """Of alpha."""
    added: int = 0
    """How many of the last were added when something had been seen."""
    futile: float = 0.1
    """An idea whose chance of a decision at the cap is below this gets no more pairs. It stays undecided."""

    def __post_init__(self) -> None:
        if not self.pairs or self.pairs[0] < 2 or list(self.pairs) != sorted(set(self.pairs)):
            raise ValueError(f"looks must rise from two pairs or more, but got {self.pairs}")
        positive = all(share > 0 for share in self.shares)  # no number is not
        if len(self.shares) != len(self.pairs) or not positive or sum(self.shares) > 1 + 1e-9:
            raise ValueError(
                f"shares must be positive, one for each look, with a sum of at most 1, but got {self.shares}"
            )

    @classmethod
    def at(cls, pairs: Sequence[int], taken: "Looks | None" = None, first: "Looks | None" = None) -> "Looks":
        """The looks taken so far, and a plan for those after `pairs` pairs that come later than all of them.

        Args:
            pairs: at which to look.
            taken: the looks so far; None before the first.
            first: the plan that stood when the first of them was taken. As far as `taken` and `pairs` go on with it,
                looks count as planned and keep their shares. What is taken out of it gives its share up: whoever takes
                it out has seen something.
        """
        before, shares = (taken.pairs, [*taken.shares]) if taken is not None else ((), [])
        at, given_up = (*before, *(number for number in pairs if number > max(before, default=0))), 0.0
        if first is not None:
            planned = _agreeing(at, first.pairs)
            shares += first.shares[len(shares) : planned]
            given_up = sum(first.shares[planned:])
        else:
            planned = len(before) - taken.added if taken is not None else len(at)
        for place in range(len(shares), len(at)):
            left = 1 - given_up - sum(shares)
            shares.append(PLANNED * left * at[place] / sum(at[place:]))
        return cls(at, tuple(shares), len(at) - planned)

    @property
    def _planned(self) -> int:
        return len(self.pairs) - self.added

    def confidence(self, look: int, alpha: float = ALPHA) -> float:
        """That `paired_difference` needs at this look (from 0)."""
        if look >= self._planned:
            return 1 - ADDED * self.shares[look] * alpha
        return 1 - _levels(self.pairs[: self._planned], self.shares[: self._planned], alpha)[look]

    def p_value(self, p_values: Sequence[float]) -> float:
        """One valid p-value from those of the looks taken so far, in their order."""
        tabled = _log_levels(self.pairs[: self._planned], self.shares[: self._planned])
        found = [1.0]
        for p, share, levels in zip(p_values, self.shares, tabled.T, strict=False):
            crossing = p / share  # by Bonferroni, which is exact at the first look and a bound at any
            if crossing > ALPHAS[0]:
                crossing = min(crossing, math.exp(np.interp(math.log(max(p, 1e-300)), levels, np.log(ALPHAS))))
            found.append(crossing)
        found += [p / (ADDED * share) for p, share in zip(p_values, self.shares, strict=False)][self._planned :]
        return min(found)

    def worth_more(self, difference: Difference, look: int, *, ideas: int = 1, region: float = NO_DIFFERENCE) -> bool:
        """Whether an idea that is undecided at this look (from 0) should get more pairs.

        Args:
            difference: at this look.
            look: from 0.
            ideas: still undecided, among which Holm divides alpha.
            region: of practical equivalence.
        """
        if look + 1 >= len(self.pairs):
            return False
        confidence = 1 - (1 - self.confidence(len(self.pairs) - 1)) / ideas
        return chance_of_decision(difference, self.pairs[-1], region=region, confidence=confidence) >= self.futile


def _agreeing(some: Sequence[int], others: Sequence[int]) -> int:
    """How many of the first are the same."""
    same = [one == other for one, other in zip(some, others, strict=False)]
    return len(same) if all(same) else same.index(False)


@lru_cache(maxsize=1024)
def _levels(pairs: tuple[int, ...], shares: tuple[float, ...], alpha: float) -> tuple[float, ...]:
    """The p-value below which each look crosses, so that it spends its share of `alpha` on first crossings."""
    levels = []
    at, mass = np.zeros(1), np.ones(1)  # of the sum of pairs that has not crossed: where, and how likely
    before = 0
    for number, share in zip(pairs, shares, strict=True):
        step = math.sqrt(number - before)
        high = 38 * math.sqrt(number)  # beyond are 1e-315 of all, less than any look has to spend
        bound = float(
            scipy.optimize.brentq(_excess, 0.0, high, args=(at / step, mass, step, share * alpha), xtol=1e-10)
        )
        levels.append(float(2 * scipy.special.ndtr(-bound / math.sqrt(number))))
        nodes, weights = _nodes(2 ** math.ceil(math.log2(max(8 * bound / step, 128.0))))  # few sizes, which are kept
        reached = nodes * bound
        mass = weights * bound * (scipy.stats.norm.pdf((reached[:, None] - at) / step) / step @ mass)
        at, before = reached, number
    return tuple(levels)


def _excess(bound: float, at: Floats, mass: Floats, step: float, wanted: float) -> float:
    beyond = scipy.special.ndtr(at - bound / step) + scipy.special.ndtr(-at - bound / step)
    return float(mass @ beyond) - wanted


@lru_cache(maxsize=64)
def _nodes(number: int) -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(number)
    return nodes, weights


@lru_cache(maxsize=64)
def _log_levels(pairs: tuple[int, ...], shares: tuple[float, ...]) -> Floats:
    """[len(ALPHAS), looks]"""
    return np.log([_levels(pairs, shares, float(alpha)) for alpha in ALPHAS])

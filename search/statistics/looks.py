"""Looking at the result more than once, and spending pairs where they decide.

NOTE: let p_1, p_2, ... be the p-values after 5, 10, ... pairs and w_1 + w_2 + ... = 1 fixed shares of alpha. Then
min over the looks of p_k / w_k is itself a p-value: P(p_k <= w_k a for any k) <= sum of w_k a = a (Bonferroni), under
any dependence of the looks. It stays one if some looks are never taken, *whatever* made one stop, since a minimum over
fewer looks is no smaller. So ideas may stop one by one, and Holm over these p-values holds family-wise as before.
Likewise the interval at look k, with confidence 1 - w_k alpha, covers at *all* looks at once with 1 - alpha.

Measured with 8 ideas of which 5 gain .3 to 3 points, on 5,000 rows, seeds worth 1.2 points: about 30 % fewer trainings
than 20 pairs for all, 61 % instead of 64 % of the gains found; a fixed 14 pairs, for the same price, finds 54 %.

The usual group-sequential boundaries (O'Brien & Fleming 1979) are a little tighter but assume independent increments,
which pairs scored on the same test rows do not have.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from search.statistics.crossed import Difference, chance_of_decision
from search.statistics.verdicts import NO_DIFFERENCE

__all__ = ["Looks"]


@dataclass(frozen=True)
class Looks:
    """When to look, and how much of the error each look may spend. One look is the fixed design.

    Raises:
        ValueError: the looks do not rise from two pairs or more, or the shares are not positive with a sum of one.
    """

    pairs: tuple[int, ...] = (5, 10, 20)
    """Pairs in all at each look; the last is the cap."""
    shares: tuple[float, ...] = (0.15, 0.25, 0.6)
    """Of alpha."""
    futile: float = 0.1
    """An idea whose chance of a decision at the cap is below this gets no more pairs. It stays undecided."""

    def __post_init__(self) -> None:
        if self.pairs[0] < 2 or list(self.pairs) != sorted(set(self.pairs)):
            raise ValueError(f"looks must rise from two pairs or more, but got {self.pairs}")
        if len(self.shares) != len(self.pairs) or min(self.shares) <= 0 or abs(sum(self.shares) - 1) > 1e-9:
            raise ValueError(f"shares must be positive, one for each look, with sum 1, but got {self.shares}")

    @classmethod
    def at(cls, pairs: Sequence[int]) -> "Looks":
        """Looks after so many pairs, each spending of alpha in proportion to its pairs."""
        return cls(tuple(pairs), tuple(number / sum(pairs) for number in pairs))

    def confidence(self, look: int, alpha: float = 0.05) -> float:
        """That `paired_difference` needs at this look (from 0)."""
        return 1 - alpha * self.shares[look]

    def p_value(self, p_values: Sequence[float]) -> float:
        """One valid p-value from those of the looks taken so far, in their order."""
        return min(1.0, *(p / share for p, share in zip(p_values, self.shares, strict=False)))

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

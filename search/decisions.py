"""Which ideas are decided, and which deserve more pairs.

One rule, used twice: by `compare` between two looks, and by the results at the end, so that what is trained and what is
said never disagree. It sees predictions, not networks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from search.statistics import Difference, Looks, holm, paired_difference, verdict

__all__ = ["Decision", "decide"]


@dataclass(frozen=True)
class Decision:
    """What may be said of one arm against another, with the pairs that both have."""

    difference: Difference
    """At the last look taken; its interval covers at all looks together."""
    adjusted_p: float
    """Over the looks taken, and by Holm over all comparisons decided together."""
    verdict: str
    worth_more: bool
    """Undecided, with a chance that the remaining pairs decide it."""


def decide(
    labels: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    n_classes: int,
    comparisons: Sequence[tuple[str, str]],
    looks: Looks,
) -> tuple[Decision, ...]:
    """Decide one family of comparisons.

    Args:
        labels: of the sealed test rows, int [n].
        predictions: classes that each arm predicts, int [P, n]; P may differ by arm, and is at least the first look's.
        n_classes: K.
        comparisons: (idea, reference) by name.
        looks: when the result is looked at; pairs beyond the last look that an idea and its reference both completed
            are not used.
    """
    differences: list[Difference] = []
    p_values: list[float] = []
    taken: list[int] = []
    for idea, reference in comparisons:
        shared = min(len(predictions[idea]), len(predictions[reference]))
        found = [
            paired_difference(
                labels,
                predictions[reference][:pairs],
                predictions[idea][:pairs],
                n_classes,
                confidence=looks.confidence(look),
            )
            for look, pairs in enumerate(looks.pairs)
            if pairs <= shared
        ]
        differences.append(found[-1])
        p_values.append(looks.p_value([difference.p_value for difference in found]))
        taken.append(len(found) - 1)
    adjusted = holm(p_values)
    verdicts = [verdict(difference, float(p)) for difference, p in zip(differences, adjusted, strict=True)]
    undecided = verdicts.count("undecided")
    return tuple(
        Decision(
            difference,
            float(p),
            word,
            word == "undecided" and looks.worth_more(difference, look, ideas=undecided),
        )
        for difference, p, word, look in zip(differences, adjusted, verdicts, taken, strict=True)
    )

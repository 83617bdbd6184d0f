"""Which ideas are decided, and which deserve more pairs.

One rule, used twice: by `compare` between two looks, and by the results at the end, so that what is trained and what is
said never disagree. It sees predictions, not networks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from search.statistics import ALPHA, Difference, Looks, exaggeration, holm, paired_difference, verdict

__all__ = ["Decision", "chosen_by_others", "decide", "searches_of", "with_chosen"]


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

    @property
    def exaggeration(self) -> float | None:
        """Of what improves: by how much the difference is probably too large, because it was large enough to be found;
        as a fraction. None of anything else.
        """
        if self.verdict != "improves":
            return None
        level = ALPHA * self.difference.p_value / self.adjusted_p if self.adjusted_p else 0.0
        return exaggeration(self.difference, level)


def decide(
    labels: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    n_classes: int,
    comparisons: Sequence[tuple[str, str]],
    looks: Looks,
    *,
    groups: np.ndarray | None = None,
    searches: int = 1,
) -> dict[tuple[str, str], Decision]:
    """Decide one family of comparisons.

    Args:
        labels: of the sealed test rows, int [n].
        predictions: classes that each arm predicts, int [P, n]; P may differ by arm, and is at least the first look's.
        n_classes: K.
        comparisons: (idea, reference) by name.
        looks: when the result is looked at; pairs beyond the last look that an idea and its reference both completed
            are not used.
        groups: of rows that belong together, int [n].
        searches: by which each arm was tuned; see `searches_of`.
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
                groups=groups,
                searches=searches_of(pairs, searches),
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
    decided = (
        Decision(
            difference,
            float(p),
            word,
            word == "undecided" and looks.worth_more(difference, look, ideas=undecided),
        )
        for difference, p, word, look in zip(differences, adjusted, verdicts, taken, strict=True)
    )
    return dict(zip(comparisons, decided, strict=True))


def searches_of(pairs: int, searches: int) -> np.ndarray | None:
    """Which search found the configs of each pair, int [pairs]: they take turns. None if there is one search."""
    return np.arange(pairs) % searches if searches > 1 else None


def with_chosen(
    predictions: Mapping[str, np.ndarray], validation: Mapping[str, np.ndarray], name: str
) -> dict[str, np.ndarray]:
    """`predictions`, with those of the arms that are `chosen_by_others` under one name.

    Args:
        predictions: of each arm's pairs, [P, n]; P may differ by arm.
        validation: macro-F1 of each pair of the arms to choose among, float [P].
        name: of the chosen.
    """
    chosen = chosen_by_others(validation)
    return {**predictions, name: np.stack([predictions[arm][pair] for pair, arm in enumerate(chosen)])}


def chosen_by_others(validation: Mapping[str, np.ndarray]) -> list[str]:
    """For each pair that all arms have, the arm with the best mean validation score over the *other* pairs.

    NOTE: an arm that is chosen by the validation scores of its runs has runs with good luck, and the same runs have it
    on sealed rows too: their mean there is .2 to .4 points too good, with heavy-tailed seeds 1.0 (simulated:
    `simulate_statistics --only winner`). Choosing without the run that is then scored leaves no luck to share (leave
    one out; Stone 1974). What comes out is the worth of choosing so, with one pair less.

    Args:
        validation: macro-F1 of each arm's pairs, float [P]; P may differ by arm.
    """
    shared = min(map(len, validation.values()))
    names, scores = list(validation), np.stack([of_arm[:shared] for of_arm in validation.values()])
    others = scores.sum(axis=1, keepdims=True) - scores
    return [names[arm] for arm in others.argmax(axis=0)]

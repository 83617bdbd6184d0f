"""Which ideas are decided, and which deserve more pairs.

One rule, used twice: by `compare` between two looks, and by the results at the end, so that what is trained and what is
said never disagree. It sees predictions, not networks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from search.comparison.ideas import CHOSEN
from search.statistics import ALPHA, Difference, Looks, exaggeration, holm, paired_difference, verdict

__all__ = ["Decision", "chosen_by_others", "decide", "runs_of", "searches_of"]


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
    chosen: Sequence[Sequence[str]] = (),
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
        chosen: for each look, the arm that stands for the best network in each pair; see `chosen_by_others`.
        groups: of rows that belong together, int [n].
        searches: by which each arm was tuned; see `searches_of`.
    """
    differences: list[Difference] = []
    p_values: list[float] = []
    taken: list[int] = []
    for idea, reference in comparisons:
        found = []
        for look, pairs in enumerate(looks.pairs):
            before, after = (_at(look, pairs, arm, predictions, chosen) for arm in (reference, idea))
            if before is None or after is None:
                break
            confidence, taking_turns = looks.confidence(look), searches_of(pairs, searches)
            found.append(
                paired_difference(
                    labels, before, after, n_classes, groups=groups, searches=taking_turns, confidence=confidence
                )
            )
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


def _at(
    look: int, pairs: int, arm: str, predictions: Mapping[str, np.ndarray], chosen: Sequence[Sequence[str]]
) -> np.ndarray | None:
    """What an arm predicts in the pairs of this look, if it has them."""
    if arm == CHOSEN:
        return runs_of(chosen[look], predictions) if look < len(chosen) else None
    return predictions[arm][:pairs] if pairs <= len(predictions[arm]) else None


def runs_of(arms: Sequence[str], said: Mapping[str, np.ndarray]) -> np.ndarray:
    """Of each pair, what this arm said in it, [P, ...]."""
    return np.stack([said[arm][pair] for pair, arm in enumerate(arms)])


def chosen_by_others(validation: Mapping[str, np.ndarray], looks: Sequence[int], searches: int = 1) -> list[list[str]]:
    """For each pair of a look, the arm with the best mean validation score over the *other* pairs; where there are
    several searches, over those of the other searches.

    The first look chooses among all arms; each later one among those that were chosen for some pair before, as long as
    they have its pairs. It chooses for the pairs that it adds: those that made an arm one of few must not score it.

    NOTE: an arm that is chosen by the validation scores of its runs has runs with good luck, and the same runs have it
    on sealed rows too: their mean there is .2 to .4 points too good, with heavy-tailed seeds 1.0 (simulated:
    `simulate_statistics --only winner`). Choosing without the run that is then scored leaves no luck to share (leave
    one out; Stone 1974); pairs of one search share their config, and with it its luck. What comes out is the worth of
    choosing so, with one pair, or search, less.

    Args:
        validation: macro-F1 of each arm's pairs, float [P]; P may differ by arm.
        looks: pairs at each.
        searches: by which each arm was tuned.

    Returns:
        For each look that can be taken, the arm of each of its pairs.
    """
    names, chosen, by_look = list(validation), list[str](), list[list[str]]()
    for pairs in looks:
        if any(len(validation[arm]) < pairs for arm in names):
            break
        scores = np.stack([validation[arm][:pairs] for arm in names])
        unit = np.arange(pairs) % searches if searches > 1 else np.arange(pairs)
        others = scores @ (unit[:, None] != unit)
        chosen = chosen + [names[arm] for arm in others[:, len(chosen) :].argmax(axis=0)]
        by_look.append(chosen)
        names = [arm for arm in names if arm in chosen]
    return by_look

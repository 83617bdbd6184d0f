"""Which pairs the next look still needs, and what is on record of looks: the plan, and those that were taken."""

from dataclasses import dataclass

import numpy as np

from search.comparison.decisions import chosen_by_others, decide
from search.comparison.ideas import CHOSEN, PAIRS
from search.comparison.pairs import VALIDATION
from search.comparison.setting import LOOKS, PLANNED_LOOKS, Setting
from search.statistics import Looks
from search.study.records import keep_of_study
from sentiment.models.baselines import LINEAR

__all__ = ["PairsLeft", "pairs_left", "record_looks", "record_plan"]


@dataclass(frozen=True)
class PairsLeft:
    """(arm, pair) to train, and the looks for which none is missing."""

    wanted: frozenset[tuple[str, int]]
    """By the next look."""
    possible: frozenset[tuple[str, int]]
    """That later looks may add."""
    reached: int
    """How many looks can be taken."""
    spared: bool = False
    """Pairs that are planned are not wanted: everything is decided, or has no chance to be by them."""


def pairs_left(setting: Setting) -> PairsLeft:
    """What the next look still needs, judged by the last that was taken."""
    looks, taken, done = setting.looks, setting.looks_taken, set(setting.finished_pairs())
    going = {LINEAR, *(arm.name for arm in setting.comparison.arms)}

    def missing(pairs: int, beyond: int = 0) -> frozenset[tuple[str, int]]:
        return frozenset({(arm, pair) for arm in going for pair in range(beyond, pairs)} - done)

    first = len(taken.pairs) - 1 if taken is not None else 0
    for reached in range(first, len(looks.pairs)):
        pairs = looks.pairs[reached]
        if (taken is None or reached > first) and (wanted := missing(pairs)):
            return PairsLeft(wanted, missing(looks.pairs[-1], pairs), reached)
        going = _worth_more(setting, looks, pairs)
        if not going:
            return PairsLeft(frozenset(), frozenset(), reached + 1, spared=pairs < looks.pairs[-1])
    # What had stopped, and may be decided now that others are, makes up for what it lacks.
    return PairsLeft(missing(looks.pairs[-1]), frozenset(), len(looks.pairs))


def record_plan(setting: Setting) -> None:
    """Before anything can be seen: what is changed afterwards may have been changed by what was."""
    if setting.looks_planned is None:
        taken = setting.looks_taken  # by an older version, which recorded no plan
        keep_of_study(setting.study(PAIRS), PLANNED_LOOKS, _shares(taken or setting.looks))


def record_looks(setting: Setting, reached: int) -> None:
    """Before anything is said of them: what was seen cannot be unseen by a kill, nor by another plan, for which an idea
    that had stopped may lack pairs of a look that was taken."""
    before = setting.looks_taken
    reached = max(reached, len(before.pairs) if before else 0)
    if reached:
        keep_of_study(setting.study(PAIRS), LOOKS, _shares(setting.looks)[:reached])


def _worth_more(setting: Setting, looks: Looks, pairs: int) -> set[str]:
    """Who gets more pairs after this look: what is compared and undecided. For the best network those do that were
    chosen as it; where anything gets more, the linear model does, which costs little."""
    comparison, dataset = setting.comparison, setting.dataset
    arms, finished = [arm.name for arm in comparison.arms], setting.finished_pairs()
    predictions = {name: setting.probabilities(name)[:pairs].argmax(axis=2) for name in (LINEAR, *arms)}
    chosen = chosen_by_others(
        {
            arm: np.array([finished[arm, pair].user_attrs[VALIDATION] for pair in range(len(predictions[arm]))])
            for arm in arms
        },
        looks.pairs,
        comparison.searches,
    )
    decisions = decide(
        dataset.labels("test"),
        predictions,
        len(dataset.classes),
        comparison.family,
        looks,
        chosen=chosen,
        groups=dataset.groups("test"),
        searches=comparison.searches,
    )
    undecided = {name for both, found in decisions.items() if found.worth_more for name in both}
    if CHOSEN in undecided:
        undecided = undecided - {CHOSEN} | set(chosen[-1])
    return undecided | {LINEAR} if undecided else undecided


def _shares(looks: Looks) -> list[list[float]]:
    return [list(look) for look in zip(looks.pairs, looks.shares, strict=True)]

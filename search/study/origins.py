"""How each trial of a search came by its settings: a recipe known to be good, a draw, or the same settings again.

They answer different questions. Recipes say what is good elsewhere, and share most of their settings; draws say what a
setting is worth; the same settings again say how much the seed alone does.
"""

from collections.abc import Sequence
from typing import Final, Literal

from optuna.trial import FrozenTrial

from search.study.positions import FINISHED, FIXED, REPEATS, in_order
from search.study.records import CONFIG, told

__all__ = ["IN_WORDS", "Origin", "origin_of", "origins"]

Origin = Literal["recipe", "sampled", "again", "replicate", "outside"]

IN_WORDS: Final[dict[Origin, str]] = {
    "recipe": "known-good recipe",
    "sampled": "sampled",
    "again": "sampled, begun again",
    "replicate": "replicate: the settings of an earlier trial, another seed",
    "outside": "told from outside",
}


def origin_of(trial: FrozenTrial) -> Origin:
    """Where the settings of a trial come from, as far as it says itself: from a recipe that its search begins with,
    also if it was begun again; from the sampler; or from a sampled trial that was lost, for which it stands in."""
    if FIXED in trial.system_attrs:
        return "recipe"
    return "again" if REPEATS in trial.system_attrs else "sampled"


def origins(trials: Sequence[FrozenTrial]) -> dict[int, Origin]:
    """The same of each trial, by its number, seen beside the others: one that has the settings of an earlier finished
    one is a replicate of it. Of one whose score another program told (`optuna tell`) nobody knows what was trained.

    Args:
        trials: all of a study, in the order of their numbers.
    """
    found: dict[int, Origin] = {}
    seen = set()
    for trial in in_order(trials):
        settings = repr(sorted(trial.params.items()))
        if trial.state in FINISHED and not told(trial, CONFIG):
            found[trial.number] = "outside"
            continue
        found[trial.number] = "replicate" if trial.params and settings in seen else origin_of(trial)
        if trial.state in FINISHED:
            seen.add(settings)
    return found

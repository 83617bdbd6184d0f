"""How each trial of a search came by its settings: a recipe known to be good, a draw, or the same settings again.

They answer different questions. Recipes say what is good elsewhere, and share most of their settings; draws say what a
setting is worth; the same settings again say how much the seed alone does.
"""

from collections.abc import Sequence
from typing import Final

from optuna.trial import FrozenTrial

from search.study.positions import FINISHED, in_order

__all__ = ["AGAIN", "RECIPE", "SAMPLED", "origins"]

RECIPE: Final = "recipe"
SAMPLED: Final = "sampled"
AGAIN: Final = "again"
"""Of a finished trial whose settings an earlier one had: only the seed differs."""


def origins(trials: Sequence[FrozenTrial]) -> dict[int, str]:
    """How each trial came by its settings, by its number.

    Args:
        trials: all of a study, in the order of their numbers.
    """
    found, seen = {}, set()
    for trial in in_order(trials):
        settings = repr(sorted(trial.params.items()))
        if trial.params and settings in seen:
            found[trial.number] = AGAIN
        else:
            found[trial.number] = RECIPE if "fixed_params" in trial.system_attrs else SAMPLED
        if trial.state in FINISHED:
            seen.add(settings)
    return found

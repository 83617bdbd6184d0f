"""What each parameter was worth, judged by the trials whose settings were drawn.

The recipes that a search begins with share most of their settings: counted among the others, they tie parameters to one
another, and what is good in all of them seems to be worth nothing. Nor was a replicate drawn, or what another program
told.
"""

import warnings
from dataclasses import dataclass
from typing import Final

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, create_trial

from search.study.origins import origins
from search.study.positions import FINISHED

__all__ = ["ENOUGH", "TOP", "Importances", "importances"]

ENOUGH: Final = 10
"""Sampled trials from which on a share says more than luck."""
TOP: Final = 0.25
"""Share of the trials that are the good ones. Optuna's tenth would be two or three of them in a search of thirty."""


@dataclass(frozen=True)
class Importances:
    """How much a parameter's values differ between the best quarter of the sampled trials and all of them."""

    values: dict[str, float]
    """By parameter, the largest first; together 1. None where there are too few trials."""
    trials: int
    """Sampled ones that were completed or pruned."""

    @property
    def enough(self) -> bool:
        """Whether there are trials enough to say anything."""
        return bool(self.values)


def importances(study: optuna.Study) -> Importances:
    """By PED-ANOVA (Watanabe, Bansal and Hutter 2023), which knows of parameters that only some trials have.

    A pruned trial counts with the best score that it had: it is among the worse ones, whatever it would have become.
    """
    trials = study.get_trials(deepcopy=False)
    origin = origins(trials)
    sampled = [trial for trial in trials if _counts(trial) and origin[trial.number] in ("sampled", "again")]
    searched = {name for trial in sampled for name, one in trial.distributions.items() if not one.single()}
    if len(sampled) < ENOUGH or not searched:
        return Importances({}, len(sampled))
    alone = optuna.create_study(direction="maximize")
    alone.add_trials(
        [create_trial(value=one.value, params=one.params, distributions=one.distributions) for one in sampled]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that they are equal is said by their being so
        found = get_param_importances(alone, evaluator=PedAnovaImportanceEvaluator(target_quantile=TOP))
    return Importances({name: float(value) for name, value in found.items() if name in searched}, len(sampled))


def _counts(trial: FrozenTrial) -> bool:
    return trial.state in FINISHED and trial.value is not None and trial.value == trial.value

"""What each parameter was worth, among the trials that a sampler drew.

NOTE: the recipes that a search begins with share most of their settings. Among them parameters go together that have
nothing to do with one another, and any measure of importance then gives them equal shares, or takes one for the other.
So they are left out. What is left is PED-ANOVA (Watanabe et al. 2023, "PED-ANOVA: Efficiently Quantifying
Hyperparameter Importance in Arbitrary Subspaces"), within the family that was sampled most: parameters of other
families mean nothing there.
"""

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Final

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.report.page.content import Block, Prose, Shade, Table
from search.report.page.messages import Say
from search.study.positions import FIXED
from search.study.records import family_of_trial

__all__ = ["importance_blocks"]

LEAST: Final = 10
"""Sampled trials of one family, below which shares are noise."""
SHOWN: Final = 12


def importance_blocks(study: optuna.Study, say: Say) -> list[Block]:
    """The shares as a table, or why there are none."""
    sampled = [trial for trial in trials if trial.state == TrialState.COMPLETE and FIXED not in trial.system_attrs]
    families = Counter(family_of_trial(trial) for trial in sampled)
    family, count = families.most_common(1)[0] if families else ("", 0)
    own = [trial for trial in sampled if family_of_trial(trial) == family]
    if count < LEAST or len({trial.value for trial in own}) < 2:
        return [Prose(say("importance.few", count=count, needed=LEAST))]
    shares = _shares(own)
    rows = tuple((name, Shade(f"{100 * share:.0f} %", share)) for name, share in list(shares.items())[:SHOWN])
    caption = say("importance.caption", count=count, family=family)
    header = say("column.parameter"), say("column.importance")
    return [Table(caption, header, rows, numbers=frozenset((1,))), Prose(say("importance.caveat"), is_note=True)]


def _shares(trials: Sequence[FrozenTrial]) -> dict[str, float]:
    """Largest first."""
    alone = optuna.create_study(direction="maximize")
    alone.add_trials(
        [create_trial(value=trial.value, params=trial.params, distributions=trial.distributions) for trial in trials]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the evaluator is new
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        return optuna.importance.get_param_importances(alone, evaluator=evaluator)

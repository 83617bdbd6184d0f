"""States of trainings that a comparison keeps for nothing: whoever made them was killed when what came of the training
was recorded, and the state not yet removed."""

from optuna.trial import TrialState

from search.comparison.ideas import RANDOM
from search.comparison.setting import Setting
from search.comparison.tuning import NUMBER
from sentiment.models.baselines import LINEAR
from sentiment.models.progress import remove_progress

__all__ = ["remove_recorded"]


def remove_recorded(setting: Setting) -> None:
    """Remove the states of pairs and random trials that are recorded; those of others may be gone on from, also by
    another command that trains them now. Tuning removes its own (`search.study.progress`)."""
    arms = {LINEAR, *(arm.name for arm in setting.comparison.arms)}
    for arm, pair in setting.finished_pairs():
        if arm in arms:
            remove_progress(setting.pair_progress(arm, pair))
    for trial in setting.trials(RANDOM, TrialState.COMPLETE):
        remove_progress(setting.random_progress(trial.user_attrs[NUMBER]))

"""What the winner of a search is worth without the luck of having been chosen, beside the linear baseline and among the
families, and what the mean of several trials is worth beside it; all of it from stored predictions, nothing is trained
(`search.statistics.optimism`).
"""

import warnings
from dataclasses import asdict
from typing import Final

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from search.statistics import corrected_combination, corrected_difference, corrected_score
from search.storage.predictions import classes_of, kept_classes, kept_predictions
from search.study.create import SearchStudy
from search.study.positions import in_order
from search.study.records import (
    AGAINST_LINEAR,
    BASELINES,
    COLLAPSED,
    CORRECTED,
    ENSEMBLE,
    FAMILIES_AGAINST_LINEAR,
    IS_LINEAR_BASELINE,
    PREDICTIONS,
    family_of_trial,
)
from sentiment.errors import InputError
from sentiment.models.baselines import LINEAR
from sentiment.models.ensemble.config import EnsembleConfig
from sentiment.models.ensemble.selection import select

__all__ = ["correct_for_choosing"]

SPLITS: Final = 5
"""Of the validation rows, over which the worth of an ensemble is the mean; each takes as long as three selections."""


def correct_for_choosing(opened: SearchStudy) -> None:
    """Record what the best trial is worth on rows that did not choose it: its score, and the difference from the linear
    baseline on the same rows; the latter also of the best trial of each family. And the ensemble that the trials make.
    """
    study = opened.study
    if opened.predictions is None:
        return
    trials = [
        trial
        for trial in in_order(study.get_trials(deepcopy=False))
        if trial.state == TrialState.COMPLETE and PREDICTIONS in trial.user_attrs
    ]
    baseline = next((number for number, trial in enumerate(trials) if IS_LINEAR_BASELINE in trial.user_attrs), None)
    linear = study.user_attrs.get(BASELINES, {}).get(LINEAR, {}).get(PREDICTIONS)
    try:
        said = [kept_predictions(opened.predictions, trial.user_attrs[PREDICTIONS]) for trial in trials]
        reference = None if linear is None else kept_classes(opened.predictions, linear)
    except InputError as error:  # the search itself is whole without them
        warnings.warn(f"the best score is not corrected for choosing: {error}", stacklevel=2)
        return
    if not said:
        return
    kept = [classes_of(predictions) for predictions in said]
    if baseline is not None:
        reference = kept[baseline]
    labels, predictions, n_classes = opened.dataset.labels("validation"), np.stack(kept), len(opened.dataset.classes)
    groups = opened.dataset.groups("validation")
    if groups is not None and len(np.unique(groups)) < 2:
        warnings.warn(
            "the best score is not corrected for choosing: all validation rows are of one group, which says nothing of "
            "others",
            stacklevel=2,
        )
        return
    if len(kept) > 1:
        score = corrected_score(labels, predictions, n_classes, groups=groups)
        study.set_user_attr(CORRECTED, {"trials": len(kept), **asdict(score)})
    sound = [number for number, trial in enumerate(trials) if _may_be_averaged(trial, said[number])]
    best = max(range(len(trials)), key=lambda number: trials[number].value or 0.0)  # of equals the first
    if len(sound) > 1 and best in sound:
        averaged = [trials[number] for number in sound], np.stack([said[number] for number in sound])
        _record_ensemble(opened, *averaged, reference, best=trials[best].number)
    if reference is None:
        return
    families: dict[str, list[int]] = {}
    for index, trial in enumerate(trials):
        families.setdefault(family_of_trial(trial), []).append(index)
    against = {}
    for name, members in {"": list(range(len(trials))), **(families if len(families) > 1 else {})}.items():
        gain = corrected_difference(labels, predictions[members], reference, n_classes, groups=groups)
        against[name] = {"trial": trials[members[gain.winner]].number, **asdict(gain)}
    study.set_user_attr(AGAINST_LINEAR, against.pop(""))
    study.set_user_attr(FAMILIES_AGAINST_LINEAR, against)


def _may_be_averaged(trial: FrozenTrial, said: np.ndarray) -> bool:
    """Older studies kept classes alone; and a mean of means says nothing new."""
    return COLLAPSED not in trial.user_attrs and said.ndim == 2 and family_of_trial(trial) != EnsembleConfig.family


def _record_ensemble(
    opened: SearchStudy, trials: list[FrozenTrial], said: np.ndarray, reference: np.ndarray | None, best: int
) -> None:
    labels, groups = opened.dataset.labels("validation"), opened.dataset.groups("validation")
    n_classes = said.shape[2]

    def weigh(probabilities: np.ndarray, of: np.ndarray) -> np.ndarray:
        return select(probabilities, of, n_classes)

    worth = corrected_combination(labels, said, weigh, reference=reference, groups=groups, splits=SPLITS)
    weights = {
        str(trial.number): float(weight)
        for trial, weight in zip(trials, weigh(said, labels), strict=True)
        if weight > 0
    }
    opened.study.set_user_attr(ENSEMBLE, {"best": best, "weights": weights, **asdict(worth)})

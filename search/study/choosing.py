"""What the winner of a search is worth without the luck of having been chosen, beside the linear baseline and among the
families, and what the mean of several trials is worth beside it; all of it from stored predictions, nothing is trained
(`search.statistics.optimism`).

A checkpoint is chosen by the same rows as a trial, so each of a trial's checkpoints is a candidate of its own. On some
600 rows of six files the best one stood .9 points higher beside the linear model, which has no choice, than on new
rows; corrected among its checkpoints, as here, the difference was .0 (`python -m tests.benchmarks.checkpoints`).
"""

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Final

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from search.statistics import corrected_combination, corrected_difference, corrected_score
from search.storage.paths import Artifacts
from search.storage.predictions import classes_of, kept_classes, kept_predictions, recorded_file
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
    OTHERS,
    PREDICTIONS,
    family_of_trial,
    keep_of_study,
    told,
    told_of_study,
)
from sentiment.errors import InputError
from sentiment.metrics import macro_f1
from sentiment.models.baselines import LINEAR
from sentiment.models.ensemble.config import EnsembleConfig
from sentiment.models.ensemble.selection import select

__all__ = ["correct_for_choosing"]

SPLITS: Final = 5
"""Of the validation rows, over which the worth of an ensemble is the mean; each takes as long as three selections."""

AHEAD: Final = 20
AHEAD_IN_FAMILY: Final = 3
"""The best trials, and the best of each family, whose other checkpoints are candidates. The memory for those of a
thousand trials would be too much, and hardly any of them would be chosen."""


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
        if trial.state == TrialState.COMPLETE and told(trial, PREDICTIONS) is not None
    ]
    baseline = next((number for number, trial in enumerate(trials) if IS_LINEAR_BASELINE in trial.user_attrs), None)
    linear = told_of_study(study).get(BASELINES, {}).get(LINEAR, {}).get(PREDICTIONS)
    families: dict[str, list[int]] = {}
    for index, trial in enumerate(trials):
        families.setdefault(family_of_trial(trial), []).append(index)
    ahead = _best_of(trials, range(len(trials)), AHEAD)
    ahead |= {number for members in families.values() for number in _best_of(trials, members, AHEAD_IN_FAMILY)}
    try:
        candidates = [
            _candidates(opened.predictions, trial, with_others=number in ahead) for number, trial in enumerate(trials)
        ]
        reference = None if linear is None else kept_classes(opened.predictions, linear)
    except InputError as error:  # the search itself is whole without them
        warnings.warn(f"the best score is not corrected for choosing: {error}", stacklevel=2)
        return
    if not candidates:
        return
    if baseline is not None:
        reference = candidates[baseline].classes[0]
    labels, n_classes = opened.dataset.labels("validation"), len(opened.dataset.classes)
    groups = opened.dataset.groups("validation")
    if groups is not None and len(np.unique(groups)) < 2:
        warnings.warn(
            "the best score is not corrected for choosing: all validation rows are of one group, which says nothing of "
            "others",
            stacklevel=2,
        )
        return
    if len(trials) > 1:
        score = corrected_score(labels, _joined(candidates), n_classes, groups=groups)
        keep_of_study(study, CORRECTED, {"trials": len(trials), **asdict(score)})
    best = max(range(len(trials)), key=lambda number: trials[number].value or 0.0)  # of equals the first
    sound = [number for number, trial in enumerate(trials) if _may_be_averaged(trial, candidates[number].said[0])]
    if len(sound) > 1 and best in sound:
        _record_ensemble(opened, [(trials[n], candidates[n]) for n in sound], reference, best=trials[best].number)
    if reference is None:
        return
    against = {}
    for name, members in {"": list(range(len(trials))), **(families if len(families) > 1 else {})}.items():
        own = [candidates[number] for number in members]
        gain = corrected_difference(labels, _joined(own), reference, n_classes, groups=groups)
        winner = np.repeat(members, [len(one.said) for one in own])[gain.winner]
        against[name] = {"trial": trials[winner].number, **asdict(gain)}
    keep_of_study(study, AGAINST_LINEAR, against.pop(""))
    keep_of_study(study, FAMILIES_AGAINST_LINEAR, against)


@dataclass(frozen=True)
class _Candidates:
    """What a trial's checkpoints say of the validation rows, the best one first."""

    said: list[np.ndarray]
    """Of each, probabilities [n, K]; in older studies classes [n]."""

    @cached_property
    def classes(self) -> np.ndarray:
        """int16 [C, n]."""
        return np.stack([classes_of(one) for one in self.said])


def _candidates(folder: Artifacts, trial: FrozenTrial, *, with_others: bool) -> _Candidates:
    """What a trial kept; the file of other checkpoints that nobody asks for any more is removed."""
    record = told(trial, PREDICTIONS)
    said = [kept_predictions(folder, record)]
    if OTHERS in record and not with_others:
        recorded_file(folder, record[OTHERS]).remove()
    elif OTHERS in record:
        try:
            said += list(kept_predictions(folder, record[OTHERS]))
        except InputError as error:
            warnings.warn(f"the choice of trial {trial.number}'s checkpoint is not corrected: {error}", stacklevel=3)
    return _Candidates(said)


def _best_of(trials: list[FrozenTrial], among: Sequence[int], number: int) -> set[int]:
    return set(sorted(among, key=lambda index: -(trials[index].value or 0.0))[:number])


def _joined(candidates: Sequence[_Candidates]) -> np.ndarray:
    return np.concatenate([one.classes for one in candidates])


def _may_be_averaged(trial: FrozenTrial, said: np.ndarray) -> bool:
    """Older studies kept classes alone; and a mean of means says nothing new."""
    return COLLAPSED not in trial.user_attrs and said.ndim == 2 and family_of_trial(trial) != EnsembleConfig.family


def _record_ensemble(
    opened: SearchStudy,
    averaged: list[tuple[FrozenTrial, _Candidates]],
    reference: np.ndarray | None,
    best: int,
) -> None:
    labels, groups = opened.dataset.labels("validation"), opened.dataset.groups("validation")
    said = np.stack([one for _, of_trial in averaged for one in of_trial.said])
    ends = np.cumsum([len(of_trial.said) for _, of_trial in averaged])
    starts, n_classes = [0, *ends[:-1]], said.shape[2]

    def weigh(probabilities: np.ndarray, of: np.ndarray) -> np.ndarray:
        """Of each trial the checkpoint that is best on these rows; and of these what `select` says."""

        def best_of(checkpoints: np.ndarray) -> int:
            if len(checkpoints) == 1:  # as of most of ten thousand trials
                return 0
            return int(np.argmax([macro_f1(of, one.argmax(axis=1), n_classes) for one in checkpoints]))

        chosen = [start + best_of(probabilities[start:end]) for start, end in zip(starts, ends, strict=True)]
        weights = np.zeros(len(probabilities))
        weights[chosen] = select(probabilities[chosen], of, n_classes)
        return weights

    worth = corrected_combination(labels, said, weigh, reference=reference, groups=groups, splits=SPLITS)
    found = np.add.reduceat(weigh(said, labels), starts)
    weights = {
        str(trial.number): float(weight) for (trial, _), weight in zip(averaged, found, strict=True) if weight > 0
    }
    keep_of_study(opened.study, ENSEMBLE, {"best": best, "weights": weights, **asdict(worth)})

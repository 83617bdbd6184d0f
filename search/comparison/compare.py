"""Arms, pairs, and a counted look at the sealed test.

1. Every arm is tuned with the same number of trials, in its own study `NAME: tuning of ARM`, unpruned, by random search
   with the same seed: with so few trials no sampler has learned anything yet. The first trial is not random but what
   the study file says. If several searches are asked for, each has other draws and other validation rows. If a tuning
   curve is asked for, the study `NAME: random draws` draws from the whole space.
2. Each arm's winner is trained again in pairs: within a pair all arms share the seed of initial weights, order and
   dropout, and a fresh draw of training and validation rows. Pairs are trials of the study `NAME`, which is the
   comparison itself; the winners of several searches take turns. The linear model is fitted on the same rows, and is an
   arm like any other.
   Between the looks that the budget names, an idea that is decided, or has no chance to be, gets no more of them.
3. Only pairs are scored on the sealed test rows. What they said of each row is kept, so that every later table is
   made without another look, and no trial's value is a score on them. Each session that scores them is counted in that
   study, and so is each look at the result, which spends from one budget of errors however the study file is edited in
   between.

Killed anywhere, it goes on: a finished trial or pair is never trained twice.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial

from search.comparison.ideas import BASELINE, PAIRS, RANDOM, Arm, tuning_name
from search.comparison.leftovers import remove_recorded
from search.comparison.looks import pairs_left, record_looks, record_plan
from search.comparison.pairs import VALIDATION, fit_linear, train_pair
from search.comparison.setting import RENAME, Setting
from search.comparison.tuning import random_trials_left, train_random, tune, winner_of
from search.execution.again import do_lost_again
from search.execution.contract import Executor
from search.execution.this_process import THIS_PROCESS
from search.statistics import Looks
from search.storage.predictions import kept_classes
from search.study.positions import FINISHED
from search.study.records import (
    COLLAPSED,
    COMPARISON,
    CONFIG,
    DATA,
    EPOCHS,
    FINGERPRINT,
    OPENINGS,
    PLAN,
    PREDICTIONS,
    SECONDS,
    SPACE_DEFAULTS,
    keep_of_study,
    told,
    why_ended,
)
from sentiment.errors import InputError, naming
from sentiment.models.baselines import LINEAR
from sentiment.models.config import Config
from sentiment.models.registry import config_of

__all__ = [
    "AtWork",
    "Compared",
    "ComparedArm",
    "PairedScores",
    "Run",
    "compare",
    "gathered",
    "openings",
    "refuse_other",
    "refuse_other_data",
]


@dataclass(frozen=True)
class Run:
    """One training of an arm, tuning or pair: what it was, and whether it went wrong."""

    config: Config
    collapsed: bool
    """It ended in (almost) one class."""
    diverged: bool = False
    """Its loss or its weights left all bounds. What it is worth is what it was until then."""


@dataclass(frozen=True)
class PairedScores:
    """What an arm's pairs came to; the linear model is such an arm too."""

    name: str
    probabilities: np.ndarray
    """float32 [pairs, sealed rows, K]; an idea that was decided early has fewer pairs."""
    validation_macro_f1: np.ndarray
    """float64 [pairs]: on fresh draws of the validation rows."""
    seconds: float
    """Of training, mean over pairs."""


@dataclass(frozen=True)
class ComparedArm(PairedScores):
    """The same of an arm that was tuned."""

    arm: Arm
    configs: tuple[Config, ...]
    """The winner of each of its searches."""
    tuned_macro_f1: float
    """The validation score that chose the winner, mean over the searches."""
    tuning_predictions: np.ndarray
    """int16 [tuning trials, validation rows]: what each of the first search predicts."""
    epochs: float
    """Trained, mean over pairs."""
    runs: tuple[Run, ...]
    """All tuning trials and pairs."""
    paired_runs: tuple[Run, ...]
    """The pairs."""


@dataclass(frozen=True)
class AtWork:
    """What a worker does, for progress."""

    what: str
    """In a few words."""
    trainings: int
    """That it makes; a linear model is none."""
    of: int
    """The same with those that were there already."""
    study: str | None
    """Of a search, the part of the comparison that has its trials, as `Setting.trials` names it."""


@dataclass(frozen=True)
class Compared:
    """What a comparison came to."""

    arms: tuple[ComparedArm, ...]
    """The baseline first."""
    linear: PairedScores
    looks: Looks
    """All that were ever taken, and what each spent."""
    draws: int | None
    """Different draws of training rows among the pairs of the last look; None where rows are drawn one by one."""


def compare(
    setting: Setting,
    *,
    executor: Executor = THIS_PROCESS,
    on_training: Callable[[int, int, Sequence[AtWork]], None] = lambda done, total, at_work: None,
) -> Compared:
    """Tune every arm, train every pair, and gather what the sealed test said.

    Args:
        setting: what to compare, and where.
        executor: where it is trained; each of its workers trains one thing at a time.
        on_training: called after each tuned arm and each pair with the number of trainings done and in all, and with
            what the workers do now; what is done of a search that is under way is not among the former.

    Raises:
        InputError: the comparison was begun with other data or other arms.
        WorkerLost: workers were killed again and again; the others were interrupted.
    """
    comparison = setting.comparison
    _begin(setting)

    def work_through(jobs: Sequence[_Job], done: int, total: int) -> None:
        # They are begun in their order; one that was lost and is begun again is not told of.
        waiting = list(enumerate(jobs))
        at_hand = dict(waiting[: executor.workers])
        del waiting[: executor.workers]
        on_training(done, total, [job.at_work for job in at_hand.values()])
        # A finished trial or pair is never trained twice; what its worker took along, another does again.
        for ended in do_lost_again(executor, [job.do for job in jobs], setting):
            done += jobs[ended.job].at_work.trainings
            at_hand.pop(ended.job, None)
            at_hand.update(waiting[:1])
            del waiting[:1]
            on_training(done, total, [job.at_work for job in at_hand.values()])

    def pairs_there() -> int:
        return sum(arm != LINEAR for arm, _ in setting.finished_pairs())

    jobs = [
        _search(setting, index, search)
        for search in range(comparison.searches)
        for index in range(len(comparison.arms))
    ]
    jobs += [
        _Job(partial(train_random, number=number), AtWork(f"random trial {number + 1}", 1, 1, None))
        for number in random_trials_left(setting)
    ]
    tuned = sum(job.at_work.of for job in jobs)
    there = sum(job.at_work.of - job.at_work.trainings for job in jobs) + pairs_there()
    pairs = comparison.pairs[0] * len(comparison.arms)
    work_through(jobs, there, max(tuned + pairs, there))
    while True:
        left = pairs_left(setting)
        record_looks(setting, left.reached)
        if not left.wanted:
            break
        jobs = [
            _Job(partial(fit_linear, pair=pair), AtWork(f"{LINEAR}, pair {pair + 1}", 0, 0, None))
            for arm, pair in sorted(left.wanted)
            if arm == LINEAR
        ]
        jobs += [
            _Job(partial(train_pair, index=index, pair=pair), AtWork(f"{arm.name}, pair {pair + 1}", 1, 1, None))
            for pair in range(max(pair for _, pair in left.wanted) + 1)
            for index, arm in enumerate(comparison.arms)
            if (arm.name, pair) in left.wanted
        ]
        done = tuned + pairs_there()
        total = done + sum(job.at_work.trainings for job in jobs)
        record_plan(setting)
        _count_opening(setting, len(jobs))
        work_through(jobs, done, total)
    return gathered(setting)


def gathered(setting: Setting) -> Compared:
    """What is there up to the last look; nothing is trained.

    Raises:
        InputError: no look was taken yet; or what the pairs said of the sealed rows is missing or damaged.
    """
    taken, name = setting.looks_taken, setting.comparison.name
    if taken is None:
        raise InputError(
            f"comparison {name!r} has not come to its first look yet; go on with `sentiment-search compare`"
        )
    arms = tuple(_gathered(setting, arm) for arm in setting.comparison.arms)
    return Compared(arms, PairedScores(**_paired(setting, LINEAR)), taken, setting.draws(taken.pairs[-1]))


@dataclass(frozen=True)
class _Job:
    do: Callable[[Setting], None]
    at_work: AtWork


def _search(setting: Setting, index: int, search: int) -> _Job:
    comparison = setting.comparison
    study = tuning_name(comparison.arms[index].name, search)
    left = max(0, comparison.trials - len(setting.trials(study, *FINISHED)))
    return _Job(partial(tune, index=index, search=search), AtWork(f"tuning {study}", left, comparison.trials, study))


def openings(setting: Setting) -> list[dict[str, Any]]:
    """Each session that scored sealed test rows: when, and how many trainings it scored."""
    return list(setting.recorded().get(OPENINGS, []))


def refuse_other(setting: Setting) -> None:
    """Refuse to go on with what was begun as something else; nothing is written.

    Raises:
        InputError: the comparison was begun with other data, arms, trials, searches or seed, or by an older version; or
            a study of it is half a copy; or its sealed rows are of one group, which says nothing of others; or groups
            are too few for its pairs.
    """
    setting.refuse_shared_folder()
    setting.refuse_half_copied()
    comparison, recorded, groups = setting.comparison, setting.recorded(), setting.dataset.groups("test")
    if groups is not None and len(np.unique(groups)) < 2:
        raise InputError(
            f"comparison {comparison.name!r}: all sealed rows are of one group, which says nothing of others; seal "
            "more rows, or name a column with more groups"
        )
    setting.draws(comparison.pairs[-1])
    # An older version did not record its looks at the sealed rows, and may have trained in different precisions.
    if (FINGERPRINT in recorded or setting.finished_pairs()) and SPACE_DEFAULTS not in recorded:
        raise InputError(
            f"comparison {comparison.name!r} was begun by an older version, which did not record its looks at the "
            "sealed rows, and may have trained its arms in different precisions; "
            f"{RENAME}"
        )
    refuse_other_data(setting)
    record = _record(setting)
    # Not with other trials either: pairs that are there are of the winners among those that were.
    if {"trials": comparison.trials, "searches": 1} | recorded.get(COMPARISON, record) != record:
        raise InputError(
            f"comparison {comparison.name!r} was begun with another baseline, other ideas, another number of trials or "
            f"searches, or another seed; {RENAME}"
        )
    search = _curve_record(setting)
    if search is not None and setting.recorded(RANDOM).get(COMPARISON, search) != search:
        raise InputError(f"the tuning curve of {comparison.name!r} was begun with another [curve] search; {RENAME}")


def refuse_other_data(setting: Setting) -> None:
    """Refuse data that are not those that the comparison was begun with.

    Raises:
        InputError: they are others.
    """
    if setting.recorded().get(FINGERPRINT, setting.dataset.fingerprint) != setting.dataset.fingerprint:
        raise InputError(
            f"comparison {setting.comparison.name!r} was begun with other data, labels or split; restore the file, or "
            f"{RENAME}"
        )


def _begin(setting: Setting) -> None:
    refuse_other(setting)
    for arm in setting.comparison.arms:
        with naming("" if arm.name == BASELINE else f"idea {arm.name!r}: "):
            arm.space_with(setting.defaults).refuse_missing(setting.cache)
    study, comparison = setting.study(PAIRS), setting.comparison
    curve = None if comparison.curve is None else vars(comparison.curve)
    recorded = {
        COMPARISON: _record(setting),  # first: with it the study is known as a comparison
        SPACE_DEFAULTS: setting.defaults,
        DATA: comparison.data.to_dict(),  # the same rows may lie elsewhere
        PLAN: {"pairs": list(comparison.pairs), "curve": curve},
        FINGERPRINT: setting.dataset.fingerprint,
    }
    for name, value in recorded.items():
        keep_of_study(study, name, value)
    search = _curve_record(setting)
    if search is not None:
        keep_of_study(setting.study(RANDOM), COMPARISON, search)
    remove_recorded(setting)


def _record(setting: Setting) -> dict[str, Any]:
    """What a comparison is, through JSON, because that is how it comes back."""
    comparison = setting.comparison
    budget = {"seed": comparison.seed, "trials": comparison.trials, "searches": comparison.searches}
    return dict(json.loads(json.dumps(comparison.record | budget)))


def _curve_record(setting: Setting) -> dict[str, Any] | None:
    curve = setting.comparison.curve
    return None if curve is None else dict(json.loads(json.dumps(curve.search)))


def _count_opening(setting: Setting, trainings: int) -> None:
    opening = {"when": time.strftime("%Y-%m-%d %H:%M:%S"), "trainings": trainings}
    keep_of_study(setting.study(PAIRS), OPENINGS, [*openings(setting), opening])


def _paired(setting: Setting, arm: str) -> dict[str, Any]:
    probabilities, finished, looks = setting.probabilities(arm), setting.finished_pairs(), setting.looks_taken
    assert looks is not None
    # Not those beyond the last look, which are there if a look was begun and then taken out of the plan.
    probabilities = probabilities[: max(pairs for pairs in looks.pairs if pairs <= len(probabilities))]
    pairs = [finished[arm, pair].user_attrs for pair in range(len(probabilities))]
    return {
        "name": arm,
        "probabilities": probabilities,
        "validation_macro_f1": np.array([pair[VALIDATION] for pair in pairs]),
        "seconds": float(np.mean([pair[SECONDS] for pair in pairs])),
    }


def _gathered(setting: Setting, arm: Arm) -> ComparedArm:
    paired, finished = _paired(setting, arm.name), setting.finished_pairs()
    pairs = [finished[arm.name, pair] for pair in range(len(paired["probabilities"]))]
    searches = range(setting.comparison.searches)
    tuned = [setting.trials(tuning_name(arm.name, search), *FINISHED) for search in searches]
    configs, best = zip(*(winner_of(setting, arm, search) for search in searches), strict=True)
    folder = setting.tuning_folder(arm)
    tuning_runs, paired_runs = (tuple(map(_run, trials)) for trials in ([t for found in tuned for t in found], pairs))
    return ComparedArm(
        **paired,
        arm=arm,
        configs=configs,
        tuned_macro_f1=float(np.mean(best)),
        tuning_predictions=np.stack([kept_classes(folder, told(trial, PREDICTIONS)) for trial in tuned[0]]),
        epochs=float(np.mean([trial.user_attrs[EPOCHS] for trial in pairs])),
        runs=tuning_runs + paired_runs,
        paired_runs=paired_runs,
    )


def _run(trial: FrozenTrial) -> Run:
    config = config_of(told(trial, CONFIG))
    return Run(config, bool(trial.user_attrs.get(COLLAPSED)), bool(why_ended(trial)))

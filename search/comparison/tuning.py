"""How arms are tuned: each with the same number of trials, in its own study, and whose winner is what.

And the independent random trials of the whole space, for the tuning curve.
"""

from dataclasses import replace
from typing import Final

import numpy as np
import optuna
import torch
from optuna.pruners import NopPruner
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

from search.comparison.ideas import RANDOM, Arm, tuning_name
from search.comparison.setting import RENAME, Setting
from search.storage.paths import ArtifactPath
from search.study.create import SearchStudy
from search.study.objective import Objective
from search.study.optimization import optimize
from search.study.positions import FINISHED, begin_with
from search.study.progress import remove_settled
from search.study.records import (
    COLLAPSED,
    CONFIG,
    CURVE,
    EPOCHS,
    SECONDS,
    attributes,
    told,
)
from search.study.sampler import IndependentDraws
from sentiment.errors import InputError
from sentiment.models.config import Config
from sentiment.models.progress import remove_progress
from sentiment.models.registry import config_of, train
from sentiment.reviews.dataset import Dataset, redraw
from sentiment.reviews.relabel import relabel

__all__ = [
    "NUMBER",
    "as_trained",
    "random_config",
    "random_scores",
    "random_trials_left",
    "train_random",
    "tune",
    "winner_of",
]

NUMBER: Final = "number"


def tune(setting: Setting, index: int, search: int) -> None:
    """Make one search of an arm, or go on with it."""
    torch.set_num_threads(setting.threads)
    comparison, arm = setting.comparison, setting.comparison.arms[index]
    study, space = setting.study(tuning_name(arm.name, search)), arm.space_with(setting.defaults)
    seed = setting.search_seed(search)
    # What the baseline says of a tuned parameter is where its tuning begins, in every arm that tunes it too.
    # A free search begins where `run` begins.
    first = space.known_good() if arm.free is not None else [space.nearest(arm.config.to_dict())]
    begin_with(study, first)
    dataset = as_trained(setting.dataset if search == 0 else redraw(setting.dataset, seed), arm)
    folder = setting.tuning_folder(arm, search)
    progress = ArtifactPath.of(folder).local / "progress"
    opened = SearchStudy(study, dataset, space, seed, None, setting.cache, progress=progress)
    remove_settled(study, progress)
    objective = Objective(
        dataset,
        space,
        cache=setting.cache,
        predictions=folder,
        seed=seed,
        device=setting.device,
        end_early=False,
        progress=progress,
    )
    sampler = IndependentDraws(seed)
    optimize(opened, trials=comparison.trials, objective=objective, pruner=NopPruner(), sampler=sampler)


def random_trials_left(setting: Setting) -> list[int]:
    """Numbers of the random trials for the tuning curve that are not there yet."""
    wanted = setting.comparison.curve.trials if setting.comparison.curve else 0
    done = {trial.user_attrs[NUMBER] for trial in setting.trials(RANDOM, TrialState.COMPLETE)}
    return [number for number in range(wanted) if number not in done]


def random_config(setting: Setting, number: int) -> tuple[Config, optuna.Trial]:
    """The config that random trial `number` trains, and the trial that drew it, in memory."""
    comparison = setting.comparison
    assert comparison.curve is not None
    drawn, seed = (int(n) for n in np.random.SeedSequence([comparison.seed, 2, number]).generate_state(2))
    trial = optuna.create_study(sampler=RandomSampler(seed=drawn)).ask()
    return comparison.curve.space_with(setting.defaults, comparison.baseline).sample(trial, seed=seed), trial


def random_scores(setting: Setting) -> tuple[float, ...]:
    """Validation macro-F1 of the random trials for the tuning curve."""
    wanted = setting.comparison.curve.trials if setting.comparison.curve else 0
    trials = {trial.user_attrs[NUMBER]: trial for trial in setting.trials(RANDOM, TrialState.COMPLETE)}
    return tuple(trials[number].value or 0.0 for number in sorted(trials) if number < wanted)


def train_random(setting: Setting, number: int) -> None:
    """One independent trial of the whole space; recorded when it is done, so that a killed one leaves nothing."""
    torch.set_num_threads(setting.threads)
    config, trial = random_config(setting, number)
    progress = setting.random_progress(number)
    trained = train(config, setting.dataset, replace(setting.resources, progress=progress))
    facts = {
        NUMBER: number,
        CONFIG: config.to_dict(),
        CURVE: [report.to_dict() for report in trained.reports],
        EPOCHS: trained.reports[-1].epoch,
        SECONDS: trained.seconds,
        COLLAPSED: trained.collapsed,
    }
    setting.study(RANDOM).add_trial(
        optuna.create_trial(
            value=trained.macro_f1, params=trial.params, distributions=trial.distributions, **attributes(facts)
        )
    )
    remove_progress(progress)


def winner_of(setting: Setting, arm: Arm, search: int) -> tuple[Config, float]:
    """The best tuning trial's config and score; once there are pairs, of those that the pairs were trained of."""
    # A run that diverged counts as pruned, and its best checkpoint with it.
    scored = [
        (trial.value, config_of(told(trial, CONFIG)))
        for trial in setting.trials(tuning_name(arm.name, search), *FINISHED)
        if trial.value is not None
    ]
    paired = [
        trial
        for (name, pair), trial in setting.finished_pairs().items()
        if name == arm.name and pair % setting.comparison.searches == search
    ]
    if paired:
        frozen = config_of(told(paired[0], CONFIG))
        scored = [tuned for tuned in scored if tuned[1].replace(seed=frozen.seed) == frozen]
        if not scored:
            raise InputError(
                f"the pairs of {arm.name!r} in comparison {setting.comparison.name!r} were trained with settings that "
                f"none of its tuning trials has: the database was changed; {RENAME}"
            )
    value, best = max(scored, key=lambda item: item[0])  # of equals the first
    return best, value


def as_trained(dataset: Dataset, arm: Arm) -> Dataset:
    """`dataset` with the labels that the arm trains on; those of validation and test rows stay the user's."""
    if arm.relabel is None:
        return dataset
    rows = dataset.split.train
    found = relabel(dataset.texts("train"), dataset.labels("train"), dataset.classes, arm.relabel, arm.threshold)
    labels = dataset.reviews.labels.copy()
    labels[rows] = found.labels
    return replace(dataset, reviews=replace(dataset.reviews, labels=labels))

"""Arms, pairs, and one look at the sealed test.

1. Every arm is tuned with the same number of trials, in its own study `NAME: ARM`, unpruned, by random search with the
   same seed: with so few trials no sampler has learned anything yet. The first trial is not random but what the study
   file says. If a tuning curve is asked for, the study `NAME: random` draws from the whole space.
2. Each arm's winner is trained again in pairs: within a pair all arms share the seed of initial weights, order and
   dropout, and a fresh draw of training and validation rows. Pairs are trials of the study `NAME: pairs`.
   Between the looks that the budget names, an idea that is decided, or has no chance to be, gets no more of them.
3. Only pairs are scored on the sealed test rows. What they said of each row is kept, so that every later table is
   made without another look; each session that scores them is counted in that study.

Killed anywhere, it goes on: a finished trial or pair is never trained twice.
"""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import optuna
import torch
from optuna.pruners import NopPruner
from optuna.samplers import RandomSampler
from optuna.trial import FrozenTrial, TrialState

from search.decisions import decide
from search.ideas import PAIRS, RANDOM, Arm, Comparison
from search.objective import (
    COLLAPSED,
    CONFIG,
    CURVE,
    ENDED,
    EPOCHS,
    PREDICTIONS,
    SECONDS,
    Objective,
    environment,
    training_data,
    why_ended,
)
from search.optimization import optimize
from search.pool import work_through
from search.positions import FINISHED, begin_with, in_order
from search.predictions import keep_predictions, kept_predictions
from search.sampler import IndependentDraws
from search.storage import experimental_features, open_storage
from search.study import FINGERPRINT, METRIC, SearchStudy
from sentiment.batches import Examples
from sentiment.config import Config
from sentiment.errors import InputError
from sentiment.metrics import macro_f1
from sentiment.relabel import relabel
from sentiment.reviews import Dataset, load_dataset, redraw
from sentiment.tokens import load_corpus
from sentiment.training import train

__all__ = ["ComparedArm", "Plan", "Run", "Setting", "compare", "openings", "plan", "publish", "random_scores"]

OPENINGS: Final = "openings of the sealed test"
RECORD: Final = "comparison"
ARM: Final = "arm"
PAIR: Final = "pair"
NUMBER: Final = "number"
MEASURED_BATCHES: Final = 12
"""Batches from which the price of an arm is estimated; the first half warms up."""
RANDOM_MEASURED: Final = 3
"""Random trials from which the price of them all is estimated."""


@dataclass(frozen=True)
class Setting:
    """Where a comparison runs; everything a worker process needs, and picklable."""

    comparison: Comparison
    storage: str
    artifacts: Path
    threads: int = 1
    device: str = "cpu"

    @cached_property
    def dataset(self) -> Dataset:
        """The reviews, read once in each process."""
        return load_dataset(self.comparison.data)

    @property
    def cache(self) -> Path:
        """Where encoded corpora lie."""
        return self.artifacts / "cache"

    def name(self, part: str) -> str:
        """What the study of an arm, or of the pairs, is called."""
        return f"{self.comparison.name}: {part}"

    @property
    def folder(self) -> Path:
        """Where predictions are kept."""
        return self.artifacts / self.comparison.name

    def tuning_folder(self, arm: Arm) -> Path:
        """Where an arm's tuning trials keep theirs."""
        return self.folder / f"arm-{self.comparison.arms.index(arm):02d}"

    def study(self, part: str) -> optuna.Study:
        """The study of an arm, or of the pairs, made if there is none."""
        storage = open_storage(self.storage)
        study = optuna.create_study(
            study_name=self.name(part), storage=storage, direction="maximize", load_if_exists=True
        )
        with experimental_features():
            if study.metric_names is None:
                study.set_metric_names(["sealed test macro-F1" if part == PAIRS else METRIC])
        return study

    def trials(self, part: str, *states: TrialState) -> list[FrozenTrial]:
        """The trials of that study in these states, by position; none if there is no such study yet."""
        storage = open_storage(self.storage)
        if self.name(part) not in optuna.get_all_study_names(storage):
            return []
        trials = optuna.load_study(study_name=self.name(part), storage=storage).get_trials(deepcopy=False)
        return [trial for trial in in_order(trials) if trial.state in states]


@dataclass(frozen=True)
class Run:
    """One training of an arm, tuning or pair: what it was, and whether it went wrong."""

    config: Config
    collapsed: bool
    """It ended in (almost) one class."""
    diverged: bool = False
    """Its loss or its weights left all bounds. What it is worth is what it was until then."""


@dataclass(frozen=True)
class ComparedArm:
    """What one arm came to."""

    arm: Arm
    config: Config
    """Its winner."""
    tuned_macro_f1: float
    """The validation score that chose the winner."""
    tuning_predictions: np.ndarray
    """int16 [tuning trials, validation rows]: what each predicts."""
    probabilities: np.ndarray
    """float32 [pairs, sealed rows, K]; an idea that was decided early has fewer pairs."""
    validation_macro_f1: np.ndarray
    """float64 [pairs]: fresh validation scores of the winner, to tell how optimistic its search was."""
    epochs: float
    """Trained, mean over pairs."""
    seconds: float
    """Of training, mean over pairs."""
    runs: tuple[Run, ...]
    """All tuning trials and pairs."""


@dataclass(frozen=True)
class Plan:
    """What a comparison is going to train."""

    trainings: int
    epochs: int
    seconds: float
    """Estimated from a few batches of each arm, for one worker."""
    more_trainings: int
    """That the later looks may add, if no idea is decided before."""
    more_seconds: float

    def render(self, workers: int) -> str:
        """One or two sentences."""
        if not self.trainings:
            return "nothing is left to train."
        taking, more = (_about(seconds / workers) for seconds in (self.seconds, self.more_seconds))
        sentence = (
            f"{self.trainings:,} trainings, {self.epochs:,} epochs: {taking} with {workers} "
            f"worker{'s' if workers > 1 else ''}, estimated from {MEASURED_BATCHES} batches of each arm."
        )
        if self.more_trainings:
            sentence += f" Ideas still undecided then may add {self.more_trainings:,} trainings, {more}."
        return sentence


def _about(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"about {minutes:,} minute{'s' if minutes > 1 else ''}" if minutes else "less than a minute"


def plan(setting: Setting) -> Plan:
    """Count what is left to train, and measure a few batches of each arm."""
    comparison, dataset = setting.comparison, setting.dataset
    torch.set_num_threads(setting.threads)
    sure, possible = _pairs_left(setting)
    trainings, epochs, seconds, more_trainings, more_seconds = 0, 0, 0.0, 0, 0.0
    for arm in comparison.arms:
        tuned = len(setting.trials(arm.name, *FINISHED))
        left = max(0, comparison.trials - tuned) + sum(name == arm.name for name, _ in sure)
        more = sum(name == arm.name for name, _ in possible)
        each = arm.config.epochs * _seconds_per_epoch(arm.config, dataset, setting) if left or more else 0.0
        trainings += left
        epochs += left * arm.config.epochs
        seconds += left * each
        more_trainings += more
        more_seconds += more * each
    random = [_random_config(setting, number)[0] for number in _random_trials_left(setting)]
    prices = [config.epochs * _seconds_per_epoch(config, dataset, setting) for config in random[:RANDOM_MEASURED]]
    trainings += len(random)
    epochs += sum(config.epochs for config in random)
    seconds += len(random) * float(np.mean(prices)) if prices else 0.0
    return Plan(trainings, epochs, seconds, more_trainings, more_seconds)


def _pairs_left(setting: Setting) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
    """(arm, pair) that the look at hand still needs, and those that later looks may add."""
    comparison, done = setting.comparison, set(_finished_pairs(setting))
    going = {arm.name for arm in comparison.arms}
    for pairs in comparison.pairs:
        missing = {(arm, pair) for arm in going for pair in range(pairs)} - done
        if missing:
            return missing, {(arm, pair) for arm in going for pair in range(pairs, comparison.pairs[-1])} - done
        if pairs < comparison.pairs[-1]:
            going = _worth_more(setting, pairs)
    return set(), set()


def compare(
    setting: Setting,
    *,
    workers: int = 1,
    on_training: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[ComparedArm, ...]:
    """Tune every arm, train every pair, and gather what the sealed test said; the baseline comes first.

    Args:
        setting: what to compare, and where.
        workers: processes; each trains one thing at a time.
        on_training: called after each tuned arm and each pair with the number done and in all.

    Raises:
        InputError: the comparison was begun with other data or other arms.
    """
    comparison = setting.comparison
    _begin(setting)
    jobs: list[tuple[Any, ...]] = [(_tune, index) for index in range(len(comparison.arms))]
    jobs += [(_train_random, number) for number in _random_trials_left(setting)]
    tuned = len(jobs)
    total, done = tuned + comparison.pairs[0] * len(comparison.arms), 0
    for done in work_through(jobs, setting, workers):
        on_training(done, total)
    while wanted := _pairs_left(setting)[0]:
        jobs = [
            (_train_pair, index, pair)
            for pair in range(comparison.pairs[-1])
            for index, arm in enumerate(comparison.arms)
            if (arm.name, pair) in wanted
        ]
        done = tuned + len(_finished_pairs(setting))
        total = done + len(jobs)
        on_training(done, total)
        _count_opening(setting, len(jobs))
        for count in work_through(jobs, setting, workers):
            on_training(done + count, total)
    return tuple(_gathered(setting, arm) for arm in comparison.arms)


def random_scores(setting: Setting) -> tuple[float, ...]:
    """Validation macro-F1 of the random trials for the tuning curve."""
    wanted = setting.comparison.curve.trials if setting.comparison.curve else 0
    trials = {trial.user_attrs[NUMBER]: trial for trial in setting.trials(RANDOM, TrialState.COMPLETE)}
    return tuple(trials[number].value or 0.0 for number in sorted(trials) if number < wanted)


def openings(setting: Setting) -> list[dict[str, Any]]:
    """Each session that scored sealed test rows: when, and how many trainings it scored."""
    return list(setting.study(PAIRS).user_attrs.get(OPENINGS, []))


def publish(setting: Setting, note: str) -> None:
    """Show the result, in Markdown, on the dashboard's page of the pairs."""
    from optuna_dashboard import save_note

    save_note(setting.study(PAIRS), note)


def _begin(setting: Setting) -> None:
    study = setting.study(PAIRS)
    comparison = setting.comparison
    record = json.loads(json.dumps(comparison.record | {"seed": comparison.seed, "trials": comparison.trials}))
    recorded = study.user_attrs
    if recorded.get(FINGERPRINT, setting.dataset.fingerprint) != setting.dataset.fingerprint:
        raise InputError(
            f"comparison {setting.comparison.name!r} was begun with other data, labels or split; restore the file, or "
            "give the comparison another name"
        )
    # Not with other trials either: pairs that are there are of the winners among those that were.
    if {"trials": comparison.trials} | recorded.get(RECORD, record) != record:
        raise InputError(
            f"comparison {comparison.name!r} was begun with another baseline, other ideas, another number of trials or "
            "another seed; give it another name"
        )
    study.set_user_attr(FINGERPRINT, setting.dataset.fingerprint)
    study.set_user_attr(RECORD, record)
    if setting.comparison.curve is not None:
        random, search = setting.study(RANDOM), json.loads(json.dumps(setting.comparison.curve.search))
        if random.user_attrs.get(RECORD, search) != search:
            raise InputError(
                f"the tuning curve of {setting.comparison.name!r} was begun with another [curve] search; give the "
                "comparison another name"
            )
        random.set_user_attr(RECORD, search)


def _tune(setting: Setting, index: int) -> None:
    torch.set_num_threads(setting.threads)
    comparison, arm = setting.comparison, setting.comparison.arms[index]
    study, space = setting.study(arm.name), arm.space_for(setting.dataset)
    # What the baseline says of a tuned parameter is where its tuning begins, in every arm that tunes it too.
    # A free search begins where `run` begins.
    first = space.known_good() if arm.free is not None else [space.nearest(arm.config.to_dict())]
    begin_with(study, first)
    dataset = _as_trained(setting.dataset, arm)
    opened = SearchStudy(study, dataset, space, comparison.seed, None, setting.cache)
    objective = Objective(
        dataset,
        space,
        cache=setting.cache,
        predictions=setting.tuning_folder(arm),
        seed=comparison.seed,
        device=setting.device,
        end_early=False,
    )
    sampler = IndependentDraws(comparison.seed)
    optimize(opened, trials=comparison.trials, objective=objective, pruner=NopPruner(), sampler=sampler)


def _random_trials_left(setting: Setting) -> list[int]:
    wanted = setting.comparison.curve.trials if setting.comparison.curve else 0
    done = {trial.user_attrs[NUMBER] for trial in setting.trials(RANDOM, TrialState.COMPLETE)}
    return [number for number in range(wanted) if number not in done]


def _random_config(setting: Setting, number: int) -> tuple[Config, optuna.Trial]:
    """The config that random trial `number` trains, and the trial that drew it, in memory."""
    comparison = setting.comparison
    assert comparison.curve is not None
    drawn, seed = (int(n) for n in np.random.SeedSequence([comparison.seed, 2, number]).generate_state(2))
    trial = optuna.create_study(sampler=RandomSampler(seed=drawn)).ask()
    return comparison.curve.space_for(setting.dataset).sample(trial, seed=seed), trial


def _train_random(setting: Setting, number: int) -> None:
    """One independent trial of the whole space; recorded when it is done, so that a killed one leaves nothing."""
    torch.set_num_threads(setting.threads)
    dataset = setting.dataset
    config, trial = _random_config(setting, number)
    corpus = load_corpus(dataset, config.token_unit, config.vocabulary_size, setting.cache)
    trained = train(config, training_data(dataset, corpus), device=setting.device, end_early=False)
    attributes = {
        NUMBER: number,
        CONFIG: config.to_dict(),
        CURVE: [report.to_dict() for report in trained.reports],
        EPOCHS: trained.reports[-1].epoch,
        SECONDS: trained.seconds,
        COLLAPSED: bool(trained.collapsed),
    }
    setting.study(RANDOM).add_trial(
        optuna.create_trial(
            value=trained.macro_f1, params=trial.params, distributions=trial.distributions, user_attrs=attributes
        )
    )


def _train_pair(setting: Setting, index: int, pair: int) -> None:
    torch.set_num_threads(setting.threads)
    arm = setting.comparison.arms[index]
    seed = int(np.random.SeedSequence([setting.comparison.seed, 1, pair]).generate_state(1)[0])
    winner, _ = _winner(setting, arm)
    config = winner.replace(seed=seed)
    drawn = _as_trained(redraw(setting.dataset, seed), arm)
    corpus = load_corpus(drawn, config.token_unit, config.vocabulary_size, setting.cache)
    trained = train(config, training_data(drawn, corpus), device=setting.device, end_early=False)

    rows = drawn.split.test
    labels = drawn.reviews.labels[rows]
    probabilities = trained.predict(Examples(corpus.encoded, rows, labels), corpus.vocabulary_size, setting.device)
    score = macro_f1(labels, probabilities.argmax(axis=1), len(drawn.classes))
    file = setting.folder / PAIRS / f"arm-{index:02d}-pair-{pair:03d}.npy"
    if (arm.name, pair) in _finished_pairs(setting):  # the same command runs twice, and the other one was faster
        return
    attributes = {
        ARM: arm.name,
        PAIR: pair,
        CONFIG: config.to_dict(),
        "validation macro-F1": trained.macro_f1,
        CURVE: [report.to_dict() for report in trained.reports],
        EPOCHS: trained.reports[-1].epoch,
        SECONDS: trained.seconds,
        COLLAPSED: trained.collapsed,
        ENDED: trained.ended,
        PREDICTIONS: keep_predictions(file, probabilities, by_content=True),
        "environment": environment(setting.device),
    }
    setting.study(PAIRS).add_trial(optuna.create_trial(value=score, user_attrs=attributes))


def _as_trained(dataset: Dataset, arm: Arm) -> Dataset:
    """`dataset` with the labels that the arm trains on; those of validation and test rows stay the user's."""
    if arm.relabel is None:
        return dataset
    rows = dataset.split.train
    found = relabel(dataset.texts("train"), dataset.labels("train"), dataset.classes, arm.relabel, arm.threshold)
    labels = dataset.reviews.labels.copy()
    labels[rows] = found.labels
    return replace(dataset, reviews=replace(dataset.reviews, labels=labels))


def _winner(setting: Setting, arm: Arm) -> tuple[Config, float]:
    """The best tuning trial's config and score; once there are pairs, of those that the pairs were trained of."""
    # A run that diverged counts as pruned, and its best checkpoint with it.
    scored = [
        (trial.value, Config.from_dict(trial.user_attrs[CONFIG]))
        for trial in setting.trials(arm.name, *FINISHED)
        if trial.value is not None
    ]
    paired = [trial for (name, _), trial in _finished_pairs(setting).items() if name == arm.name]
    if paired:
        frozen = Config.from_dict(paired[0].user_attrs[CONFIG])
        scored = [tuned for tuned in scored if tuned[1].replace(seed=frozen.seed) == frozen]
        if not scored:
            raise InputError(
                f"the pairs of {arm.name!r} in comparison {setting.comparison.name!r} were trained with settings that "
                "none of its tuning trials has: the database was changed; give the comparison another name"
            )
    value, best = max(scored, key=lambda item: item[0])  # of equals the first
    return best, value


def _finished_pairs(setting: Setting) -> dict[tuple[str, int], FrozenTrial]:
    trials = setting.trials(PAIRS, TrialState.COMPLETE)
    # Of a pair that two commands recorded at the same moment, the first counts.
    return {(trial.user_attrs[ARM], trial.user_attrs[PAIR]): trial for trial in reversed(trials)}


def _worth_more(setting: Setting, pairs: int) -> set[str]:
    """The arms that get more pairs after this look: undecided ideas, and what they are compared with."""
    comparison, dataset = setting.comparison, setting.dataset
    predictions = {arm.name: _pair_probabilities(setting, arm.name)[:pairs].argmax(axis=2) for arm in comparison.arms}
    going = set()
    for family in (comparison.against_baseline, comparison.against_ideas):
        decisions = decide(dataset.labels("test"), predictions, len(dataset.classes), family, comparison.looks)
        going |= {name for both, found in zip(family, decisions, strict=True) if found.worth_more for name in both}
    return going


def _count_opening(setting: Setting, trainings: int) -> None:
    study = setting.study(PAIRS)
    opening = {"when": time.strftime("%Y-%m-%d %H:%M:%S"), "trainings": trainings}
    study.set_user_attr(OPENINGS, [*study.user_attrs.get(OPENINGS, []), opening])


def _pair_probabilities(setting: Setting, arm: str) -> np.ndarray:
    """float32 [pairs, sealed rows, K] of the pairs that are there, in their order, up to the first that is not."""
    finished = _finished_pairs(setting)
    kept: list[np.ndarray] = []
    while (arm, len(kept)) in finished:
        kept.append(kept_predictions(setting.folder / PAIRS, finished[arm, len(kept)].user_attrs[PREDICTIONS]))
    return np.stack(kept)


def _gathered(setting: Setting, arm: Arm) -> ComparedArm:
    probabilities = _pair_probabilities(setting, arm.name)
    finished = _finished_pairs(setting)
    pairs = [finished[arm.name, pair] for pair in range(len(probabilities))]
    tuned = setting.trials(arm.name, *FINISHED)
    config, best = _winner(setting, arm)
    folder = setting.tuning_folder(arm)
    return ComparedArm(
        arm=arm,
        config=config,
        tuned_macro_f1=best,
        tuning_predictions=np.stack([kept_predictions(folder, trial.user_attrs[PREDICTIONS]) for trial in tuned]),
        probabilities=probabilities,
        validation_macro_f1=np.array([trial.user_attrs["validation macro-F1"] for trial in pairs]),
        epochs=float(np.mean([trial.user_attrs[EPOCHS] for trial in pairs])),
        seconds=float(np.mean([trial.user_attrs[SECONDS] for trial in pairs])),
        runs=tuple(
            Run(
                Config.from_dict(trial.user_attrs[CONFIG]),
                bool(trial.user_attrs.get(COLLAPSED)),
                bool(why_ended(trial)),
            )
            for trial in [*tuned, *pairs]
        ),
    )


class _Enough(Exception):
    """The price of a batch is known."""


def _seconds_per_epoch(config: Config, dataset: Dataset, setting: Setting) -> float:
    corpus = load_corpus(dataset, config.token_unit, config.vocabulary_size, setting.cache)
    data = training_data(dataset, corpus)
    moments = [time.perf_counter()]

    def on_batch(done: int, total: int) -> None:
        moments.append(time.perf_counter())
        if done >= MEASURED_BATCHES:
            raise _Enough

    longer = config.replace(epochs=MEASURED_BATCHES)  # enough batches, however few rows there are
    with suppress(_Enough):
        train(longer, data, on_batch=on_batch, device=setting.device, end_early=False)
    seconds = np.diff(moments)  # fewer, if it diverged
    each = float(np.median(seconds[len(seconds) // 2 :]))
    return each * -(-len(data.train) // config.batch_size)

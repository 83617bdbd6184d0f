"""Arms, pairs, and a counted look at the sealed test.

1. Every arm is tuned with the same number of trials, in its own study `NAME: ARM`, unpruned, by random search with the
   same seed: with so few trials no sampler has learned anything yet. The first trial is not random but what the study
   file says. If several searches are asked for, each has other draws and other validation rows. If a tuning curve is
   asked for, the study `NAME: random` draws from the whole space.
2. Each arm's winner is trained again in pairs: within a pair all arms share the seed of initial weights, order and
   dropout, and a fresh draw of training and validation rows. Pairs are trials of the study `NAME: pairs`; the winners
   of several searches take turns. The linear model is fitted on the same rows, and is an arm like any other.
   Between the looks that the budget names, an idea that is decided, or has no chance to be, gets no more of them.
3. Only pairs are scored on the sealed test rows. What they said of each row is kept, so that every later table is
   made without another look; each session that scores them is counted in that study, and so is each look at the result,
   which spends from one budget of errors however the study file is edited in between.

Killed anywhere, it goes on: a finished trial or pair is never trained twice.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import optuna
import torch
from optuna.pruners import NopPruner
from optuna.samplers import RandomSampler
from optuna.trial import FrozenTrial, TrialState

from search.comparison.decisions import chosen_by_others, decide
from search.comparison.ideas import CHOSEN, PAIRS, RANDOM, Arm, tuning_name
from search.comparison.setting import ARM, LOOKS, PAIR, PLANNED_LOOKS, Setting
from search.execution.pool import work_through
from search.statistics import Looks
from search.storage.predictions import keep_predictions, kept_predictions
from search.study.create import SearchStudy
from search.study.objective import Objective, environment, training_data
from search.study.optimization import optimize
from search.study.positions import FINISHED, begin_with
from search.study.records import (
    COLLAPSED,
    CONFIG,
    CURVE,
    ENDED,
    EPOCHS,
    FINGERPRINT,
    OPENINGS,
    PREDICTIONS,
    SECONDS,
    SPACE_DEFAULTS,
    why_ended,
)
from search.study.sampler import IndependentDraws
from sentiment.baselines import LINEAR, linear
from sentiment.batches import Examples
from sentiment.config import Config
from sentiment.errors import InputError
from sentiment.metrics import macro_f1
from sentiment.relabel import relabel
from sentiment.reviews import Dataset, redraw
from sentiment.tokens import load_corpus
from sentiment.training import train

__all__ = [
    "Compared",
    "ComparedArm",
    "PairedScores",
    "Run",
    "compare",
    "openings",
    "pairs_left",
    "publish",
    "random_config",
    "random_scores",
    "random_trials_left",
    "refuse_other",
]

RECORD: Final = "comparison"
NUMBER: Final = "number"
VALIDATION: Final = "validation macro-F1"


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
class Compared:
    """What a comparison came to."""

    arms: tuple[ComparedArm, ...]
    """The baseline first."""
    linear: PairedScores
    looks: Looks
    """All that were ever taken, and what each spent."""
    draws: int | None
    """Different draws of training rows among the pairs of the last look; None where rows are drawn one by one."""


@dataclass(frozen=True)
class PairsLeft:
    """(arm, pair) to train, and the looks for which none is missing."""

    wanted: frozenset[tuple[str, int]]
    """By the next look."""
    possible: frozenset[tuple[str, int]]
    """That later looks may add."""
    reached: int
    """How many looks can be taken."""
    spared: bool = False
    """Pairs that are planned are not wanted: everything is decided, or has no chance to be by them."""


def pairs_left(setting: Setting) -> PairsLeft:
    """What the next look still needs, judged by the last that was taken."""
    looks, taken, done = setting.looks, setting.looks_taken, set(setting.finished_pairs())
    going = {LINEAR, *(arm.name for arm in setting.comparison.arms)}

    def missing(pairs: int, beyond: int = 0) -> frozenset[tuple[str, int]]:
        return frozenset({(arm, pair) for arm in going for pair in range(beyond, pairs)} - done)

    first = len(taken.pairs) - 1 if taken is not None else 0
    for reached in range(first, len(looks.pairs)):
        pairs = looks.pairs[reached]
        if (taken is None or reached > first) and (wanted := missing(pairs)):
            return PairsLeft(wanted, missing(looks.pairs[-1], pairs), reached)
        going = _worth_more(setting, looks, pairs)
        if not going:
            return PairsLeft(frozenset(), frozenset(), reached + 1, spared=pairs < looks.pairs[-1])
    # What had stopped, and may be decided now that others are, makes up for what it lacks.
    return PairsLeft(missing(looks.pairs[-1]), frozenset(), len(looks.pairs))


def compare(
    setting: Setting,
    *,
    workers: int = 1,
    on_training: Callable[[int, int], None] = lambda done, total: None,
) -> Compared:
    """Tune every arm, train every pair, and gather what the sealed test said.

    Args:
        setting: what to compare, and where.
        workers: processes; each trains one thing at a time.
        on_training: called after each tuned arm and each pair with the number done and in all.

    Raises:
        InputError: the comparison was begun with other data or other arms.
    """
    comparison = setting.comparison
    _begin(setting)
    searches = range(comparison.searches)
    jobs: list[tuple[Any, ...]] = [
        (_tune, index, search) for search in searches for index in range(len(comparison.arms))
    ]
    jobs += [(_train_random, number) for number in random_trials_left(setting)]
    tuned = len(jobs)
    total, done = tuned + comparison.pairs[0] * (len(comparison.arms) + 1), 0
    for done in work_through(jobs, setting, workers):
        on_training(done, total)
    while True:
        left = pairs_left(setting)
        _record_looks(setting, left.reached)
        if not left.wanted:
            break
        jobs = [(_fit_linear, pair) for arm, pair in sorted(left.wanted) if arm == LINEAR]
        jobs += [
            (_train_pair, index, pair)
            for pair in range(max(pair for _, pair in left.wanted) + 1)
            for index, arm in enumerate(comparison.arms)
            if (arm.name, pair) in left.wanted
        ]
        done = tuned + len(setting.finished_pairs())
        total = done + len(jobs)
        on_training(done, total)
        _record_plan(setting)
        _count_opening(setting, len(jobs))
        for count in work_through(jobs, setting, workers):
            on_training(done + count, total)
    arms = tuple(_gathered(setting, arm) for arm in comparison.arms)
    taken = setting.looks_taken
    assert taken is not None
    return Compared(arms, PairedScores(**_paired(setting, LINEAR)), taken, setting.draws(taken.pairs[-1]))


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


def refuse_other(setting: Setting) -> None:
    """Refuse to go on with what was begun as something else; nothing is written.

    Raises:
        InputError: the comparison was begun with other data, arms, trials, searches or seed, or by an older version; or
            its sealed rows are of one group, which says nothing of others; or groups are too few for its pairs.
    """
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
            "sealed rows, and may have trained its arms in different precisions; give it another name"
        )
    if recorded.get(FINGERPRINT, setting.dataset.fingerprint) != setting.dataset.fingerprint:
        raise InputError(
            f"comparison {comparison.name!r} was begun with other data, labels or split; restore the file, or give the "
            "comparison another name"
        )
    record = _record(setting)
    # Not with other trials either: pairs that are there are of the winners among those that were.
    if {"trials": comparison.trials, "searches": 1} | recorded.get(RECORD, record) != record:
        raise InputError(
            f"comparison {comparison.name!r} was begun with another baseline, other ideas, another number of trials or "
            "searches, or another seed; give it another name"
        )
    search = _curve_record(setting)
    if search is not None and setting.recorded(RANDOM).get(RECORD, search) != search:
        raise InputError(
            f"the tuning curve of {comparison.name!r} was begun with another [curve] search; give the comparison "
            "another name"
        )


def _begin(setting: Setting) -> None:
    refuse_other(setting)
    study = setting.study(PAIRS)
    study.set_user_attr(SPACE_DEFAULTS, setting.defaults)
    study.set_user_attr(FINGERPRINT, setting.dataset.fingerprint)
    study.set_user_attr(RECORD, _record(setting))
    search = _curve_record(setting)
    if search is not None:
        setting.study(RANDOM).set_user_attr(RECORD, search)


def _record(setting: Setting) -> dict[str, Any]:
    """What a comparison is, through JSON, because that is how it comes back."""
    comparison = setting.comparison
    budget = {"seed": comparison.seed, "trials": comparison.trials, "searches": comparison.searches}
    return dict(json.loads(json.dumps(comparison.record | budget)))


def _curve_record(setting: Setting) -> dict[str, Any] | None:
    curve = setting.comparison.curve
    return None if curve is None else dict(json.loads(json.dumps(curve.search)))


def _record_plan(setting: Setting) -> None:
    """Before anything can be seen: what is changed afterwards may have been changed by what was."""
    if setting.looks_planned is None:
        taken = setting.looks_taken  # by an older version, which recorded no plan
        setting.study(PAIRS).set_user_attr(PLANNED_LOOKS, _shares(taken or setting.looks))


def _record_looks(setting: Setting, reached: int) -> None:
    """Before anything is said of them: what was seen cannot be unseen by a kill, nor by another plan, for which an idea
    that had stopped may lack pairs of a look that was taken."""
    before = setting.looks_taken
    reached = max(reached, len(before.pairs) if before else 0)
    if reached:
        setting.study(PAIRS).set_user_attr(LOOKS, _shares(setting.looks)[:reached])


def _shares(looks: Looks) -> list[list[float]]:
    return [list(look) for look in zip(looks.pairs, looks.shares, strict=True)]


def _tune(setting: Setting, index: int, search: int) -> None:
    torch.set_num_threads(setting.threads)
    comparison, arm = setting.comparison, setting.comparison.arms[index]
    study, space = setting.study(tuning_name(arm.name, search)), arm.space_with(setting.defaults)
    seed = setting.search_seed(search)
    # What the baseline says of a tuned parameter is where its tuning begins, in every arm that tunes it too.
    # A free search begins where `run` begins.
    first = space.known_good() if arm.free is not None else [space.nearest(arm.config.to_dict())]
    begin_with(study, first)
    dataset = _as_trained(setting.dataset if search == 0 else redraw(setting.dataset, seed), arm)
    opened = SearchStudy(study, dataset, space, seed, None, setting.cache)
    objective = Objective(
        dataset,
        space,
        cache=setting.cache,
        predictions=setting.tuning_folder(arm, search),
        seed=seed,
        device=setting.device,
        end_early=False,
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
    return comparison.curve.space_with(setting.defaults).sample(trial, seed=seed), trial


def _train_random(setting: Setting, number: int) -> None:
    """One independent trial of the whole space; recorded when it is done, so that a killed one leaves nothing."""
    torch.set_num_threads(setting.threads)
    dataset = setting.dataset
    config, trial = random_config(setting, number)
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
    arm, seed = setting.comparison.arms[index], setting.pair_seed(pair)
    winner, _ = _winner(setting, arm, pair % setting.comparison.searches)
    config = winner.replace(seed=seed)
    drawn = _as_trained(redraw(setting.dataset, seed), arm)
    corpus = load_corpus(drawn, config.token_unit, config.vocabulary_size, setting.cache)
    trained = train(config, training_data(drawn, corpus), device=setting.device, end_early=False)
    rows = drawn.split.test
    examples = Examples(corpus.encoded, rows, drawn.reviews.labels[rows])
    attributes = {
        CONFIG: config.to_dict(),
        VALIDATION: trained.macro_f1,
        CURVE: [report.to_dict() for report in trained.reports],
        EPOCHS: trained.reports[-1].epoch,
        SECONDS: trained.seconds,
        COLLAPSED: trained.collapsed,
        ENDED: trained.ended,
        "environment": environment(setting.device),
    }
    probabilities = trained.predict(examples, corpus.vocabulary_size, setting.device)
    _record_pair(setting, arm.name, pair, f"arm-{index:02d}", probabilities, attributes)


def _fit_linear(setting: Setting, pair: int) -> None:
    drawn = redraw(setting.dataset, setting.pair_seed(pair))
    n_classes, begun = len(drawn.classes), time.perf_counter()
    fitted = linear(drawn.texts("train"), drawn.labels("train"), n_classes)
    seconds = time.perf_counter() - begun
    said = fitted.probabilities(drawn.texts("validation")).argmax(axis=1)
    attributes = {VALIDATION: macro_f1(drawn.labels("validation"), said, n_classes), SECONDS: seconds}
    probabilities = fitted.probabilities(drawn.texts("test")).astype(np.float32)
    _record_pair(setting, LINEAR, pair, "linear", probabilities, attributes)


def _record_pair(
    setting: Setting, arm: str, pair: int, file: str, probabilities: np.ndarray, attributes: dict[str, Any]
) -> None:
    """Score the sealed rows, and record the pair with what was said of each."""
    if (arm, pair) in setting.finished_pairs():  # the same command runs twice, and the other one was faster
        return
    score = macro_f1(setting.dataset.labels("test"), probabilities.argmax(axis=1), len(setting.dataset.classes))
    path = setting.folder / PAIRS / f"{file}-pair-{pair:03d}.npy"
    kept = {PREDICTIONS: keep_predictions(path, probabilities, by_content=True)}
    known_as = {ARM: arm, PAIR: pair}
    setting.study(PAIRS).add_trial(optuna.create_trial(value=score, user_attrs=known_as | attributes | kept))


def _as_trained(dataset: Dataset, arm: Arm) -> Dataset:
    """`dataset` with the labels that the arm trains on; those of validation and test rows stay the user's."""
    if arm.relabel is None:
        return dataset
    rows = dataset.split.train
    found = relabel(dataset.texts("train"), dataset.labels("train"), dataset.classes, arm.relabel, arm.threshold)
    labels = dataset.reviews.labels.copy()
    labels[rows] = found.labels
    return replace(dataset, reviews=replace(dataset.reviews, labels=labels))


def _winner(setting: Setting, arm: Arm, search: int) -> tuple[Config, float]:
    """The best tuning trial's config and score; once there are pairs, of those that the pairs were trained of."""
    # A run that diverged counts as pruned, and its best checkpoint with it.
    scored = [
        (trial.value, Config.from_dict(trial.user_attrs[CONFIG]))
        for trial in setting.trials(tuning_name(arm.name, search), *FINISHED)
        if trial.value is not None
    ]
    paired = [
        trial
        for (name, pair), trial in setting.finished_pairs().items()
        if name == arm.name and pair % setting.comparison.searches == search
    ]
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


def _worth_more(setting: Setting, looks: Looks, pairs: int) -> set[str]:
    """Who gets more pairs after this look: what is compared and undecided. For the best network those do that were
    chosen as it; where anything gets more, the linear model does, which costs little."""
    comparison, dataset = setting.comparison, setting.dataset
    arms, finished = [arm.name for arm in comparison.arms], setting.finished_pairs()
    predictions = {name: setting.probabilities(name)[:pairs].argmax(axis=2) for name in (LINEAR, *arms)}
    chosen = chosen_by_others(
        {
            arm: np.array([finished[arm, pair].user_attrs[VALIDATION] for pair in range(len(predictions[arm]))])
            for arm in arms
        },
        looks.pairs,
        comparison.searches,
    )
    decisions = decide(
        dataset.labels("test"),
        predictions,
        len(dataset.classes),
        comparison.family,
        looks,
        chosen=chosen,
        groups=dataset.groups("test"),
        searches=comparison.searches,
    )
    undecided = {name for both, found in decisions.items() if found.worth_more for name in both}
    if CHOSEN in undecided:
        undecided = undecided - {CHOSEN} | set(chosen[-1])
    return undecided | {LINEAR} if undecided else undecided


def _count_opening(setting: Setting, trainings: int) -> None:
    study = setting.study(PAIRS)
    opening = {"when": time.strftime("%Y-%m-%d %H:%M:%S"), "trainings": trainings}
    study.set_user_attr(OPENINGS, [*study.user_attrs.get(OPENINGS, []), opening])


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
    configs, best = zip(*(_winner(setting, arm, search) for search in searches), strict=True)
    folder = setting.tuning_folder(arm)
    tuning_runs, paired_runs = (tuple(map(_run, trials)) for trials in ([t for found in tuned for t in found], pairs))
    return ComparedArm(
        **paired,
        arm=arm,
        configs=configs,
        tuned_macro_f1=float(np.mean(best)),
        tuning_predictions=np.stack([kept_predictions(folder, trial.user_attrs[PREDICTIONS]) for trial in tuned[0]]),
        epochs=float(np.mean([trial.user_attrs[EPOCHS] for trial in pairs])),
        runs=tuning_runs + paired_runs,
        paired_runs=paired_runs,
    )


def _run(trial: FrozenTrial) -> Run:
    config = Config.from_dict(trial.user_attrs[CONFIG])
    return Run(config, bool(trial.user_attrs.get(COLLAPSED)), bool(why_ended(trial)))

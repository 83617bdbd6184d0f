"""What a comparison found, in numbers.

Everything here is made from stored predictions; nothing is trained and no row is scored anew. How it is shown is the
matter of `tables`, `figures` and `report`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from search.comparison.compare import Compared, ComparedArm, Run
from search.comparison.decisions import Decision, chosen_by_others, decide, runs_of, searches_of
from search.comparison.ideas import BASELINE, CHOSEN, Comparison
from search.comparison.slices import Slices, error_slices
from search.statistics import (
    CorrectedScore,
    Difference,
    Optimism,
    TuningCurve,
    calibration_difference,
    corrected_score,
    optimism,
    paired_difference,
    tuning_curve,
)
from sentiment.foreign import visible
from sentiment.metrics import expected_calibration_error, macro_f1
from sentiment.models.baselines import LINEAR, linear
from sentiment.models.registry import NETWORK, config_of
from sentiment.reviews.dataset import Dataset
from sentiment.reviews.relabel import Relabelled, relabel

__all__ = ["ArmScore", "CollapseShare", "IdeaResult", "Results", "results"]


@dataclass(frozen=True)
class ArmScore:
    """One arm by itself. Scores are fractions."""

    name: str
    macro_f1: float
    """On the sealed test, mean over the pairs that all arms have, so that arms can be ranked by it."""
    validation_macro_f1: float
    """On fresh draws of the validation rows, mean over the same pairs."""
    pairs: int
    """All that it has."""
    tuned_macro_f1: float
    """The validation score that won its search, mean over the searches."""
    optimism: Optimism
    """Of its search, against fresh seeds and fresh draws of the validation rows."""
    corrected: CorrectedScore | None
    """Its search's best score without the luck of having been chosen on the same validation rows; of the first search,
    where there are several. None where all of these rows are of one group, which says nothing of others."""
    calibration_error: float
    """Of the sealed rows, mean over pairs."""
    collapsed: int
    """Trainings, tuning and pairs, that ended in (almost) one class."""
    diverged: int
    """Trainings whose loss or weights left all bounds."""
    diverged_pairs: int
    """Of those, the pairs."""
    trainings: int
    epochs: float
    """Trained, relative to the baseline."""
    seconds: float
    """Relative to the baseline."""
    configs: tuple[dict[str, Any], ...]
    """The winner of each of its searches."""


@dataclass(frozen=True)
class LinearScore:
    """The linear model, which is an arm that is not tuned."""

    name: str
    macro_f1: float
    validation_macro_f1: float
    """Both over the pairs that all arms have."""
    pairs: int
    decision: Decision
    """Against the baseline."""
    seconds: float
    """Relative to the baseline."""


@dataclass(frozen=True)
class Winner:
    """The best by validation scores of the arms that these chose for some pair; see
    `search.comparison.decisions.chosen_by_others`."""

    score: ArmScore
    chosen: dict[str, int]
    """In how many pairs each arm was chosen, by the others; most often first."""
    macro_f1: float
    """On the sealed test, without the luck of having been chosen; see `decisions.chosen_by_others`."""
    against_linear: Decision
    """The arm that is so chosen against the linear model, on the same pairs."""

    @property
    def deploy(self) -> str:
        """What stands first beyond noise; where noise cannot tell, the cheaper one."""
        return self.score.name if self.against_linear.verdict == "improves" else LINEAR


@dataclass(frozen=True)
class IdeaResult:
    """One idea against the baseline, and, if the file says so, against another idea."""

    score: ArmScore
    guess: float | None
    source: str
    decision: Decision
    against: str | None
    step: Decision | None
    """Against that other idea: what the last step alone brought."""
    per_class: dict[str, Difference]
    calibration: Difference
    """Of the calibration error; below zero is better."""
    circular_macro_f1: float | None
    """Of an idea that relabels: its macro-F1 on sealed rows relabelled the same way, an illusion shown for its size."""

    @property
    def name(self) -> str:
        """Of the idea."""
        return self.score.name

    @property
    def difference(self) -> Difference:
        """In macro-F1, to the baseline."""
        return self.decision.difference

    @property
    def guess_held(self) -> str:
        """Whether the guess lies in the interval."""
        if self.guess is None:
            return ""
        if self.difference.low <= self.guess <= self.difference.high:
            return "held"
        return "too high" if self.guess > self.difference.high else "too low"


@dataclass(frozen=True)
class CollapseShare:
    """How often trainings of one kind ended in (almost) one class."""

    padding: str
    architecture: str
    optimizer: str
    trainings: int
    collapsed: int
    low: float
    high: float
    """Ends of the 95 % interval of the share."""


@dataclass(frozen=True)
class Results:
    """The whole comparison."""

    name: str
    trials: int
    searches: int
    """Of each arm, over whose winners the pairs are spread."""
    looks: tuple[int, ...]
    """After how many pairs the result was looked at, ever."""
    shared_pairs: int
    """That all arms have."""
    precision: str
    """That every arm trained in, unless it says otherwise."""
    rows: dict[str, int]
    """Of train, validation and sealed test."""
    groups: int | None
    """Of sealed rows that belong together; None where none are named."""
    draws: int | None
    """Of training rows, different ones among the pairs of the last look; None where rows are drawn one by one."""
    classes: tuple[str, ...]
    openings: int
    """Sessions that scored the sealed test, this one included."""
    baseline: ArmScore
    linear: LinearScore
    ideas: tuple[IdeaResult, ...]
    collapse: tuple[CollapseShare, ...]
    """Most often first."""
    relabelled: tuple[tuple[str, Relabelled], ...]
    """By idea: how far the labels that it trains on agree with the user's."""
    winner: Winner
    slices: Slices
    """Where baseline and winner go wrong on the sealed test; winner of a pair is the arm that the other pairs chose."""
    curve: TuningCurve | None
    """Best validation score against the number of random trials of the whole space; None where none were asked for."""
    linear_validation_macro_f1: float
    """Of the linear model on the validation rows that random trials are scored on."""

    def __repr__(self) -> str:
        verdicts = ", ".join(f"{visible(idea.name)} {idea.decision.verdict}" for idea in self.ideas)
        return f"Results({visible(self.name)}: {verdicts}; deploy {visible(self.winner.deploy)})"

    @property
    def kind(self) -> str:
        """What all arms are: networks, or models of whatever family."""
        scores = (self.baseline, *(idea.score for idea in self.ideas))
        families = {config_of(config).family for score in scores for config in score.configs}
        return "network" if families == {NETWORK} else "model"


def results(
    comparison: Comparison,
    dataset: Dataset,
    compared: Compared,
    *,
    openings: int,
    random_scores: Sequence[float] = (),
) -> Results:
    """Compare every arm with the first, and those that ask for it with another.

    Args:
        comparison: what was asked.
        dataset: its reviews.
        compared: what `compare` returned.
        openings: how often the sealed test was scored.
        random_scores: of the random trials for the tuning curve.
    """
    labels, classes, groups = dataset.labels("test"), dataset.classes, dataset.groups("test")
    by_name = {arm.name: arm for arm in compared.arms}
    baseline, shared = by_name[BASELINE], min(len(arm.probabilities) for arm in compared.arms)
    scores = {name: _score(arm, baseline, dataset, shared) for name, arm in by_name.items()}
    every = {arm.name: arm.probabilities.argmax(axis=2) for arm in (*compared.arms, compared.linear)}
    validation = {name: arm.validation_macro_f1 for name, arm in by_name.items()}
    *_, last = chosen = chosen_by_others(validation, compared.looks.pairs, comparison.searches)
    decisions = decide(
        labels,
        every,
        len(classes),
        comparison.family,
        compared.looks,
        chosen=chosen,
        groups=groups,
        searches=comparison.searches,
    )
    best = max((name for name in by_name if name in last), key=lambda name: float(validation[name][: len(last)].mean()))
    both = min(len(last), len(baseline.probabilities))
    by_others = _mean_macro_f1(runs_of(last, every), labels, len(classes))
    return Results(
        name=comparison.name,
        trials=comparison.trials,
        searches=comparison.searches,
        looks=compared.looks.pairs,
        shared_pairs=shared,
        precision=comparison.precision or "float32",
        rows={
            part: len(dataset.indices(name))
            for part, name in (("train", "train"), ("validation", "validation"), ("sealed test", "test"))
        },
        groups=None if groups is None else len(np.unique(groups)),
        draws=compared.draws,
        classes=classes,
        openings=openings,
        baseline=scores[BASELINE],
        linear=LinearScore(
            name=LINEAR,
            macro_f1=_mean_macro_f1(every[LINEAR][:shared], labels, len(classes)),
            validation_macro_f1=float(compared.linear.validation_macro_f1[:shared].mean()),
            pairs=len(every[LINEAR]),
            decision=decisions[LINEAR, BASELINE],
            seconds=compared.linear.seconds / baseline.seconds,
        ),
        ideas=tuple(
            _idea(by_name[idea.name], baseline, scores, decisions, dataset, comparison.searches)
            for idea in comparison.ideas
        ),
        collapse=_collapse([run for arm in compared.arms for run in arm.runs]),
        relabelled=tuple(
            (idea.name, relabel(dataset.texts("train"), dataset.labels("train"), classes, idea.relabel, idea.threshold))
            for idea in comparison.ideas
            if idea.relabel is not None
        ),
        winner=Winner(scores[best], dict(Counter(last).most_common()), by_others, decisions[CHOSEN, LINEAR]),
        curve=_curve(random_scores),
        linear_validation_macro_f1=_linear_validation_macro_f1(dataset),
        slices=error_slices(
            dataset.texts("test"),
            [dataset.reviews.ratings[row] for row in dataset.split.test],
            labels,
            classes,
            baseline.probabilities[:both],
            runs_of(last[:both], {name: arm.probabilities for name, arm in by_name.items()}),
            train_texts=dataset.texts("train"),
            groups=groups,
            searches=searches_of(both, comparison.searches),
        ),
    )


def _score(arm: ComparedArm, baseline: ComparedArm, dataset: Dataset, shared: int) -> ArmScore:
    labels, n_classes = dataset.labels("test"), len(dataset.classes)
    return ArmScore(
        name=arm.name,
        macro_f1=_mean_macro_f1(arm.probabilities[:shared].argmax(axis=2), labels, n_classes),
        validation_macro_f1=float(arm.validation_macro_f1[:shared].mean()),
        pairs=len(arm.probabilities),
        tuned_macro_f1=arm.tuned_macro_f1,
        optimism=optimism(arm.tuned_macro_f1, arm.validation_macro_f1),
        corrected=_corrected(arm, dataset),
        calibration_error=float(np.mean([expected_calibration_error(p, labels) for p in arm.probabilities])),
        collapsed=sum(run.collapsed for run in arm.runs),
        diverged=sum(run.diverged for run in arm.runs),
        diverged_pairs=sum(run.diverged for run in arm.paired_runs),
        trainings=len(arm.runs),
        epochs=arm.epochs / baseline.epochs,
        seconds=arm.seconds / baseline.seconds,
        configs=tuple(config.to_dict() for config in arm.configs),
    )


def _corrected(arm: ComparedArm, dataset: Dataset) -> CorrectedScore | None:
    groups = dataset.groups("validation")
    if groups is not None and len(np.unique(groups)) < 2:
        return None
    return corrected_score(dataset.labels("validation"), arm.tuning_predictions, len(dataset.classes), groups=groups)


def _idea(
    arm: ComparedArm,
    baseline: ComparedArm,
    scores: dict[str, ArmScore],
    decisions: dict[tuple[str, str], Decision],
    dataset: Dataset,
    searches: int,
) -> IdeaResult:
    labels, classes, idea = dataset.labels("test"), dataset.classes, arm.arm
    decision = decisions[idea.name, BASELINE]
    shared = len(decision.difference.pairs)
    before, after = baseline.probabilities[:shared], arm.probabilities[:shared]
    same: dict[str, Any] = {
        "groups": dataset.groups("test"),
        "searches": searches_of(shared, searches),
        "confidence": decision.difference.confidence,
    }
    circular = None
    if idea.relabel is not None:
        found = relabel(dataset.texts("test"), labels, classes, idea.relabel, idea.threshold)
        circular = _mean_macro_f1(arm.probabilities.argmax(axis=2), found.labels, len(classes))
    return IdeaResult(
        score=scores[idea.name],
        guess=idea.guess,
        source=idea.source,
        decision=decision,
        against=idea.against,
        step=decisions[idea.name, idea.against] if idea.against else None,
        per_class={
            name: paired_difference(
                labels, before.argmax(axis=2), after.argmax(axis=2), len(classes), one_class=number, **same
            )
            for number, name in enumerate(classes)
        },
        calibration=calibration_difference(labels, before, after, **same),
        circular_macro_f1=circular,
    )


def _collapse(runs: list[Run]) -> tuple[CollapseShare, ...]:
    kinds = sorted({_kind(run) for run in runs})
    shares = []
    for kind in kinds:
        of_kind = [run.collapsed for run in runs if _kind(run) == kind]
        interval = stats.binomtest(sum(of_kind), len(of_kind)).proportion_ci(method="wilson")
        shares.append(CollapseShare(*kind, len(of_kind), sum(of_kind), float(interval.low), float(interval.high)))
    return tuple(sorted(shares, key=lambda share: -share.collapsed / share.trainings))


def _kind(run: Run) -> tuple[str, str, str]:
    values = run.config.to_dict()
    return values.get("padding", "-"), run.config.kind, values.get("optimizer", "-")


def _curve(scores: Sequence[float]) -> TuningCurve | None:
    return None if len(scores) < 2 else tuning_curve(scores)


def _linear_validation_macro_f1(dataset: Dataset) -> float:
    """On the validation rows that tuning trials are scored on, of one fit on the training rows."""
    fitted = linear(dataset.texts("train"), dataset.labels("train"), len(dataset.classes))
    said = fitted.probabilities(dataset.texts("validation")).argmax(axis=1)
    return macro_f1(dataset.labels("validation"), said, len(dataset.classes))


def _mean_macro_f1(predictions: np.ndarray, labels: np.ndarray, n_classes: int) -> float:
    return float(np.mean([macro_f1(labels, pair, n_classes) for pair in predictions]))

"""What a comparison found, in numbers.

Everything here is made from stored predictions; nothing is trained and no row is scored anew. How it is shown is the
matter of `tables`, `figures` and `report`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from search.compare import ComparedArm, Run
from search.decisions import Decision, decide
from search.ideas import BASELINE, Comparison
from search.slices import Slices, error_slices
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
from sentiment.baselines import linear
from sentiment.errors import InputError
from sentiment.metrics import expected_calibration_error, macro_f1
from sentiment.relabel import Relabelled, relabel
from sentiment.reviews import Dataset

__all__ = ["ArmScore", "CollapseShare", "IdeaResult", "Results", "results"]


@dataclass(frozen=True)
class ArmScore:
    """One arm by itself. Scores are fractions."""

    name: str
    macro_f1: float
    """On the sealed test, mean over pairs."""
    validation_macro_f1: float
    """On fresh draws of the validation rows, mean over pairs."""
    pairs: int
    optimism: Optimism
    """Of its search, against fresh seeds and fresh draws of the validation rows."""
    corrected: CorrectedScore
    """Its search's best score without the luck of having been chosen on the same validation rows (BBC-CV)."""
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
    config: dict[str, Any]
    """Of its winner."""


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
    pairs: tuple[int, ...]
    """When the sealed test was looked at."""
    rows: dict[str, int]
    """Of train, validation and sealed test."""
    classes: tuple[str, ...]
    openings: int
    """Sessions that scored the sealed test, this one included."""
    baseline: ArmScore
    linear_macro_f1: float
    """TF-IDF with logistic regression, on the same sealed rows."""
    ideas: tuple[IdeaResult, ...]
    collapse: tuple[CollapseShare, ...]
    """Most often first."""
    relabelled: tuple[tuple[str, Relabelled], ...]
    """By idea: how far the labels that it trains on agree with the user's."""
    winner: ArmScore
    """The arm with the best validation score over its pairs: chosen without the sealed test, whose score of it is
    therefore not too good."""
    slices: Slices
    """Where baseline and winner go wrong on the sealed test."""
    curve: TuningCurve | None
    """Best validation score against the number of random trials of the whole space; None where none were asked for."""
    linear_validation_macro_f1: float
    """Of the linear model on the validation rows that random trials are scored on."""


def results(
    comparison: Comparison,
    dataset: Dataset,
    arms: Sequence[ComparedArm],
    *,
    openings: int,
    random_scores: Sequence[float] = (),
) -> Results:
    """Compare every arm with the first, and those that ask for it with another.

    Args:
        comparison: what was asked.
        dataset: its reviews.
        arms: what `compare` returned; the baseline first.
        openings: how often the sealed test was scored.
        random_scores: of the random trials for the tuning curve.

    Raises:
        InputError: a tuning curve was asked for and the extra `curves` is missing.
    """
    labels, classes = dataset.labels("test"), dataset.classes
    by_name = {arm.arm.name: arm for arm in arms}
    predictions = {name: arm.probabilities.argmax(axis=2) for name, arm in by_name.items()}
    baseline = by_name[BASELINE]
    scores = {name: _score(arm, baseline, dataset) for name, arm in by_name.items()}
    decisions: dict[tuple[str, str], Decision] = {}
    for family in (comparison.against_baseline, comparison.against_ideas):
        decided = decide(labels, predictions, len(classes), family, comparison.looks) if family else ()
        decisions |= dict(zip(family, decided, strict=True))
    winner = max(by_name, key=lambda name: scores[name].validation_macro_f1)
    both = min(len(baseline.probabilities), len(by_name[winner].probabilities))
    test = dataset.split.test
    linear_scores = _linear_macro_f1(dataset)
    return Results(
        name=comparison.name,
        trials=comparison.trials,
        pairs=comparison.pairs,
        rows={
            part: len(dataset.indices(name))
            for part, name in (("train", "train"), ("validation", "validation"), ("sealed test", "test"))
        },
        classes=classes,
        openings=openings,
        baseline=scores[BASELINE],
        linear_macro_f1=linear_scores["test"],
        ideas=tuple(_idea(by_name[idea.name], baseline, scores, decisions, dataset) for idea in comparison.ideas),
        collapse=_collapse([run for arm in arms for run in arm.runs]),
        relabelled=tuple(
            (idea.name, relabel(dataset.texts("train"), dataset.labels("train"), classes, idea.relabel, idea.threshold))
            for idea in comparison.ideas
            if idea.relabel is not None
        ),
        winner=scores[winner],
        curve=_curve(random_scores),
        linear_validation_macro_f1=linear_scores["validation"],
        slices=error_slices(
            dataset.texts("test"),
            [dataset.reviews.ratings[row] for row in test],
            labels,
            classes,
            baseline.probabilities[:both],
            by_name[winner].probabilities[:both],
            train_texts=dataset.texts("train"),
        ),
    )


def _score(arm: ComparedArm, baseline: ComparedArm, dataset: Dataset) -> ArmScore:
    labels, n_classes = dataset.labels("test"), len(dataset.classes)
    return ArmScore(
        name=arm.arm.name,
        macro_f1=_mean_macro_f1(arm, labels, n_classes),
        validation_macro_f1=float(arm.validation_macro_f1.mean()),
        pairs=len(arm.probabilities),
        optimism=optimism(arm.tuned_macro_f1, arm.validation_macro_f1),
        corrected=corrected_score(dataset.labels("validation"), arm.tuning_predictions, n_classes),
        calibration_error=float(np.mean([expected_calibration_error(p, labels) for p in arm.probabilities])),
        collapsed=sum(run.collapsed for run in arm.runs),
        diverged=sum(run.diverged for run in arm.runs),
        diverged_pairs=sum(run.diverged for run in arm.runs[len(arm.tuning_predictions) :]),
        trainings=len(arm.runs),
        epochs=arm.epochs / baseline.epochs,
        seconds=arm.seconds / baseline.seconds,
        config=arm.config.to_dict(),
    )


def _idea(
    arm: ComparedArm,
    baseline: ComparedArm,
    scores: dict[str, ArmScore],
    decisions: dict[tuple[str, str], Decision],
    dataset: Dataset,
) -> IdeaResult:
    labels, classes, idea = dataset.labels("test"), dataset.classes, arm.arm
    decision = decisions[idea.name, BASELINE]
    shared = len(decision.difference.pairs)
    before, after = baseline.probabilities[:shared], arm.probabilities[:shared]
    confidence = decision.difference.confidence
    circular = None
    if idea.relabel is not None:
        found = relabel(dataset.texts("test"), labels, classes, idea.relabel, idea.threshold)
        circular = _mean_macro_f1(arm, found.labels, len(classes))
    return IdeaResult(
        score=scores[idea.name],
        guess=idea.guess,
        source=idea.source,
        decision=decision,
        against=idea.against,
        step=decisions[idea.name, idea.against] if idea.against else None,
        per_class={
            name: paired_difference(
                labels,
                before.argmax(axis=2),
                after.argmax(axis=2),
                len(classes),
                one_class=number,
                confidence=confidence,
            )
            for number, name in enumerate(classes)
        },
        calibration=calibration_difference(labels, before, after, confidence=confidence),
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
    return run.config.padding, run.config.architecture, run.config.optimizer


def _curve(scores: Sequence[float]) -> TuningCurve | None:
    if len(scores) < 2:
        return None
    try:
        return tuning_curve(scores)
    except ImportError as error:
        raise InputError(str(error)) from None


def _linear_macro_f1(dataset: Dataset) -> dict[str, float]:
    """On the validation rows and on the sealed test, of one fit on the training rows."""
    fitted = linear(dataset.texts("train"), dataset.labels("train"), len(dataset.classes))
    return {
        part: macro_f1(
            dataset.labels(part), fitted.probabilities(dataset.texts(part)).argmax(axis=1), len(dataset.classes)
        )
        for part in ("validation", "test")
    }


def _mean_macro_f1(arm: ComparedArm, labels: np.ndarray, n_classes: int) -> float:
    return float(np.mean([macro_f1(labels, pair.argmax(axis=1), n_classes) for pair in arm.probabilities]))

"""Results of a comparison, made up: of each verdict one idea, with everything that a report shows."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from search.comparison.decisions import Decision
from search.comparison.results import ArmScore, CollapseShare, IdeaResult, LinearScore, Results, Winner
from search.comparison.slices import Slices
from search.statistics import CorrectedScore, Difference, Optimism, TuningCurve, paired_difference

__all__ = ["VERDICTS", "curve", "difference", "idea", "results", "score"]

VERDICTS = {"improves": 0.9, "worse": 0.4, "no difference": 0.6001, "undecided": 0.61}
"""With the share of rows that such an idea gets right; the baseline gets 0.6."""


def difference(right: float, seed: int = 0, *, pairs: int = 5, rows: int = 300) -> Difference:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, rows)
    baseline, idea = (np.where(generator.random((pairs, rows)) < share, labels, 1 - labels) for share in (0.6, right))
    return paired_difference(labels, baseline, idea, 2)


def curve(best: float, trials: int = 6) -> TuningCurve:
    median = best - 0.3 / np.arange(1, trials + 1)
    return TuningCurve(np.arange(1, trials + 1), median, median - 0.1, np.ones(trials))


def score(name: str) -> ArmScore:
    return ArmScore(
        name=name,
        macro_f1=0.6,
        validation_macro_f1=0.6,
        pairs=5,
        tuned_macro_f1=0.6,
        optimism=Optimism(0.01, 0.0, 0.02),
        corrected=CorrectedScore(winner=0, best=0.6, corrected=0.6, low=0.5, high=0.7),
        calibration_error=0.1,
        collapsed=0,
        diverged=0,
        diverged_pairs=0,
        trainings=10,
        epochs=1.0,
        seconds=1.0,
        configs=({},),
    )


def idea(name: str, verdict: str, measured: Difference, **changed: Any) -> IdeaResult:
    decision = Decision(measured, 0.01, verdict, worth_more=False)
    made = IdeaResult(score(name), None, "", decision, None, None, {}, measured, None)
    return replace(made, **changed)


def results(ideas: tuple[IdeaResult, ...] = (), **changed: Any) -> Results:
    """A comparison with an idea of each verdict, one of them with a guess, and one set against another."""
    if not ideas:
        ideas = tuple(
            idea(f"idea that {verdict}", verdict, difference(right, seed))
            for seed, (verdict, right) in enumerate(VERDICTS.items())
        )
        step = Decision(difference(0.55, 9), 0.3, "undecided", worth_more=True)
        ideas = (replace(ideas[0], guess=0.05), *ideas[1:3], replace(ideas[3], against=ideas[0].name, step=step))
    linear = Decision(difference(0.6, 10), 1.0, "undecided", worth_more=True)
    against_linear = Decision(difference(0.9, 11), 0.01, "improves", worth_more=False)
    made = Results(
        name="made up",
        trials=6,
        searches=1,
        looks=(5,),
        shared_pairs=5,
        precision="float32",
        rows={"train": 100, "validation": 50, "sealed test": 300},
        groups=None,
        draws=None,
        classes=("negative", "positive"),
        openings=1,
        baseline=score("baseline"),
        linear=LinearScore("TF-IDF + logistic regression", 0.6, 0.6, 5, linear, seconds=0.1),
        ideas=ideas,
        collapse=(
            CollapseShare("as_written", "lstm", "sgd", 10, 4, 0.17, 0.69),
            CollapseShare("masked", "cnn_lstm", "adam", 12, 0, 0.0, 0.24),
        ),
        relabelled=(),
        winner=Winner(score("idea that improves"), {"idea that improves": 4, "baseline": 1}, 0.65, against_linear),
        curve=curve(0.6),
        linear_validation_macro_f1=0.634,
        slices=cast(Slices, SimpleNamespace()),
    )
    return replace(made, **changed)

"""When more trials are unlikely to pay.

The last so many trials together raised the best score by less than the noise in such a score: what the next ones may
still find is worth less than what their hours cost. Off unless asked for. What it saves and what it loses on learning
curves of real configurations: `python -m tests.benchmarks.strategies`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from optuna.trial import FrozenTrial, TrialState

from search.statistics import score_error
from search.study.positions import FINISHED

__all__ = ["LEAST", "Plateau", "plateau"]

LEAST: Final = 0.5
"""Standard errors of a score that the last trials have to gain together."""


@dataclass(frozen=True)
class Plateau:
    """The best score has stopped rising. Scores and gains are macro-F1 in [0, 1]."""

    trials: int
    gain: float
    """By which the last `trials` trials raised the best score."""
    least: float
    """What they had to gain."""

    def __str__(self) -> str:
        return (
            f"The last {self.trials} trials raised the best score by {100 * self.gain:.2f} points; less than "
            f"{100 * self.least:.2f}, half a standard error of such a score, is noise: more trials are unlikely to pay"
        )


def plateau(trials: Sequence[FrozenTrial], patience: int, class_sizes: Sequence[int]) -> Plateau | None:
    """Whether the newest `patience` finished trials gained too little; None while they did not, or are too few.

    Args:
        trials: of a study, in the order of their positions; those that are not finished are passed over.
        patience: trials that have to gain something together.
        class_sizes: how many validation rows each class has.
    """
    finished = [trial for trial in trials if trial.state in FINISHED]
    before, after = _best(finished[:-patience]), _best(finished)
    if before is None or after is None:
        return None
    least = LEAST * score_error(after, class_sizes)
    return Plateau(patience, after - before, least) if after - before <= least else None


def _best(trials: Sequence[FrozenTrial]) -> float | None:
    values = (trial.value for trial in trials if trial.state == TrialState.COMPLETE)
    return max((value for value in values if value is not None), default=None)

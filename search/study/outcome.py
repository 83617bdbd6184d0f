"""What came of a trial, as it is known the moment before the trial ends.

A trial's page must be whole before the storage counts the trial as finished: from then on nothing of it can be changed.
So the objective hands this to whoever shows it, and knows nothing of how.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import optuna
from optuna.trial import TrialState

from search.study.origins import Origin
from sentiment.models.config import Config
from sentiment.models.family import Report, Trained
from sentiment.reviews.dataset import Dataset

__all__ = ["Outcome", "Pages"]


@dataclass(frozen=True)
class Outcome:
    """Of a trial that is about to end."""

    state: TrialState
    """That it will have: COMPLETE, PRUNED or FAIL."""
    config: Config
    origin: Origin
    dataset: Dataset
    reports: Sequence[Report]
    """Of each scoring; none if it failed before the first."""
    why: str | None = None
    """Why it ended before its last epoch; None if it did not."""
    trained: Trained | None = None
    """None if it was stopped on its way."""
    kept: bool = False
    """Whether its weights are among those that are kept, as of now."""
    milliseconds: float | None = None
    """That an answer to one text takes."""
    audited: float | None = None
    """The epoch at which the pruner would have stopped it, had it not run on to see what pruning costs."""
    resumed: float | None = None
    """The epoch from which it went on, where it stands in for a trial that was killed."""


Pages: TypeAlias = Callable[[optuna.Trial, Outcome], None]
"""Shows what came of a trial to people; it may be slow, and raises nothing for what cannot be shown."""

"""Which trials are not worth another epoch.

A rank among the others (a median, a successive halving) kills winners: validation scores are noisy, and of trials that
differ by noise alone half lie below the median each time one looks. This rule asks how far a trial lies behind the best
at the same number of training examples, in units of noise, and is the more patient the younger the trial is, because
slow starters catch up. Noise is that of the rows scored and that of the seed: were it the first alone, many validation
rows would leave no patience at all. One that still answers with one class has not begun to learn, which says nothing of
where it will end; it is let alone for a while. The other constants were chosen on learning curves of random
configurations, trained in full (`python -m tests.benchmarks.strategies`).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import optuna
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial

from search.statistics import score_error
from search.study.positions import FINISHED, before
from sentiment.models.registry import FAMILY, NETWORK

__all__ = ["BehindTheBest", "begun", "margin"]

NOISES: Final = 1.0
"""What the margin tends to as a trial grows old."""
SEED_ERROR: Final = 0.01
"""Standard deviation of macro-F1 over trainings of one recipe, rounded: of the repaired networks in `studies` it is .9
points (median over both studies of the standard deviation of `step.difference.pairs` over the root of two)."""
PATIENCE: Final = 0.75
"""By what share the margin after one epoch is larger than that; it falls with the square of the epochs."""
BEGUN: Final = 2.0
"""Standard errors by which a score exceeds that of answering with one class, if something was learned."""
GRACE: Final = 1.5
"""Epochs in which a trial may have learned nothing."""
STARTUP: Final = 5
"""Trials that have to be finished before one is condemned."""


def margin(best: float, epoch: float, class_sizes: Sequence[int]) -> float:
    """How far a trial may lie behind `best` after `epoch` epochs, in macro-F1."""
    noise = math.hypot(score_error(best, class_sizes), SEED_ERROR)
    return NOISES * (1 + PATIENCE / epoch**2) * noise


def begun(class_sizes: Sequence[int]) -> float:
    """The macro-F1 from which on a trial has learned something."""
    largest = max(class_sizes) / sum(class_sizes)
    one_class = 2 * largest / (1 + largest) / len(class_sizes)  # its F1; the others have none
    return one_class + BEGUN * score_error(one_class, class_sizes)


class BehindTheBest(BasePruner):
    """Stops a trial whose best score so far lies further behind the best of the others than noise and a late start
    explain.

    The others are the trials of the same family, of earlier positions (`positions`), that were finished when this one
    was first asked about; each counts with the best score it had after as many training examples, or with its last if
    it ended before. Values reported must be best scores so far, as those of `search.Objective` are.

    Args:
        class_sizes: how many validation rows each class has.
        steps_per_epoch: reports in one epoch; of each family, if there are several.
        round_of: see `search.study.sampler.ConditionalTPE`.
    """

    def __init__(
        self, class_sizes: Sequence[int], steps_per_epoch: int | Mapping[str, int], round_of: int | None = None
    ) -> None:
        self._class_sizes = tuple(class_sizes)
        self._begun = begun(class_sizes)
        self._steps = {NETWORK: steps_per_epoch} if isinstance(steps_per_epoch, int) else dict(steps_per_epoch)
        self._round_of = round_of
        self._number = -1
        self._seen: set[int] = set()
        self._best: dict[int, float] = {}

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether `trial`, with what it has reported so far, is not worth another epoch."""
        if trial.number != self._number:
            self._look(study, trial)
        if trial.last_step is None or len(self._seen) < STARTUP:
            return False
        best = max((value for step, value in self._best.items() if step <= trial.last_step), default=-math.inf)
        value, epoch = trial.intermediate_values[trial.last_step], trial.last_step / self._steps_per_epoch(trial)
        if epoch <= GRACE and value < self._begun:
            return False
        return value < best - margin(best, epoch, self._class_sizes)

    def _steps_per_epoch(self, trial: FrozenTrial) -> int:
        return self._steps[trial.params.get(FAMILY, next(iter(self._steps)))]  # of one alone, trials do not say

    def _look(self, study: optuna.Study, trial: FrozenTrial) -> None:
        self._number = trial.number
        trials = study.get_trials(deepcopy=False)
        family = trial.params.get(FAMILY)  # of others, steps are not the same steps
        known = [o for o in before(trials, trial.number, self._round_of) if o.params.get(FAMILY) == family]
        if not self._seen <= {other.number for other in known}:  # a trial that is begun again, after later ones
            self._seen, self._best = set(), {}
        for other in known:
            if other.number in self._seen or other.state not in FINISHED:
                continue
            self._seen.add(other.number)
            for step, value in other.intermediate_values.items():
                self._best[step] = max(value, self._best.get(step, -math.inf))

"""Draws near the best trials so far, in the family that has earned it: what a budget of 10 to 50 trials allows.

A model of the whole space (TPE) needs dozens of trials before it knows more than the settings that a search begins
with. Here a trial takes one of the best trials, changes a few of its parameters by a step, and keeps the others. The
family is drawn by how its best trial compares with the best of all, in units of noise: one that lies far behind is
still tried now and then.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from search.statistics import score_error
from search.study.positions import before, positions
from sentiment.models.registry import FAMILY

__all__ = ["AroundTheBest"]

PARENTS: Final = 3
"""Trials of a family near which is drawn, the best one most often."""
CHANGED: Final = 3.0
"""Parameters of a parent that are changed, on average."""
STEP: Final = 0.2
"""Standard deviation of a change, as a share of the parameter's range, on a logarithmic scale where the search is."""
AFRESH: Final = 0.15
"""Share of the trials that take nothing from a parent."""
FLOOR: Final = 0.05
"""Least share of a family."""


class AroundTheBest(BaseSampler):
    """Mutates good trials.

    Args:
        seed: with a trial's position it decides the trial's draw.
        class_sizes: how many validation rows each class has: how noisy a score is.
        round_of: see `search.study.sampler.ConditionalTPE`.
    """

    def __init__(self, seed: int, class_sizes: Sequence[int], round_of: int | None = None) -> None:
        self._seed = seed
        self._class_sizes = tuple(class_sizes)
        self._round_of = round_of
        self._number = -1
        self._known: list[FrozenTrial] = []
        self._parent: FrozenTrial | None = None
        self._chosen = False

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """No parameters are drawn together; see `optuna.samplers.BaseSampler`."""
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Nothing to draw; see `optuna.samplers.BaseSampler`."""
        return {}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one parameter; see `optuna.samplers.BaseSampler`."""
        if trial.number != self._number:
            self._begin(study, trial)
        if param_name == FAMILY:
            assert isinstance(param_distribution, CategoricalDistribution)
            return self._family(param_distribution.choices)
        if not self._chosen:
            self._choose(trial.params.get(FAMILY))
        kept = None if self._parent is None else self._parent.params.get(param_name)
        if kept is None or not _holds(param_distribution, kept):
            return _anywhere(param_distribution, self._rng)
        return kept if self._rng.random() >= self._rate else _near(param_distribution, kept, self._rng)

    def _begin(self, study: optuna.Study, trial: FrozenTrial) -> None:
        self._number = trial.number
        trials = study.get_trials(deepcopy=False)
        self._rng = np.random.default_rng([self._seed, positions(trials)[trial.number]])
        known = before(trials, trial.number, self._round_of)
        done = [other for other in known if other.state == TrialState.COMPLETE and other.value is not None]
        self._known = sorted(done, key=_value, reverse=True)
        self._parent, self._chosen, self._rate = None, False, 0.0

    def _family(self, names: Sequence[Any]) -> Any:
        if not self._known:
            return names[int(self._rng.integers(len(names)))]
        best = {trial.params.get(FAMILY): _value(trial) for trial in reversed(self._known)}
        top = _value(self._known[0])
        # One that was not tried yet may be as good as the best.
        behind = np.array([top - best.get(name, top) for name in names]) / score_error(top, self._class_sizes)
        shares = FLOOR + np.exp(-behind)
        return names[int(self._rng.choice(len(names), p=shares / shares.sum()))]

    def _choose(self, family: Any) -> None:
        """The parent, and how likely each of its parameters is changed."""
        self._chosen = True
        own = [trial for trial in self._known if trial.params.get(FAMILY) == family]
        if not own or self._rng.random() < AFRESH:
            return
        rank = min(int(self._rng.geometric(0.5)), PARENTS, len(own))
        self._parent = own[rank - 1]
        self._rate = min(1.0, CHANGED / max(1, len(self._parent.params)))


def _value(trial: FrozenTrial) -> float:
    return trial.value or 0.0


def _holds(distribution: BaseDistribution, value: Any) -> bool:
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return not isinstance(value, str) and distribution.low <= value <= distribution.high


def _anywhere(distribution: BaseDistribution, rng: np.random.Generator) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(rng.integers(len(distribution.choices)))]
    return _at(distribution, rng.random())


def _near(distribution: BaseDistribution, value: Any, rng: np.random.Generator) -> Any:
    """Another value close by: of values without an order any other one."""
    if isinstance(distribution, CategoricalDistribution):
        others = [choice for choice in distribution.choices if choice != value]
        return others[int(rng.integers(len(others)))] if others else value
    place = _place(distribution, value) + STEP * rng.standard_normal()
    return _at(distribution, 1 - abs(1 - abs(place) % 2))  # reflected at the ends


def _place(distribution: Any, value: float) -> float:
    """Where a value lies in its range, from 0 to 1."""
    low, high = distribution.low, distribution.high
    if distribution.log:
        low, high, value = np.log(low), np.log(high), np.log(value)
    return float((value - low) / (high - low)) if high > low else 0.0


def _at(distribution: Any, place: float) -> Any:
    """The value at a place from 0 to 1 of a range."""
    low, high, step = distribution.low, distribution.high, distribution.step
    if isinstance(distribution, IntDistribution) and not distribution.log:
        steps = (high - low) // step
        return int(low + step * min(int(place * (steps + 1)), steps))
    value = low * (high / low) ** place if distribution.log else low + place * (high - low)
    if isinstance(distribution, IntDistribution):
        return int(min(max(round(float(value)), low), high))
    if step is not None:
        value = low + round((value - low) / step) * step
    return float(min(max(value, low), high))

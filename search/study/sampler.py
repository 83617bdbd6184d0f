"""TPE, arranged so that a trial's draw depends on its position and on the trials before it (see `positions`),
and costs the same in the ten thousandth trial as in the thousandth; and random draws that are arranged in the same way.

- Conditional parameters are modelled in groups: without groups, Optuna drops them from the joint model silently.
- Every trial draws from its own stream of random numbers, so a search that was interrupted, also in the middle of a
  trial, draws what it would have drawn anyway, and no worker draws another one's trials again.
- The trials are read once for each draw. Optuna reads them once for every group of parameters.
- Of a long history TPE sees the newest and the best trials: it weighs old ones less and less anyhow.
"""

import copy
from collections.abc import Container
from typing import Any, Final

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from search.storage.databases import experimental_features
from search.study.positions import FINISHED, before, positions

__all__ = ["ConditionalTPE", "IndependentDraws"]

NEWEST: Final = 200
BEST: Final = 50
"""Trials that TPE sees. It calls at most 25 of them good, so none of the good ones is missed. Twice as many take
1.4 times as long and find the same (`python -m tests.benchmarks.sampler_history`)."""

STARTUP: Final = 6
"""Trials before the model is asked; those that are not known-good settings are random. Ten instead killed the winner in
13 % of a hundred replays on the Naver curves, and reached as much with 22 % of the epochs instead of 19."""


class ConditionalTPE(BaseSampler):
    """Optuna's multivariate TPE for a space whose parameters depend on one another.

    Args:
        seed: with a trial's position it decides the trial's draw.
        round_of: with so many workers, a draw depends only on trials of earlier rounds: positions 0 to `round_of` - 1
            are the first round, and so on. Whoever uses it must see to it that a round has ended before the next begins
            (see `search.study.claims`). None: on every trial of an earlier position, those that still run included.
    """

    def __init__(self, seed: int, round_of: int | None = None) -> None:
        self._seed = seed
        self._round_of = round_of
        self._number = -1
        self._tpe: TPESampler
        self._seen: _Seen

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The parameters that are drawn together; see `optuna.samplers.BaseSampler`."""
        self._begin(study, trial)
        return self._tpe.infer_relative_search_space(self._seen, trial)  # type: ignore[arg-type]

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw them; see `optuna.samplers.BaseSampler`."""
        self._begin(study, trial)
        with experimental_features():
            return self._tpe.sample_relative(self._seen, trial, search_space)  # type: ignore[arg-type]

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw a parameter that no finished trial has had yet; see `optuna.samplers.BaseSampler`."""
        self._begin(study, trial)
        return self._tpe.sample_independent(self._seen, trial, param_name, param_distribution)  # type: ignore[arg-type]

    def _begin(self, study: optuna.Study, trial: FrozenTrial) -> None:
        if trial.number == self._number:
            return
        self._number = trial.number
        trials = study.get_trials(deepcopy=False)
        order = positions(trials)
        with experimental_features():
            self._tpe = TPESampler(
                multivariate=True,
                group=True,
                constant_liar=self._round_of is None,
                n_startup_trials=STARTUP,
                seed=_stream(self._seed, order[trial.number]),
            )
        known = before(trials, trial.number, self._round_of)
        self._seen = _Seen(study, [_numbered(other, order[other.number]) for other in _window(known)])


class IndependentDraws(BaseSampler):
    """Draws at random; what a trial gets depends on its position alone.

    Args:
        seed: with a trial's position it decides the trial's draw.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._number = -1
        self._random: RandomSampler

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
            self._number = trial.number
            position = positions(study.get_trials(deepcopy=False))[trial.number]
            self._random = RandomSampler(_stream(self._seed, position))
        return self._random.sample_independent(study, trial, param_name, param_distribution)


def _stream(seed: int, position: int) -> int:
    """The seed of a trial's own random numbers."""
    return int(np.random.SeedSequence([seed, position]).generate_state(1)[0])


class _Seen:
    """A study that shows a part of its trials, as they were when it was made."""

    def __init__(self, study: optuna.Study, trials: list[FrozenTrial]) -> None:
        self._study = study
        self._trials = trials

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    def get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        return [trial for trial in self._trials if states is None or trial.state in states]

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        return self.get_trials(deepcopy, states)


def _window(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    finished = [trial for trial in trials if trial.state in FINISHED]
    if len(finished) <= NEWEST + BEST:
        return trials
    older = finished[:-NEWEST]
    best = sorted(older, key=_goodness, reverse=True)[:BEST]
    kept = {trial.number for trial in (*best, *finished[-NEWEST:])}
    return [trial for trial in trials if trial.number in kept or trial.state == TrialState.RUNNING]


def _numbered(trial: FrozenTrial, number: int) -> FrozenTrial:
    """The trial under another number: TPE sorts by it."""
    numbered = copy.copy(trial)
    numbered.number = number
    return numbered


def _goodness(trial: FrozenTrial) -> tuple[bool, float]:
    value = trial.value
    return (trial.state == TrialState.COMPLETE, -np.inf if value is None else value)

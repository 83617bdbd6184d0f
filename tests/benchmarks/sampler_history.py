"""What TPE loses when it sees a part of a long history, and what that saves.

    python -m tests.benchmarks.sampler_history

Nothing is trained. A landscape over the default space is drawn from the seed: a bowl for each range, an offset for each
choice, noise of one point on each score. Printed for each seed and window (newest and best trials that TPE sees): the
mean of the true scores once the windows differ, that of the last hundred, the best, and seconds of processor time.
"""

import argparse
import time
import warnings
from unittest import mock

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

import search.study.sampler
from search.study.sampler import BEST, NEWEST, ConditionalTPE
from search.study.space import Space

WINDOWS = ((2 * NEWEST, 2 * BEST), (NEWEST, BEST))
NOISE = 0.01


class Landscape:
    """The true score of every draw from a space."""

    def __init__(self, space: Space, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._offsets: dict[str, np.ndarray] = {}
        self._bowls: dict[str, tuple[float, float]] = {}
        for name, distribution in space.distributions.items():
            if isinstance(distribution, CategoricalDistribution):
                self._offsets[name] = rng.normal(0, 0.03, len(distribution.choices))
            else:
                self._bowls[name] = (rng.uniform(), rng.uniform(0.02, 0.15))

    def score(self, trial: optuna.Trial) -> float:
        """Of what the trial drew."""
        score = 0.8
        for name, value in trial.params.items():
            distribution = trial.distributions[name]
            if isinstance(distribution, CategoricalDistribution):
                score += self._offsets[name][distribution.choices.index(value)]
                continue
            assert isinstance(distribution, IntDistribution | FloatDistribution)
            scale = np.log if distribution.log else float
            low, high = scale(distribution.low), scale(distribution.high)
            lowest, depth = self._bowls[name]
            score -= depth * ((scale(value) - low) / (high - low) - lowest) ** 2
        return float(score)


def search_with(window: tuple[int, int], seed: int, trials: int) -> np.ndarray:
    """True scores [trials]."""
    space, noise = Space.of({"family": "network"}), np.random.default_rng(seed)
    landscape = Landscape(space, seed + 100)
    study = optuna.create_study(direction="maximize", sampler=ConditionalTPE(seed))
    found = []
    with mock.patch.multiple(search.study.sampler, NEWEST=window[0], BEST=window[1]):
        for _ in range(trials):
            trial = study.ask()
            space.sample(trial)
            found.append(landscape.score(trial))
            study.tell(trial, found[-1] + noise.normal(0, NOISE))
    return np.array(found)


def main() -> None:
    parser = argparse.ArgumentParser(description="TPE with a part of a long history")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=700)
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    print("  seed  window     after   last 100    best   seconds")
    every: dict[tuple[int, int], list[tuple[float, ...]]] = {window: [] for window in WINDOWS}
    for seed in range(args.seeds):
        for window in WINDOWS:
            started = time.process_time()
            found = 100 * search_with(window, seed, args.trials)
            spent = time.process_time() - started
            every[window].append((found[NEWEST + BEST :].mean(), found[-100:].mean(), found.max(), spent))
            _print(str(seed), window, every[window][-1])
    for window, rows in every.items():
        _print("mean", window, np.mean(rows, axis=0))


def _print(name: str, window: tuple[int, int], row: "tuple[float, ...] | np.ndarray") -> None:
    after, last, best, seconds = row
    print(f"{name:>6}  {window[0]}+{window[1]:<6}{after:>7.1f}{last:>11.1f}{best:>8.1f}{seconds:>10.0f}", flush=True)


if __name__ == "__main__":
    main()

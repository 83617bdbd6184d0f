"""What Optuna itself costs a trial: ask, report, prune and tell, in a study of many trials on a SQLite file.

    python -m tests.benchmarks.search_overhead --trials 1000

The objective trains nothing: it draws from the default space and reports a curve of as many steps as a trial has.
Printed: milliseconds a trial, median over the trials that follow (`--measured`).
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import optuna

from search.storage.databases import open_storage
from search.study.pruner import BehindTheBest
from search.study.records import CONFIG
from search.study.sampler import ConditionalTPE
from search.study.space import Space

STEPS = 8


def fill(study: optuna.Study, space: Space, trials: int, rng: np.random.Generator) -> None:
    """Finished trials, written at once: how they came about does not matter to the next."""
    made = []
    for _ in range(trials):
        params = {name: _draw(distribution, rng) for name, distribution in space.distributions.items()}
        score = float(rng.uniform(0.3, 0.8))
        steps = {step: score * step / STEPS for step in range(1, STEPS + 1)}
        made.append(
            optuna.trial.create_trial(
                value=score,
                params=params,
                distributions=space.distributions,
                intermediate_values=steps,
                user_attrs={CONFIG: {}},
            )
        )
    study.add_trials(made)


def _draw(distribution: optuna.distributions.BaseDistribution, rng: np.random.Generator) -> object:
    if isinstance(distribution, optuna.distributions.CategoricalDistribution):
        return distribution.choices[int(rng.integers(len(distribution.choices)))]
    assert isinstance(distribution, optuna.distributions.IntDistribution | optuna.distributions.FloatDistribution)
    low, high = distribution.low, distribution.high
    if isinstance(distribution, optuna.distributions.IntDistribution):
        step = distribution.step
        return int(low + step * rng.integers((high - low) // step + 1))
    return float(np.exp(rng.uniform(np.log(low), np.log(high))) if distribution.log else rng.uniform(low, high))


def main() -> None:
    parser = argparse.ArgumentParser(description="Milliseconds that Optuna costs a trial")
    parser.add_argument("--trials", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--measured", type=int, default=20)
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = Space.of({"family": "network"})
    for trials in arguments.trials:
        with tempfile.TemporaryDirectory() as folder:
            storage = open_storage(f"sqlite:///{Path(folder) / 'overhead.db'}")
            study = optuna.create_study(storage=storage, direction="maximize", pruner=BehindTheBest([500, 500], 2))
            fill(study, space, trials, np.random.default_rng(0))
            study.sampler = ConditionalTPE(0)
            spent: dict[str, list[float]] = {"ask and sample": [], "report and prune": [], "tell": []}
            for _ in range(arguments.measured):
                moments = [time.perf_counter()]
                trial = study.ask()
                space.sample(trial)
                moments.append(time.perf_counter())
                for step in range(1, STEPS + 1):
                    trial.report(0.5 + step / 100, step)
                    trial.should_prune()
                moments.append(time.perf_counter())
                study.tell(trial, 0.6)
                moments.append(time.perf_counter())
                for name, seconds in zip(spent, np.diff(moments), strict=True):
                    spent[name].append(seconds)
            medians = {name: 1000 * float(np.median(seconds)) for name, seconds in spent.items()}
            parts = ", ".join(f"{name} {value:.0f}" for name, value in medians.items())
            print(f"{trials:>6,} trials: {sum(medians.values()):.0f} ms a trial ({parts})")


if __name__ == "__main__":
    main()

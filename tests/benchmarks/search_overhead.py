"""What the search itself costs a trial: to claim it, draw it, report, prune, record and tell it, in a study of many.

    python -m tests.benchmarks.search_overhead --trials 1000 10000
    python -m tests.benchmarks.search_overhead --trials 1000 10000 --storage postgresql

It does what `search.study.optimization` and `Objective` do with a trial, but trains nothing: it draws from the default
space of the networks, reports a curve of as many steps as a trial has, and records as many attributes. Printed:
milliseconds a trial by the clock, and of this process's processor alone; medians over the trials that follow
(`--measured`); and how many transactions a trial takes.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import optuna
import sqlalchemy
from optuna.trial import create_trial

from search.storage.databases import open_storage
from search.storage.relational import Relational, at_once
from search.study.claims import Heartbeat, claim
from search.study.origins import origin_of
from search.study.pruner import BehindTheBest
from search.study.records import (
    CONFIG,
    CURVE,
    ENVIRONMENT,
    EPOCHS,
    FOR_PROGRAMS,
    LATENCY,
    PREDICTIONS,
    SECONDS,
    attributes,
    keep,
)
from search.study.sampler import ConditionalTPE
from search.study.space import Space
from tests.support.servers import PostgreSQL

STEPS = 8
RECORDED = {CURVE: [{"step": step, "epoch": step / 2} for step in range(STEPS)], EPOCHS: 4.0, SECONDS: 31.4}


def fill(study: optuna.Study, space: Space, trials: int, rng: np.random.Generator) -> None:
    """Finished trials, written in one transaction: how they came about does not matter to the next."""
    storage = study._storage._backend  # type: ignore[attr-defined]
    with sqlalchemy.orm.Session(storage.engine) as session:
        for _ in range(trials):
            params = {name: _draw(distribution, rng) for name, distribution in space.distributions.items()}
            score = float(rng.uniform(0.3, 0.8))
            template = create_trial(
                value=score,
                params=params,
                distributions=space.distributions,
                intermediate_values={step: score * step / STEPS for step in range(1, STEPS + 1)},
                **attributes({CONFIG: {}, **RECORDED}),
            )
            # Optuna's own, but without its check of each distribution against those before, a question each.
            storage._set_trial_param_without_commit = _without_check
            storage._get_prepared_new_trial(study._study_id, template, session)
        del storage._set_trial_param_without_commit
        session.commit()


def _without_check(
    session: sqlalchemy.orm.Session,
    trial_id: int,
    name: str,
    value: float,
    distribution: optuna.distributions.BaseDistribution,
) -> None:
    from optuna.distributions import distribution_to_json
    from optuna.storages._rdb.models import TrialParamModel

    written = distribution_to_json(distribution)
    session.add(TrialParamModel(trial_id=trial_id, param_name=name, param_value=value, distribution_json=written))


def _draw(distribution: optuna.distributions.BaseDistribution, rng: np.random.Generator) -> object:
    if isinstance(distribution, optuna.distributions.CategoricalDistribution):
        return distribution.choices[int(rng.integers(len(distribution.choices)))]
    assert isinstance(distribution, optuna.distributions.IntDistribution | optuna.distributions.FloatDistribution)
    low, high = distribution.low, distribution.high
    if isinstance(distribution, optuna.distributions.IntDistribution):
        step = distribution.step
        return int(low + step * rng.integers((high - low) // step + 1))
    return float(np.exp(rng.uniform(np.log(low), np.log(high))) if distribution.log else rng.uniform(low, high))


@contextmanager
def storage_of(kind: str) -> Iterator[str]:
    """The URL of an empty storage."""
    if kind == "postgresql":
        with PostgreSQL() as server:
            yield server.url
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'overhead.db'}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Milliseconds that the search costs a trial")
    parser.add_argument("--trials", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--measured", type=int, default=20)
    parser.add_argument("--storage", choices=["sqlite", "postgresql"], default="sqlite")
    arguments = parser.parse_args()
    space = Space.of({"family": "network"})
    for trials in arguments.trials:
        with storage_of(arguments.storage) as url:
            storage = open_storage(url)
            assert isinstance(storage, Relational)
            study = optuna.create_study(storage=storage, direction="maximize", pruner=BehindTheBest([500, 500], 2))
            fill(study, space, trials, np.random.default_rng(0))
            study.sampler = ConditionalTPE(0)
            commits = 0

            def count(connection: object) -> None:
                nonlocal commits
                commits += 1

            sqlalchemy.event.listen(storage.engine, "commit", count)
            spent: dict[str, list[float]] = {"claim": [], "sample": [], "report and prune": [], "record and tell": []}
            processor: list[float] = []
            for number in range(arguments.measured + 2):
                if number == 2:  # the first two warm up: what a process reads once
                    commits = 0
                moments, began = [time.perf_counter()], time.process_time()
                trial = claim(study, 10**6)
                assert trial is not None
                with Heartbeat(trial):
                    moments.append(time.perf_counter())
                    with at_once(trial):
                        space.sample(trial)
                        origin_of(study.get_trials(deepcopy=False), trial.number, trial.params)
                        keep(trial, CONFIG, {})
                        keep(trial, ENVIRONMENT, {})
                    moments.append(time.perf_counter())
                    for step in range(1, STEPS + 1):
                        trial.report(0.5 + step / 100, step)
                        trial.should_prune()
                    moments.append(time.perf_counter())
                    with at_once(trial):
                        for name, value in (RECORDED | {PREDICTIONS: {}, LATENCY: 1.0}).items():
                            (keep if name in FOR_PROGRAMS else optuna.Trial.set_user_attr)(trial, name, value)
                study.tell(trial, 0.6)
                moments.append(time.perf_counter())
                if number >= 2:
                    processor.append(time.process_time() - began)
                    for name, seconds in zip(spent, np.diff(moments), strict=True):
                        spent[name].append(seconds)
            medians = {name: 1000 * float(np.median(seconds)) for name, seconds in spent.items()}
            parts = ", ".join(f"{name} {value:.0f}" for name, value in medians.items())
            print(
                f"{arguments.storage}, {trials:>6,} trials: {sum(medians.values()):.0f} ms a trial ({parts}); "
                f"{1000 * float(np.median(processor)):.0f} ms of processor; "
                f"{commits / arguments.measured:.0f} transactions",
                flush=True,
            )
            storage.engine.dispose()


if __name__ == "__main__":
    main()

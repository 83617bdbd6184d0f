"""Our search against Optuna's defaults, trained for real, on data that the pruner's constants were not chosen on.

    python -m tests.benchmarks.live_strategies --data mr.csv --rows 5000 --fractions 0.6 0.3 0.1 --epochs 30 \\
        --seeds 5 --workers 2

Both have the same space, the same training code and the same number of epochs to spend; the trial in which they run out
is not counted. Optuna's defaults: `create_study()` with TPE and the median pruner, no trials that are known to be good.
The best score of a search is optimistic in both; the sealed test is not opened.
"""

import statistics
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import optuna
import torch

from search.study.objective import Objective
from search.study.pruner import BehindTheBest
from search.study.records import EPOCHS
from search.study.sampler import ConditionalTPE
from search.study.space import Space, defaults_for
from sentiment.reviews.dataset import Dataset, load_dataset
from sentiment.reviews.source import DataSource
from tests.benchmarks import reviews

NAMES = ("ours", "Optuna's defaults")
SHARES = (0.25, 0.5, 1.0)


@dataclass(frozen=True)
class Searched:
    """One search: epochs spent and the best completed trial, after each trial."""

    spent: np.ndarray
    best: np.ndarray
    pruned: int

    def at(self, epochs: float) -> float:
        """The best completed trial once so many epochs were spent."""
        done = int(np.searchsorted(self.spent, epochs, side="right"))
        return float(self.best[done - 1]) if done else 0.0


_opened: list[Dataset] = []


def _open(source: DataSource) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(1)
    _opened.append(load_dataset(source))


def search(task: tuple[int, str], epochs: float, cache: Path) -> Searched:
    """Spend so many epochs."""
    seed, name = task
    dataset = _opened[0]
    space = Space.of({"family": "network"}, defaults=defaults_for(dataset.texts("train")))
    if name == "ours":
        pruner = BehindTheBest(dataset.class_sizes("validation"), space.fixed["evaluations_per_epoch"])
        study = optuna.create_study(direction="maximize", sampler=ConditionalTPE(seed), pruner=pruner)
        for settings in space.known_good():
            study.enqueue_trial(settings)
    else:
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    objective = Objective(dataset, space, cache=cache, seed=seed)
    spent: list[float] = []
    best: list[float] = []
    pruned = 0
    while not spent or spent[-1] < epochs:
        study.optimize(objective, n_trials=1)
        trial = study.trials[len(spent)]  # the known-good settings that wait stand behind it
        completed = trial.state == optuna.trial.TrialState.COMPLETE
        pruned += not completed
        spent.append(trial.user_attrs[EPOCHS] + (spent[-1] if spent else 0.0))
        best.append(max((trial.value or 0.0) if completed else 0.0, best[-1] if best else 0.0))
    return Searched(np.array(spent), np.array(best), pruned)


def main() -> None:
    parser = reviews.parser("Our search against Optuna's defaults")
    parser.add_argument("--epochs", type=float, default=60)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    source = reviews.source(args)
    tasks = list(product(range(args.seeds), NAMES))
    with (
        tempfile.TemporaryDirectory() as cache,
        ProcessPoolExecutor(args.workers, get_context("spawn"), _open, (source,)) as pool,
    ):
        count = len(tasks)
        print("best completed trial, macro-F1 in points, after so many epochs")
        print(f"{'seed':>6} {'':20}" + "".join(f"{share * args.epochs:>7.0f}" for share in SHARES) + "  trials  pruned")
        found = {}
        for task, one in zip(tasks, pool.map(search, tasks, [args.epochs] * count, [Path(cache)] * count), strict=True):
            found[task] = one
            scores = "".join(f"{100 * one.at(share * args.epochs):>7.1f}" for share in SHARES)
            print(f"{task[0]:>6} {task[1]:20}{scores}{len(one.spent):>8}{one.pruned:>8}", flush=True)
    for name in NAMES:
        runs = [found[seed, name] for seed in range(args.seeds)]
        scores = "".join(
            f"{100 * statistics.median(run.at(share * args.epochs) for run in runs):>7.1f}" for share in SHARES
        )
        print(f"{'median':>6} {name:20}{scores}")
    wins = sum(
        found[seed, NAMES[0]].at(args.epochs) > found[seed, NAMES[1]].at(args.epochs) for seed in range(args.seeds)
    )
    print(f"ours ahead in {wins} of {args.seeds}")


if __name__ == "__main__":
    main()

"""Where the time of a trial goes, and what a second worker brings.

    python -m tests.benchmarks.trial_time --data nsmc-train.tsv.xz --text document --label label --rows 8000

Trials of one fixed configuration with all that belongs to a search: a SQLite file, the pruner, stored predictions and
the weights of the best. First table: shares of a trial's time, one worker; storage is what Optuna writes and what the
pruner reads, checkpoints are copies of weights and the files of the best trials. Second table: the same number of
trials by one worker with one thread, by one with two, and by as many workers at once as asked for, taking turns; on a
GPU, for example:

    python -m tests.benchmarks.trial_time --data nsmc-train.tsv.xz --text document --label label --rows 50000 \\
        --device cuda --at-once 2 4 8 --trials 16
"""

import argparse
import statistics
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest import mock

import optuna
import torch

import search.study.objective
import sentiment.models.descent
import sentiment.models.network.training
from search.storage.artifacts import TrialArtifacts
from search.storage.databases import open_storage
from search.study.objective import Objective
from search.study.pruner import BehindTheBest
from search.study.sampler import ConditionalTPE
from search.study.space import Space, defaults_for
from sentiment.reviews.dataset import Dataset, load_dataset
from sentiment.reviews.source import DataSource
from tests.benchmarks import reviews

FIXED = {"epochs": 4, "batch_size": 64, "optimizer": "adam", "max_tokens": 256}


@dataclass
class Work:
    """What a process holds."""

    dataset: Dataset
    objective: Objective
    storage: str


_work: list[Work] = []


def _open(source: DataSource, fixed: dict[str, Any], folder: Path, threads: int, device: str) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(threads)
    dataset = load_dataset(source)
    space = Space.of({"family": "network"} | fixed, defaults=defaults_for(dataset.texts("train")))
    artifacts = TrialArtifacts(folder / "artifacts", 3)
    objective = Objective(dataset, space, folder / "cache", artifacts, folder / "predictions", device=device)
    _work[:] = [Work(dataset, objective, f"sqlite:///{folder}/study.db")]


def _trials(name: str, count: int) -> None:
    work = _work[0]
    pruner = BehindTheBest(work.dataset.class_sizes("validation"), 2)
    study = optuna.create_study(
        study_name=name,
        storage=open_storage(work.storage),
        direction="maximize",
        sampler=ConditionalTPE(0),
        pruner=pruner,
        load_if_exists=True,
    )
    # A worker asks for its next trial as soon as one is done; the pruner is asked, and its answer is not followed.
    study.optimize(work.objective, n_trials=count)


def _shares(trials: int) -> None:
    spent: dict[str, float] = defaultdict(float)

    def timed(kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                spent[kind] += time.perf_counter() - started

        return call

    @contextmanager
    def watched() -> Iterator[None]:
        places = [
            ("validation", sentiment.models.network.training, "predict_probabilities"),
            ("storage and pruning", optuna.trial.Trial, "report"),
            ("storage and pruning", optuna.trial.Trial, "should_prune"),
            ("storage and pruning", optuna.trial.Trial, "set_user_attr"),
            ("storage and pruning", search.study.objective, "keep"),
            ("storage and pruning", optuna.trial.Trial, "_suggest"),
            ("checkpoints", TrialArtifacts, "keep"),
            ("checkpoints", search.study.objective, "keep_predictions"),
            ("scoring", sentiment.models.descent._BestCheckpoint, "score"),
        ]
        patches = [mock.patch.object(where, name, timed(kind, getattr(where, name))) for kind, where, name in places]
        for patch in patches:
            patch.start()
        yield
        for patch in patches:
            patch.stop()

    _trials("warm", 1)
    started = time.perf_counter()
    with watched():
        _trials("shares", trials)
    total = time.perf_counter() - started
    spent["checkpoints"] += spent.pop("scoring") - spent["validation"]  # metrics and the copies of the weights
    print(f"{total / trials:.2f} s a trial")
    for kind, seconds in spent.items():
        print(f"{kind:36}{seconds / total:>7.1%}")


def _scaling(args: argparse.Namespace, source: DataSource, fixed: dict[str, Any], folder: Path) -> None:
    trials = args.trials
    arranged = {"one worker": (1, 1), "one worker, two threads": (1, 2)}
    arranged |= {f"{count} workers": (count, 1) for count in args.at_once}
    context = get_context("spawn")
    pools = {}
    for name, (workers, threads) in arranged.items():
        own = folder / name
        own.mkdir()
        pools[name] = ProcessPoolExecutor(workers, context, _open, (source, fixed, own, threads, args.device))
    took: dict[str, list[float]] = {name: [] for name in arranged}
    for turn in range(args.rounds + 1):
        for name, (workers, _) in arranged.items():
            study = uuid.uuid4().hex
            started = time.perf_counter()
            list(pools[name].map(_trials, [study] * workers, [trials // workers] * workers))
            if turn:  # the first turn reads the data and starts the processes
                took[name].append(time.perf_counter() - started)
    for name, seconds in took.items():
        per_hour = 3600 * trials / statistics.median(seconds)
        ratios = [one / this for one, this in zip(took["one worker"], seconds, strict=True)]
        print(f"{name:28}{per_hour:>7.0f} trials an hour{statistics.median(ratios):>7.2f}x one worker")
    for pool in pools.values():
        pool.shutdown()


def main() -> None:
    parser = reviews.parser("Where the time of a trial goes")
    parser.add_argument("--architecture", default="lstm")
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--at-once", type=int, nargs="+", default=[2], help="workers")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    if any(args.trials % count for count in args.at_once):
        parser.error("--trials must be a multiple of each --at-once")
    source = reviews.source(args)
    sizes = {"embedding_size": args.width, "hidden_size": args.width, "filters": args.width}
    fixed = FIXED | {"architecture": args.architecture} | sizes
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "shares").mkdir()
        _open(source, fixed, folder / "shares", 1, args.device)
        _shares(args.trials)
        _scaling(args, source, fixed, folder)


if __name__ == "__main__":
    main()

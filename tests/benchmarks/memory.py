"""Memory of a worker: what a second one adds, and how it grows from trial to trial.

    python -m tests.benchmarks.memory --data nsmc-train.tsv.xz --text document --label label --trials 20

Each line is a process of its own that trains the same random configurations, one after another, over the corpora that
all of them share. Unique: what would be free again if this process ended (USS), after the data were opened and after
the last trial, and the peak between them. Linux alone tells.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from search.cli.asked import local_processes
from tests.benchmarks import reviews


def unique_megabytes() -> float:
    """Memory that belongs to this process alone."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    return (int(fields["Private_Clean"].split()[0]) + int(fields["Private_Dirty"].split()[0])) / 1024


def work(args: argparse.Namespace) -> str:
    import optuna
    import torch

    from search.study.objective import Objective
    from search.study.space import Space, defaults_for
    from sentiment.reviews.dataset import load_dataset

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(1)
    source = reviews.source(args)
    dataset = load_dataset(source)
    opened = unique_megabytes()
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    space = Space.of({"family": "network", "epochs": 2}, defaults=defaults_for(dataset.texts("train")))
    objective = Objective(dataset, space, args.cache)
    used = []
    for _ in range(args.trials):
        study.optimize(objective, n_trials=1)
        used.append(unique_megabytes())
    return f"{opened:8.0f}{max(used):8.0f}{used[-1]:8.0f}"


def main() -> None:
    parser = reviews.parser("Memory of a worker")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--own", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.own:
        print(work(args))
        return
    if args.cache is not None:
        for ended in local_processes(1).do([work], args):
            print(ended.result())
        return
    import pyarrow  # noqa: F401
    import sklearn.metrics  # noqa: F401
    import torch  # noqa: F401  held by this process, so that the libraries' own pages count as shared, as among workers

    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-m", "tests.benchmarks.memory", *sys.argv[1:], "--cache", cache]
        print(f"{'MB of its own':50}  opened    peak     end")
        kernels = {"LRU_CACHE_CAPACITY": "1024", "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "1024"}
        for name, extra, own in (
            ("as it is", {}, False),
            ("not forked", {}, True),
            ("not forked, PyTorch's own caches, 1,024 kernels", kernels, True),
        ):
            print(f"{name:50}", end="", flush=True)
            environment = os.environ | extra | {"OMP_NUM_THREADS": "1"}
            subprocess.run([*command, *(["--own"] if own else [])], env=environment, check=True)


if __name__ == "__main__":
    main()

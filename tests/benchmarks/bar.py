"""What a search hands over, on rows that it never saw: the single best trial and the mean of trials, beside the linear
baseline.

    python -m tests.benchmarks.bar --data mr.csv --rows 100000 --trials 20 --seeds 5
    python -m tests.benchmarks.bar --data nsmc-train.tsv.xz --text document --label label --test nsmc-test.tsv.xz \\
        --families linear bag network --trials 8 --seeds 1

Each seed is a fresh search; where the test is no file of its own, it is also a fresh draw of the rows. Everything is
chosen on validation rows alone, and the test is scored once for each seed. Scores are in points, with Student's 95 %
interval over the seeds, in parentheses.
"""

import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from scipy import stats

from search.study.space import Space, defaults_for
from sentiment.metrics import accuracy, macro_f1
from sentiment.models.baselines import linear
from sentiment.reviews.dataset import load_dataset
from tests.benchmarks import reviews
from tests.benchmarks.budgets import search

METRICS = ("macro-F1", "accuracy")
SHOWN = ("scratch", "scratch ensemble", "best", "ensemble")
"""The best trial and the mean of trials, of all that is not pretrained and of all."""


def main() -> None:
    parser = reviews.parser("What a search hands over", rows=1_000_000)
    parser.add_argument("--test", help="the file with the test rows")
    parser.add_argument("--validation", help="the file with the validation rows")
    parser.add_argument("--families", nargs="+")
    parser.add_argument("--encoder", help="a folder, a hub's name, or demo:all-minilm-l6-v2")
    parser.add_argument("--space", default="{}", help="changes to the default space, as JSON")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--strategy", default="ours")
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(1)
    changes: dict[str, Any] = json.loads(args.space)
    if args.families:
        changes["family"] = args.families
    if args.encoder:
        changes["encoder"] = changes.get("encoder", {}) | {"model": args.encoder}
    found: dict[str, list[tuple[float, float]]] = {}
    seconds = []
    with tempfile.TemporaryDirectory() as cache:
        for seed in range(args.seeds):
            source = replace(
                reviews.source(args),
                path=tuple(args.data.split(",")),
                test_path=args.test,
                validation_path=args.validation,
                split_seed=seed,
            )
            dataset = load_dataset(source)
            space = Space.of(changes, defaults=defaults_for(dataset.texts("train")))
            labels, n_classes = dataset.labels("test"), len(dataset.classes)
            fitted = linear(dataset.texts("train"), dataset.labels("train"), n_classes)
            said = {"linear": fitted.probabilities(dataset.texts("test"))}
            started = time.perf_counter()
            last = search(args.strategy, seed, dataset, space, args.trials, Path(cache))[-1]
            seconds.append(time.perf_counter() - started)
            said |= {name: last.said[name] for name in SHOWN}
            line = []
            for name, probabilities in said.items():
                classes = probabilities.argmax(axis=1)
                scores = 100 * macro_f1(labels, classes, n_classes), 100 * accuracy(labels, classes)
                found.setdefault(name, []).append(scores)
                line.append(f"{name} {scores[0]:.1f} / {scores[1]:.1f}")
            print(f"seed {seed}: {', '.join(line)}; best is {last.kind}; {seconds[-1]:.0f} s", flush=True)
    told = f"{len(labels):,} test rows, {args.trials} trials, {args.seeds} seeds, {np.mean(seconds):.0f} s each"
    print(f"{args.data}: {told}")
    for name, scores_of in found.items():
        pairs = np.array(scores_of)
        leads = pairs - np.array(found["linear"])
        columns = [f"  {what} {_mean(pairs[:, i])}, {_mean(leads[:, i], '+')}" for i, what in enumerate(METRICS)]
        print(f"{name:17}{''.join(columns)}")


def _mean(values: np.ndarray, sign: str = "") -> str:
    if len(values) < 2:
        return f"{values.mean():{sign}.1f}"
    reach = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():{sign}.1f} ({reach:.1f})"


if __name__ == "__main__":
    main()

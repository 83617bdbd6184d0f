"""What a search hands over, on rows that it never saw: the single best trial and the mean of trials, beside the linear
baseline.

    python -m tests.benchmarks.bar --data mr.csv --rows 100000 --trials 20 --seeds 5
    python -m tests.benchmarks.bar --data nsmc-train.tsv.xz --text document --label label --test nsmc-test.tsv.xz \\
        --families linear bag network --trials 8 --seeds 1

Each seed is a fresh search; where the test is no file of its own, it is also a fresh draw of the rows. Everything is
chosen on validation rows alone, and the test is scored once for each seed. Scores are in points, in parentheses half
of a 95 % interval: Student's over the seeds; of a single seed that of 1,000 bootstraps of the test rows, which says
nothing of how searches differ.
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
from sentiment.models.config import Config
from sentiment.models.ensemble.config import MOST_MEMBERS
from sentiment.models.ensemble.folds import train_in_folds
from sentiment.models.family import Resources
from sentiment.models.linear.config import LinearConfig
from sentiment.reviews.dataset import Dataset, folds, load_dataset
from tests.benchmarks import reviews
from tests.benchmarks.budgets import search

METRICS = ("macro-F1", "accuracy")
SHOWN = ("scratch", "scratch ensemble", "best", "ensemble")
"""The best trial and the mean of trials, of all that is not pretrained and of all."""
BOOTSTRAPS = 1000


def main() -> None:
    parser = reviews.parser("What a search hands over", rows=1_000_000)
    parser.add_argument("--test", help="the file with the test rows")
    parser.add_argument("--validation", help="the file with the validation rows")
    parser.add_argument("--families", nargs="+")
    parser.add_argument("--encoder", help="a folder, a hub's name, or demo:all-minilm-l6-v2")
    parser.add_argument("--space", default="{}", help="changes to the default space, as JSON")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="seed")
    parser.add_argument("--strategy", default="ours")
    parser.add_argument("--folds", type=int, help="also train the members of both means in so many folds")
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
        for seed in range(args.first, args.first + args.seeds):
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
            if args.folds:
                asked = {"linear": [LinearConfig()]} | {name: last.members[name] for name in SHOWN if "ens" in name}
                for name, members in asked.items():
                    said[f"{name} in folds"] = in_folds(members, args.folds, dataset, Path(cache))
            line = []
            for name, probabilities in said.items():
                classes = probabilities.argmax(axis=1)
                scores = 100 * macro_f1(labels, classes, n_classes), 100 * accuracy(labels, classes)
                found.setdefault(name, []).append(scores)
                line.append(f"{name} {scores[0]:.1f} / {scores[1]:.1f}")
            print(f"seed {seed}: {', '.join(line)}; best is {last.kind}; {seconds[-1]:.0f} s", flush=True)
    rows = _by_rows(labels, said, n_classes) if args.seeds == 1 else {}
    told = f"{len(labels):,} test rows, {args.trials} trials, {args.seeds} seeds, {np.mean(seconds):.0f} s each"
    print(f"{args.data}: {told}")
    for name, scores_of in found.items():
        pairs = np.array(scores_of)
        leads = pairs - np.array(found["linear"])
        reaches = rows.get(name) or tuple(map(_reach, (*pairs.T, *leads.T)))
        columns = [
            f"  {what} {pairs[:, i].mean():.1f} ({reaches[i]:.1f}), {leads[:, i].mean():+.1f} ({reaches[2 + i]:.1f})"
            for i, what in enumerate(METRICS)
        ]
        print(f"{name:26}{''.join(columns)}")


def in_folds(members: list[Config], number: int, dataset: Dataset, cache: Path) -> np.ndarray:
    """What members say of the test, each trained in folds of all other rows."""
    members = members[: MOST_MEMBERS // number]
    views = folds(dataset, number, dataset.source.split_seed)
    model = train_in_folds(members, views, [Resources(cache, end_early=False)] * len(members)).model
    assert model is not None
    return model.probabilities(dataset.texts("test"))


def _reach(values: np.ndarray) -> float:
    return float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)


def _by_rows(labels: np.ndarray, said: dict[str, np.ndarray], n_classes: int) -> dict[str, tuple[float, ...]]:
    """Of each model, the reach of both scores and of both leads over the linear baseline, from other draws of rows."""
    rng = np.random.default_rng(0)
    classes = {name: probabilities.argmax(axis=1) for name, probabilities in said.items()}
    drawn: dict[str, list[tuple[float, float]]] = {name: [] for name in said}
    for _ in range(BOOTSTRAPS):
        rows = rng.integers(len(labels), size=len(labels))
        for name, of in classes.items():
            scores = macro_f1(labels[rows], of[rows], n_classes), accuracy(labels[rows], of[rows])
            drawn[name].append((100 * scores[0], 100 * scores[1]))
    found = {}
    for name, scores_of in drawn.items():
        alone = np.array(scores_of)
        ends = np.percentile(np.hstack([alone, alone - np.array(drawn["linear"])]), [2.5, 97.5], axis=0)
        found[name] = tuple((ends[1] - ends[0]) / 2)
    return found


if __name__ == "__main__":
    main()

"""What it brings to train models in folds of all rows that are not sealed, and to average them, instead of once.

    python -m tests.benchmarks.folds --data mr.csv --rows 10000 --fractions 0.25 0.0625 0.6875

Every setting that a search begins with is trained on four fifths of these rows, five times over. Numbers are points of
macro-F1 on the sealed rows above the linear baseline as it is trained on four fifths, mean over the five:

- once: the trial that is best on the fifth that it did not see, and the mean of trials weighed there; over the five.
- in folds: all five models of a setting are averaged; what is best, and the weights, are chosen on all rows, each
  answered by the model that did not see it.
- on all rows: one model of each setting, trained on all of them, its checkpoint chosen on some of them; chosen as in
  folds.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from optuna.trial import FixedTrial

from search.study.space import Space, defaults_for
from sentiment.metrics import macro_f1
from sentiment.models.config import Config
from sentiment.models.ensemble.selection import select
from sentiment.models.family import Resources
from sentiment.models.linear.config import LinearConfig
from sentiment.models.registry import train
from sentiment.reviews.dataset import Dataset, folds, load_dataset
from tests.benchmarks import reviews

FOLDS = 5


def main() -> None:
    parser = reviews.parser("What folds bring")
    args = parser.parse_args()
    torch.set_num_threads(1)
    dataset = load_dataset(reviews.source(args))
    space = Space.of({"family": ["linear", "bag", "network"]}, defaults=defaults_for(dataset.texts("train")))
    configs = [space.sample(FixedTrial(settings), seed=place) for place, settings in enumerate(space.known_good())]
    assert configs[0] == LinearConfig()
    labels, n_classes = dataset.labels("test"), len(dataset.classes)

    def sealed(said: np.ndarray) -> float:
        return 100 * macro_f1(labels, said.argmax(axis=1), n_classes)

    with tempfile.TemporaryDirectory() as cache:
        views = folds(dataset, FOLDS, 0)
        made = [_said_by(configs, view, Path(cache), first=100 * fold) for fold, view in enumerate(views)]
        everything = replace(
            views[0], split=replace(views[0].split, train=_not_sealed(dataset)), fingerprint="all rows"
        )
        on_all = np.stack([test for _, test in _said_by(configs, everything, Path(cache), first=1000)])
    own = [view.labels("validation") for view in views]
    said_own = [np.stack([validation for validation, _ in of_fold]) for of_fold in made]
    said = np.stack([np.stack([test for _, test in of_fold]) for of_fold in made])
    linear = float(np.mean([sealed(of_fold[0]) for of_fold in said]))
    single, mean = [], []
    for of_fold, validation, true in zip(said, said_own, own, strict=True):
        single.append(sealed(of_fold[_best(validation, true, n_classes)]))
        mean.append(sealed(np.tensordot(select(validation, true, n_classes), of_fold, axes=1)))
    validation, true = np.concatenate(said_own, axis=1), np.concatenate(own)
    best, weights, bagged = _best(validation, true, n_classes), select(validation, true, n_classes), said.mean(axis=0)
    shown = {
        "once": (np.mean(single), np.mean(mean)),
        "in folds": (sealed(bagged[best]), sealed(np.tensordot(weights, bagged, axes=1))),
        "on all rows": (sealed(on_all[best]), sealed(np.tensordot(weights, on_all, axes=1))),
    }
    in_folds = sealed(bagged[0]) - linear
    print(f"{args.data}: linear baseline {linear:.1f} on {len(labels):,} rows, in folds {in_folds:+.1f}")
    for name, (alone, together) in shown.items():
        print(f"{name:12} best {alone - linear:+.1f}  mean of trials {together - linear:+.1f}")


def _said_by(configs: list[Config], dataset: Dataset, cache: Path, first: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each, what it says of the validation and of the sealed rows."""
    made = []
    for place, config in enumerate(configs):
        trained = train(config.replace(seed=first + place), dataset, Resources(cache, end_early=False))
        made.append((trained.probabilities, trained.predict(dataset.texts("test"))))
    return made


def _not_sealed(dataset: Dataset) -> np.ndarray:
    return np.sort(np.concatenate([dataset.split.train, dataset.split.validation]))


def _best(said: np.ndarray, labels: np.ndarray, n_classes: int) -> int:
    """Which of the models [M, n, K] is best on these rows."""
    return int(np.argmax([macro_f1(labels, one.argmax(axis=1), n_classes) for one in said]))


if __name__ == "__main__":
    main()

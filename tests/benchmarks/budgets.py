"""What a search of so many trials brings on rows that it never saw: ours beside Optuna's own samplers and pruners.

    python -m tests.benchmarks.budgets --data mr.csv --rows 5000 --fractions 0.6 0.15 0.25 --trials 20 --seeds 5

Every strategy has the same space and the same training code, and as many trials. After 8, 12, 20, ... trials the best
completed one, chosen on the validation rows alone, is scored on the sealed rows; beside it the best of the settings
that our search begins with, and the mean of trials that an export of an ensemble would hand over. Numbers are points of
macro-F1 above the linear baseline on the same sealed rows.
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import optuna
import torch
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import TrialState

from search.study.pruner import BehindTheBest
from search.study.records import family_of_trial, keep, told
from search.study.sampler import ConditionalTPE
from search.study.space import Space, defaults_for
from sentiment.metrics import macro_f1
from sentiment.models.baselines import linear
from sentiment.models.config import Config
from sentiment.models.ensemble.selection import select
from sentiment.models.family import Report, Resources
from sentiment.models.registry import config_of, train
from sentiment.reviews.dataset import Dataset, load_dataset
from tests.benchmarks import reviews

Strategy = tuple[BaseSampler, BasePruner, bool]
"""A sampler, a pruner, and whether it begins with the known-good settings."""


def strategies(seed: int, dataset: Dataset, space: Space) -> dict[str, Callable[[], Strategy]]:
    sizes = dataset.class_sizes("validation")

    def behind() -> BasePruner:
        return BehindTheBest(sizes, space.reports_per_epoch)

    return {
        "ours": lambda: (ConditionalTPE(seed), behind(), True),
        "TPE, median": lambda: (TPESampler(seed=seed), MedianPruner(), False),
        "TPE, Hyperband": lambda: (TPESampler(seed=seed), HyperbandPruner(), False),
        "random, none": lambda: (RandomSampler(seed=seed), optuna.pruners.NopPruner(), False),
    }


@dataclass
class Objective:
    """Trains a trial and keeps what it says of validation and sealed rows."""

    dataset: Dataset
    space: Space
    cache: Path
    seed: int
    said: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def __call__(self, trial: optuna.Trial) -> float:
        config = self.space.sample(trial, seed=1000 * self.seed + trial.number)
        keep(trial, "config", config.to_dict())

        def on_report(report: Report) -> None:
            trial.report(report.best_macro_f1, report.step)
            if trial.should_prune():
                raise optuna.TrialPruned

        trained = train(config, self.dataset, Resources(self.cache, on_report=on_report))
        if trained.ended:
            raise optuna.TrialPruned
        self.said[trial.number] = trained.probabilities, trained.predict(self.dataset.texts("test"))
        return trained.macro_f1


KINDS = ("best", "ensemble", "known", "scratch", "scratch ensemble")


@dataclass(frozen=True)
class Standing:
    """What a search would hand over after so many trials, on the sealed rows."""

    said: dict[str, np.ndarray]
    """Probabilities of the best trial, of the ensemble and of the best setting that the search begins with; and of the
    best trial and of the ensemble of all that is not pretrained."""
    kind: str
    """What the best trial is."""
    members: dict[str, list[Config]]
    """Of each of these those that have a weight, the largest first."""


def search(name: str, seed: int, dataset: Dataset, space: Space, trials: int, cache: Path) -> list[Standing]:
    """Where a search stands after each trial, from the first one that is complete."""
    sampler, pruner, begins = strategies(seed, dataset, space)[name]()
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    known = space.known_good() if begins else []
    for settings in known:
        study.enqueue_trial(settings)
    objective = Objective(dataset, space, cache, seed)
    labels, n_classes = dataset.labels("validation"), len(dataset.classes)
    nothing = np.full((len(dataset.split.test), n_classes), 1 / n_classes)
    found = []
    for _ in range(trials):
        study.optimize(objective, n_trials=1)
        done = [trial for trial in study.get_trials(deepcopy=False) if trial.state == TrialState.COMPLETE]
        if not done:
            found.append(Standing(dict.fromkeys(KINDS, nothing), "nothing", {}))
            continue
        best = max(done, key=lambda trial: trial.value or 0.0)
        families = [family_of_trial(trial) for trial in done]
        scratch = [trial for trial, family in zip(done, families, strict=True) if family != "encoder"] or [best]
        first = [trial for trial in done if trial.number < len(known)] or [best]
        standing = {"best": [best], "known": [max(first, key=lambda trial: trial.value or 0.0)], "ensemble": done}
        standing |= {"scratch": [max(scratch, key=lambda trial: trial.value or 0.0)], "scratch ensemble": scratch}
        said, members = {}, {}
        for what, trials_of in standing.items():
            validation = np.stack([objective.said[trial.number][0] for trial in trials_of])
            test = np.stack([objective.said[trial.number][1] for trial in trials_of])
            weights = select(validation, labels, n_classes)
            said[what] = np.tensordot(weights, test, axes=1)
            order = [place for place in np.argsort(-weights, kind="stable") if weights[place] > 0]
            members[what] = [config_of(told(trials_of[place], "config")) for place in order]
        found.append(Standing(said, config_of(told(best, "config")).kind, members))
    return found


def main() -> None:
    parser = reviews.parser("Budgets of 8 to 50 trials")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="+", help="of these strategies")
    parser.add_argument("--space", default="{}", help="changes to the default space, as JSON")
    parser.add_argument("--first", type=int, default=0, help="seed")
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(1)
    dataset = load_dataset(reviews.source(args))
    space = Space.of(json.loads(args.space), defaults=defaults_for(dataset.texts("train")))
    fitted = linear(dataset.texts("train"), dataset.labels("train"), len(dataset.classes))
    predictions = fitted.probabilities(dataset.texts("test")).argmax(axis=1)
    baseline = macro_f1(dataset.labels("test"), predictions, len(dataset.classes))
    budgets = [budget for budget in (8, 12, 20, 30, 50) if budget <= args.trials]
    print(f"{args.data}: linear baseline {100 * baseline:.1f} on {len(predictions):,} sealed rows")
    print(f"{'seed':>5} {'strategy':16}" + "".join(f"{f'after {b}: best, ensemble':>26}" for b in budgets) + "   known")
    names = args.only or list(strategies(0, dataset, space))
    gains: dict[str, list[list[float]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as cache:
        for seed in range(args.first, args.first + args.seeds):
            for name in names:  # interleaved: what slows the machine slows all
                found = search(name, seed, dataset, space, args.trials, Path(cache))
                wanted = [found[b - 1].said[what] for b in budgets for what in ("best", "ensemble")]
                scores = [
                    macro_f1(dataset.labels("test"), said.argmax(axis=1), len(dataset.classes))
                    for said in (*wanted, found[-1].said["known"])
                ]
                row = [100 * (score - baseline) for score in scores]
                gains[name].append(row)
                print(f"{seed:>5} {name:16}" + _cells(row), flush=True)
    for name, rows in gains.items():
        print(f"{'mean':>5} {name:16}" + _cells(np.mean(rows, axis=0)))


def _cells(row: list[float] | np.ndarray) -> str:
    pairs = "".join(
        f"{f'{best:+.1f}, {ensemble:+.1f}':>26}" for best, ensemble in zip(row[:-1:2], row[1::2], strict=False)
    )
    return f"{pairs}{row[-1]:>+8.1f}"


if __name__ == "__main__":
    main()

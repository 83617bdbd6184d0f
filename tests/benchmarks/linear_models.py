"""What settings of the linear model are worth on the sealed rows of a file, chosen on its validation rows.

    python -m tests.benchmarks.linear_models --data reviews.csv --label stars --classes stars-3 --draws 12

The settings that a search starts from, and the best of so many random ones.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import optuna

from search.study.space import Space
from sentiment.metrics import accuracy, macro_f1
from sentiment.models.config import Config
from sentiment.models.family import Resources
from sentiment.models.registry import train
from sentiment.reviews.dataset import load_dataset
from tests.benchmarks import reviews


def settings(draws: int) -> Iterator[tuple[str, Config]]:
    """Those that a search starts from, and random ones."""
    space = Space.of({"family": "linear"})
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for number, known in enumerate(space.known_good(), 1):
        study.enqueue_trial(known)
        yield f"recipe {number}", space.sample(study.ask())
    for number in range(1, draws + 1):
        yield f"draw {number}", space.sample(study.ask())


def main() -> None:
    arguments = reviews.parser(__doc__ or "")
    arguments.add_argument("--draws", type=int, default=12)
    args = arguments.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    dataset = load_dataset(reviews.source(args))
    labels, n_classes = dataset.labels("test"), len(dataset.classes)
    found: dict[str, tuple[float, str]] = {}
    with TemporaryDirectory() as cache:
        for name, config in settings(args.draws):
            started = time.perf_counter()
            trained = train(config, dataset, Resources(Path(cache)))
            seconds = time.perf_counter() - started
            said = trained.predict(dataset.texts("test")).argmax(axis=1)
            sealed = f"{100 * macro_f1(labels, said, n_classes):.2f}, accuracy {100 * accuracy(labels, said):.2f}"
            told = ", ".join(
                f"{key} {value}" for key, value in config.to_dict().items() if key not in ("family", "seed")
            )
            line = f"validation {100 * trained.macro_f1:.2f}, sealed {sealed}, {seconds:.1f} s: {told}"
            found[name] = trained.macro_f1, line
            print(f"{name:9} {line}", flush=True)
    drawn = [entry for name, entry in found.items() if name.startswith("draw")]
    if drawn:
        print(f"best draw {max(drawn)[1]}")


if __name__ == "__main__":
    main()

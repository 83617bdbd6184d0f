"""What bundles of each family weigh, how long they take to open, and to answer, in seconds of one processor.

    python -m tests.benchmarks.bundles --rows 3000 --encoder demo:all-minilm-l6-v2

Settings are the first that a search begins with in each family, once around the training rows (how large a model is and
how fast it answers does not depend on how long it was trained). `mean` is the mean of those that are not pretrained,
`folds` that of five trainings of the network.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from optuna.trial import FixedTrial

from search.study.space import Space, defaults_for
from sentiment import Bundle
from sentiment.bundle.folder import write_bundle
from sentiment.models.config import Config
from sentiment.models.ensemble.family import combine
from sentiment.models.family import Model, Resources
from sentiment.models.registry import NETWORK, train
from sentiment.reviews.dataset import Dataset, load_dataset
from tests.benchmarks import reviews

ALONE, TOGETHER = 100, 500
"""Texts that are answered one by one, and at once."""


def settings(dataset: Dataset, encoder: str | None) -> dict[str, Config]:
    """The first that a search begins with in each family, as short as they can be trained."""
    changes: dict[str, Any] = {} if encoder is None else {"encoder": {"model": encoder}}
    space = Space.of(changes, defaults=defaults_for(dataset.texts("train")))
    first: dict[str, Config] = {}
    for known in space.known_good():
        config = space.sample(FixedTrial(known))
        first.setdefault(config.family, config)
    return {name: config.replace(epochs=1) if "epochs" in config.names() else config for name, config in first.items()}


def models(dataset: Dataset, encoder: str | None, cache: Path) -> Iterator[tuple[str, Model]]:
    """One of each family, the mean of those that are not pretrained, and that of five networks."""
    resources, found = Resources(cache, end_early=False), dict[str, Model]()
    configs = settings(dataset, encoder)
    for name, config in configs.items():
        found[name] = _trained(config, dataset, resources)
        yield name, found[name]
    yield "mean", _mean([model for name, model in found.items() if name != "encoder"])
    yield "folds", _mean([_trained(configs[NETWORK].replace(seed=seed), dataset, resources) for seed in range(5)])


def _trained(config: Config, dataset: Dataset, resources: Resources) -> Model:
    model = train(config, dataset, resources).model
    assert model is not None
    return model


def _mean(members: list[Model]) -> Model:
    mean = combine(members, [1 / len(members)] * len(members))
    assert mean is not None
    return mean


def main() -> None:
    parser = reviews.parser(__doc__ or "", rows=3000)
    parser.add_argument("--encoder", help="a folder, a hub's name, or demo:all-minilm-l6-v2")
    args = parser.parse_args()
    torch.set_num_threads(1)
    dataset = load_dataset(reviews.source(args))
    texts = (dataset.texts("test") * TOGETHER)[:TOGETHER]
    words = np.mean([len(text.split()) for text in texts])
    print(f"{len(dataset.texts('train')):,} training rows, {words:.0f} words a text")
    print("kind         MB  files  opens in, s  ms a text alone  ms a text of 500 at once")
    with tempfile.TemporaryDirectory() as folder:
        for name, model in models(dataset, args.encoder, Path(folder, "cache")):
            write_bundle(Path(folder, name), model=model, classes=dataset.classes, facts={})
            files = list(Path(folder, name).iterdir())
            started = time.process_time()
            bundle = Bundle.open(Path(folder, name))
            bundle.predict(texts[:1])
            opened = time.process_time() - started
            alone = _milliseconds([[text] for text in texts[:ALONE]], bundle)
            together = _milliseconds([texts], bundle)
            size = sum(file.stat().st_size for file in files) / 1e6
            print(f"{name:9} {size:6.1f}  {len(files):5}  {opened:11.2f}  {alone:15.2f}  {together:24.2f}", flush=True)


def _milliseconds(batches: list[list[str]], bundle: Bundle) -> float:
    started = time.process_time()
    for batch in batches:
        bundle.predict(batch)
    return 1000 * (time.process_time() - started) / sum(map(len, batches))


if __name__ == "__main__":
    main()

"""Whether a lead over the linear baseline holds on new rows, with the choice of the checkpoint taken into account.

    python -m tests.benchmarks.checkpoints --data mr.csv --rows 10000 --fractions 0.25 0.0625 0.6875

Each setting that a search begins with and that has checkpoints is trained once. In points of macro-F1 above the linear
baseline: what its best checkpoint has on the validation rows that chose it; the same corrected as if nobody had chosen
it, and corrected for the choice among its checkpoints, as the leaderboard does; and what it has on the sealed rows.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
from optuna.trial import FixedTrial

from search.statistics import corrected_difference
from search.study.space import Space, defaults_for
from sentiment.metrics import macro_f1
from sentiment.models.baselines import linear
from sentiment.models.family import Resources
from sentiment.models.registry import train
from sentiment.reviews.dataset import load_dataset
from tests.benchmarks import reviews


def main() -> None:
    parser = reviews.parser("What the choice of a checkpoint adds")
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    dataset = load_dataset(reviews.source(args))
    n_classes = len(dataset.classes)
    own, sealed = dataset.labels("validation"), dataset.labels("test")
    baseline = linear(dataset.texts("train"), dataset.labels("train"), n_classes)
    own_linear, sealed_linear = (
        baseline.probabilities(dataset.texts(part)).argmax(axis=1) for part in ("validation", "test")
    )
    beside = macro_f1(sealed, sealed_linear, n_classes)
    space = Space.of({"family": ["bag", "network"]}, defaults=defaults_for(dataset.texts("train")))
    found, inside = [], 0
    with tempfile.TemporaryDirectory() as cache:
        for seed in range(args.seeds):
            for settings in space.known_good():
                config = space.sample(FixedTrial(settings), seed=seed)
                trained = train(config, dataset, Resources(Path(cache), end_early=False))
                assert trained.other_checkpoints is not None
                said = np.stack([trained.probabilities, *trained.other_checkpoints]).argmax(axis=2)
                alone, among = (corrected_difference(own, some, own_linear, n_classes) for some in (said[:1], said))
                classes = trained.predict(dataset.texts("test")).argmax(axis=1)
                held = macro_f1(sealed, classes, n_classes) - beside
                found.append((among.difference, alone.corrected, among.corrected, held))
                inside += among.low <= held <= among.high
                print(f"{config.kind:15}" + "".join(f"{100 * value:+8.1f}" for value in found[-1]), flush=True)
    means = 100 * np.mean(found, axis=0)
    print(
        f"{args.data}: on {len(own):,} rows {means[0]:+.1f}, corrected as one {means[1]:+.1f}, among its checkpoints "
        f"{means[2]:+.1f}; on {len(sealed):,} new rows {means[3]:+.1f}; inside the interval {inside} of {len(found)}"
    )


if __name__ == "__main__":
    main()

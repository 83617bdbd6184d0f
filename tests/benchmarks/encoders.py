"""Seconds an epoch of fine-tuning an encoder, and what length buckets and bfloat16 save.

    python -m tests.benchmarks.encoders
    python -m tests.benchmarks.encoders --data reviews.csv --layers 100 2 0

Tokens are counted, pads included: in batches of rows of about equal length, in batches as they come, and padded to the
limit. A batch is timed in each precision, with one thread, by turns, in seconds of the processor, so that what else the
machine does is not counted.
"""

import math
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from sentiment.models.descent import descend, seeded
from sentiment.models.encoder.config import EncoderConfig
from sentiment.models.encoder.source import DEMO
from sentiment.models.encoder.training import TrainingData, _fine_tuned, _fresh, training_data
from sentiment.models.network.batches import shuffled_batches
from sentiment.reviews.dataset import load_dataset
from tests.benchmarks import reviews

BATCHES = 16


class Enough(Exception):
    """Batches were timed."""


def tokens(config: EncoderConfig, data: TrainingData) -> dict[str, int]:
    """That an epoch reads, pads included."""
    rng = np.random.default_rng(0)
    sized = {"batch_size": config.batch_size, "max_tokens": config.max_tokens}
    bucketed = sum(batch.ids.numel() for batch in shuffled_batches(data.train, rng=rng, **sized))
    lengths = data.train.lengths(config.max_tokens)[rng.permutation(len(data.train))]
    parts = [lengths[start : start + config.batch_size] for start in range(0, len(lengths), config.batch_size)]
    return {
        "in buckets": bucketed,
        "as they come": sum(len(part) * int(part.max()) for part in parts),
        "to the limit": len(lengths) * config.max_tokens,
        "without pads": int(lengths.sum()),
    }


def batches(config: EncoderConfig, data: TrainingData) -> Iterator[float]:
    """Seconds that each batch of a training takes."""
    with seeded(config.seed, "cpu"):
        learner = _fine_tuned(config, data, _fresh(config, data, "cpu"), "cpu")
        moments = [time.process_time()]

        def on_batch(done: int, total: int) -> None:
            moments.append(time.process_time())
            if done == BATCHES:
                raise Enough

        with suppress(Enough):
            descend(learner, on_report=lambda report: None, on_batch=on_batch, device="cpu", end_early=False)
    yield from np.diff(moments)[BATCHES // 4 :]


def main() -> None:
    parser = reviews.parser("seconds an epoch of fine-tuning", rows=100_000)
    parser.add_argument("--model", default=DEMO)
    parser.add_argument("--max-tokens", type=int, default=192)
    parser.add_argument("--layers", type=int, nargs="+", default=(100, 4, 2), help="trained, from the top")
    args = parser.parse_args()
    torch.set_num_threads(1)
    dataset = load_dataset(reviews.source(args))
    config = EncoderConfig(model=args.model, max_tokens=args.max_tokens)
    with tempfile.TemporaryDirectory() as cache:
        data = training_data(config, dataset, Path(cache))
        counted = tokens(config, data)
        print(f"{len(data.train):,} rows, {counted['without pads'] / len(data.train):.1f} tokens each")
        for name, number in counted.items():
            print(f"tokens {name:14}{number:>12,}{number / counted['in buckets']:>7.2f} times")
        per_epoch = math.ceil(len(data.train) / config.batch_size)
        print(f"{'trained layers':16}{'float32':>10}{'bfloat16':>10}  seconds an epoch, without scoring")
        for layers in args.layers:
            took: dict[str, list[float]] = {"float32": [], "bfloat16": []}
            for _ in range(2):
                for precision, seconds in took.items():
                    seconds += batches(config.replace(trained_layers=layers, precision=precision), data)
            each = [per_epoch * statistics.mean(seconds) for seconds in took.values()]
            print(f"{layers:<16}{each[0]:>10.1f}{each[1]:>10.1f}", flush=True)


if __name__ == "__main__":
    main()

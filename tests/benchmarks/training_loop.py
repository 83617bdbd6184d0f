"""Seconds per epoch of our training loop against the two loops that people write, with equal macro-F1.

    python -m tests.benchmarks.training_loop                                   # the packaged reviews
    python -m tests.benchmarks.training_loop --data FILE --text COL --label COL --classes RULE --rows 50000

Same network, same data, same batch size, same optimizer; the three loops take turns in one process, so that a slow
minute of the machine hits all of them.

- post: tokenizes each item when it is asked for, pads every batch to the longest review, `DataLoader`, `Adam`.
- tutorial: token lists made beforehand, `DataLoader`, pads to the longest of the batch, `Adam`.
- ours: `sentiment.models.network.training.train`, in float32 and, where multiplied natively, in bfloat16.

An epoch includes one scoring of the validation rows, by the same function, for all three.

GFLOP/s counts useful work alone: the multiplications of convolutions and gates at real tokens, forward and backward, no
pads and no embeddings. "of mm" is its share of what `torch.mm` reaches in the same process between the epochs (float32
for all: bfloat16 may pass 100 %).
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader

from search.study.space import defaults_for
from sentiment.metrics import macro_f1
from sentiment.models.network.config import NetworkConfig
from sentiment.models.network.model import predict_probabilities
from sentiment.models.network.network import build_model
from sentiment.models.network.training import TrainingData, train, training_data
from sentiment.reviews.dataset import Dataset, load_dataset
from sentiment.tokens.corpus import Corpus, load_corpus
from sentiment.tokens.tokenizers import PAD
from tests.benchmarks import reviews

Loop = Callable[[NetworkConfig], tuple[list[float], float]]
"""Trains a config; returns the seconds of each epoch, and the best macro-F1 of the epochs."""


def tutorial_loop(
    config: NetworkConfig, data: TrainingData, items: object, pad_to: int | None, device: str
) -> tuple[list[float], float]:
    """The loop of the tutorials: only where the items come from, and how far they are padded, differs from the
    post's.
    """
    torch.manual_seed(config.seed)
    network = build_model(config, data.vocabulary_size, len(data.classes)).to(device)
    optimizer = torch.optim.Adam(network.parameters(), config.learning_rate)

    def collate(batch: list[tuple[list[int], int]]) -> tuple[Tensor, Tensor, Tensor]:
        lengths = torch.tensor([len(ids) for ids, _ in batch])
        width = pad_to or int(lengths.max())
        padded = torch.tensor([ids + [PAD] * (width - len(ids)) for ids, _ in batch])
        return padded, lengths, torch.tensor([label for _, label in batch])

    loader: DataLoader[tuple[list[int], int]] = DataLoader(
        items,  # type: ignore[arg-type]
        batch_size=config.batch_size,
        shuffle=True,
        collate_fn=collate,
    )
    seconds, best = [], 0.0
    for _ in range(config.epochs):
        started = time.perf_counter()
        network.train()
        for batch in loader:
            ids, lengths, labels = (part.to(device) for part in batch)
            loss = F.cross_entropy(network(ids, lengths), labels)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)
            optimizer.step()
        predictions = predict_probabilities(network, data.validation).argmax(axis=1)
        best = max(best, macro_f1(data.validation.labels, predictions, len(data.classes)))
        seconds.append(time.perf_counter() - started)
    return seconds, best


class TokenizedWhenAsked:
    """The post's data set: text in, token ids out, at every visit."""

    def __init__(self, texts: list[str], labels: np.ndarray, tokenizer: Tokenizer, max_tokens: int) -> None:
        self.texts, self.labels, self.tokenizer, self.max_tokens = texts, labels, tokenizer, max_tokens

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: int) -> tuple[list[int], int]:
        ids = self.tokenizer.encode(self.texts[index], add_special_tokens=False).ids[: self.max_tokens]
        return ids or [1], int(self.labels[index])


def our_loop(config: NetworkConfig, data: TrainingData, device: str) -> tuple[list[float], float]:
    trained = train(config, data, end_early=False, device=device)
    ends = [0.0] + [report.seconds for report in trained.reports]
    return [end - start for start, end in pairwise(ends)], trained.macro_f1


def loops_for(config: NetworkConfig, dataset: Dataset, corpus: Corpus, device: str) -> dict[str, Loop]:
    data = training_data(dataset, corpus)
    lists = [
        (data.train.encoded.ids[data.train.encoded.offsets[row] :][:length].tolist(), int(label))
        for row, length, label in zip(
            data.train.rows, data.train.lengths(config.max_tokens), data.train.labels, strict=True
        )
    ]
    longest = int(data.train.lengths(config.max_tokens).max())
    asked = TokenizedWhenAsked(
        dataset.texts("train"), dataset.labels("train"), Tokenizer.from_str(corpus.tokenizer_json), config.max_tokens
    )
    return {
        "post": lambda config: tutorial_loop(config, data, asked, longest, device),
        "tutorial": lambda config: tutorial_loop(config, data, lists, None, device),
        "ours": lambda config: our_loop(config, data, device),
        "ours, bfloat16": lambda config: our_loop(config.replace(precision="bfloat16"), data, device),
    }


def useful_flops(config: NetworkConfig, data: TrainingData) -> float:
    """Of one epoch and one scoring of the validation rows."""
    width, per_token = config.embedding_size, 0.0
    if config.kernel_sizes:
        per_token += sum(2 * size * width * config.filters for size in config.kernel_sizes)
        width = config.filters * len(config.kernel_sizes)
    if config.recurrent != "none":
        gates = {"lstm": 4, "gru": 3}[config.recurrent]
        for _ in range(config.layers):
            directions = 2 if config.bidirectional else 1
            per_token += directions * gates * 2 * (width + config.hidden_size) * config.hidden_size
            width = directions * config.hidden_size
    trained, scored = (int(rows.lengths(config.max_tokens).sum()) for rows in (data.train, data.validation))
    return per_token * (3 * trained + scored)


def mm_flops_per_second(device: str) -> float:
    """What `torch.mm` reaches in float32 with the threads of this process, or on its GPU."""
    n = 1024 if device == "cpu" else 8192
    a, b = torch.randn(n, n, device=device), torch.randn(n, n, device=device)
    wait = torch.cpu.synchronize if device == "cpu" else torch.cuda.synchronize
    times = []
    for _ in range(20):
        wait()
        started = time.perf_counter()
        torch.mm(a, b)
        wait()
        times.append(time.perf_counter() - started)
    return 2 * n**3 / statistics.median(times)


def main() -> None:
    parser = reviews.parser(__doc__.splitlines()[0])
    parser.add_argument("--architecture", nargs="+", default=["lstm"])
    parser.add_argument("--width", type=int, nargs="+", default=[128])
    parser.add_argument("--vocabulary", type=int, default=16000)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--loops", nargs="+", help="default: all that the machine has")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    native = defaults_for((), args.device)["precision"] == "bfloat16"
    asked = args.loops or ["post", "tutorial", "ours", *(["ours, bfloat16"] if native else [])]

    source = reviews.source(args)
    dataset = load_dataset(source)
    print(f"{args.data}: {len(dataset.split.train):,} training rows, {args.threads} threads")
    row = "{:<15} {:>5} {:<15} {:<25} {:>6} {:>10} {:>8} {:>6}  {}"
    header = ("architecture", "width", "loop", "s/epoch (median, min-max)", "x post", "x tutorial", "GFLOP/s", "of mm")
    print(row.format(*header, "macro-F1 (mean, sd)"))
    with tempfile.TemporaryDirectory() as cache:
        corpus = load_corpus(dataset, "subword", args.vocabulary, Path(cache))
        data = training_data(dataset, corpus)
        for architecture, width in product(args.architecture, args.width):
            base = NetworkConfig(
                architecture=architecture,
                vocabulary_size=args.vocabulary,
                embedding_size=width,
                hidden_size=width,
                filters=width,
                max_tokens=args.max_tokens,
                batch_size=args.batch,
                learning_rate=args.learning_rate,
                epochs=args.epochs,
                evaluations_per_epoch=1,
            )
            all_loops = loops_for(base, dataset, corpus, args.device)
            loops = {name: all_loops[name] for name in asked}
            seconds: dict[str, list[float]] = {name: [] for name in loops}
            scores: dict[str, list[float]] = {name: [] for name in loops}
            peaks = []
            for seed in range(args.seeds):
                for name, loop in loops.items():
                    spent, score = loop(base.replace(seed=seed))
                    seconds[name] += spent
                    scores[name].append(score)
                    peaks.append(mm_flops_per_second(args.device))
            medians = {name: statistics.median(seconds[name]) for name in loops}
            for name, middle in medians.items():
                sd = statistics.stdev(scores[name]) if len(scores[name]) > 1 else float("nan")
                rate = useful_flops(base, data) / middle
                print(
                    row.format(
                        architecture,
                        width,
                        name,
                        f"{middle:.2f}  ({min(seconds[name]):.2f}-{max(seconds[name]):.2f})",
                        *(f"{medians[o] / middle:.1f}" if o in medians else "" for o in ("post", "tutorial")),
                        f"{rate / 1e9:.1f}",
                        f"{rate / statistics.median(peaks):.0%}",
                        f"{statistics.mean(scores[name]):.4f} ({sd:.4f})",
                    ),
                    flush=True,
                )


if __name__ == "__main__":
    main()

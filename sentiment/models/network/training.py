"""One config becomes a trained network.

**The rule for a score**, used everywhere: a network is scored on the validation rows `evaluations_per_epoch` times an
epoch; the score of a run is its *best* checkpoint's macro-F1, and the weights kept are that checkpoint's. Of equal
scores the earliest counts. Each `Report` carries the best score so far, so a run that is cut short is worth exactly
what it would have been worth had it been planned that short. It is computed in float32 in every case, the weights'
own precision; `precision` is that of the training alone. So a score, its card and its bundle are one model's answer.

**The rule for what is no number**, used everywhere too: a network whose weights, or whose probabilities of the
validation rows, are not all finite has diverged. It is not scored, not reported and never kept, and its run ends. A run
that has no other checkpoint is worth a network that says nothing: all classes are equally likely, and there are no
weights.

This room does not know who asks for the training, nor why; a caller that wants to stop a run raises from `on_report`.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from sentiment.errors import InputError
from sentiment.metrics import collapse, cross_entropy, macro_f1
from sentiment.models.family import Report, Trained
from sentiment.models.network.batches import Batch, Examples, moved_to, shuffled_batches
from sentiment.models.network.config import NetworkConfig
from sentiment.models.network.model import NetworkModel, predict_probabilities
from sentiment.models.network.network import Network, build_model
from sentiment.models.network.precision import has_bfloat16_lstm
from sentiment.reviews.dataset import Dataset
from sentiment.tokens.corpus import Corpus

__all__ = ["TrainingData", "train", "training_data"]

FINITE_CHECK: Final = 50
"""Batches between two looks at whether the loss is still a number."""
NO_LOSS: Final = "the training loss is not a number"
NO_ANSWER: Final = "its weights or its answers are not numbers"


@dataclass(frozen=True)
class TrainingData:
    """What a training run may see. The sealed test is not part of it."""

    train: Examples
    validation: Examples
    vocabulary_size: int
    classes: tuple[str, ...]
    tokenizer_json: str = ""
    """That the rows were encoded with; it is kept with the weights."""


def training_data(dataset: Dataset, corpus: Corpus) -> TrainingData:
    """The training and validation rows of `dataset`, encoded. The sealed test stays out of reach."""

    def examples(rows: np.ndarray) -> Examples:
        return Examples(corpus.encoded, rows, dataset.reviews.labels[rows])

    return TrainingData(
        train=examples(dataset.split.train),
        validation=examples(dataset.split.validation),
        vocabulary_size=corpus.vocabulary_size,
        classes=dataset.reviews.classes,
        tokenizer_json=corpus.tokenizer_json,
    )


def train(
    config: NetworkConfig,
    data: TrainingData,
    *,
    on_report: Callable[[Report], None] = lambda report: None,
    on_batch: Callable[[int, int], None] = lambda done, total: None,
    device: str = "cpu",
    end_early: bool = True,
) -> Trained:
    """Train `config` on `data` and keep the best checkpoint.

    Args:
        config: what to train.
        data: training and validation rows.
        on_report: called after each scoring; an exception it raises ends the run and passes through.
        on_batch: called after each batch with the batches done and all batches of the run.
        device: a torch device.
        end_early: end a run that has collapsed by half of its epochs. A run that diverges ends in any case.

    On the same machine, with the same thread count, equal arguments give equal results, bit for bit.
    Torch's global random state is left as it was.

    Raises:
        InputError: this machine has no LSTM in the precision asked for.
    """
    if config.precision == "bfloat16" and config.recurrent == "lstm" and device == "cpu" and not has_bfloat16_lstm():
        raise InputError(
            "precision is 'bfloat16', in which this processor has no LSTM; train with precision = \"float32\" "
            "(in a new study, if this one was begun on another machine), or on a GPU"
        )
    cuda = [torch.cuda.current_device()] if device.startswith("cuda") else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(config.seed)
        return _train(config, data, on_report, on_batch, device, end_early)


def _train(
    config: NetworkConfig,
    data: TrainingData,
    on_report: Callable[[Report], None],
    on_batch: Callable[[int, int], None],
    device: str,
    end_early: bool,
) -> Trained:
    rng = np.random.default_rng(config.seed)
    network = build_model(config, data.vocabulary_size, len(data.classes)).to(device)
    optimizer = _optimizer(config, network)
    weights = _class_weights(config, data.train.labels, len(data.classes), device)
    per_epoch = math.ceil(len(data.train) / config.batch_size)
    total = per_epoch * config.epochs
    scoring_points = _scoring_points(config, per_epoch)
    best = _BestCheckpoint(config, data, device)
    losses: list[Tensor] = []
    ended: str | None = None

    for done, batch in enumerate(_batches(config, data.train, rng, device), start=1):
        network.train()
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * _schedule(config, done - 1, total)
        with _precision(config, device):
            logits = network(batch.ids, batch.lengths).float()
        loss = F.cross_entropy(logits, batch.labels, weight=weights, label_smoothing=config.label_smoothing)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if config.clip_norm:
            torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)
        optimizer.step()
        losses.append(loss.detach())
        on_batch(done, total)

        if done % FINITE_CHECK == 0 and not math.isfinite(losses[-1]):
            ended = _diverged(NO_LOSS, done / per_epoch, config)
        if done in scoring_points:
            train_loss = float(torch.stack(losses).mean())
            losses.clear()
            report = best.score(network, done / per_epoch, train_loss)
            if wrong := _wrong_loss(train_loss, len(data.classes)) or (NO_ANSWER if report is None else None):
                ended = ended or _diverged(wrong, done / per_epoch, config)
            if report is not None:
                on_report(report)
            # Half of the epochs, and one whole epoch without a single sign of life: slow starters get their time.
            lifeless = best.collapses[-config.evaluations_per_epoch :]
            if end_early and 0.5 <= done / total < 1 <= done / per_epoch and all(lifeless):
                ended = ended or f"collapsed by epoch {done / per_epoch:g} of {config.epochs}: {lifeless[-1]}"
        if ended:
            break
    if not best.reports:  # it diverged before it was scored once; what it came to must still be known
        on_report(best.nothing(done / per_epoch))
    return best.trained(ended)


class _BestCheckpoint:
    """The state of a run: its reports, and the best checkpoint so far."""

    def __init__(self, config: NetworkConfig, data: TrainingData, device: str) -> None:
        self.config = config
        self.data = data
        self.device = device
        self.started = time.perf_counter()
        self.reports: list[Report] = []
        self.macro_f1 = -1.0
        self.weights: dict[str, Tensor] = {}
        self.probabilities = np.empty((0, len(data.classes)), dtype=np.float32)
        self.collapsed: str | None = None
        self.collapses: list[str | None] = []

    def score(self, network: Network, epoch: float, train_loss: float) -> Report | None:
        """Score the validation rows, and keep the weights if they are the best yet; None of what is no number."""
        weights = network.state_dict()
        if not all(bool(value.isfinite().all()) for value in weights.values()):
            return None
        probabilities = predict_probabilities(network, self.data.validation)
        return self._report(probabilities, weights, epoch, train_loss) if np.isfinite(probabilities).all() else None

    def nothing(self, epoch: float) -> Report:
        """The only report of a run that has no checkpoint."""
        said = _says_nothing(len(self.data.validation), len(self.data.classes))
        return self._report(said, {}, epoch, math.nan)

    def _report(self, probabilities: np.ndarray, weights: dict[str, Tensor], epoch: float, train_loss: float) -> Report:
        labels, classes = self.data.validation.labels, self.data.classes
        predictions = probabilities.argmax(axis=1)
        macro = macro_f1(labels, predictions, len(classes))
        loss = cross_entropy(probabilities, labels)
        self.collapses.append(collapse(labels, predictions, classes, loss) if weights else None)
        if macro > self.macro_f1:
            self.macro_f1, self.probabilities = macro, probabilities
            self.weights = {name: value.detach().cpu().clone() for name, value in weights.items()}
            self.collapsed = self.collapses[-1]
        self.reports.append(
            Report(
                step=len(self.reports) + 1,
                epoch=epoch,
                train_loss=train_loss,
                validation_loss=loss,
                macro_f1=macro,
                best_macro_f1=self.macro_f1,
                seconds=time.perf_counter() - self.started,
            )
        )
        return self.reports[-1]

    def trained(self, ended: str | None) -> Trained:
        data, kept = self.data, self.weights
        model = (data.vocabulary_size, data.tokenizer_json, kept, self.device)
        return Trained(
            config=self.config,
            model=NetworkModel(self.config, len(data.classes), *model) if kept else None,
            macro_f1=self.macro_f1,
            probabilities=self.probabilities,
            reports=tuple(self.reports),
            ended=ended,
            collapsed=self.collapsed,
            seconds=time.perf_counter() - self.started,
        )


def _batches(config: NetworkConfig, train: Examples, rng: np.random.Generator, device: str) -> Iterator[Batch]:
    for _ in range(config.epochs):
        epoch = shuffled_batches(
            train, batch_size=config.batch_size, max_tokens=config.max_tokens, rng=rng, pad_to=config.pad_to
        )
        yield from moved_to(device, epoch)


def _precision(config: NetworkConfig, device: str) -> torch.autocast:
    return torch.autocast(device.split(":")[0], torch.bfloat16, enabled=config.precision == "bfloat16")


def _scoring_points(config: NetworkConfig, per_epoch: int) -> frozenset[int]:
    """After how many batches the validation rows are scored. Every epoch ends with one."""
    each = min(config.evaluations_per_epoch, per_epoch)
    within = [math.ceil(per_epoch * part / each) for part in range(1, each + 1)]
    return frozenset(epoch * per_epoch + batches for epoch in range(config.epochs) for batches in within)


def _optimizer(config: NetworkConfig, network: Network) -> torch.optim.Optimizer:
    parameters, rate, decay = network.parameters(), config.learning_rate, config.weight_decay
    if config.optimizer == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=config.momentum, weight_decay=decay, fused=True)
    adam = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    return adam(parameters, rate, weight_decay=decay, fused=True)


def _schedule(config: NetworkConfig, step: int, total: int) -> float:
    """The factor on the learning rate at `step` of `total`, counted from 0."""
    warmup = config.warmup * total
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = (step - warmup) / max(1.0, total - warmup)
    if config.schedule == "linear":
        return 1 - progress
    return 0.5 * (1 + math.cos(math.pi * progress)) if config.schedule == "cosine" else 1.0


def _class_weights(config: NetworkConfig, labels: np.ndarray, n_classes: int, device: str) -> Tensor | None:
    if config.class_weights == "none":
        return None
    counts = np.bincount(labels, minlength=n_classes)
    return torch.tensor(len(labels) / (n_classes * np.maximum(counts, 1)), dtype=torch.float32, device=device)


def _says_nothing(rows: int, n_classes: int) -> np.ndarray:
    return np.full((rows, n_classes), 1 / n_classes, dtype=np.float32)


def _wrong_loss(train_loss: float, n_classes: int) -> str | None:
    """What is wrong with the loss, if it is: no number, or four times that of guessing."""
    guessing = math.log(n_classes)
    if not math.isfinite(train_loss):
        return NO_LOSS
    return (
        None
        if train_loss <= 4 * guessing
        else f"the training loss is {train_loss:.3g}, that of guessing {guessing:.3g}"
    )


def _diverged(wrong: str, epoch: float, config: NetworkConfig) -> str:
    clipping = "" if config.clip_norm else " and without clipping"
    return (
        f"diverged by epoch {epoch:.2g}: {wrong}; "
        f"{config.optimizer} with learning rate {config.learning_rate:g}{clipping} is too fast here"
    )

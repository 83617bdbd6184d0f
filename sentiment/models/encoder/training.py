"""One config and one pretrained encoder become a classifier; `sentiment.models.descent` has the loop and its rules."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from sentiment.errors import InputError, naming
from sentiment.models.descent import Learner, descend, scorings, seconds_of, seeded
from sentiment.models.encoder.architecture import body_of, described_by, read_config, shapes
from sentiment.models.encoder.config import EncoderConfig
from sentiment.models.encoder.model import EncoderModel, answer, limits, pooled_batches
from sentiment.models.encoder.network import Classifier, optimizer_of
from sentiment.models.encoder.source import find_pretrained
from sentiment.models.family import Report, Trained
from sentiment.models.memory import MOMENTS, bytes_of_descent, padded_tokens
from sentiment.models.network.batches import Batch, Examples, moved_to, shuffled_batches
from sentiment.reviews.dataset import Dataset
from sentiment.tokens.corpus import load_pretrained_corpus

__all__ = ["TrainingData", "needed", "price", "train", "training_data"]

MEASURED_ROWS: Final = 256
"""Training rows from which the price of a frozen body is estimated."""


@dataclass(frozen=True)
class TrainingData:
    """What a training run may see: an encoder, and rows in its tokens. The sealed test is not part of it."""

    train: Examples
    validation: Examples
    classes: tuple[str, ...]
    encoder: Any
    """The config of `transformers`."""
    tokenizer_json: str
    weights: tuple[Path, ...]
    sha256: str = ""
    """Of the encoder's files."""


@dataclass(frozen=True)
class _Vectors:
    """A batch of texts that a frozen body has read already."""

    pooled: Tensor
    """float32 [B, D]."""
    labels: Tensor
    """int64 [B]."""


def training_data(config: EncoderConfig, dataset: Dataset, cache: Path) -> TrainingData:
    """The encoder that `config` names, and the training and validation rows of `dataset` in its tokens.

    Raises:
        InputError: there is no such encoder, or it is none that can be trained.
    """
    found = find_pretrained(config.model, cache)
    with naming(f"{found.folder}: "):
        encoder = read_config(found.config)
        corpus = load_pretrained_corpus(dataset, found.tokenizer_json, limits(config, shapes(encoder)), cache)

    def examples(rows: np.ndarray) -> Examples:
        return Examples(corpus.encoded, rows, dataset.reviews.labels[rows])

    return TrainingData(
        train=examples(dataset.split.train),
        validation=examples(dataset.split.validation),
        classes=dataset.reviews.classes,
        encoder=encoder,
        tokenizer_json=found.tokenizer_json,
        weights=found.weights,
        sha256=found.sha256,
    )


def train(
    config: EncoderConfig,
    data: TrainingData,
    *,
    on_report: Callable[[Report], None] = lambda report: None,
    on_batch: Callable[[int, int], None] = lambda done, total: None,
    device: str = "cpu",
    end_early: bool = True,
    progress: Path | None = None,
    on_resume: Callable[[float], None] = lambda epoch: None,
) -> Trained:
    """Fine-tune, and keep the best checkpoint; the arguments and the guarantees are those of networks.

    Raises:
        InputError: the weights are not those of the encoder.
    """
    with seeded(config.seed, device):
        network = _fresh(config, data, device)
        learner = (_fine_tuned if config.trained_layers else _frozen)(config, data, network, device)
        return descend(
            learner,
            on_report=on_report,
            on_batch=on_batch,
            device=device,
            end_early=end_early,
            progress=progress,
            on_resume=on_resume,
        )


def needed(config: EncoderConfig, data: TrainingData, device: str) -> int:
    """Bytes that `train` has on `device` at once, at least (`sentiment.models.memory`)."""
    body = shapes(data.encoder)
    with torch.device("meta"):
        network = Classifier(config, body, len(data.classes))
    if not config.trained_layers:
        weights = sum(weight.numel() for weight in body.parameters())
        return 4 * (weights + len(data.train) * network.head.linear.in_features)
    # Of each layer that is trained, what its first product and the last of its feed-forward part read.
    read = data.encoder.hidden_size + getattr(data.encoder, "intermediate_size", 0)
    a_token = (2 if config.precision == "bfloat16" else 4) * read * len(network.trained_layers)
    return bytes_of_descent(
        network,
        moments=MOMENTS[config.optimizer],
        activations=a_token * padded_tokens(data.train.lengths(config.max_tokens), config.batch_size),
        scorings=scorings(config, math.ceil(len(data.train) / config.batch_size)),
        keeps_best=device == "cpu",
    )


def _fresh(config: EncoderConfig, data: TrainingData, device: str) -> Classifier:
    """The pretrained body under a head with its first weights."""
    weights = _pretrained(data.weights)
    with naming(f"{data.weights[0].parent}: "):
        network = Classifier(config, body_of(data.encoder, weights), len(data.classes))
    network.head.begin()
    return network.to(device)


def price(config: EncoderConfig, data: TrainingData, device: str) -> float:
    """About how long `train` takes, from a few batches; of a frozen body, from its reading of some rows."""
    if config.trained_layers:
        return seconds_of(train, config, data, device)
    with seeded(config.seed, device):
        network = _fresh(config, data, device)
    chosen = np.linspace(0, len(data.train) - 1, min(len(data.train), MEASURED_ROWS)).astype(int)
    some = Examples(data.train.encoded, data.train.rows[chosen], data.train.labels[chosen])
    started = time.perf_counter()
    for _ in pooled_batches(network, some, device):
        pass
    return (time.perf_counter() - started) * (len(data.train) + len(data.validation)) / len(chosen)


def _fine_tuned(config: EncoderConfig, data: TrainingData, network: Classifier, device: str) -> Learner[Any]:
    def epoch(rng: np.random.Generator) -> Iterator[Batch]:
        batches = shuffled_batches(data.train, batch_size=config.batch_size, max_tokens=config.max_tokens, rng=rng)
        return moved_to(device, batches)

    rows, n_classes = len(data.validation), len(data.classes)
    return _learner(
        config,
        data,
        network=network,
        optimizer=optimizer_of(config, network),
        epoch=epoch,
        logits=lambda batch: network(batch.ids, batch.lengths),
        answer=lambda: answer(network.head, pooled_batches(network, data.validation, device), rows, n_classes),
        model=lambda weights: _model(config, data, weights, device),
    )


def _frozen(config: EncoderConfig, data: TrainingData, network: Classifier, device: str) -> Learner[Any]:
    """The body reads each text once, before the first epoch; only the head is left to train."""
    body = {f"body.{name}": value.cpu() for name, value in network.body.state_dict().items()}
    vectors = torch.empty(len(data.train), network.head.linear.in_features, device=device)
    for rows, pooled in pooled_batches(network, data.train, device):
        vectors[torch.from_numpy(rows).to(device)] = pooled
    validation = list(pooled_batches(network, data.validation, device))
    labels = torch.from_numpy(data.train.labels).to(device)

    def epoch(rng: np.random.Generator) -> Iterator[_Vectors]:
        order = torch.from_numpy(rng.permutation(len(labels))).to(device)
        for chosen in torch.split(order, config.batch_size):
            yield _Vectors(vectors[chosen], labels[chosen])

    def model(weights: dict[str, Tensor]) -> EncoderModel:
        return _model(config, data, body | {f"head.{name}": value for name, value in weights.items()}, device)

    return _learner(
        config,
        data,
        network=network.head,
        optimizer=optimizer_of(config, network),
        epoch=epoch,
        logits=lambda batch: network.head(batch.pooled),
        answer=lambda: answer(network.head, validation, len(data.validation), len(data.classes)),
        model=model,
    )


def _learner(config: EncoderConfig, data: TrainingData, **own: Any) -> Learner[Any]:
    return Learner(
        config=config,
        batches_per_epoch=math.ceil(len(data.train) / config.batch_size),
        labels=data.train.labels,
        validation_labels=data.validation.labels,
        classes=data.classes,
        reads=lambda: (*data.train.parts, *data.validation.parts, data.sha256),
        **own,
    )


def _model(config: EncoderConfig, data: TrainingData, weights: dict[str, Tensor], device: str) -> EncoderModel:
    encoder = described_by(data.encoder)
    return EncoderModel(config, len(data.classes), encoder, data.tokenizer_json, weights, device)


def _pretrained(paths: tuple[Path, ...]) -> dict[str, Tensor]:
    """The weights of the files, in float32 and in memory: what is trained must not be the file itself."""
    weights: dict[str, Tensor] = {}
    for path in paths:
        try:
            found = safetensors.torch.load_file(path)
        except (OSError, safetensors.SafetensorError) as error:
            raise InputError(f"{path} is damaged ({error}); download the encoder again") from None
        for name, value in found.items():
            if value.is_floating_point():
                weights[name] = value.to(torch.float32, copy=True)
                if not weights[name].isfinite().all():
                    raise InputError(f"{name} in {path} holds what is not a number; download the encoder again")
    return weights

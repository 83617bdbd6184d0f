"""One config becomes a trained network; `sentiment.models.descent` says what its score is, and what is no number."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sentiment.errors import InputError
from sentiment.models.descent import Learner, descend, scorings, seeded
from sentiment.models.family import Report, Trained
from sentiment.models.memory import MOMENTS, bytes_of_descent, padded_tokens
from sentiment.models.network.batches import Batch, Examples, moved_to, shuffled_batches
from sentiment.models.network.config import NetworkConfig
from sentiment.models.network.model import NetworkModel, predict_probabilities
from sentiment.models.network.network import Network, build_model, model_without_memory
from sentiment.models.network.precision import has_bfloat16_lstm
from sentiment.models.ngrams import WIDE_BEGINNING, log_count_ratios, parts_of
from sentiment.reviews.dataset import Dataset
from sentiment.tokens.corpus import Corpus
from sentiment.tokens.ngrams import NgramCorpus

__all__ = ["TrainingData", "needed", "train", "training_data"]


@dataclass(frozen=True)
class TrainingData:
    """What a training run may see. The sealed test is not part of it."""

    train: Examples
    validation: Examples
    vocabulary_size: int
    classes: tuple[str, ...]
    tokenizer_json: str = ""
    """That the rows were encoded with; it is kept with the weights."""
    wide: NgramCorpus | None = None
    """The same rows in n-grams, for a wide network."""


def training_data(dataset: Dataset, corpus: Corpus, wide: NgramCorpus | None = None) -> TrainingData:
    """The training and validation rows of `dataset`, encoded. The sealed test stays out of reach."""
    bags = None if wide is None else wide.bags

    def examples(rows: np.ndarray) -> Examples:
        return Examples(corpus.encoded, rows, dataset.reviews.labels[rows], bags)

    return TrainingData(
        train=examples(dataset.split.train),
        validation=examples(dataset.split.validation),
        vocabulary_size=corpus.vocabulary_size,
        classes=dataset.reviews.classes,
        tokenizer_json=corpus.tokenizer_json,
        wide=wide,
    )


def train(
    config: NetworkConfig,
    data: TrainingData,
    *,
    on_report: Callable[[Report], None] = lambda report: None,
    on_batch: Callable[[int, int], None] = lambda done, total: None,
    device: str = "cpu",
    end_early: bool = True,
    progress: Path | None = None,
    on_resume: Callable[[float], None] = lambda epoch: None,
) -> Trained:
    """Train `config` on `data` and keep the best checkpoint.

    Args:
        config: what to train.
        data: training and validation rows.
        on_report: called after each scoring; an exception it raises ends the run and passes through.
        on_batch: called after each batch with the batches done and all batches of the run.
        device: a torch device.
        end_early: end a run that has collapsed by half of its epochs. A run that diverges ends in any case.
        progress: see `Resources`.
        on_resume: see `Resources`.

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
    with seeded(config.seed, device):
        learner = _learner(config, data, device)
        return descend(
            learner,
            on_report=on_report,
            on_batch=on_batch,
            device=device,
            end_early=end_early,
            progress=progress,
            on_resume=on_resume,
        )


def needed(config: NetworkConfig, data: TrainingData, device: str) -> int:
    """Bytes that `train` has on `device` at once, at least (`sentiment.models.memory`)."""
    ngrams = 0 if data.wide is None else len(data.wide.ngrams)
    tokens = padded_tokens(data.train.lengths(config.max_tokens), config.batch_size)
    if config.pad_to is not None:
        tokens = min(config.batch_size, len(data.train)) * config.pad_to
    return bytes_of_descent(
        model_without_memory(config, data.vocabulary_size, len(data.classes), ngrams),
        moments=MOMENTS[config.optimizer] or int(config.momentum > 0),
        activations=tokens * _bytes_a_token(config),
        scorings=scorings(config, math.ceil(len(data.train) / config.batch_size)),
        keeps_best=device == "cpu",
    )


def _bytes_a_token(config: NetworkConfig) -> int:
    """What stays of each token until backward: its vector, and what each layer over it needs to go back."""
    assert config.kernel_sizes is not None
    each = 2 if config.precision == "bfloat16" else 4
    masked, windows = config.padding == "masked", len(config.kernel_sizes)
    numbers, width = 0, config.embedding_size
    if windows:
        # Of a window its features; masked, also these with zeros at pads, and the padded vectors that it read.
        padded = sum(size > 1 for size in config.kernel_sizes)
        numbers += config.filters * windows * (1 + masked) + masked * padded * width
        width = config.filters * windows
    if config.recurrent != "none" and (masked or not windows):  # as written, it reads one vector of each text then
        width = config.hidden_size * (1 + config.bidirectional)
        kept = {"lstm": 5, "gru": 4}[str(config.recurrent)]  # the state and the gates that it was made of
        numbers += config.layers * width * kept
    if config.pooling in ("max", "attention") and masked:  # without pads, or what answers the last state
        numbers += width
    return 4 * config.embedding_size + each * numbers


def _learner(config: NetworkConfig, data: TrainingData, device: str) -> Learner[Batch]:
    network = _begun(config, data).to(device)

    def epoch(rng: np.random.Generator) -> Iterator[Batch]:
        batches = shuffled_batches(
            data.train, batch_size=config.batch_size, max_tokens=config.max_tokens, rng=rng, pad_to=config.pad_to
        )
        return moved_to(device, batches)

    def model(weights: dict[str, Tensor]) -> NetworkModel:
        return NetworkModel(config, len(data.classes), data.vocabulary_size, data.tokenizer_json, weights, device)

    return Learner(
        config=config,
        network=network,
        optimizer=_optimizer(config, network),
        batches_per_epoch=math.ceil(len(data.train) / config.batch_size),
        epoch=epoch,
        logits=lambda batch: network(batch.ids, batch.lengths, batch.bags),
        answer=lambda: predict_probabilities(network, data.validation),
        model=model,
        labels=data.train.labels,
        validation_labels=data.validation.labels,
        classes=data.classes,
        reads=lambda: (
            *data.train.parts,
            *data.validation.parts,
            str(data.vocabulary_size),
            *(() if data.wide is None else parts_of(data.wide)),
        ),
    )


def _begun(config: NetworkConfig, data: TrainingData) -> Network:
    network = build_model(
        config, data.vocabulary_size, len(data.classes), 0 if data.wide is None else len(data.wide.ngrams)
    )
    if network.wide is not None:
        assert data.wide is not None
        network.wide.know(data.wide.ngrams)
        ratios = log_count_ratios(data.wide, data.train.rows, data.train.labels, len(data.classes))
        network.wide.weight.data.copy_(WIDE_BEGINNING * ratios)
    return network


def _optimizer(config: NetworkConfig, network: Network) -> torch.optim.Optimizer:
    rate, decay = config.learning_rate, config.weight_decay
    parameters: list[dict[str, Any]] = [{"params": [p for n, p in network.named_parameters() if n != "wide.weight"]}]
    if network.wide is not None:
        parameters.append({"params": [network.wide.weight], "lr": config.wide_learning_rate, "weight_decay": 0.0})
    if config.optimizer == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=config.momentum, weight_decay=decay, fused=True)
    adam = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    return adam(parameters, rate, weight_decay=decay, fused=True)

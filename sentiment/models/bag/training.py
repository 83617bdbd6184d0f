"""One config becomes a trained bag of n-grams; `sentiment.models.descent` has the loop and its rules."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sentiment.models.bag.config import BagConfig
from sentiment.models.bag.model import BagModel, BagNetwork, predict_probabilities, shapes
from sentiment.models.descent import Learner, descend, scorings, seeded
from sentiment.models.family import Report, Trained
from sentiment.models.memory import MOMENTS, bytes_of_descent
from sentiment.models.ngrams import BagBatch, bag_batch, log_count_ratios, parts_of
from sentiment.reviews.dataset import Dataset
from sentiment.tokens.ngrams import NgramCorpus, load_ngrams

__all__ = ["TrainingData", "needed", "train", "training_data"]


@dataclass(frozen=True)
class TrainingData:
    """What a training run may see. The sealed test is not part of it."""

    corpus: NgramCorpus
    train: np.ndarray
    """int64 [n]: rows of `corpus`."""
    validation: np.ndarray
    labels: np.ndarray
    """int64: the class of each of the training rows."""
    validation_labels: np.ndarray
    classes: tuple[str, ...]


@dataclass(frozen=True)
class _Batch:
    bags: BagBatch
    labels: Tensor


def training_data(config: BagConfig, dataset: Dataset, cache: Path) -> TrainingData:
    """The training and validation rows of `dataset` in n-grams."""
    return TrainingData(
        corpus=load_ngrams(dataset, config.word_ngrams, config.character_ngrams, config.ngrams, cache),
        train=dataset.split.train,
        validation=dataset.split.validation,
        labels=dataset.labels("train"),
        validation_labels=dataset.labels("validation"),
        classes=dataset.classes,
    )


def train(
    config: BagConfig,
    data: TrainingData,
    *,
    on_report: Callable[[Report], None] = lambda report: None,
    on_batch: Callable[[int, int], None] = lambda done, total: None,
    device: str = "cpu",
    end_early: bool = True,
    progress: Path | None = None,
    on_resume: Callable[[float], None] = lambda epoch: None,
) -> Trained:
    """Train, and keep the best checkpoint; the arguments and the guarantees are those of networks."""
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


def needed(config: BagConfig, data: TrainingData, device: str) -> int:
    """Bytes that `train` has on `device` at once, at least (`sentiment.models.memory`)."""
    return bytes_of_descent(
        shapes(config, len(data.corpus.ngrams), len(data.classes)),
        moments=MOMENTS[config.optimizer],
        activations=0,  # of a batch nothing is kept but its bags
        scorings=scorings(config, math.ceil(len(data.train) / config.batch_size)),
        keeps_best=device == "cpu",
    )


def _learner(config: BagConfig, data: TrainingData, device: str) -> Learner[_Batch]:
    network = _begun(config, data).to(device)

    def epoch(rng: np.random.Generator) -> Iterator[_Batch]:
        order = rng.permutation(len(data.train))
        for start in range(0, len(order), config.batch_size):
            chosen = order[start : start + config.batch_size]
            labels = torch.from_numpy(data.labels[chosen]).to(device)
            yield _Batch(bag_batch(data.corpus.bags, data.train[chosen]).to(device), labels)

    return Learner(
        config=config,
        network=network,
        optimizer=torch.optim.AdamW(
            network.parameters(), config.learning_rate, weight_decay=config.weight_decay, fused=True
        ),
        batches_per_epoch=math.ceil(len(data.train) / config.batch_size),
        epoch=epoch,
        logits=lambda batch: network(batch.bags),
        answer=lambda: predict_probabilities(network, data.corpus.bags, data.validation),
        model=lambda weights: BagModel(config, len(data.classes), weights, device),
        labels=data.labels,
        validation_labels=data.validation_labels,
        classes=data.classes,
        reads=lambda: (data.train, data.validation, *parts_of(data.corpus)),
    )


def _begun(config: BagConfig, data: TrainingData) -> BagNetwork:
    network = BagNetwork(config, len(data.corpus.ngrams), len(data.classes))
    network.ngrams.know(data.corpus.ngrams)
    if config.beginning:
        ratios = log_count_ratios(data.corpus, data.train, data.labels, len(data.classes))
        network.ngrams.weight.data.copy_(config.beginning * ratios)
    return network

"""A trained bag of n-grams: it answers, and it can be kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from sentiment.checked import bounds
from sentiment.models.bag.config import BagConfig
from sentiment.models.family import Read
from sentiment.models.ngrams import BagBatch, NgramLogits, bag_batch
from sentiment.models.weights import WEIGHTS, read_size, read_weights, weights_size
from sentiment.tokens.ngrams import Bags, Ngrams

__all__ = ["BagModel", "BagNetwork", "load", "predict_probabilities", "shapes"]

SCORED_TOGETHER: Final = 4096
"""Texts that are scored at a time."""


class BagNetwork(nn.Module):
    """Bags to one logit per class."""

    def __init__(self, config: BagConfig, ngrams: int, n_classes: int) -> None:
        super().__init__()
        self.ngrams = NgramLogits(ngrams, n_classes, config.dropout)
        self.bias = nn.Parameter(torch.zeros(n_classes))

    def forward(self, bags: BagBatch) -> Tensor:
        """Bags of B texts become logits [B, K]."""
        logits: Tensor = self.ngrams(bags) + self.bias
        return logits


@dataclass(frozen=True)
class BagModel:
    """The best checkpoint of a training."""

    config: BagConfig
    n_classes: int
    weights: dict[str, Tensor]
    """The state dict, on the CPU; its n-grams are part of it."""
    device: str = "cpu"
    """Where it answers."""

    @property
    def sizes(self) -> dict[str, int]:
        """See `sentiment.models.family.Model`."""
        return {"ngrams": len(self.weights["ngrams.hashes"])}

    @cached_property
    def network(self) -> BagNetwork:
        """The network itself, in evaluation mode."""
        network = shapes(self.config, self.sizes["ngrams"], self.n_classes)
        network.load_state_dict(self.weights, assign=True)
        return network.to(self.device).eval()

    @cached_property
    def ngrams(self) -> Ngrams:
        """The n-grams that it reads."""
        return self.network.ngrams.ngrams(self.config.word_ngrams, self.config.character_ngrams)

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Class probabilities float32 [n, K]."""
        chunks = [np.empty((0, self.n_classes), dtype=np.float32)]
        for start in range(0, len(texts), SCORED_TOGETHER):
            bags = self.ngrams.bags(texts[start : start + SCORED_TOGETHER])
            chunks.append(predict_probabilities(self.network, bags, np.arange(len(bags))))
        return np.concatenate(chunks)

    def files(self) -> dict[str, bytes]:
        """See `sentiment.models.family.Model`."""
        return {WEIGHTS: safetensors.torch.save(self.weights)}


def predict_probabilities(network: BagNetwork, bags: Bags, rows: np.ndarray) -> np.ndarray:
    """Class probabilities float32 [n, K] of some rows; leaves the network in evaluation mode."""
    network.eval()
    device = str(network.bias.device)
    found = [np.empty((0, len(network.bias)), dtype=np.float32)]
    with torch.inference_mode():
        for start in range(0, len(rows), SCORED_TOGETHER):
            batch = bag_batch(bags, rows[start : start + SCORED_TOGETHER]).to(device)
            found.append(network(batch).softmax(dim=1).cpu().numpy())
    return np.concatenate(found)


def load(config: BagConfig, n_classes: int, sizes: Mapping[str, Any], read: Read) -> BagModel:
    """See `sentiment.models.family.Family.load`."""
    size = read_size(sizes, "ngrams", 0, int(bounds(BagConfig, "ngrams")[1]))
    expected = shapes(config, size, n_classes).state_dict()
    model = BagModel(config, n_classes, read_weights(read(WEIGHTS, weights_size(expected)), expected))
    model.ngrams  # noqa: B018  refused here, if they are none
    return model


def shapes(config: BagConfig, ngrams: int, n_classes: int) -> BagNetwork:
    """The network on torch's meta device: names and shapes, and not one number."""
    with torch.device("meta"):
        return BagNetwork(config, ngrams, n_classes)

"""Pretrained encoders, as a family of models."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentiment.models.encoder.config import EncoderConfig
from sentiment.models.encoder.parameters import PARAMETERS, RECIPES
from sentiment.models.encoder.source import find_pretrained
from sentiment.models.family import Family, Model, Read, Resources, Trained
from sentiment.models.network.precision import has_native_bfloat16

if TYPE_CHECKING:
    from sentiment.reviews.dataset import Dataset

__all__ = ["Encoders"]


class Encoders(Family):
    """A pretrained transformer under a classification head, fine-tuned by gradient descent."""

    name = "encoder"
    config = EncoderConfig
    parameters = PARAMETERS
    needs = "model"
    recipes = RECIPES
    reports = "evaluations_per_epoch"
    files = ("weights.safetensors", "tokenizer.json", "encoder.json")
    extra = "encoders"
    libraries = ("transformers", "tokenizers")

    def searched(self, texts: Sequence[str], device: str) -> dict[str, Any]:
        """With bfloat16 where `device` multiplies it natively: an epoch takes less than half of the time
        (tests/benchmarks/encoders.py)."""
        native = {"precision": "bfloat16"} if has_native_bfloat16(device) else {}
        return super().searched(texts, device) | native

    def content(self, config: EncoderConfig, cache: Path) -> dict[str, str]:
        """The hash of the encoder's files."""
        return {"encoder": find_pretrained(config.model, cache).sha256}

    def train(self, config: EncoderConfig, dataset: "Dataset", resources: Resources) -> Trained:
        """See `Family.train`."""
        from sentiment.models.encoder.training import needed, train, training_data

        data = training_data(config, dataset, resources.cache)
        resources.refuse_above(needed(config, data, resources.device))
        return train(config, data, **resources.of_descent)

    def seconds(self, config: EncoderConfig, dataset: "Dataset", resources: Resources) -> float:
        """See `Family.seconds`."""
        from sentiment.models.encoder.training import price, training_data

        return price(config, training_data(config, dataset, resources.cache), resources.device)

    def bytes(self, config: EncoderConfig, dataset: "Dataset", resources: Resources) -> int:
        """See `Family.bytes`."""
        from sentiment.models.encoder.training import needed, training_data

        return needed(config, training_data(config, dataset, resources.cache), resources.device)

    def load(self, config: EncoderConfig, n_classes: int, sizes: Mapping[str, Any], read: Read) -> Model:
        """See `Family.load`."""
        from sentiment.models.encoder.model import load

        return load(config, n_classes, sizes, read)

"""Networks, as a family of models."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentiment.models.family import Family, Model, Read, Resources, Trained
from sentiment.models.network.config import NetworkConfig
from sentiment.models.network.parameters import PARAMETERS, RECIPES
from sentiment.models.network.precision import has_native_bfloat16
from sentiment.reviews.scripts import UNSPACED, letter_shares

if TYPE_CHECKING:
    from sentiment.models.network.training import TrainingData
    from sentiment.reviews.dataset import Dataset

__all__ = ["Networks"]


class Networks(Family):
    """Embedding > convolution > recurrent > pooling > head, trained by gradient descent."""

    name = "network"
    config = NetworkConfig
    parameters = PARAMETERS
    recipes = RECIPES
    reports = "evaluations_per_epoch"
    files = ("weights.safetensors", "tokenizer.json")

    def searched(self, texts: Sequence[str], device: str) -> dict[str, Any]:
        """With the token units that mean something in the language of `texts`, and with bfloat16 where `device`
        multiplies it natively: it halves the time of a recurrent layer and, over seeds, costs no macro-F1
        (tests/benchmarks/training_loop.py)."""
        fitting = super().searched(texts, device)
        if has_native_bfloat16(device):
            fitting["precision"] = "bfloat16"
        shares = letter_shares(texts[:2000])
        if shares.get("Hangul", 0) > 0.3:
            return fitting | {"token_unit": ["subword", "jamo", "char"]}
        if sum(shares.get(script, 0) for script in UNSPACED) > 0.3:
            return fitting | {"token_unit": ["subword", "char"]}
        return fitting

    def libraries_of(self, config: NetworkConfig) -> tuple[str, ...]:
        """See `Family.libraries_of`: scikit-learn finds and hashes n-grams."""
        return ("scikit-learn",) if config.wide else ()

    def train(self, config: NetworkConfig, dataset: "Dataset", resources: Resources) -> Trained:
        """See `Family.train`."""
        from sentiment.models.network.training import needed, train

        data = _data(config, dataset, resources.cache)
        resources.refuse_above(needed(config, data, resources.device))
        return train(config, data, **resources.of_descent)

    def seconds(self, config: NetworkConfig, dataset: "Dataset", resources: Resources) -> float:
        """From a few batches."""
        from sentiment.models.descent import seconds_of
        from sentiment.models.network.training import train

        return seconds_of(train, config, _data(config, dataset, resources.cache), resources.device)

    def bytes(self, config: NetworkConfig, dataset: "Dataset", resources: Resources) -> int:
        """See `Family.bytes`."""
        from sentiment.models.network.training import needed

        return needed(config, _data(config, dataset, resources.cache), resources.device)

    def load(self, config: NetworkConfig, n_classes: int, sizes: Mapping[str, Any], read: Read) -> Model:
        """See `Family.load`."""
        from sentiment.models.network.model import load

        return load(config, n_classes, sizes, read)


def _data(config: NetworkConfig, dataset: "Dataset", cache: Path) -> "TrainingData":
    from sentiment.models.network.training import training_data
    from sentiment.models.ngrams import WIDE_CHARACTERS, WIDE_NGRAMS, WIDE_WORDS
    from sentiment.tokens.corpus import load_corpus
    from sentiment.tokens.ngrams import load_ngrams

    corpus = load_corpus(dataset, config.token_unit, config.vocabulary_size, cache)
    wide = load_ngrams(dataset, WIDE_WORDS, WIDE_CHARACTERS, WIDE_NGRAMS, cache) if config.wide else None
    return training_data(dataset, corpus, wide)

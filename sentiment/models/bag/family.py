"""Bags of n-grams, as a family of models."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sentiment.models.bag.config import BagConfig
from sentiment.models.bag.parameters import PARAMETERS, RECIPES
from sentiment.models.family import Family, Model, Read, Resources, Trained

if TYPE_CHECKING:
    from sentiment.reviews.dataset import Dataset

__all__ = ["Bags"]


class Bags(Family):
    """What each n-gram says of each class, added up; begun at naive Bayes, trained by gradient descent."""

    name = "bag"
    config = BagConfig
    parameters = PARAMETERS
    recipes = RECIPES
    reports = "evaluations_per_epoch"
    libraries = ("scikit-learn",)
    files = ("weights.safetensors",)

    def train(self, config: BagConfig, dataset: "Dataset", resources: Resources) -> Trained:
        """See `Family.train`."""
        from sentiment.models.bag.training import needed, train, training_data

        data = training_data(config, dataset, resources.cache)
        resources.refuse_above(needed(config, data, resources.device))
        return train(config, data, **resources.of_descent)

    def seconds(self, config: BagConfig, dataset: "Dataset", resources: Resources) -> float:
        """From a few batches."""
        from sentiment.models.bag.training import train, training_data
        from sentiment.models.descent import seconds_of

        return seconds_of(train, config, training_data(config, dataset, resources.cache), resources.device)

    def bytes(self, config: BagConfig, dataset: "Dataset", resources: Resources) -> int:
        """See `Family.bytes`."""
        from sentiment.models.bag.training import needed, training_data

        return needed(config, training_data(config, dataset, resources.cache), resources.device)

    def load(self, config: BagConfig, n_classes: int, sizes: Mapping[str, Any], read: Read) -> Model:
        """See `Family.load`."""
        from sentiment.models.bag.model import load

        return load(config, n_classes, sizes, read)

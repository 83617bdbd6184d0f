"""What a sentiment classifier is, and how one is trained. Knows nothing of Optuna or of searching.

The short list that users need: a bundle predicts, a config is one trainable network, a dataset is reviews with a split,
and `SentimentClassifier` is any of our models as scikit-learn knows one.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentiment.bundle.folder import Bundle
    from sentiment.classifier import SentimentClassifier
    from sentiment.models.network.config import NetworkConfig
    from sentiment.reviews.dataset import Dataset, dataset_of, load_dataset
    from sentiment.reviews.source import DataSource

_WHERE = {
    "Bundle": "sentiment.bundle.folder",
    "DataSource": "sentiment.reviews.source",
    "Dataset": "sentiment.reviews.dataset",
    "NetworkConfig": "sentiment.models.network.config",
    "SentimentClassifier": "sentiment.classifier",
    "dataset_of": "sentiment.reviews.dataset",
    "load_dataset": "sentiment.reviews.dataset",
}
__all__ = [
    "Bundle",
    "DataSource",
    "Dataset",
    "NetworkConfig",
    "SentimentClassifier",
    "dataset_of",
    "load_dataset",
]


def __getattr__(name: str) -> Any:
    # On demand: a bundle imports torch, and `sentiment-search --help` must not wait for it.
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("sentiment-search")
    raise AttributeError(f"module 'sentiment' has no attribute {name!r}")

"""What a sentiment classifier is, and how one is trained. Knows nothing of Optuna or of searching.

The short list that users need: a bundle predicts, a config is one trainable network, a dataset is reviews with a split.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentiment.bundle.folder import Bundle
    from sentiment.models.network.config import NetworkConfig
    from sentiment.reviews.dataset import Dataset, DataSource, load_dataset

__all__ = ["Bundle", "DataSource", "Dataset", "NetworkConfig", "load_dataset"]


def __getattr__(name: str) -> Any:
    # On demand: a bundle imports torch, and `sentiment-search --help` must not wait for it.
    if name == "Bundle":
        from sentiment.bundle.folder import Bundle

        return Bundle
    if name == "NetworkConfig":
        from sentiment.models.network.config import NetworkConfig

        return NetworkConfig
    if name in ("DataSource", "Dataset", "load_dataset"):
        from sentiment.reviews import dataset

        return getattr(dataset, name)
    raise AttributeError(f"module 'sentiment' has no attribute {name!r}")

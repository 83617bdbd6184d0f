"""What a model must beat before it is worth anything: the prior, and the linear model with its default settings."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from numpy.typing import ArrayLike

from sentiment.models.linear.config import LinearConfig

if TYPE_CHECKING:  # who only reads what they are called needs nothing of theirs
    from sentiment.models.linear.model import LinearModel

__all__ = ["LINEAR", "linear", "majority"]

LINEAR: Final = "TF-IDF + logistic regression"
"""What `linear` is called in tables and sentences."""


def majority(texts: Sequence[str], labels: ArrayLike, n_classes: int) -> "LinearModel":
    """Says of every text how frequent each class is in the training rows, and so predicts the most frequent."""
    from sentiment.models.linear.model import LinearModel, frequencies

    return LinearModel(LinearConfig(), frequencies(texts, labels, n_classes), {}, None)


def linear(texts: Sequence[str], labels: ArrayLike, n_classes: int) -> "LinearModel":
    """The linear model as it is when nobody says otherwise."""
    from sentiment.models.linear.model import fit

    return fit(LinearConfig(), texts, labels, n_classes)

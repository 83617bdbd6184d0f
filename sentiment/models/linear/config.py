"""A linear model in one frozen dataclass."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Interval

from sentiment.models.config import Config

__all__ = ["LinearConfig"]


@dataclass(frozen=True, kw_only=True)
class LinearConfig(Config):
    """TF-IDF of words and of characters within words, and a logistic regression.

    Nothing in it is random: the seed changes nothing.
    """

    family = "linear"
    word_ngrams: Annotated[int, Interval(ge=1, le=5)] = 2
    """Words in a row that are counted together, at most."""
    character_ngrams: Annotated[int, Interval(ge=1, le=8)] = 4
    """Characters of a word in a row that are counted together, at most."""
    C: Annotated[float, Interval(ge=1e-6, le=1e6)] = 1.0
    """Inverse of the strength of the L2 penalty."""
    class_weights: Literal["none", "balanced"] = "balanced"
    """balanced: each class weighs n / (K * n_class) in the loss."""

    @property
    def title(self) -> str:
        """What is fitted to what."""
        return "Logistic regression over TF-IDF of words and characters"

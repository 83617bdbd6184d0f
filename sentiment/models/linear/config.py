"""A linear model in one frozen dataclass."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from sentiment.models.config import Config

__all__ = ["LinearConfig"]


@dataclass(frozen=True, kw_only=True)
class LinearConfig(Config):
    """TF-IDF of words and of characters within words, and a logistic regression.

    Nothing in it is random: the seed changes nothing.
    """

    family = "linear"
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"class_weights": ("none", "balanced")}
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        "word_ngrams": (1, 5),
        "character_ngrams": (1, 8),
        "C": (1e-6, 1e6),
        "seed": (0, 2**63 - 1),
    }

    word_ngrams: int = 2
    """Words in a row that are counted together, at most."""
    character_ngrams: int = 4
    """Characters of a word in a row that are counted together, at most."""
    C: float = 1.0
    """Inverse of the strength of the L2 penalty."""
    class_weights: str = "balanced"
    """balanced: each class weighs n / (K * n_class) in the loss."""

    @property
    def title(self) -> str:
        """What is fitted to what."""
        return "Logistic regression over TF-IDF of words and characters"

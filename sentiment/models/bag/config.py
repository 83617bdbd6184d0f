"""A bag of n-grams in one frozen dataclass."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Interval

from sentiment.errors import InputError
from sentiment.models.class_weights import ClassWeights
from sentiment.models.config import Config

__all__ = ["BagConfig"]


@dataclass(frozen=True, kw_only=True)
class BagConfig(Config):
    """N-grams, what they begin as, recipe and seed, which decides order and dropout.

    Raises:
        InputError: a value is refused, or there is no n-gram to read.
    """

    family = "bag"
    optimizer: ClassVar[str] = "adamw"
    precision: ClassVar[str] = "float32"

    # N-grams
    word_ngrams: Annotated[int, Interval(ge=0, le=5)] = 2
    """Words in a row that are counted together, at most; 0 for no words."""
    character_ngrams: Annotated[int, Interval(ge=0, le=8)] = 4
    """Characters of a word in a row that are counted together, at most; 0 for none."""
    ngrams: Annotated[int, Interval(ge=1, le=1 << 22)] = 1 << 18
    """Most n-grams that are kept of those in two training rows or more: the most frequent."""

    beginning: Annotated[float, Interval(ge=0.0, le=10.0)] = 0.1
    """What an n-gram says of each class before training, in parts of what naive Bayes says of it; 0 for nothing."""
    dropout: Annotated[float, Interval(ge=0.0, le=0.95)] = 0.3
    """Probability that an n-gram of a training text is left out."""

    # Recipe
    learning_rate: Annotated[float, Interval(ge=1e-8, le=100.0)] = 5e-3
    """Of AdamW."""
    weight_decay: Annotated[float, Interval(ge=0.0, le=10.0)] = 0.0
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    """The learning rate after warm-up: constant, or linear or cosine to zero at the last step."""
    warmup: Annotated[float, Interval(ge=0.0, le=1.0)] = 0.0
    """Fraction of all steps in which the learning rate rises linearly from zero."""
    label_smoothing: Annotated[float, Interval(ge=0.0, le=0.9)] = 0.05
    class_weights: ClassWeights = "balanced"
    clip_norm: Annotated[float, Interval(ge=0.0, le=1e6)] = 0.0
    """Gradients are scaled down to this total norm; 0 for no clipping."""
    epochs: Annotated[int, Interval(ge=1, le=10_000)] = 4
    batch_size: Annotated[int, Interval(ge=1, le=65_536)] = 64
    evaluations_per_epoch: Annotated[int, Interval(ge=1, le=100)] = 2
    """How often an epoch stops to score the validation rows."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.word_ngrams and not self.character_ngrams:
            raise InputError("word_ngrams and character_ngrams are both 0: nothing is read; raise one of them")

    @property
    def title(self) -> str:
        """What is read."""
        return "Bag of n-grams of words and characters"

    @property
    def passes(self) -> int:
        """Passes over the training rows."""
        return self.epochs

"""A linear model in one frozen dataclass."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval

from sentiment.errors import InputError
from sentiment.models.class_weights import ClassWeights
from sentiment.models.config import Config

__all__ = ["LinearConfig"]


@dataclass(frozen=True, kw_only=True)
class LinearConfig(Config):
    """N-grams of words and of characters within words, and a linear classifier.

    Nothing in it is random: the seed changes nothing.
    """

    family = "linear"
    word_ngrams: Annotated[int, Interval(ge=0, le=5)] = 2
    """Words in a row that are counted together, at most; 0: no words."""
    lowest_character_ngram: Annotated[int, Interval(ge=1, le=8)] = 1
    """Characters of a word in a row that are counted together, at least; no more than `character_ngrams` is meant."""
    character_ngrams: Annotated[int, Interval(ge=0, le=8)] = 4
    """Characters of a word in a row that are counted together, at most; 0: no characters."""
    ratio_power: Annotated[float, Interval(ge=0, le=2)] = 0.0
    """The TF-IDF of an n-gram is multiplied by this power of its log-count ratio, which says how well it tells the
    classes apart (NB-SVM, Wang and Manning 2012: 1); 0: by nothing."""
    smoothing: Annotated[float, Interval(ge=1e-3, le=1e3)] = 2.0
    """Rows that are added where log-count ratios are counted."""
    C: Annotated[float, Interval(ge=1e-6, le=1e6)] = 1.0
    """Inverse of the strength of the L2 penalty."""
    class_weights: ClassWeights = "balanced"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.word_ngrams and not self.character_ngrams:
            raise InputError("word_ngrams and character_ngrams are both 0; let one of them be 1 or more")

    @property
    def title(self) -> str:
        """What is fitted to what."""
        kinds = [("words", self.word_ngrams), ("characters", self.character_ngrams)]
        counted = " and ".join(kind for kind, longest in kinds if longest)
        ratios = " times log-count ratios" if self.ratio_power else ""
        return f"Logistic regression over TF-IDF{ratios} of {counted}"

"""Labels that a lexicon gives to the training texts, in place of the user's.

The post relabelled its reviews by TextBlob's polarity. That is circular: such a label is a function of the text's
words, and a network that learns it learns the lexicon. It is measured all the same, under two rules: only training rows
are relabelled, and scores are against the user's labels.

Another source is a few lines: a function from texts to polarities, put into `SOURCES`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from sentiment.errors import InputError

__all__ = ["SOURCES", "Polarities", "Relabelled", "polarity_classes", "relabel"]

LEAST_COVERAGE: Final = 0.3
"""Below this share of texts with a word of the lexicon, the language is taken for one that it does not cover."""


@dataclass(frozen=True)
class Polarities:
    """What a source says of some texts."""

    values: np.ndarray
    """float64 [n], from -1 (negative) to 1 (positive)."""
    known: np.ndarray
    """bool [n]: whether the source knows a word of the text at all."""


def textblob(texts: Sequence[str]) -> Polarities:
    """The mean polarity of the English words that TextBlob's lexicon (that of `pattern`) knows.

    Raises:
        InputError: the extra `textblob` is not installed.
    """
    try:
        from textblob.en.sentiments import PatternAnalyzer
    except ModuleNotFoundError:
        raise InputError("relabelling needs the extra `textblob`: pip install 'sentiment-search[textblob]'") from None
    analyzer = PatternAnalyzer()
    found = [analyzer.analyze(text, keep_assessments=True) for text in texts]
    return Polarities(
        np.array([result.polarity for result in found], dtype=np.float64),
        np.array([bool(result.assessments) for result in found]),
    )


SOURCES: Final[dict[str, Callable[[Sequence[str]], Polarities]]] = {"textblob": textblob}


@dataclass(frozen=True)
class Relabelled:
    """New labels, and how far they agree with the user's."""

    source: str
    labels: np.ndarray
    """int64 [n]: the class index that the source's polarity falls into."""
    coverage: float
    """Share of texts of which the source knows a word."""
    accuracy: float
    kappa: float
    """Cohen's: agreement beyond chance."""
    recall: dict[str, float]
    """Per class of the user's labels: the share that the source gives the same class."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, without the labels."""
        return {name: value for name, value in vars(self).items() if name != "labels"}

    def render(self) -> str:
        """One line."""
        per_class = ", ".join(f"{name} {share:.0%}" for name, share in self.recall.items())
        return (
            f"{self.source}: agrees with the labels given on {self.accuracy:.1%} of the training rows (kappa "
            f"{self.kappa:.2f}; {per_class}); knows a word of {self.coverage:.1%} of the texts"
        )


def polarity_classes(classes: Sequence[str]) -> tuple[int, int | None, int]:
    """Indices of the negative, the neutral (None in a two-class problem) and the positive class.

    Raises:
        InputError: the classes are not these.
    """
    index = {name: number for number, name in enumerate(classes)}
    if set(classes) not in ({"negative", "positive"}, {"negative", "neutral", "positive"}):
        raise InputError(
            f"relabelling by polarity needs the classes negative, (neutral,) positive, but the data have "
            f"{', '.join(classes)}; use a label rule such as stars-3"
        )
    return index["negative"], index.get("neutral"), index["positive"]


def relabel(
    texts: Sequence[str], labels: np.ndarray, classes: Sequence[str], source: str = "textblob", threshold: float = 0.1
) -> Relabelled:
    """Label `texts` by polarity: below -threshold negative, above threshold positive, neutral between.

    With two classes a polarity of exactly 0 counts as positive, and the threshold is not used.

    Raises:
        InputError: there is no such source, its extra is missing, the classes are not polarities, or the source does
            not cover the language of the texts.
    """
    if source not in SOURCES:
        raise InputError(f"there is no label source {source!r}; there is {', '.join(SOURCES)}")
    if not 0 <= threshold < 1:
        raise InputError(f"the polarity threshold is {threshold}; it must lie between 0 and 1")
    negative, neutral, positive = polarity_classes(classes)
    polarities = SOURCES[source](texts)
    coverage = float(polarities.known.mean())
    if coverage < LEAST_COVERAGE:
        raise InputError(
            f"{source} knows a word of only {coverage:.1%} of the training texts: it does not cover their language, "
            "and would call nearly all of them neutral; leave this idea out"
        )
    if neutral is None:
        found = np.where(polarities.values < 0, negative, positive)
    else:
        found = np.full(len(texts), neutral)
        found[polarities.values < -threshold] = negative
        found[polarities.values > threshold] = positive
    return _compared(source, found.astype(np.int64), labels, classes, coverage)


def _compared(
    source: str, found: np.ndarray, labels: np.ndarray, classes: Sequence[str], coverage: float
) -> Relabelled:
    from sklearn.metrics import cohen_kappa_score

    same = found == labels
    return Relabelled(
        source=source,
        labels=found,
        coverage=coverage,
        accuracy=float(same.mean()),
        kappa=float(cohen_kappa_score(labels, found)),
        recall={name: float(same[labels == k].mean()) for k, name in enumerate(classes) if (labels == k).any()},
    )

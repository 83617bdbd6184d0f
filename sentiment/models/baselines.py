"""What a network must beat before it is worth anything: the prior, and a linear model over n-grams.

Each baseline is a function that is fitted on training texts and returns something with `probabilities(texts)`, so
all of them are scored and compared like a network. They need seconds, no vocabulary file and no GPU, and the same
texts give the same numbers. They know nothing of tokenizers, torch or Optuna.

Where there is nothing to learn from (no text with a visible character, or one class only), each of them answers as
`majority` does, with the class frequencies of the training rows. A text without any known n-gram gets what the
fitted model says of an empty one.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike

__all__ = ["BASELINES", "LINEAR", "Baseline", "linear", "majority"]

LINEAR: Final = "TF-IDF + logistic regression"
"""What `linear` is called in tables and sentences."""

# Words of any length and single marks: scikit-learn's own pattern drops "좀", "a" and every "!" and emoji.
_TOKEN: Final = r"\w+|[^\w\s]"
_WORD_NGRAMS: Final = (1, 2)
_CHARACTER_NGRAMS: Final = (1, 4)
_FEW_ROWS: Final = 1000
"""Below this, an n-gram that occurs in one text is kept: there would be too little left."""


class Baseline(Protocol):
    """A fitted baseline."""

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Class probabilities of each text, float64 [n, K]."""
        ...


def majority(texts: Sequence[str], labels: ArrayLike, n_classes: int) -> Baseline:
    """Says of every text how frequent each class is in the training rows, and so predicts the most frequent."""
    counts = np.bincount(_checked(texts, labels, n_classes), minlength=n_classes)
    return _Prior(counts / counts.sum())


def linear(texts: Sequence[str], labels: ArrayLike, n_classes: int) -> Baseline:
    """TF-IDF of words (1, 2) and of characters within words (1, 4), and a balanced logistic regression.

    Both kinds of n-grams, because spaces say much in English and little in Korean or Thai. Term frequencies are
    logarithmic; a class weighs n / (K * n_class).
    """
    # Half a second, for which who only reads what is stored must not wait.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    true = _checked(texts, labels, n_classes)
    least = 2 if len(texts) >= _FEW_ROWS else 1
    features, matrix = _fit_features(
        [
            TfidfVectorizer(
                token_pattern=_TOKEN, ngram_range=_WORD_NGRAMS, min_df=least, sublinear_tf=True, dtype=np.float32
            ),
            TfidfVectorizer(
                analyzer="char_wb", ngram_range=_CHARACTER_NGRAMS, min_df=least, sublinear_tf=True, dtype=np.float32
            ),
        ],
        texts,
    )
    if not matrix.shape[1] or len(np.unique(true)) < 2:
        return majority(texts, labels, n_classes)
    # Do not loosen the tolerance (1e-4): at 1e-3 it stops so early that 150k Korean reviews lose 1.4 points of
    # macro-F1.
    model = LogisticRegression(class_weight="balanced", max_iter=300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(matrix, true)
    return _Linear(features, model, n_classes)


BASELINES: Final[dict[str, Callable[[Sequence[str], ArrayLike, int], Baseline]]] = {
    "majority": majority,
    "linear": linear,
}


@dataclass(frozen=True)
class _Prior:
    frequencies: np.ndarray

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        return np.tile(self.frequencies, (len(texts), 1))


@dataclass(frozen=True)
class _Features:
    """Fitted vectorizers, side by side."""

    vectorizers: tuple[Any, ...]

    def of(self, texts: Sequence[str]) -> Any:
        return scipy.sparse.hstack([vectorizer.transform(texts) for vectorizer in self.vectorizers], format="csr")


@dataclass(frozen=True)
class _Linear:
    features: _Features
    model: Any
    n_classes: int

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        if not len(texts):
            return np.empty((0, self.n_classes))
        return _all_classes(self.model.predict_proba(self.features.of(texts)), self.model.classes_, self.n_classes)


def _checked(texts: Sequence[str], labels: ArrayLike, n_classes: int) -> np.ndarray:
    true = np.asarray(labels, dtype=np.int64)
    if not len(texts) or true.shape != (len(texts),):
        raise ValueError(f"a baseline needs one label for each of its texts, but got {len(texts)=} and {true.shape=}")
    if true.min() < 0 or true.max() >= n_classes:
        raise ValueError(f"labels must lie in 0..{n_classes - 1}, but got {true.min()}..{true.max()}")
    return true


def _fit_features(vectorizers: Sequence[Any], texts: Sequence[str]) -> tuple[_Features, Any]:
    """The vectorizers that found any n-gram, and their matrix [n, features]."""
    fitted, matrices = [], [scipy.sparse.csr_matrix((len(texts), 0))]
    for vectorizer in vectorizers:
        try:
            matrices.append(vectorizer.fit_transform(texts))
        except ValueError as error:  # scikit-learn has no class of its own for this
            if "empty vocabulary" not in str(error) and "no terms remain" not in str(error):
                raise
        else:
            fitted.append(vectorizer)
    return _Features(tuple(fitted)), scipy.sparse.hstack(matrices[1:] or matrices, format="csr")


def _all_classes(probabilities: np.ndarray, present: np.ndarray, n_classes: int) -> np.ndarray:
    """Columns for all K classes; one that the training rows did not hold gets 0."""
    columns = np.zeros((len(probabilities), n_classes))
    columns[:, present] = probabilities
    return columns

"""TF-IDF of n-grams and a logistic regression: fitted, asked, kept and opened again."""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import safetensors.numpy
import scipy.sparse
from numpy.typing import ArrayLike

from sentiment.errors import InputError
from sentiment.models.family import Read
from sentiment.models.linear.config import LinearConfig

__all__ = ["LinearModel", "fit", "frequencies", "load"]

WEIGHTS: Final = "weights.safetensors"
NGRAMS: Final = "ngrams.json"
FEATURES: Final = "n_grams"
BYTES_PER_NGRAM: Final = 1024
MOST_FEATURES: Final = 1 << 26

# Words of any length and single marks: scikit-learn's own pattern drops "좀", "a" and every "!" and emoji.
_TOKEN: Final = r"\w+|[^\w\s]"
_FEW_ROWS: Final = 1000
"""Below this, an n-gram that occurs in one text is kept: there would be too little left."""
_KINDS: Final = ("words", "characters")


@dataclass(frozen=True)
class LinearModel:
    """A fitted model."""

    config: LinearConfig
    frequencies: np.ndarray
    """float64 [K]: how frequent each class is in the training rows."""
    vectorizers: Mapping[str, Any]
    """Those of words and of characters that found any n-gram, in that order."""
    regression: Any
    """The fitted `LogisticRegression`; None where there was nothing to learn from."""

    @property
    def sizes(self) -> dict[str, int]:
        """See `sentiment.models.family.Model`."""
        return {FEATURES: sum(len(vectorizer.vocabulary_) for vectorizer in self.vectorizers.values())}

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Class probabilities float64 [n, K]; of a class that the training rows did not hold, 0."""
        if self.regression is None or not len(texts):
            return np.tile(self.frequencies, (len(texts), 1))
        features = [vectorizer.transform(texts) for vectorizer in self.vectorizers.values()]
        said = np.zeros((len(texts), len(self.frequencies)))
        said[:, self.regression.classes_] = self.regression.predict_proba(scipy.sparse.hstack(features, format="csr"))
        return said

    def files(self) -> dict[str, bytes]:
        """See `sentiment.models.family.Model`."""
        weights: dict[str, np.ndarray] = {"frequencies": self.frequencies}
        ngrams: dict[str, list[str]] = {}
        if self.regression is not None:
            weights |= {"coefficients": self.regression.coef_, "intercepts": self.regression.intercept_}
            weights |= {"classes": np.asarray(self.regression.classes_, dtype=np.int64)}
        for kind, vectorizer in self.vectorizers.items() if self.regression is not None else ():
            ngrams[kind] = vectorizer.get_feature_names_out().tolist()
            weights[f"idf of {kind}"] = vectorizer.idf_
        content = json.dumps(ngrams, ensure_ascii=False).encode("utf-8", "surrogatepass")
        return {WEIGHTS: safetensors.numpy.save(weights), NGRAMS: content}


def fit(config: LinearConfig, texts: Sequence[str], labels: ArrayLike, n_classes: int) -> LinearModel:
    """Fit the model to `texts`; the same texts give the same numbers.

    Both kinds of n-grams, because spaces say much in English and little in Korean or Thai. Term frequencies are
    logarithmic.
    """
    # Half a second, for which who only reads what is stored must not wait.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    prior = frequencies(texts, labels, n_classes)
    vectorizers, matrices = {}, []
    for kind in _KINDS:
        vectorizer = _vectorizer(config, kind, min_df=2 if len(texts) >= _FEW_ROWS else 1)
        try:
            matrices.append(vectorizer.fit_transform(texts))
        except ValueError as error:  # scikit-learn has no class of its own for this
            if "empty vocabulary" not in str(error) and "no terms remain" not in str(error):
                raise
        else:
            vectorizers[kind] = vectorizer
    if not vectorizers or np.count_nonzero(prior) < 2:
        return LinearModel(config, prior, {}, None)
    # Do not loosen the tolerance (1e-4): at 1e-3 it stops so early that 150k Korean reviews lose 1.4 points of
    # macro-F1.
    weights = None if config.class_weights == "none" else config.class_weights
    regression = LogisticRegression(C=config.C, class_weight=weights, max_iter=300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        regression.fit(scipy.sparse.hstack(matrices, format="csr"), np.asarray(labels, dtype=np.int64))
    return LinearModel(config, prior, vectorizers, regression)


def frequencies(texts: Sequence[str], labels: ArrayLike, n_classes: int) -> np.ndarray:
    """How frequent each class is, float64 [K].

    Raises:
        ValueError: there is no text, not one label for each, or a label that is no class.
    """
    true = np.asarray(labels, dtype=np.int64)
    if not len(texts) or true.shape != (len(texts),):
        raise ValueError(f"a baseline needs one label for each of its texts, but got {len(texts)=} and {true.shape=}")
    if true.min() < 0 or true.max() >= n_classes:
        raise ValueError(f"labels must lie in 0..{n_classes - 1}, but got {true.min()}..{true.max()}")
    counts = np.bincount(true, minlength=n_classes)
    found: np.ndarray = counts / counts.sum()
    return found


def load(config: LinearConfig, n_classes: int, sizes: Mapping[str, Any], read: Read) -> LinearModel:
    """See `sentiment.models.family.Family.load`."""
    from sklearn.linear_model import LogisticRegression

    features = sizes.get(FEATURES)
    if type(features) is not int or not 0 <= features <= MOST_FEATURES:
        raise InputError(f"{FEATURES} must be a whole number between 0 and {MOST_FEATURES}")
    weights = safetensors.numpy.load(read(WEIGHTS, 8 * (features + 2) * (n_classes + 1)))
    ngrams = json.loads(read(NGRAMS, BYTES_PER_NGRAM * features))
    if not isinstance(ngrams, dict) or not set(ngrams) <= set(_KINDS):
        raise InputError(f"{NGRAMS} must be an object of {' and '.join(_KINDS)}")
    ngrams = {kind: ngrams[kind] for kind in _KINDS if kind in ngrams}
    if not all(isinstance(entries, list) and all(type(e) is str for e in entries) for entries in ngrams.values()):
        raise InputError(f"{NGRAMS} must hold lists of texts")
    if any(len(set(entries)) < len(entries) or not entries for entries in ngrams.values()):
        raise InputError(f"{NGRAMS} must hold each n-gram once")
    if features != sum(map(len, ngrams.values())):
        raise InputError(f"{NGRAMS} must hold {features:,} n-grams, as config.json says")
    classes = weights.get("classes", np.empty(0, np.int64))
    shapes: dict[str, tuple[int, ...]] = {"frequencies": (n_classes,)}
    if ngrams:
        rows = 1 if len(classes) == 2 else len(classes)
        shapes |= {"classes": (len(classes),), "coefficients": (rows, features), "intercepts": (rows,)}
        shapes |= {f"idf of {kind}": (len(entries),) for kind, entries in ngrams.items()}
        if classes.ndim != 1 or len(classes) < 2 or not set(classes.tolist()) <= set(range(n_classes)):
            raise InputError(f"classes in {WEIGHTS} must be two of 0 to {n_classes - 1} or more")
    if {name: value.shape for name, value in weights.items()} != shapes or np.any(np.diff(classes) <= 0):
        raise InputError(f"{WEIGHTS} has other shapes than config.json and {NGRAMS} ask for")
    for name, value in weights.items():
        if not np.isfinite(value).all():
            raise InputError(f"{name} in {WEIGHTS} holds what is not a number")
    if not ngrams:
        return LinearModel(config, weights["frequencies"], {}, None)
    vectorizers = {}
    for kind, entries in ngrams.items():
        vectorizers[kind] = _vectorizer(config, kind, vocabulary=entries)
        vectorizers[kind].idf_ = weights[f"idf of {kind}"]
    regression = LogisticRegression()
    regression.classes_, regression.coef_, regression.intercept_ = (
        weights[name] for name in ("classes", "coefficients", "intercepts")
    )
    return LinearModel(config, weights["frequencies"], vectorizers, regression)


def _vectorizer(config: LinearConfig, kind: str, **given: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    if kind == "words":
        given |= {"token_pattern": _TOKEN, "ngram_range": (1, config.word_ngrams)}
    else:
        given |= {"analyzer": "char_wb", "ngram_range": (1, config.character_ngrams)}
    return TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **given)

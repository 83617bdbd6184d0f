"""N-grams and a linear classifier: fitted, asked, kept and opened again."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np
import safetensors.numpy
import scipy.sparse
from numpy.typing import ArrayLike

from sentiment.errors import InputError
from sentiment.models.class_weights import class_weights
from sentiment.models.family import Read
from sentiment.models.linear.config import LinearConfig
from sentiment.models.linear.ratios import ratios, scaled

__all__ = ["LinearModel", "fit", "frequencies", "load"]

WEIGHTS: Final = "weights.safetensors"
NGRAMS: Final = "ngrams.txt"
"""One in a line; none holds a line break, since both kinds are made of what stands between blanks."""
FEATURES: Final = "n_grams"
BYTES: Final = "bytes_of_n_grams"
MOST_FEATURES: Final = 1 << 26
MOST_BYTES: Final = 1 << 31
LARGEST: Final = 1e9
"""That a number of a fitted model may be."""

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
    """A `LogisticRegression` with what was fitted; None where there was nothing to learn from."""

    @property
    def sizes(self) -> dict[str, int]:
        """See `sentiment.models.family.Model`."""
        ngrams = self._ngrams
        return {FEATURES: sum(map(len, ngrams.values())), BYTES: len(_lines(ngrams))}

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
        weights = {"frequencies": self.frequencies}
        if self.regression is not None:
            weights |= {"coefficients": self.regression.coef_, "intercepts": self.regression.intercept_}
            weights |= {"classes": self.regression.classes_.astype(np.int64)}
            weights |= {f"idf of {kind}": vectorizer.idf_ for kind, vectorizer in self.vectorizers.items()}
        # In memory as it is in the file: safetensors writes columns as if they were rows.
        content = safetensors.numpy.save({name: np.ascontiguousarray(value) for name, value in weights.items()})
        return {WEIGHTS: content, NGRAMS: _lines(self._ngrams)}

    @property
    def _ngrams(self) -> dict[str, list[str]]:
        return {kind: vectorizer.get_feature_names_out().tolist() for kind, vectorizer in self.vectorizers.items()}


def _lines(ngrams: Mapping[str, list[str]]) -> bytes:
    return "\n".join(chain(*ngrams.values())).encode("utf-8", "surrogatepass")


def fit(config: LinearConfig, texts: Sequence[str], labels: ArrayLike, n_classes: int) -> LinearModel:
    """Fit the model to `texts`; the same texts give the same numbers.

    Both kinds of n-grams, because spaces say much in English and little in Korean or Thai. Term frequencies are
    logarithmic.
    """
    prior = frequencies(texts, labels, n_classes)
    vectorizers, matrices = {}, []
    for kind in _kinds(config):
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
    regression = _regression(config, scipy.sparse.hstack(matrices, format="csr"), np.asarray(labels, dtype=np.int64))
    return LinearModel(config, prior, vectorizers, regression)


def _regression(config: LinearConfig, features: Any, labels: np.ndarray) -> Any:
    # Half a second, for which who only reads what is stored must not wait.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if by_ratios := config.ratio_power > 0:
        scale = ratios(features, labels, config.smoothing) ** config.ratio_power
        features = scaled(features, scale)
    classes, counts = np.unique(labels, return_counts=True)
    weights = class_weights(config.class_weights, counts)
    by_class = None if weights is None else dict(zip(classes.tolist(), weights, strict=True))
    # Do not loosen the tolerance (1e-4): at 1e-3 it stops so early that 150k Korean reviews lose 1.4 points of
    # macro-F1.
    regression = LogisticRegression(C=config.C, class_weight=by_class, max_iter=300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        regression.fit(features, labels)
    if by_ratios:  # folded into the coefficients: what was fitted is asked about plain TF-IDF
        regression.coef_ = regression.coef_ * scale.astype(regression.coef_.dtype)
    return regression


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

    features, size = (_checked(sizes, name, most) for name, most in ((FEATURES, MOST_FEATURES), (BYTES, MOST_BYTES)))
    weights = _weights(config, read(WEIGHTS, 8 * (features + 2) * (n_classes + 1)), features, n_classes)
    content = read(NGRAMS, size)
    if content.count(b"\n") != max(0, features - 1):  # before each line becomes a text
        raise InputError(f"{NGRAMS} must hold {features:,} n-grams, as config.json says")
    lines = content.decode("utf-8", "surrogatepass").split("\n") if features else []
    vectorizers: dict[str, Any] = {}
    for kind in _kinds(config):
        idf = weights.get(f"idf of {kind}")
        if idf is not None:
            entries, lines = lines[: len(idf)], lines[len(idf) :]
            if len(set(entries)) < len(entries):
                raise InputError(f"{NGRAMS} must hold each n-gram of {kind} once")
            vectorizers[kind] = _vectorizer(config, kind, vocabulary=entries)
            vectorizers[kind].idf_ = idf
    if not vectorizers:
        return LinearModel(config, weights["frequencies"], {}, None)
    regression = LogisticRegression()
    regression.classes_, regression.coef_, regression.intercept_ = (
        weights[name] for name in ("classes", "coefficients", "intercepts")
    )
    return LinearModel(config, weights["frequencies"], vectorizers, regression)


def _checked(sizes: Mapping[str, Any], name: str, most: int) -> int:
    size = sizes.get(name)
    if type(size) is not int or not 0 <= size <= most:
        raise InputError(f"{name} must be a whole number between 0 and {most}")
    return size


def _weights(config: LinearConfig, content: bytes, features: int, n_classes: int) -> dict[str, np.ndarray]:
    """The numbers of a file, if a fit can have made them."""
    weights = safetensors.numpy.load(content)
    frequencies, classes = weights.get("frequencies", np.empty(0)), weights.get("classes", np.empty(0, np.int64))
    idf = {
        name: value
        for name in (f"idf of {kind}" for kind in _kinds(config))
        if (value := weights.get(name)) is not None
    }
    rows = 1 if len(classes) == 2 else len(classes)
    shapes: dict[str, tuple[int, ...]] = {"frequencies": (n_classes,)}
    if idf:
        shapes |= {"classes": classes.shape[:1], "coefficients": (rows, features), "intercepts": (rows,)}
        shapes |= {name: value.shape[:1] for name, value in idf.items()}
    found = {name: value.shape for name, value in weights.items()}
    if found != shapes or sum(map(len, idf.values())) != features:
        raise InputError(f"{WEIGHTS} has other shapes than config.json asks for")
    for name, value in weights.items():
        if (name == "classes" and value.dtype != np.int64) or (name != "classes" and value.dtype.kind != "f"):
            raise InputError(f"{name} in {WEIGHTS} are {value.dtype}, as no fit has them")
        if not (np.abs(value) <= LARGEST).all():
            raise InputError(f"{name} in {WEIGHTS} holds what is not a number, or a very large one")
    if (frequencies < 0).any() or abs(frequencies.sum() - 1) > 1e-6:
        raise InputError(f"frequencies in {WEIGHTS} must be shares that add up to 1")
    if any((value < 0).any() for value in idf.values()):
        raise InputError(f"idf in {WEIGHTS} must not be below 0")
    if idf and (len(classes) < 2 or np.any(np.diff(classes) <= 0) or classes[0] < 0 or classes[-1] >= n_classes):
        raise InputError(f"classes in {WEIGHTS} must be two of 0 to {n_classes - 1} or more")
    return weights


def _kinds(config: LinearConfig) -> list[str]:
    longest = (config.word_ngrams, config.character_ngrams)
    return [kind for kind, most in zip(_KINDS, longest, strict=True) if most]


def _vectorizer(config: LinearConfig, kind: str, **given: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    if kind == "words":
        given |= {"token_pattern": _TOKEN, "ngram_range": (1, config.word_ngrams)}
    else:
        lowest = min(config.lowest_character_ngram, config.character_ngrams)
        given |= {"analyzer": "char_wb", "ngram_range": (lowest, config.character_ngrams)}
    return TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **given)

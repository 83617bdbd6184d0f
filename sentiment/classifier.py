"""The scikit-learn face: any model of ours where people have scikit-learn's, with its habits.

Texts go in as a list, an array or a column of a data frame, and labels of any kind come back as they were given. What
may be trained, a `Config` says; this room only speaks scikit-learn's language to it. Of Optuna and of searching it
knows nothing: `GridSearchCV` may tune what stands here, `search` does it better.
"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d

from sentiment.bundle.folder import Bundle, write_bundle
from sentiment.bundle.scoring import LABEL_RULE
from sentiment.bundle.seen import SeenTexts
from sentiment.checked import shown
from sentiment.errors import InputError
from sentiment.models.config import Config
from sentiment.models.family import Resources
from sentiment.models.network.config import ARCHITECTURES
from sentiment.models.registry import FAMILIES, FAMILY, config_of, family_of, train
from sentiment.reviews.dataset import Dataset, Reviews, fingerprint_of
from sentiment.reviews.source import DataSource
from sentiment.reviews.splits import Indices, Split

__all__ = ["SentimentClassifier"]

LABELS = "labels"
"""The fact of a bundle that says what its classes are where they are no texts."""


class SentimentClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier of texts.

    >>> classifier = SentimentClassifier("textcnn", epochs=3).fit(texts, labels)  # doctest: +SKIP
    >>> classifier.predict(["not bad at all"])  # doctest: +SKIP
    array(['positive'], dtype='<U8')

    Every row that `fit` is given is used: nothing is cleaned, and no duplicate is dropped (`load_dataset` and
    `sentiment-search inspect` do that to files). Where a training chooses its best checkpoint, as all but linear ones
    do, `validation_fraction` of the *different* texts are held out for that choice, stratified by class. All rows with
    an equal text are on the same side, so that no checkpoint is chosen by a text that was learned by heart.

    Parameters:
        model: what is trained: the name of a family ("linear", "bag", "encoder") or of an architecture ("lstm", "gru",
            "cnn_lstm", "lstm_attention", "textcnn", "custom"); or a whole config, as an object or as the table that a
            trial or a bundle has on record.
        validation_fraction: between 0 and 1; see above. Of no meaning to a linear model.
        device: a torch device, such as "cuda".
        cache: a folder that keeps tokenized texts between fits; None: they are made again each time, and nothing stays.
        settings: fields of the config by name, such as epochs=3, learning_rate=0.01, C=4.0 or seed=1; they go before
            what `model` says. `seed` also decides which rows are held out.

    Attributes:
        classes_: the labels, in order, shape (K,).
        config_: what was trained, checked.
        model_: what came of it.
        validation_macro_f1_: of the checkpoint that was kept, on the rows that chose it, so optimistic; None where none
            were held out.
    """

    def __init__(
        self,
        model: Any = "linear",
        *,
        validation_fraction: float = 0.1,
        device: str = "cpu",
        cache: str | Path | None = None,
        **settings: Any,
    ) -> None:
        self.model = model
        self.validation_fraction = validation_fraction
        self.device = device
        self.cache = cache
        self._settings = settings

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's parameters, those of the config among them that were given."""
        return {**super().get_params(deep), **self._settings}

    def set_params(self, **params: Any) -> Self:
        """Change some of them; what a config does not have is refused by `fit`."""
        own = {name: value for name, value in params.items() if name in self._get_param_names()}
        super().set_params(**own)
        self._settings = self._settings | {name: value for name, value in params.items() if name not in own}
        return self

    def fit(self, X: Any, y: Any) -> Self:
        """Train on texts [n] with labels [n].

        Raises:
            ValueError: a parameter, a text or the labels cannot be used; most are an `InputError`, which says what to
                do.
        """
        config = self._config()
        texts, (labels, classes) = _texts(X), _numbered(y)
        check_consistent_length(texts, labels)
        names = tuple(str(name) for name in classes)
        family = family_of(config.family)
        split = _split(texts, labels, names, self._fraction(), config.seed if family.chooses else None)
        dataset = _dataset(texts, labels, names, split)
        with TemporaryDirectory(prefix="sentiment-", ignore_cleanup_errors=True) as folder:
            cache = Path(folder if self.cache is None else self.cache)
            trained = train(config, dataset, Resources(cache, self.device))
        if trained.model is None:
            raise InputError(f"the training {trained.ended}; lower the learning rate, or choose another model")
        if trained.collapsed:
            import warnings

            warnings.warn(f"the model {trained.collapsed}", stacklevel=2)
        self.classes_, self.config_, self.model_ = classes, config, trained.model
        self.validation_macro_f1_ = trained.macro_f1 if family.chooses else None
        self._seen: SeenTexts | None = SeenTexts.of(dataset.texts("train"), dataset.texts("validation"))
        self._rows = len(split.train), len(split.validation)
        return self

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The most probable label of each text, [n], of the type that `fit` was given."""
        probabilities = self.predict_proba(X)
        found: npt.NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return found

    def predict_proba(self, X: Any) -> npt.NDArray[np.floating[Any]]:
        """Probabilities [n, K] of each text, in the order of `classes_`."""
        check_is_fitted(self, "model_")
        probabilities = np.asarray(self.model_.probabilities(_texts(X)))
        if not np.isfinite(probabilities).all():
            raise InputError("the model answers with what is not a number; lower the learning rate and fit it again")
        return probabilities

    def save(self, folder: str | Path) -> None:
        """Write a bundle, which `from_bundle`, `Bundle.open` and `sentiment-search predict` read.

        Raises:
            InputError: `folder` is not empty or cannot be written, or the labels make no names of classes.
            NotFittedError: there is nothing to write yet.
        """
        check_is_fitted(self, "model_")
        training, validation = self._rows
        facts: dict[str, Any] = {"training rows": training, LABEL_RULE: "as-is"}
        if self.validation_macro_f1_ is not None:
            facts |= {"validation macro-F1": round(self.validation_macro_f1_, 6), "validation rows": validation}
        labels = self.classes_.tolist()
        if all(isinstance(label, bool | int | float) for label in labels):
            facts[LABELS] = labels
        names = [str(label) for label in self.classes_]
        write_bundle(folder, model=self.model_, classes=names, facts=facts, seen=self._seen)

    @classmethod
    def from_bundle(cls, folder: str | Path) -> Self:
        """A fitted classifier of an exported folder, verified as `Bundle.open` does; `clone` and `fit` train the same
        config on other texts.

        Raises:
            InputError: it is no bundle, or not what was written.
        """
        bundle = Bundle.open(folder)
        made = cls(bundle.config.to_dict())
        made.classes_, made.config_, made.model_ = _labels_of(bundle), bundle.config, bundle.model
        score = bundle.facts.get("validation macro-F1")
        made.validation_macro_f1_ = score if isinstance(score, float) else None
        made._seen = bundle.seen
        trained, validated = (bundle.facts.get(f"{part} rows") for part in ("training", "validation"))
        made._rows = (trained if isinstance(trained, int) else 0, validated if isinstance(validated, int) else 0)
        return made

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags

    def _config(self) -> Config:
        """What the parameters ask for."""
        model = self.model
        if isinstance(model, Config):
            return model.replace(**self._settings)
        if isinstance(model, Mapping):
            return config_of(dict(model)).replace(**self._settings)
        if isinstance(model, str) and model in ARCHITECTURES:
            return config_of({"architecture": model} | self._settings)
        if isinstance(model, str) and model in FAMILIES:
            return config_of({FAMILY: model} | self._settings)
        names = [name for name in FAMILIES if name != "ensemble"]
        raise InputError(f"model is {shown(model)}; choose one of {', '.join((*names, *ARCHITECTURES))}, or a config")

    def _fraction(self) -> float:
        fraction = self.validation_fraction
        if not isinstance(fraction, float | np.floating) or not 0 < fraction < 1:
            raise InputError(f"validation_fraction is {shown(fraction)}; it must lie between 0 and 1")
        return float(fraction)


def _texts(given: Any) -> list[str]:
    """The texts of a list, an array or a column, without blanks around them, as all models of ours read them."""
    if isinstance(given, str | bytes):
        raise InputError(f"one text ({shown(given)}) stands where several do; put it into a list")
    if isinstance(given, set | frozenset | Mapping):
        raise InputError(f"texts are a {type(given).__name__}, which no order of labels fits; give a list of them")
    if getattr(given, "ndim", 1) != 1:
        raise InputError(f"texts have the shape {given.shape}; give one column of them, such as frame['review']")
    try:
        texts = list(given)
    except TypeError:
        raise InputError(f"texts are {shown(given)}; give a list of them") from None
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"text {number} (counted from 0) is {shown(text)}, which is none; leave the row out")
    return [str(text).strip() for text in texts]


def _numbered(given: Any) -> tuple[Indices, npt.NDArray[Any]]:
    """The index of each label, [n], and the labels themselves, [K], in order."""
    labels = _array(given)
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise InputError("Input y contains NaN or infinity; leave rows without a label out")
    try:
        classes, numbers = np.unique(labels, return_inverse=True)
    except TypeError:  # what has no order, such as None beside words
        raise InputError("the labels are of several kinds that have no order; make texts of them") from None
    check_classification_targets(labels)
    if len(classes) < 2:
        only = f", one class: {shown(classes.tolist()[0])}" if len(classes) else ""
        raise InputError(f"a classifier needs rows of two classes or more, and there are {len(labels)} rows{only}")
    return numbers.astype(np.int64), classes


def _array(given: Any) -> npt.NDArray[Any]:
    """Labels as an array that keeps their kinds: numpy would make one text of a number beside a text."""
    if given is None:
        raise InputError("requires y to be passed, but the target y is None")  # as scikit-learn says it
    if isinstance(given, list | tuple) and len({type(label) for label in given}) > 1:
        kept = np.empty(len(given), dtype=object)
        kept[:] = given
        given = kept if any(isinstance(label, str) for label in given) else given
    whole = getattr(getattr(given, "dtype", None), "numpy_dtype", None)
    if getattr(whole, "kind", "") in ("b", "i", "u"):
        # A column of pandas that may have gaps, which numpy would make numbers with a fraction of.
        with suppress(TypeError, ValueError):  # it has gaps, which are refused later
            given = np.asarray(given, dtype=whole)
    found: npt.NDArray[Any] = column_or_1d(given, warn=True)
    return found


def _split(texts: list[str], labels: Indices, names: tuple[str, ...], fraction: float, seed: int | None) -> Split:
    """Of the different texts `fraction` are held out, of each class at least one; with no seed, none are."""
    rows, nothing = np.arange(len(texts)), np.empty(0, dtype=np.int64)
    if seed is None:
        return Split(rows, nothing, nothing)
    _, first, text_of_row = np.unique(np.array(texts, dtype=object), return_index=True, return_inverse=True)
    # By first rows, so that the draw depends on no alphabet.
    order = np.argsort(np.argsort(first))
    text_of_row = order[text_of_row]
    counts = np.zeros((len(first), len(names)), dtype=np.int64)
    np.add.at(counts, (text_of_row, labels), 1)
    class_of_text = counts.argmax(axis=1)
    sizes = np.bincount(class_of_text, minlength=len(names))
    if sizes.min() < 2:
        name, texts_of_its_own = names[int(sizes.argmin())], "1 text" if sizes.min() else "no text"
        raise InputError(
            f"class {name!r} has {texts_of_its_own} of its own, but 2 are needed, one of them to choose the best "
            "checkpoint; add rows, or leave the class out (a linear model needs none)"
        )
    from sklearn.model_selection import train_test_split

    size = min(max(int(np.ceil(fraction * len(first))), len(names)), len(first) - len(names))
    _, held = train_test_split(np.arange(len(first)), test_size=size, stratify=class_of_text, random_state=seed % 2**32)
    is_held = np.isin(text_of_row, held)
    return Split(rows[~is_held], rows[is_held], nothing)


def _dataset(texts: list[str], labels: Indices, names: tuple[str, ...], split: Split) -> Dataset:
    reviews = Reviews(
        texts=texts,
        labels=labels,
        classes=names,
        ratings=[names[label] for label in labels],
        rows=np.arange(1, len(texts) + 1),
        left_out=(),
    )
    source = DataSource(path="(texts given to fit)", text="text", label="label")
    try:
        return Dataset(source, reviews, split, fingerprint_of(reviews, split))
    except UnicodeEncodeError:
        named = [(f"text {number} (counted from 0)", text) for number, text in enumerate(texts)]
        named += [(f"label {shown(name)}", name) for name in names]
        what = next(what for what, text in named if any("\ud800" <= sign <= "\udfff" for sign in text))
        raise InputError(f"{what} holds half a surrogate pair; decode its file anew") from None


def _labels_of(bundle: Bundle) -> npt.NDArray[Any]:
    """What `fit` was given as labels; of a bundle that says nothing of it, the names of its classes."""
    labels = bundle.facts.get(LABELS)
    names = list(bundle.classes)
    if isinstance(labels, list) and [str(label) for label in np.array(labels)] == names:
        return np.array(labels)
    return np.array(names)

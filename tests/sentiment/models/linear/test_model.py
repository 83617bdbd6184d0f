"""The linear model as it is kept and opened again; what it learns is the matter of `test_baselines`."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from sentiment.errors import InputError
from sentiment.models.linear.config import LinearConfig
from sentiment.models.linear.model import BYTES, FEATURES, LinearModel, fit, load

WORDS = (["bad", "awful"], ["okay", "so so"], ["great", "lovely"], ["좋은", "최고"])


def reviews(n_classes: int, n: int = 120) -> tuple[list[str], np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(n_classes, size=n)
    return [f"a film {rng.choice(WORDS[label])} no\n{rng.integers(20)}  \u2028 !" for label in labels], labels


def opened(model: LinearModel, n_classes: int, **sizes: Any) -> LinearModel:
    files = model.files()
    return load(model.config, n_classes, model.sizes | sizes, lambda name, most: files[name])


CONFIGS = [
    LinearConfig(),
    LinearConfig(word_ngrams=3, character_ngrams=2, C=5.0),
    LinearConfig(word_ngrams=0, lowest_character_ngram=2),
    LinearConfig(character_ngrams=0, class_weights="square_root"),
    LinearConfig(ratio_power=1.0, class_weights="none"),
    LinearConfig(ratio_power=0.5, smoothing=1.0, class_weights="square_root"),
    LinearConfig(ratio_power=0.5, smoothing=1.0, class_weights="square_root"),
]


@pytest.mark.parametrize("n_classes", [2, 3, 4])
@pytest.mark.parametrize("config", CONFIGS)
def test_says_the_same_once_it_was_kept(n_classes: int, config: LinearConfig) -> None:
    texts, labels = reviews(n_classes)
    model = fit(config, texts, labels, n_classes)
    asked = [*texts, "", "new words", "좋은 film", "\ud800"]
    np.testing.assert_array_equal(opened(model, n_classes).probabilities(asked), model.probabilities(asked))


@pytest.mark.parametrize("config", CONFIGS)
def test_says_the_same_though_a_class_was_never_seen(config: LinearConfig) -> None:
    texts, labels = reviews(3)
    model = fit(config, texts, np.where(labels == 0, 1, labels + 2), 6)  # 1, 3 and 4 of six
    again = opened(model, 6).probabilities(texts)
    np.testing.assert_array_equal(again, model.probabilities(texts))
    assert not again[:, [0, 2, 5]].any()
    assert (again.argmax(axis=1) == np.where(labels == 0, 1, labels + 2)).mean() > 0.9


@pytest.mark.parametrize("config", CONFIGS)
def test_the_same_texts_give_the_same_files(config: LinearConfig) -> None:
    texts, labels = reviews(3)
    assert fit(config, texts, labels, 3).files() == fit(config, texts, labels, 3).files()


def test_counts_what_it_is_told_to() -> None:
    def counted(**changes: int) -> set[str]:
        model = fit(LinearConfig(**changes), ["good film", "bad one"], [0, 1], 2)
        return set(model.files()["ngrams.txt"].decode().split("\n"))

    assert counted(word_ngrams=2, character_ngrams=0) == {"good", "film", "bad", "one", "good film", "bad one"}
    assert counted(word_ngrams=0, character_ngrams=4, lowest_character_ngram=4) == {
        *(" goo", "good", "ood ", " fil", "film", "ilm ", " bad", "bad ", " one", "one ")
    }
    assert counted(word_ngrams=0, character_ngrams=2, lowest_character_ngram=5) == counted(
        word_ngrams=0, character_ngrams=2, lowest_character_ngram=2
    )


def test_nothing_to_count_is_refused() -> None:
    with pytest.raises(InputError, match="word_ngrams and character_ngrams are both 0; let one of them be 1 or more"):
        LinearConfig(word_ngrams=0, character_ngrams=0)


def test_a_square_root_of_weights_lies_between_none_and_all() -> None:
    texts, labels = reviews(2)
    rare = np.flatnonzero((labels == 0) | (np.arange(len(labels)) % 5 == 0))  # class 1 is the rare one
    said = [
        fit(LinearConfig(class_weights=weights), [texts[row] for row in rare], labels[rare], 2).probabilities([""])[
            0, 1
        ]
        for weights in ("none", "square_root", "balanced")
    ]
    assert said[0] < said[1] < said[2]


@pytest.mark.parametrize(("texts", "labels"), [(["", " "], [0, 1]), (["a", "b", "c"], [1, 1, 1])])
def test_says_the_same_where_there_was_nothing_to_learn(texts: list[str], labels: list[int]) -> None:
    model = fit(LinearConfig(), texts, labels, 3)
    assert model.sizes == {FEATURES: 0, BYTES: 0}
    np.testing.assert_array_equal(opened(model, 3).probabilities(["x", ""]), model.probabilities(["x", ""]))


def test_keeps_words_however_long_they_are() -> None:
    texts = ["x" * 20_000 + " good", "y" * 20_000 + " bad"] * 3
    model = fit(LinearConfig(word_ngrams=3), texts, [0, 1] * 3, 2)
    np.testing.assert_array_equal(opened(model, 2).probabilities(texts), model.probabilities(texts))


TEXTS, LABELS = reviews(3)
MODEL = fit(LinearConfig(), TEXTS, LABELS, 3)
WEIGHTS = safetensors.numpy.load(MODEL.files()["weights.safetensors"])


@pytest.mark.parametrize(
    "change",
    [
        lambda w: w | {"more": np.zeros(3)},
        lambda w: {name: value for name, value in w.items() if name != "intercepts"},
        lambda w: w | {"coefficients": w["coefficients"][:, 1:].copy()},
        lambda w: w | {"classes": w["classes"].astype(float)},
        lambda w: w | {"classes": w["classes"] > 0},
        lambda w: w | {"classes": w["classes"][::-1].copy()},
        lambda w: w | {"classes": w["classes"] + 1},
        lambda w: w | {"coefficients": w["coefficients"] > 0},
        lambda w: w | {"coefficients": w["coefficients"] * np.float32("nan")},
        lambda w: w | {"idf of words": w["idf of words"].astype(np.float64) * 1e200},
        lambda w: w | {"idf of words": -w["idf of words"]},
        lambda w: w | {"idf of words": w["idf of words"].astype(np.uint8)},
        lambda w: w | {"frequencies": np.array([-5.0, 7.0, -1.0])},
        lambda w: w | {"frequencies": w["frequencies"] * 1e300},
        lambda w: {"frequencies": w["frequencies"]},
        lambda w: {},
    ],
)
def test_numbers_that_no_fit_makes_are_refused(change: Callable[[Any], Any]) -> None:
    files = MODEL.files() | {"weights.safetensors": safetensors.numpy.save(change(dict(WEIGHTS)))}
    with pytest.raises(InputError, match=r"weights\.safetensors"):
        load(MODEL.config, 3, MODEL.sizes, lambda name, most: files[name])


def test_n_grams_of_a_kind_that_it_does_not_count_are_refused() -> None:
    files = MODEL.files()
    for config in (LinearConfig(word_ngrams=0), LinearConfig(character_ngrams=0)):
        with pytest.raises(InputError, match=r"weights\.safetensors has other shapes"):
            load(config, 3, MODEL.sizes, lambda name, most: files[name])


@pytest.mark.parametrize(
    "sizes", [{FEATURES: 7}, {FEATURES: -1}, {FEATURES: 2**26 + 1}, {FEATURES: True}, {BYTES: "9"}]
)
def test_sizes_that_are_not_its_own_are_refused(sizes: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        opened(MODEL, 3, **sizes)


@pytest.mark.parametrize("change", [lambda text: text + b"\nx", lambda text: b"\n" * text.count(b"\n")])
def test_other_n_grams_than_it_has_weights_for_are_refused(change: Callable[[bytes], bytes]) -> None:
    files = MODEL.files()
    files["ngrams.txt"] = change(files["ngrams.txt"])
    with pytest.raises(InputError, match=r"ngrams\.txt must hold"):
        load(MODEL.config, 3, MODEL.sizes, lambda name, most: files[name])


@given(st.lists(st.text(), min_size=4, max_size=8))
def test_says_the_same_whatever_the_texts_were(texts: list[str]) -> None:
    model = fit(LinearConfig(), texts, [number % 2 for number in range(len(texts))], 2)
    np.testing.assert_array_equal(opened(model, 2).probabilities(texts), model.probabilities(texts))


MODELS = [
    MODEL,
    fit(LinearConfig(ratio_power=1.0), TEXTS, LABELS, 3),
]


@given(
    st.sampled_from(MODELS),
    st.sampled_from(sorted(MODEL.files())),
    st.integers(0, 10**6),
    st.binary(min_size=1, max_size=9),
)
def test_files_with_other_bytes_are_refused_or_answer_with_numbers(
    fitted: LinearModel, name: str, place: int, others: bytes
) -> None:
    files = fitted.files()
    content = bytearray(files[name])
    place %= len(content)
    content[place : place + len(others)] = others
    files[name] = bytes(content)
    try:
        model = load(fitted.config, 3, fitted.sizes, lambda name, most: files[name])
    except Exception:  # whoever opens a bundle says of any that it is damaged
        return
    with np.errstate(all="raise", under="ignore"):
        said = model.probabilities([*TEXTS, "", "new"])
    assert np.isfinite(said).all()

"""Labels from a lexicon: worked by hand where the lexicon is TextBlob's, made up where only the rule matters."""

import json
from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from sentiment.errors import InputError
from sentiment.reviews import relabel as room
from sentiment.reviews.relabel import LEAST_COVERAGE, Polarities, polarity_classes, relabel, textblob

TWO = ("negative", "positive")
THREE = ("negative", "neutral", "positive")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source to which each text is its own polarity; it knows no text that is empty."""

    def source(texts: Sequence[str]) -> Polarities:
        return Polarities(np.array([float(text or 0) for text in texts]), np.array([text != "" for text in texts]))

    monkeypatch.setitem(room.SOURCES, "told", source)


def labels_of(texts: Sequence[str], classes: Sequence[str] = THREE, threshold: float = 0.1) -> list[str]:
    found = relabel(texts, np.zeros(len(texts), dtype=np.int64), classes, "told", threshold)
    return [classes[label] for label in found.labels]


class TestTextBlob:
    """The lexicon gives great .8 (mean of its senses), boring and terrible -1; "not" halves a word and turns it."""

    @pytest.fixture(autouse=True)
    def installed(self) -> None:
        pytest.importorskip("textblob", reason="the extra `textblob` is not installed")

    @pytest.mark.parametrize(
        ("text", "polarity"),
        [
            ("a great film", 0.8),
            ("GREAT", 0.8),
            ("a boring film", -1.0),
            ("not great", -0.4),
            ("not terrible", 0.5),
            ("great actors in a terrible story", -0.1),
        ],
    )
    def test_gives_the_mean_polarity_of_the_words_it_knows(self, text: str, polarity: float) -> None:
        found = textblob([text])
        assert found.values[0] == pytest.approx(polarity)
        assert found.known.tolist() == [True]

    @pytest.mark.parametrize("text", ["the film", "", "정말 재미있는 영화", "12345"])
    def test_says_of_a_text_without_a_word_it_knows_that_it_does_not_know(self, text: str) -> None:
        found = textblob([text])
        assert (found.values.tolist(), found.known.tolist()) == ([0.0], [False])

    def test_knows_words_that_speak_neither_for_nor_against(self) -> None:
        found = textblob(["the actual film"])
        assert (found.values.tolist(), found.known.tolist()) == ([0.0], [True])

    def test_relabels_by_these_polarities(self) -> None:
        texts = ["a great film", "a boring film", "great actors in a terrible story, a fine film", "the film"]
        found = relabel(texts, np.array([0, 0, 1, 1]), THREE)
        assert [THREE[label] for label in found.labels] == ["positive", "negative", "neutral", "neutral"]
        assert (found.accuracy, found.coverage) == (0.75, 0.75)
        assert found.recall == {"negative": 0.5, "neutral": 1.0}  # nobody was positive

    def test_refuses_texts_in_a_language_it_does_not_cover(self) -> None:
        texts = ["정말 재미있는 영화", "최악이다", "그저 그렇다", "great", "너무 좋아요"]
        with pytest.raises(InputError, match=r"textblob knows a word of only 20\.0% of the training texts"):
            relabel(texts, np.zeros(5, dtype=np.int64), TWO)


def test_without_the_extra_its_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in [name for name in sys.modules if name.split(".")[0] == "textblob"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "textblob", None)
    with pytest.raises(InputError, match=r"pip install 'sentiment-search\[textblob\]'") as refused:
        relabel(["great"], np.zeros(1, dtype=np.int64), TWO)
    assert "\n" not in str(refused.value)


@pytest.mark.usefixtures("told")
class TestTheRule:
    def test_of_three_classes_leaves_neutral_what_lies_within_the_threshold(self) -> None:
        assert labels_of(["-1", "-0.26", "-0.25", "0", "0.25", "0.26", "1"], threshold=0.25) == [
            *["negative"] * 2,
            *["neutral"] * 3,
            *["positive"] * 2,
        ]

    def test_with_a_threshold_of_zero_leaves_neutral_what_is_zero(self) -> None:
        assert labels_of(["-0.01", "0", "0.01"], threshold=0.0) == ["negative", "neutral", "positive"]

    def test_of_two_classes_counts_zero_as_positive_and_has_no_threshold(self) -> None:
        assert labels_of(["-0.01", "0", "0.01"], TWO, threshold=0.5) == ["negative", "positive", "positive"]

    def test_knows_the_classes_by_name_in_whatever_order_they_stand(self) -> None:
        for classes in (THREE, THREE[::-1], ("positive", "negative", "neutral")):
            assert labels_of(["-1", "0", "1"], classes) == ["negative", "neutral", "positive"]
            assert [None if n is None else classes[n] for n in polarity_classes(classes)] == list(THREE)
        assert polarity_classes(TWO) == (0, None, 1)

    @pytest.mark.parametrize("classes", [("bad", "good"), ("1", "2", "3"), ("negative", "neutral"), (*THREE, "mixed")])
    def test_refuses_other_classes_with_their_names(self, classes: tuple[str, ...]) -> None:
        with pytest.raises(InputError, match=f"the data have {', '.join(classes)}; use a label rule such as stars-3"):
            relabel(["1"], np.zeros(1, dtype=np.int64), classes, "told")

    @pytest.mark.parametrize("threshold", [-0.1, 1.0, float("nan")])
    def test_refuses_a_threshold_that_no_polarity_can_pass(self, threshold: float) -> None:
        with pytest.raises(InputError, match="must lie between 0 and 1"):
            labels_of(["1"], threshold=threshold)

    def test_refuses_an_unknown_source_with_those_there_are(self) -> None:
        with pytest.raises(InputError, match="no label source 'vader'; there is textblob, told"):
            relabel(["1"], np.zeros(1, dtype=np.int64), TWO, "vader")

    def test_needs_a_known_word_in_three_texts_of_ten(self) -> None:
        assert LEAST_COVERAGE == 0.3
        assert labels_of(["1"] * 3 + [""] * 7)[:3] == ["positive"] * 3
        with pytest.raises(InputError, match=r"told knows a word of only 20\.0%"):
            labels_of(["1"] * 2 + [""] * 8)


@pytest.mark.usefixtures("told")
class TestTheAgreement:
    def test_is_that_with_the_labels_given_and_leaves_them_alone(self) -> None:
        rng = np.random.default_rng(0)
        labels = rng.integers(0, 3, 200)
        texts = [str(value) for value in np.where(rng.random(200) < 0.6, labels - 1.0, rng.uniform(-1, 1, 200))]
        given = labels.copy()
        found = relabel(texts, labels, THREE, "told")
        assert labels.tolist() == given.tolist()
        assert found.labels.dtype == np.int64
        assert found.accuracy == pytest.approx((found.labels == labels).mean())
        assert 0.5 < found.accuracy < 1
        assert found.kappa == pytest.approx(cohen_kappa_score(labels, found.labels))
        for number, name in enumerate(THREE):
            assert found.recall[name] == pytest.approx((found.labels[labels == number] == number).mean())

    def test_is_told_in_one_line_and_in_json_without_the_labels(self) -> None:
        found = relabel(["1", "-1", "1", ""], np.array([1, 0, 0, 1]), TWO, "told")
        assert found.render() == (
            "told: agrees with the labels given on 75.0% of the training rows (kappa 0.50; negative 50%, positive "
            "100%); knows a word of 75.0% of the texts"
        )
        assert json.loads(json.dumps(found.to_dict())) == {
            "source": "told",
            "coverage": 0.75,
            "accuracy": 0.75,
            "kappa": 0.5,
            "recall": {"negative": 0.5, "positive": 1.0},
        }

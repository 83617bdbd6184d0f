import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from sentiment import Bundle, SentimentClassifier
from sentiment.errors import InputError
from sentiment.models.linear.config import LinearConfig
from tests.support.pages import ROOT
from tests.support.tiny import BAD, FILLER, GOOD

TINY: dict[str, Any] = {
    "token_unit": "word",
    "vocabulary_size": 200,
    "max_tokens": 16,
    "embedding_size": 16,
    "filters": 16,
    "kernel_sizes": [1],
    "epochs": 2,
    "learning_rate": 0.02,
    "batch_size": 16,
}


def written(rows: int, seed: int = 0) -> tuple[list[str], list[str]]:
    rng, texts, labels = random.Random(seed), [], []
    for _ in range(rows):
        is_good = rng.random() < 0.5
        texts.append(" ".join([*rng.choices(FILLER, k=6), rng.choice(GOOD if is_good else BAD)]))
        labels.append("good" if is_good else "bad")
    return texts, labels


TEXTS, LABELS = written(160)

# Networks of a few hundred weights, trained for a second: some of them come to nothing, and say so.
pytestmark = pytest.mark.filterwarnings("ignore:the model predicts only")


def excused() -> dict[str, str]:
    """The checks that mean nothing for texts, and why: a table of docs/program.md, which says it to readers too."""
    page = (ROOT / "docs" / "program.md").read_text("utf-8")
    return dict(re.findall(r"^\| `(check_\w+)` \| (.+) \|$", page, re.MULTILINE))


class OfNumbers(SentimentClassifier):
    """Takes the tables of numbers that scikit-learn's checks give, as texts: a word for each cell. What it refuses is
    only what a table alone can be wrong in."""

    def fit(self, X: Any, y: Any) -> "OfNumbers":
        self._width = np.asarray(X).shape[-1]
        super().fit(in_words(X), y)
        return self

    def predict_proba(self, X: Any) -> Any:
        if hasattr(self, "_width") and np.asarray(X).shape[-1] != self._width:
            raise ValueError(
                f"X has {np.asarray(X).shape[-1]} features, but {type(self).__name__} is expecting {self._width}"
            )
        return super().predict_proba(in_words(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array = False, True
        return tags


def in_words(X: Any) -> list[str]:
    rows = np.asarray(X)
    return [" ".join(f"c{number}v{4 * cell:.0f}".replace("-", "m") for number, cell in enumerate(row)) for row in rows]


class TestTheChecksOfScikitLearn:
    @parametrize_with_checks(
        [OfNumbers(), OfNumbers("textcnn", **TINY | {"epochs": 8})],
        expected_failed_checks=lambda estimator: excused(),
        xfail_strict=True,
    )
    def test_pass_but_for_those_that_the_docs_excuse(self, estimator: Any, check: Any) -> None:
        check(estimator)

    def test_are_told_that_it_takes_texts(self) -> None:
        tags = get_tags(SentimentClassifier())
        assert tags.input_tags.string and not tags.input_tags.two_d_array
        assert tags.estimator_type == "classifier"


class TestFit:
    @pytest.mark.parametrize("model", ["linear", "bag", "textcnn"])
    def test_learns_what_is_there_to_learn(self, model: str) -> None:
        settings = TINY | {"epochs": 5} if model == "textcnn" else {}
        classifier = SentimentClassifier(model, **settings).fit(TEXTS, LABELS)
        texts, labels = written(100, seed=1)
        assert classifier.score(texts, labels) > 0.9
        assert classifier.classes_.tolist() == ["bad", "good"]

    @pytest.mark.parametrize("label", [lambda word: word, lambda word: word == "good", lambda word: 3 - len(word)])
    def test_gives_labels_back_as_they_came(self, label: Any) -> None:
        labels = [label(word) for word in LABELS]
        found = SentimentClassifier().fit(TEXTS, labels).predict(TEXTS)
        assert found.tolist() == labels
        assert {type(one) for one in found.tolist()} == {type(labels[0])}

    def test_takes_arrays_and_columns_of_data_frames(self) -> None:
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame({"text": TEXTS, "label": LABELS})
        expected = SentimentClassifier().fit(TEXTS, LABELS).predict_proba(TEXTS)
        for texts, labels in ((np.array(TEXTS), np.array(LABELS)), (frame["text"], frame["label"])):
            assert (SentimentClassifier().fit(texts, labels).predict_proba(texts) == expected).all()

    @pytest.mark.parametrize("kind", ["Int64", "UInt8", "boolean"])
    def test_gives_labels_of_a_column_that_may_have_gaps_back_as_they_came(self, kind: str) -> None:
        pandas = pytest.importorskip("pandas")
        labels = pandas.Series([label == "good" for label in LABELS]).astype(kind)
        classifier = SentimentClassifier().fit(TEXTS, labels)
        assert classifier.predict(TEXTS).tolist() == labels.tolist()
        assert classifier.classes_.dtype == labels.dtype.numpy_dtype
        labels[0] = None
        with pytest.raises(InputError, match="Input y contains NaN"):
            SentimentClassifier().fit(TEXTS, labels)

    def test_leaves_its_parameters_as_they_were_given(self) -> None:
        table = {"architecture": "textcnn", **TINY}
        classifier = SentimentClassifier(table, epochs=1).fit(TEXTS, LABELS)
        assert classifier.get_params() == {
            "model": table,
            "epochs": 1,
            "validation_fraction": 0.1,
            "device": "cpu",
            "cache": None,
        }
        assert classifier.model is table and table["epochs"] == 2
        assert classifier.config_.epochs == 1

    def test_the_same_seed_gives_the_same_probabilities_and_another_seed_others(self) -> None:
        def said(seed: int) -> Any:
            return SentimentClassifier("textcnn", seed=seed, **TINY).fit(TEXTS, LABELS).predict_proba(TEXTS)

        assert (said(1) == said(1)).all() and (said(1) != said(2)).any()

    def test_writes_nothing_but_a_cache_that_it_was_given(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        SentimentClassifier("textcnn", **TINY).fit(TEXTS, LABELS)
        assert list(tmp_path.rglob("*")) == [tmp_path / "here"]
        SentimentClassifier("textcnn", cache=tmp_path / "cache", **TINY).fit(TEXTS, LABELS)
        assert list((tmp_path / "cache").iterdir())


class TestTheRowsThatChooseACheckpoint:
    def split_of(self, monkeypatch: pytest.MonkeyPatch, texts: list[str], labels: list[str], **settings: Any) -> Any:
        from sentiment import classifier as room

        seen: list[Any] = []
        whole = room.train

        def spy(config: Any, dataset: Any, resources: Any) -> Any:
            seen.append(dataset)
            return whole(config, dataset, resources)

        monkeypatch.setattr(room, "train", spy)
        SentimentClassifier(**settings).fit(texts, labels)
        return seen[0]

    def test_are_a_share_of_each_class_and_no_row_is_dropped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        texts = [f"{text} {number}" for number, text in enumerate(TEXTS)]
        dataset = self.split_of(monkeypatch, texts, LABELS, model="bag", epochs=1, validation_fraction=0.25)
        assert len(dataset.split.train) + len(dataset.split.validation) == len(TEXTS)
        shares = np.array(dataset.class_sizes("validation")) / np.bincount(dataset.reviews.labels)
        assert np.allclose(shares, 0.25, atol=0.02)

    def test_share_no_text_with_those_that_are_trained_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        texts = [text for text in TEXTS for _ in range(3)]
        labels = [label for label in LABELS for _ in range(3)]
        dataset = self.split_of(monkeypatch, texts, labels, model="bag", epochs=1)
        assert len(dataset.reviews) == len(texts)
        assert not set(dataset.texts("train")) & set(dataset.texts("validation"))

    def test_are_none_where_nothing_is_chosen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        dataset = self.split_of(monkeypatch, TEXTS, LABELS, model="linear")
        assert len(dataset.split.train) == len(TEXTS) and not len(dataset.split.validation)
        assert SentimentClassifier().fit(TEXTS, LABELS).validation_macro_f1_ is None


class TestWhatCannotBeMeant:
    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"model": "lstn"}, "model is 'lstn'; choose one of linear, bag, network, encoder, lstm, gru"),
            ({"model": "textcnn", "epoch": 1}, "there is no parameter 'epoch'; did you mean 'epochs'?"),
            ({"epochs": 3}, "there is no parameter 'epochs'; known are word_ngrams"),
            ({"model": "textcnn", "epochs": "3"}, "epochs is '3'; it must be a whole number from 1 to 10000"),
            ({"model": "bag", "validation_fraction": 1.0}, "validation_fraction is 1.0; it must lie between 0 and 1"),
        ],
    )
    def test_of_parameters_is_refused_by_fit_and_not_before(self, settings: dict[str, Any], words: str) -> None:
        classifier = SentimentClassifier().set_params(**settings)
        with pytest.raises(ValueError, match=re.escape(words)) as caught:
            classifier.fit(TEXTS, LABELS)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("texts", "labels", "words"),
        [
            ("one text", ["a"], "one text ('one text') stands where several do; put it into a list"),
            (["a", None], ["x", "y"], "text 1 (counted from 0) is None, which is none; leave the row out"),
            (np.zeros((2, 2)), ["x", "y"], "texts have the shape (2, 2); give one column of them"),
            (["a", "b\ud800"], ["x", "y"], "text 1 (counted from 0) holds half a surrogate pair"),
            (["a", "b"], ["x\ud800", "y"], "label 'x\\ud800' holds half a surrogate pair"),
            ({"a", "b"}, ["x", "y"], "texts are a set, which no order of labels fits; give a list of them"),
            ({"a": 1, "b": 2}, ["x", "y"], "texts are a dict, which no order of labels fits"),
            (["a", "b"], ["x", "x"], "a classifier needs rows of two classes or more, and there are 2 rows, one class"),
            ([], [], "a classifier needs rows of two classes or more, and there are 0 rows"),
            (["a", "b"], ["x"], "a classifier needs"),
            (["a", "b", "c"], ["x", "y"], "inconsistent numbers of samples: [3, 2]"),
            (["a", "b"], None, "requires y to be passed"),
            (["a", "b"], [1, "1"], "the labels are of several kinds"),
            (["a", "b"], [0.5, 1.5], "Unknown label type: continuous"),
        ],
    )
    def test_of_texts_and_labels_is_refused_in_a_line(self, texts: Any, labels: Any, words: str) -> None:
        with pytest.raises(ValueError, match=re.escape(words)):
            SentimentClassifier().fit(texts, labels)

    def test_a_class_with_one_text_is_refused_where_a_checkpoint_is_chosen_and_learned_where_none_is(self) -> None:
        texts, labels = [*TEXTS, "so so", "so so"], [*LABELS, "fair", "fair"]
        with pytest.raises(ValueError, match="class 'fair' has 1 text of its own, but 2 are needed"):
            SentimentClassifier("bag").fit(texts, labels)
        with pytest.raises(ValueError, match="class 'fair' has no text of its own, but 2 are needed"):
            SentimentClassifier("bag").fit([*TEXTS, *["so so"] * 3], [*LABELS, "poor", "poor", "fair"])
        assert SentimentClassifier().fit(texts, labels).predict(["so so"]) == ["fair"]

    def test_nothing_is_predicted_or_saved_before_it_is_fitted(self, tmp_path: Path) -> None:
        for ask in (lambda c: c.predict(TEXTS), lambda c: c.predict_proba(TEXTS), lambda c: c.save(tmp_path / "model")):
            with pytest.raises(NotFittedError):
                ask(SentimentClassifier())

    def test_a_training_that_left_all_bounds_is_refused_and_one_that_came_to_nothing_is_told(self) -> None:
        wild = TINY | {"optimizer": "sgd", "learning_rate": 100.0, "weight_decay": 10.0, "clip_norm": 0.0}
        with pytest.raises(ValueError, match="the training diverged"):
            SentimentClassifier("textcnn", **wild).fit(TEXTS, LABELS)
        texts, labels = written(300)
        with pytest.warns(UserWarning, match="the model predicts only '"):
            SentimentClassifier("textcnn", **TINY | {"learning_rate": 1e-8}).fit(texts, labels)


class TestAmongScikitLearnsOwn:
    def test_a_clone_has_the_parameters_and_is_not_fitted(self) -> None:
        classifier = SentimentClassifier("textcnn", **TINY).fit(TEXTS, LABELS)
        copy = clone(classifier)
        assert copy.get_params() == classifier.get_params()
        with pytest.raises(NotFittedError):
            copy.predict(TEXTS)

    def test_is_tuned_within_a_pipeline(self) -> None:
        lower = FunctionTransformer(lambda texts: [text.lower() for text in texts])
        pipeline = Pipeline([("lower", lower), ("classify", SentimentClassifier())])
        grid = {"classify__C": [1e-6, 1.0], "classify__model": ["linear", LinearConfig(word_ngrams=1)]}
        found = GridSearchCV(pipeline, grid, cv=2, scoring="f1_macro").fit(TEXTS, LABELS)
        assert found.best_score_ > 0.9
        assert set(found.best_params_) == set(grid)

    def test_is_cross_validated_in_other_processes(self) -> None:
        scores = cross_val_score(SentimentClassifier(), TEXTS, LABELS, cv=2, n_jobs=2)
        assert (scores > 0.9).all()

    def test_goes_to_another_process_fitted_too(self) -> None:
        classifier = SentimentClassifier("textcnn", **TINY).fit(TEXTS, LABELS)
        (there,) = Parallel(n_jobs=2)([delayed(classifier.predict_proba)(TEXTS)])
        assert (there == classifier.predict_proba(TEXTS)).all()

    def test_says_in_a_line_what_was_set(self) -> None:
        assert repr(SentimentClassifier("gru", epochs=3)) == "SentimentClassifier(epochs=3, model='gru')"


class TestABundle:
    @pytest.mark.parametrize("model", ["linear", "textcnn"])
    def test_answers_with_the_same_probabilities_and_labels(self, model: str, tmp_path: Path) -> None:
        labels = [len(label) for label in LABELS]
        classifier = SentimentClassifier(model, **TINY if model == "textcnn" else {}).fit(TEXTS, labels)
        classifier.save(tmp_path / "model")
        opened = SentimentClassifier.from_bundle(tmp_path / "model")
        assert (opened.predict_proba(TEXTS) == classifier.predict_proba(TEXTS)).all()
        assert opened.predict(TEXTS).dtype == np.int64 and opened.classes_.tolist() == [3, 4]
        assert Bundle.open(tmp_path / "model").predict(TEXTS[:2]) == [str(label) for label in opened.predict(TEXTS[:2])]

    def test_is_trained_again_on_other_texts_with_the_same_config(self, tmp_path: Path) -> None:
        SentimentClassifier("textcnn", seed=5, **TINY).fit(TEXTS, LABELS).save(tmp_path / "model")
        again = clone(SentimentClassifier.from_bundle(tmp_path / "model")).fit(*written(60, seed=3))
        assert again.config_.seed == 5 and again.config_.epochs == 2

    def test_says_no_score_that_it_does_not_have(self, tmp_path: Path) -> None:
        SentimentClassifier().fit(TEXTS, LABELS).save(tmp_path / "linear")
        assert "It has not been scored." in (tmp_path / "linear" / "README.md").read_text("utf-8")
        SentimentClassifier("bag").fit(TEXTS, LABELS).save(tmp_path / "bag")
        assert "The score above chose this model" in (tmp_path / "bag" / "README.md").read_text("utf-8")

    def test_whose_labels_are_no_names_is_refused(self, tmp_path: Path) -> None:
        labels = [label if label == "good" else " " for label in LABELS]
        with pytest.raises(InputError, match="the classes must be"):
            SentimentClassifier().fit(TEXTS, labels).save(tmp_path / "model")


def test_sentiment_is_imported_without_what_it_has_to_offer() -> None:
    code = "import sys, sentiment; print([name for name in ('sklearn', 'torch', 'scipy') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr

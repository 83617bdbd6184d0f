"""What is fitted is fitted on training rows, and no search scores the sealed test.

The rows that may not matter are poisoned: each gets another text, in another script, and another label. Whatever
is fitted then must come out as before, to the last bit. That the same poison in a training row does change it is shown
beside it, so that no test here passes because nothing was looked at.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.trial import TrialState

from search.comparison.compare import compare
from search.comparison.ideas import BASELINE, LINEAR, PAIRS, Arm, read_comparison
from search.comparison.setting import Setting
from search.comparison.topics import topics_of
from search.comparison.tuning import as_trained
from search.storage.databases import open_storage
from search.storage.predictions import kept_classes, kept_predictions
from search.study.create import create_or_resume
from search.study.optimization import optimize
from search.study.records import BASELINES, CONFIG, CURVE, SPACE_DEFAULTS, told, told_of_study
from search.study.space import defaults_for
from sentiment.metrics import macro_f1
from sentiment.models.baselines import linear, majority
from sentiment.models.network.config import NetworkConfig
from sentiment.models.network.training import train, training_data
from sentiment.reviews import relabel
from sentiment.reviews.dataset import Dataset, fingerprint_of, load_dataset, redraw
from sentiment.reviews.relabel import Polarities
from sentiment.reviews.splits import PARTS
from sentiment.tokens.corpus import load_corpus
from sentiment.tokens.tokenizers import UNITS
from tests.support.tiny import SPACE, definition, source, write_reviews

NOT_TRAINED_ON = ("validation", "test")


@pytest.fixture(scope="module")
def dataset(reviews_csv: Path) -> Dataset:
    return load_dataset(source(reviews_csv))


def poisoned(dataset: Dataset, *parts: str) -> Dataset:
    """The same split of rows whose texts and labels, in these parts, are others."""
    texts, labels = list(dataset.reviews.texts), dataset.reviews.labels.copy()
    for part in parts:
        for row in dataset.indices(part):
            texts[row] = f"{'독약 ' * len(texts[row])}poison{row} {texts[row][::-1]} !!!"
            labels[row] = 1 - labels[row]
    reviews = replace(dataset.reviews, texts=texts, labels=labels)
    return replace(dataset, reviews=reviews, fingerprint=fingerprint_of(reviews, dataset.split))


@pytest.fixture
def by_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """A label source for relabelling that needs no extra: long texts are positive."""

    def polarities(texts: Sequence[str]) -> Polarities:
        return Polarities(np.array([len(text) / 500 - 0.1 for text in texts]), np.ones(len(texts), dtype=bool))

    monkeypatch.setitem(relabel.SOURCES, "by length", polarities)


def assert_only_training_rows_matter(dataset: Dataset, fitted: Callable[[Dataset], Any]) -> None:
    before = fitted(dataset)
    assert fitted(poisoned(dataset, *NOT_TRAINED_ON)) == before
    assert fitted(poisoned(dataset, "train")) != before, "the poison does not show; the test shows nothing"


class TestFittedOnTrainingRowsAlone:
    @pytest.mark.parametrize("unit", UNITS)
    def test_is_the_tokenizer_with_its_vocabulary(self, dataset: Dataset, unit: str, tmp_path: Path) -> None:
        def fitted(given: Dataset) -> tuple[str, int]:
            corpus = load_corpus(given, unit, 300, tmp_path)
            return corpus.tokenizer_json, corpus.vocabulary_size

        assert_only_training_rows_matter(dataset, fitted)

    def test_is_the_tokenizer_of_a_fresh_draw_whose_rows_are_others(self, dataset: Dataset, tmp_path: Path) -> None:
        drawn = redraw(dataset, 1)
        assert load_corpus(drawn, "word", 300, tmp_path).tokenizer_json != (
            load_corpus(dataset, "word", 300, tmp_path).tokenizer_json
        )
        assert_only_training_rows_matter(drawn, lambda given: load_corpus(given, "word", 300, tmp_path).tokenizer_json)

    def test_are_the_default_limits_of_a_search(self, dataset: Dataset) -> None:
        assert_only_training_rows_matter(dataset, lambda given: defaults_for(given.texts("train")))

    @pytest.mark.parametrize("fit", [majority, linear])
    def test_are_the_baselines_and_so_the_prior(self, dataset: Dataset, fit: Any) -> None:
        few = replace(dataset, split=replace(dataset.split, train=dataset.split.train[:101]))

        def fitted(given: Dataset) -> Any:
            model = fit(given.texts("train"), given.labels("train"), 2)
            return model.probabilities(dataset.texts("validation")).tolist()

        assert_only_training_rows_matter(few, fitted)

    def test_is_the_network_with_its_balanced_class_weights(self, dataset: Dataset, tmp_path: Path) -> None:
        # Half of the training rows of one class are away, so that the weights are not all one.
        train_rows, labels = dataset.split.train, dataset.labels("train")
        kept = np.flatnonzero((labels == 1) | (np.arange(len(labels)) % 2 == 0))
        uneven = replace(dataset, split=replace(dataset.split, train=train_rows[kept]))
        fixed = {
            name: value for name, value in SPACE.items() if name != "family" and not isinstance(value, list | dict)
        }
        config = NetworkConfig(architecture="textcnn", kernel_sizes=(2,), class_weights="balanced", epochs=1, **fixed)

        def fitted(given: Dataset) -> Any:
            trained = train(config, training_data(given, load_corpus(given, "word", 200, tmp_path)), end_early=False)
            return [report.train_loss for report in trained.reports]

        assert_only_training_rows_matter(uneven, fitted)

    def test_are_the_topics(self, dataset: Dataset) -> None:
        asked = dataset.texts("validation")
        assert_only_training_rows_matter(
            dataset, lambda given: topics_of(asked, given.texts("train"), topics=4, seed=0)
        )

    def test_are_the_labels_of_a_lexicon(self, dataset: Dataset, by_length: None) -> None:
        arm = a_relabelling_arm()
        assert_only_training_rows_matter(dataset, lambda given: as_trained(given, arm).labels("train").tolist())


def a_relabelling_arm() -> Arm:
    return Arm("relabelled", NetworkConfig(), None, relabel="by length")  # type: ignore[arg-type]


class TestRelabelling:
    def test_touches_training_rows_alone_and_leaves_the_users_labels_where_they_are(
        self, dataset: Dataset, by_length: None
    ) -> None:
        users = dataset.reviews.labels.copy()
        trained = as_trained(dataset, a_relabelling_arm())
        changed = np.flatnonzero(trained.reviews.labels != users)
        assert 20 < len(changed) < 300
        assert set(changed) <= set(dataset.split.train)
        assert dataset.reviews.labels.tolist() == users.tolist()
        assert [trained.texts(part) for part in PARTS] == [dataset.texts(part) for part in PARTS]

    def test_follows_a_fresh_draw_of_the_training_rows(self, dataset: Dataset, by_length: None) -> None:
        drawn = redraw(dataset, 3)
        trained = as_trained(drawn, a_relabelling_arm())
        for part in NOT_TRAINED_ON:
            assert (
                trained.labels(part).tolist()
                == drawn.labels(part).tolist()
                == (dataset.reviews.labels[drawn.indices(part)].tolist())
            )
        expected = [int(len(text) / 500 - 0.1 >= 0) for text in drawn.texts("train")]
        assert trained.labels("train").tolist() == expected

    def test_is_nothing_to_an_arm_that_did_not_ask_for_it(self, dataset: Dataset) -> None:
        assert as_trained(dataset, replace(a_relabelling_arm(), relabel=None)) is dataset


IDEAS = """
name = "lexicon"
[data]
path = "reviews.csv"
text = "text"
label = "stars"
classes = { negative = [1], positive = [5] }
[baseline]
architecture = "textcnn"
kernel_sizes = [2]
optimizer = "adam"
learning_rate = 0.03
token_unit = "word"
embedding_size = 8
filters = 8
batch_size = 16
epochs = 4
[tune]
learning_rate = { low = 0.02, high = 0.05, log = true }
[[idea]]
name = "relabelled"
relabel = "by length"
[budget]
trials = 1
pairs = 2
"""


def test_a_relabelled_arm_is_chosen_and_scored_by_the_users_labels(by_length: None, tmp_path: Path) -> None:
    write_reviews(tmp_path / "reviews.csv")
    (tmp_path / "ideas.toml").write_text(IDEAS)
    comparison = read_comparison(tmp_path / "ideas.toml")
    setting = Setting(comparison, f"sqlite:///{tmp_path}/studies.db", tmp_path / "artifacts")
    users = setting.dataset.reviews.labels
    compare(setting)
    (tuned,) = setting.trials("relabelled", TrialState.COMPLETE)
    validation = kept_classes(setting.tuning_folder(comparison.arms[1]), told(tuned, "predictions"))
    assert tuned.value == macro_f1(users[setting.dataset.split.validation], validation, 2)
    scores: dict[str, list[float]] = {BASELINE: [], "relabelled": [], LINEAR: []}
    for trial in setting.trials(PAIRS, TrialState.COMPLETE):
        sealed = kept_predictions(setting.folder / PAIRS, told(trial, "predictions")).argmax(axis=1)
        scores[trial.params["arm"]].append(macro_f1(users[setting.dataset.split.test], sealed, 2))
        assert trial.value == trial.user_attrs["validation macro-F1"]
    assert [len(found) for found in scores.values()] == [2, 2, 2]
    # Chosen by the users' labels too, on the pair's own draw of validation rows.
    last = setting.trials(PAIRS, TrialState.COMPLETE)[-1]
    config, arm = NetworkConfig.from_dict(told(last, CONFIG)), comparison.arms[1]
    assert last.params["arm"] == arm.name
    drawn = as_trained(redraw(setting.dataset, config.seed), arm)
    assert drawn.labels("validation").tolist() == users[drawn.split.validation].tolist()
    corpus = load_corpus(drawn, config.token_unit, config.vocabulary_size, setting.cache)
    again = train(config, training_data(drawn, corpus), end_early=False)
    assert last.user_attrs["validation macro-F1"] == again.macro_f1
    # The baseline learns what people said; the idea learns lengths, which say nothing of it.
    assert min(*scores[BASELINE], *scores[LINEAR]) > max(scores["relabelled"]) + 0.1


class TestTheSealedTest:
    def searched(self, folder: Path, reviews: Path, sealed: Path) -> dict[str, Any]:
        """All that a search of three trials comes to, but its times and the fingerprint of its data."""
        asked = definition(reviews, trials=3).replace(data=source(reviews, test_path=str(sealed)))
        opened = create_or_resume(asked, open_storage(f"sqlite:///{folder}/study.db"), folder / "artifacts")
        optimize(opened, trials=3)
        assert opened.artifacts is not None
        best = opened.artifacts.folder(opened.study.best_trial.number)
        return {
            "trials": [(trial.params, trial.value, trial.state, told(trial, CONFIG)) for trial in opened.study.trials],
            "curves": [[report | {"seconds": 0} for report in told(trial, CURVE)] for trial in opened.study.trials],
            "baselines": told_of_study(opened.study)[BASELINES],
            "default space": told_of_study(opened.study)[SPACE_DEFAULTS],
            "weights": (best / "weights.safetensors").read_bytes(),
            "tokenizer": (best / "tokenizer.json").read_bytes(),
        }

    def test_changes_nothing_that_a_search_finds_but_the_fingerprint(self, reviews_csv: Path, tmp_path: Path) -> None:
        found, fingerprints = [], []
        for name in ("as it was", "poisoned"):
            folder = tmp_path / name
            folder.mkdir()
            sealed = write_reviews(folder / "sealed.csv", seed=9)
            if name == "poisoned":
                cells = [line.rsplit(",", 1) for line in sealed.read_text("utf-8").splitlines()[1:]]
                turned = [f"{text} {'독약 ' * 40},{6 - int(stars)}" for text, stars in cells]
                sealed.write_text("\n".join(["text,stars", *turned]), "utf-8")
            found.append(self.searched(folder, reviews_csv, sealed))
            fingerprints.append(load_dataset(source(reviews_csv, test_path=str(sealed))).fingerprint)
        assert fingerprints[0] != fingerprints[1]
        assert found[0] == found[1]

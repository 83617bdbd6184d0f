"""A network that learns from another model, and from texts that nobody labelled."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.cli.commands import main
from sentiment import Bundle
from sentiment.errors import InputError
from sentiment.models.distillation import distill
from sentiment.models.family import Resources
from sentiment.models.linear.config import LinearConfig
from sentiment.models.network.config import NetworkConfig
from sentiment.models.registry import train
from sentiment.reviews.dataset import Dataset, load_dataset
from sentiment.reviews.unlabelled import unlabelled_texts
from tests.support.tiny import source, write_reviews, write_study_file

STUDENT = NetworkConfig(
    architecture="textcnn",
    token_unit="word",
    vocabulary_size=200,
    max_tokens=16,
    embedding_size=16,
    filters=16,
    epochs=10,
    learning_rate=0.02,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """reviews.csv, and more.csv with other texts, the same ones, and empty ones."""
    made = tmp_path_factory.mktemp("distilled")
    write_reviews(made / "reviews.csv")
    others = list(csv.reader(write_reviews(made / "others.csv", n=100, seed=9).open(encoding="utf-8")))
    known = list(csv.reader((made / "reviews.csv").open(encoding="utf-8")))
    with (made / "more.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text"], *([row[0]] for row in [*others[1:], *others[1:], *known[1:], [" "]])])
    return made


@pytest.fixture(scope="module")
def dataset(folder: Path) -> Dataset:
    return load_dataset(source(folder / "reviews.csv", unlabelled=str(folder / "more.csv")))


class TestUnlabelledTexts:
    def test_are_there_once_and_never_what_the_dataset_holds(self, dataset: Dataset) -> None:
        found = unlabelled_texts(dataset)
        assert len(found) == len(set(found)) == 100
        assert not set(found) & set(dataset.reviews.texts)

    def test_change_nothing_that_is_searched(self, folder: Path, dataset: Dataset) -> None:
        assert load_dataset(source(folder / "reviews.csv")).fingerprint == dataset.fingerprint
        assert unlabelled_texts(load_dataset(source(folder / "reviews.csv"))) == []

    @pytest.mark.parametrize(
        ("unlabelled", "message"),
        [("nowhere.csv", "nowhere.csv"), ("", "unlabelled is ''; write unlabelled"), ([], "unlabelled")],
    )
    def test_that_cannot_be_read_are_refused_in_one_line(self, folder: Path, unlabelled: Any, message: str) -> None:
        with pytest.raises(InputError, match=message):
            unlabelled_texts(load_dataset(source(folder / "reviews.csv", unlabelled=unlabelled)))

    def test_of_another_column_are_refused_in_one_line(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "other.csv").write_text("review\nfine\n", "utf-8")
        with pytest.raises(InputError, match="'text'"):
            unlabelled_texts(load_dataset(source(folder / "reviews.csv", unlabelled=str(tmp_path / "other.csv"))))


class TestANetworkThatLearns:
    def test_from_a_model_says_what_the_model_says_not_what_the_labels_say(
        self, dataset: Dataset, tmp_path: Path
    ) -> None:
        teacher = train(LinearConfig(C=100.0), dataset, Resources(tmp_path)).model
        assert teacher is not None

        class Contrary:
            config, sizes = teacher.config, teacher.sizes

            def probabilities(self, texts: Any) -> np.ndarray:
                return teacher.probabilities(texts)[:, ::-1]

            def files(self) -> dict[str, bytes]:
                return {}

        # Its checkpoint is chosen by the labels, so a contrary one is as little contrary as can be: one class or less.
        same = distill(teacher, STUDENT, dataset, [], Resources(tmp_path))
        contrary = distill(Contrary(), STUDENT, dataset, [], Resources(tmp_path, end_early=False))
        assert same.macro_f1 > 0.75
        assert contrary.macro_f1 < 0.6

    def test_is_the_same_again_and_another_one_with_more_texts(self, dataset: Dataset, tmp_path: Path) -> None:
        teacher = train(LinearConfig(C=100.0), dataset, Resources(tmp_path)).model
        assert teacher is not None
        first, again = (distill(teacher, STUDENT, dataset, [], Resources(tmp_path)) for _ in range(2))
        np.testing.assert_array_equal(first.probabilities, again.probabilities)
        more = distill(teacher, STUDENT, dataset, unlabelled_texts(dataset), Resources(tmp_path))
        assert more.probabilities.shape == first.probabilities.shape
        assert np.abs(more.probabilities - first.probabilities).max() > 1e-3


def flags(folder: Path) -> list[str]:
    return ["--storage", f"sqlite:///{folder}/study.db", "--artifacts", str(folder / "artifacts")]


@pytest.mark.parametrize("given", [[], ["--trial", "0"], ["--ensemble"]])
def test_is_exported_with_its_price(
    folder: Path, given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not (folder / "study.db").exists():
        text = write_study_file(folder / "tiny.toml", folder / "reviews.csv", epochs=3, trials=4, keep_best=4)
        lines = text.read_text("utf-8").replace("family = 'network'\n", 'family = ["linear", "network"]\n')
        (folder / "tiny.toml").write_text(lines.replace("[space]", 'unlabelled = "more.csv"\n[space]'), "utf-8")
        assert main(["run", str(folder / "tiny.toml"), *flags(folder)]) == 0
    capsys.readouterr()
    arguments = ["export", "tiny", "--distill", *given, "--to", str(tmp_path / "model"), *flags(folder)]
    assert main([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    bundle = Bundle.open(tmp_path / "model")
    assert bundle.config.family == "network"
    assert told["unlabelled"] == bundle.facts["unlabelled texts"] == 100
    assert told["macro_f1"] == pytest.approx(bundle.facts["validation macro-F1"], abs=1e-6)
    assert told["milliseconds"] > 0 and told["teacher_milliseconds"] > 0
    assert bundle.facts["trial"] == f"distilled from {told['teacher']}"
    assert bundle.seen is not None and len(bundle.seen.training) == 320 + 100

"""Reviews that a program holds, and what is shown of reviews at a prompt."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import search
import sentiment
from sentiment.errors import InputError
from sentiment.reviews.dataset import dataset_of, load_dataset
from sentiment.reviews.source import DataSource
from tests.support.tiny import source

TEXTS = [f"review {number}" for number in range(100)]
LABELS = [number % 2 for number in range(100)]


def of_file(path: Path, label: str = "label") -> DataSource:
    return DataSource(path=str(path), text="text", label=label)


def test_the_same_reviews_in_memory_and_in_a_file_are_the_same_data(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in zip(TEXTS, LABELS, strict=True)))
    assert dataset_of(TEXTS, LABELS).fingerprint == load_dataset(of_file(path)).fingerprint


@pytest.mark.parametrize(
    "labels",
    [np.array(LABELS), np.array(LABELS, dtype=float), [str(label) for label in LABELS], tuple(LABELS)],
    ids=["integers", "floats", "strings", "tuple"],
)
def test_labels_may_be_numbers_or_strings(labels: Any) -> None:
    assert dataset_of(np.array(TEXTS), labels).classes == ("0", "1")


def test_truth_values_and_columns_of_a_data_frame_are_taken() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": TEXTS, "label": [label == 1 for label in LABELS]})
    assert dataset_of(frame["text"], frame["label"]).classes == ("false", "true")


def test_what_is_missing_is_left_out_and_counted() -> None:
    dataset = dataset_of([None, *TEXTS], [1, float("nan"), *LABELS[1:]])
    assert {group.reason: group.rows.tolist() for group in dataset.reviews.left_out} == {
        "empty text": [1],
        "no label": [2],
    }


def test_groups_stay_whole_and_a_rule_is_obeyed() -> None:
    stars = [1 + number % 5 for number in range(100)]
    dataset = dataset_of(TEXTS, stars, classes="stars-3", groups=[number // 4 for number in range(100)], seed=3)
    assert dataset.classes == ("negative", "neutral", "positive")
    parts = [set(np.unique(dataset.groups(part)).tolist()) for part in ("train", "validation", "test")]
    assert not parts[0] & parts[1] | parts[1] & parts[2] | parts[0] & parts[2]


@pytest.mark.parametrize(
    ("texts", "labels", "told"),
    [
        ("a text", LABELS, "texts is a str; give a list of them, or one column of a data frame"),
        ([*TEXTS[:99], 7], LABELS, "text 99 (counted from 0) is 7; give strings"),
        (TEXTS, LABELS[:99], "there are 100 texts and 99 labels; give as many of each"),
        ([], [], "there are no texts; give some"),
        (np.zeros((100, 2)), LABELS, "texts is a ndarray; give a list of them, or one column of a data frame"),
        (TEXTS, [["x"]] * 100, "label 0 (counted from 0) is ['x']; give strings or numbers"),
        (["half \ud83d", *TEXTS[1:]], LABELS, "text 0 holds what is no character"),
        (TEXTS, [1] * 100, "texts in memory, column 'label': only the value '1'"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(texts: Any, labels: Any, told: str) -> None:
    with pytest.raises(InputError) as caught:
        dataset_of(texts, labels)
    assert str(caught.value).startswith(told)


def test_a_table_given_for_a_file_is_refused_without_being_printed() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": TEXTS, "label": LABELS})
    names = {"path": "reviews.csv", "text": "text", "label": "label"}
    for wrong in (
        {"path": frame},
        {"text": frame["text"]},
        {"path": TEXTS * 11},
        {"label": LABELS},
        {"path": ["a\nb"]},
    ):
        with pytest.raises(InputError) as caught:
            DataSource(**(names | wrong))  # type: ignore[arg-type]
        assert "sentiment.dataset_of(texts, labels)" in str(caught.value)
        assert len(str(caught.value)) < 130


def test_a_file_named_twice_is_told_by_its_name_alone() -> None:
    with pytest.raises(InputError, match=r"^path names 'a.csv' twice; name each file once$"):
        DataSource(path=("a.csv", "b.csv", "a.csv"), text="text", label="label")


def test_a_dataset_is_one_line_at_a_prompt(reviews_csv: Path) -> None:
    dataset = load_dataset(source(reviews_csv))
    assert repr(dataset) == (
        "Dataset(reviews.csv: 320 training, 40 validation, 40 test rows; classes negative, positive)"
    )
    assert repr(dataset.reviews) == "Reviews(400 of classes negative, positive)"
    assert repr(dataset.split) == "Split(320 training, 40 validation, 40 test rows)"


def test_what_stands_in_a_name_does_not_reach_the_terminal() -> None:
    shown = repr(dataset_of(TEXTS, [("\x1b[31mred", "b")[label] for label in LABELS]))
    assert "\x1b" not in shown and "\\x1b[31mred" in shown


def test_the_packages_know_their_version() -> None:
    assert search.__version__ == sentiment.__version__
    assert sentiment.__version__[0].isdigit()

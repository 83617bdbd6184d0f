import csv
import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from sentiment.errors import InputError
from sentiment.files.unpacking import MAX_BYTES
from sentiment.reviews.dataset import Dataset, Reviews, fingerprint_of, load_dataset, redraw
from sentiment.reviews.source import DataSource
from sentiment.reviews.splits import Split

Rows = list[tuple[str, str]]


def write(path: Path, rows: Rows) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return path


def many(sizes: dict[str, int], prefix: str = "") -> Rows:
    """Different texts, sorted by label as in many real files."""
    return [(f"{prefix}review {label} {number}", label) for label, size in sizes.items() for number in range(size)]


def load(path: Path, **changes: object) -> Dataset:
    return load_dataset(DataSource(path=str(path), text="text", label="label", **changes))  # type: ignore[arg-type]


def refusal(path: Path, **changes: object) -> str:
    with pytest.raises(InputError) as caught:
        load(path, **changes)
    message = str(caught.value)
    assert "\n" not in message
    return message


def left_out(dataset: Dataset) -> dict[str, list[int]]:
    return {group.reason: group.rows.tolist() for group in dataset.reviews.left_out}


# Cleaning


def test_every_row_left_out_is_named_with_its_reason(tmp_path: Path) -> None:
    special = [
        ("  ", "1"),  # row 1
        ("no label", " "),  # row 2
        ("strange", "x"),  # row 3
        ("twice", "1"),  # row 4, kept
        (" twice ", "2"),  # row 5: another raw value, the same class
        ("majority", "5"),  # row 6
        ("majority", "1"),  # row 7, kept
        ("majority", "2"),  # row 8
        ("tie", "1"),  # row 9
        ("tie", "5"),  # row 10
        ("tie of two with a third", "1"),  # rows 11 to 15
        ("tie of two with a third", "1"),
        ("tie of two with a third", "5"),
        ("tie of two with a third", "5"),
        ("tie of two with a third", "3"),
    ]
    rows = special + many({"1": 20, "3": 20, "5": 20})
    dataset = load(write(tmp_path / "r.csv", rows), classes="stars-3")
    assert left_out(dataset) == {
        "empty text": [1],
        "no label": [2],
        "label not in the rule": [3],
        "same text, different labels equally often": [9, 10, 11, 12, 13, 14],
        "same text, label given less often": [6, 15],
        "duplicate of an earlier row": [5, 8],
    }
    assert dataset.reviews.rows.tolist() == [4, 7, *range(16, 76)]
    assert dataset.reviews.texts[:2] == ["twice", "majority"]
    assert dataset.reviews.ratings[:2] == ["1", "1"]


def test_rows_kept_and_rows_left_out_add_up_to_the_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    texts, labels = rng.integers(0, 300, 2000), rng.choice(["", "0", "1", "2"], 2000)
    rows = [("" if text == 0 else f"t{text}", label) for text, label in zip(texts, labels, strict=True)]
    reviews = load(write(tmp_path / "r.csv", rows)).reviews
    named = np.sort(np.concatenate([reviews.rows, *(group.rows for group in reviews.left_out)]))
    assert named.tolist() == list(range(1, 2001))
    assert len(set(reviews.texts)) == len(reviews)


def test_cleaning_agrees_with_a_row_by_row_account(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = [
        (f"t{text}", str(label))
        for text, label in zip(rng.integers(0, 400, 1500), rng.integers(0, 3, 1500), strict=True)
    ]
    votes: dict[str, dict[str, list[int]]] = {}
    for number, (text, label) in enumerate(rows, start=1):
        votes.setdefault(text, {}).setdefault(label, []).append(number)
    expected = []
    for given in votes.values():
        ranked = sorted(given.values(), key=len, reverse=True)
        if len(ranked) == 1 or len(ranked[0]) > len(ranked[1]):
            expected.append(ranked[0][0])
    assert load(write(tmp_path / "r.csv", rows)).reviews.rows.tolist() == sorted(expected)


def test_labels_follow_the_rule_and_keep_the_raw_rating(tmp_path: Path) -> None:
    dataset = load(write(tmp_path / "r.csv", many({"5.0": 15, "4": 15, "1": 15, "3": 15})), classes="stars-2")
    assert dataset.classes == ("negative", "positive")
    for label, rating in zip(dataset.reviews.labels, dataset.reviews.ratings, strict=True):
        assert label == (0 if rating == "1" else 1)
    assert len(left_out(dataset)["label not in the rule"]) == 15


# Splits


def test_a_file_sorted_by_label_is_split_into_disjoint_stratified_parts(tmp_path: Path) -> None:
    dataset = load(write(tmp_path / "r.csv", many({"0": 300, "1": 100, "2": 50})))
    parts = [dataset.split.train, dataset.split.validation, dataset.split.test]
    assert sorted(np.concatenate(parts).tolist()) == list(range(450))
    sizes = [np.bincount(dataset.labels(part)).tolist() for part in ("train", "validation", "test")]
    assert sizes == [[240, 80, 40], [30, 10, 5], [30, 10, 5]]


def test_the_same_source_gives_the_same_split_and_another_seed_another(tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv", many({"0": 50, "1": 50}))
    first, again, other = load(path), load(path), load(path, split_seed=1)
    assert first.fingerprint == again.fingerprint
    assert np.array_equal(first.split.test, again.split.test)
    assert first.fingerprint != other.fingerprint


@pytest.mark.parametrize("fractions", [(0.8, 0.1, 0.1), (0.5, 0.25, 0.25), (0.2, 0.4, 0.4), (0.9, 0.04, 0.06)])
@pytest.mark.parametrize("size", range(2, 60, 3))
def test_a_class_is_either_in_every_part_or_refused_with_the_rows_needed(
    tmp_path: Path, size: int, fractions: tuple[float, float, float]
) -> None:
    path = write(tmp_path / "r.csv", many({"common": 120, "other": 61, "rare": size}))
    try:
        dataset = load(path, fractions=fractions)
    except InputError as error:
        assert f"class 'rare' has {size} usable rows" in str(error)
        needed = int(str(error).split("but ")[1].split()[0])
        assert size < needed <= 1 / min(fractions) + 16
        return
    for part in ("train", "validation", "test"):
        assert len(set(dataset.labels(part).tolist())) == 3


def test_redrawing_keeps_the_sealed_test_and_the_sizes(tmp_path: Path) -> None:
    dataset = load(write(tmp_path / "r.csv", many({"0": 200, "1": 100})))
    first, again, other = redraw(dataset, 1), redraw(dataset, 1), redraw(dataset, 2)
    for drawn in (first, other):
        assert np.array_equal(drawn.split.test, dataset.split.test)
        assert np.bincount(drawn.labels("validation")).tolist() == np.bincount(dataset.labels("validation")).tolist()
        assert not set(drawn.split.validation.tolist()) & set(drawn.split.train.tolist())
        assert len(drawn.split.train) == len(dataset.split.train)
    assert first.fingerprint == again.fingerprint
    assert len({dataset.fingerprint, first.fingerprint, other.fingerprint}) == 3


def test_a_sample_is_stratified_and_the_other_rows_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv", many({"0": 600, "1": 300}))
    dataset = load(path, max_rows=90)
    assert np.bincount(dataset.reviews.labels).tolist() == [60, 30]
    assert len(left_out(dataset)["not in the sample of max_rows = 90"]) == 810
    assert load(path, max_rows=90, split_seed=3).fingerprint != dataset.fingerprint
    assert not load(path, max_rows=900).reviews.left_out


# The user's own files


def test_own_validation_and_test_files_are_used_and_overlap_is_left_out(tmp_path: Path) -> None:
    train = write(
        tmp_path / "train.csv", [("in both", "0"), *many({"0": 5, "1": 5}), ("in test", "1"), ("in validation", "0")]
    )
    validation = write(tmp_path / "val.csv", [("in validation", "1"), ("in both", "0"), *many({"0": 3, "1": 3}, "v ")])
    test = write(tmp_path / "test.csv", [("in test", "1"), ("in both", "1"), *many({"0": 4, "1": 4}, "t ")])
    dataset = load(train, validation_path=str(validation), test_path=str(test))
    named = {(Path(group.path).name, group.reason): group.rows.tolist() for group in dataset.reviews.left_out}
    assert named == {
        ("train.csv", "text is also in the test file"): [1, 12],
        ("train.csv", "text is also in the validation file"): [13],
        ("val.csv", "text is also in the test file"): [2],
    }
    assert [len(dataset.indices(part)) for part in ("train", "validation", "test")] == [10, 7, 10]
    assert dataset.texts("test")[:2] == ["in test", "in both"]
    assert dataset.reviews.rows[dataset.split.test].tolist() == list(range(1, 11))


@pytest.mark.parametrize(("given", "drawn"), [("validation", "test"), ("test", "validation")])
def test_the_part_without_a_file_is_taken_from_train(tmp_path: Path, given: str, drawn: str) -> None:
    path = write(tmp_path / "r.csv", many({"0": 90, "1": 90}))
    own = write(tmp_path / "own.csv", many({"0": 7, "1": 8}, "own "))
    dataset = load(path, **{f"{given}_path": str(own)})
    assert np.bincount(dataset.labels(given)).tolist() == [7, 8]
    assert np.bincount(dataset.labels(drawn)).tolist() == [10, 10]  # a ninth of what 80 % and 10 % share
    assert np.bincount(dataset.labels("train")).tolist() == [80, 80]


def test_a_class_that_training_never_sees_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv", many({"0": 20, "1": 20}))
    own = write(tmp_path / "own.csv", many({"0": 5, "1": 5, "2": 5}, "own "))
    message = refusal(path, test_path=str(own))
    assert "r.csv, column 'label': class '2'" in message
    assert "has no row to train on; leave it out" in message


def test_a_test_file_without_one_of_the_classes_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv", many({"0": 20, "1": 20}))
    own = write(tmp_path / "own.csv", many({"0": 5}, "own "))
    assert "own.csv: class '1' has no row left for test" in refusal(path, test_path=str(own))


def test_the_same_file_as_train_and_test_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv", many({"0": 20, "1": 20}))
    assert "every text is also in the test file" in refusal(path, test_path=str(path))


# Groups


def write_grouped(path: Path, rows: list[tuple[str, str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label", "app"), *rows])
    return path


def apps(n: int, rows_of_each: int = 6, prefix: str = "app") -> list[tuple[str, str, str]]:
    return [
        (f"{prefix} {app} review {number}", "ab"[number % 2], f"{prefix} {app}")
        for app in range(n)
        for number in range(rows_of_each)
    ]


def test_groups_stay_whole_in_the_split_and_when_it_is_drawn_again(tmp_path: Path) -> None:
    dataset = load(write_grouped(tmp_path / "r.csv", apps(40)), group="app")
    assert dataset.reviews.groups is not None
    assert dataset.reviews.groups.dtype == np.int64
    assert dataset.reviews.groups.tolist() == [number // 6 for number in range(240)]
    redrawn = [redraw(dataset, seed) for seed in range(10)]
    for drawn in (dataset, *redrawn):
        parts = [drawn.groups(part) for part in ("train", "validation", "test")]
        assert [len(set(groups.tolist())) for groups in parts if groups is not None] == [32, 4, 4]
        assert len(set(np.concatenate([groups for groups in parts if groups is not None]).tolist())) == 40
        assert np.array_equal(drawn.split.test, dataset.split.test)
    assert len({drawn.fingerprint for drawn in redrawn}) == 10
    assert redraw(dataset, 3).fingerprint == redrawn[3].fingerprint


def test_the_groups_of_a_part_are_in_the_order_of_its_rows_and_none_without_a_column(tmp_path: Path) -> None:
    path = write_grouped(tmp_path / "r.csv", apps(40))
    dataset, without = load(path, group="app"), load(path)
    assert dataset.groups("test") is not None
    named = [text.split()[1] for text in dataset.texts("test")]
    assert named == [str(group) for group in dataset.groups("test").tolist()]  # type: ignore[union-attr]
    assert without.reviews.groups is without.groups("test") is None


def test_a_group_is_its_trimmed_value_and_a_row_without_one_is_a_group_of_its_own(tmp_path: Path) -> None:
    rows = [("a", "0", "x"), ("b", "0", ""), ("c", "1", " x "), ("d", "1", "  "), ("e", "0", "y"), ("f", "1", "y")]
    filler = [(f"filler {number}", "01"[number % 2], f"g{number // 2}") for number in range(60)]
    reviews = load(write_grouped(tmp_path / "r.csv", [*rows, ("a", "0", "z"), *filler]), group="app").reviews
    assert reviews.groups is not None
    assert reviews.groups[:6].tolist() == [0, 1, 0, 2, 3, 3]
    assert reviews.groups[6:8].tolist() == [4, 4]  # the duplicate's group is in no row that is left
    assert reviews.groups.max() == 33


def test_groups_change_neither_what_is_left_out_nor_the_sample(tmp_path: Path) -> None:
    rows = [*apps(40), *apps(3), (" ", "a", "app 1"), ("unlabelled", "", "app 1")]
    path = write_grouped(tmp_path / "r.csv", rows)
    for changes in ({}, {"max_rows": 150}):
        with_groups, without = load(path, group="app", **changes), load(path, **changes)
        assert left_out(with_groups) == left_out(without)
        assert with_groups.reviews.rows.tolist() == without.reviews.rows.tolist()


def test_a_group_that_is_in_two_files_is_left_out_of_the_earlier_part(tmp_path: Path) -> None:
    train = write_grouped(
        tmp_path / "train.csv",
        [("t1", "a", "shared"), ("t2", "b", "in test"), ("t3", "b", ""), ("in test v", "a", "x"), *apps(4)],
    )
    validation = write_grouped(
        tmp_path / "val.csv",
        [("v1", "a", " shared"), ("v2", "b", "in test"), ("v3", "a", ""), *apps(4, prefix="own")],
    )
    test = write_grouped(
        tmp_path / "test.csv",
        [("s1", "a", "in test "), ("s2", "b", ""), ("in test v", "a", "y"), *apps(4, prefix="sealed")],
    )
    dataset = load(train, validation_path=str(validation), test_path=str(test), group="app")
    named = {(Path(group.path).name, group.reason): group.rows.tolist() for group in dataset.reviews.left_out}
    assert named == {
        ("train.csv", "text is also in the test file"): [4],
        ("train.csv", "group is also in the test file"): [2],
        ("train.csv", "group is also in the validation file"): [1],
        ("val.csv", "group is also in the test file"): [2],
    }
    assert dataset.reviews.groups is not None
    assert len(set(dataset.reviews.groups.tolist())) == 5 + 6 + 7
    redrawn = redraw(dataset, 1)
    assert not set(redrawn.groups("train").tolist()) & set(redrawn.groups("validation").tolist())  # type: ignore[union-attr]


def test_a_text_stays_in_training_if_its_group_keeps_it_out_of_validation(tmp_path: Path) -> None:
    train = write_grouped(tmp_path / "train.csv", [("same", "a", "here"), *apps(10)])
    validation = write_grouped(tmp_path / "val.csv", [("same", "a", "sealed 0"), *apps(3, prefix="own")])
    test = write_grouped(tmp_path / "test.csv", apps(3, prefix="sealed"))
    dataset = load(train, validation_path=str(validation), test_path=str(test), group="app")
    assert left_out(dataset) == {"group is also in the test file": [1]}
    assert "same" in dataset.texts("train")


def test_a_file_without_the_column_of_the_groups_is_refused_by_name(tmp_path: Path) -> None:
    train = write_grouped(tmp_path / "train.csv", apps(40))
    own = write(tmp_path / "own.csv", many({"a": 5, "b": 5}))
    for part in ("validation", "test"):
        assert "own.csv: there is no column 'app'" in refusal(train, group="app", **{f"{part}_path": str(own)})


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        (
            [(text, label, "app 0") for text, label, _ in apps(10)],
            ("class 'a' is in 1 of 1 groups, but 3 are needed", "name a column with more groups"),
        ),
        (
            [(text, "c" if app in ("app 1", "app 2") else label, app) for text, label, app in apps(40)],
            ("class 'c' is in 2 of 40 groups, but 3 are needed to split them into train, validation, test",),
        ),
    ],
)
def test_too_few_groups_are_refused(tmp_path: Path, rows: list[tuple[str, str, str]], parts: tuple[str, ...]) -> None:
    message = refusal(write_grouped(tmp_path / "r.csv", rows), group="app")
    for part in ("r.csv, column 'app'", *parts):
        assert part in message


def test_a_class_that_no_draw_of_whole_groups_puts_into_a_part_is_refused(tmp_path: Path) -> None:
    # About a tenth is either some of the small groups, which have class c, or one of the large ones, which lack it.
    rows = [(f"{app} {number}", "ab"[number % 2], f"large {app}") for app in range(3) for number in range(300)]
    rows += [(f"small {number}", "c", f"small {number % 3}") for number in range(12)]
    message = refusal(write_grouped(tmp_path / "r.csv", rows), group="app")
    assert "r.csv, column 'app'" in message
    for part in ("no draw of whole groups leaves class", "a row in", "give another split_seed"):
        assert part in message


def test_another_file_whose_group_is_all_that_is_left_is_refused(tmp_path: Path) -> None:
    train = write_grouped(tmp_path / "train.csv", apps(3))
    own = write_grouped(tmp_path / "own.csv", [(f"own {text}", label, app) for text, label, app in apps(3)])
    assert "every group is also in the test file" in refusal(train, group="app", test_path=str(own))


# Notes


def test_an_encoding_that_was_guessed_is_noted_for_each_file_and_changes_no_fingerprint(tmp_path: Path) -> None:
    rows = many({"0": 20, "1": 20}, "정말 재미있는 영화 ")
    declared = load(write(tmp_path / "r.csv", rows))
    legacy = tmp_path / "legacy.csv"
    legacy.write_bytes((tmp_path / "r.csv").read_bytes().decode().encode("cp949"))
    guessed = load(legacy)
    assert declared.notes == load(legacy, encoding="cp949").notes == ()
    assert guessed.notes == redraw(guessed, 1).notes
    assert guessed.notes == (
        f"{legacy} was read as cp949, which was guessed from its bytes; if texts look wrong, pass --encoding",
    )
    assert guessed.fingerprint == declared.fingerprint
    own = write(tmp_path / "own.csv", many({"0": 5, "1": 5}, "own "))
    assert load(own, test_path=str(legacy), fractions=(0.5, 0.3, 0.2)).notes == guessed.notes


def test_labels_that_look_alike_are_noted_and_change_no_class(tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv", many({"good": 20, "Good": 20, "goo\u200bd": 20, " good": 5, "bad": 20}))
    dataset = load(path)
    assert dataset.classes == ("Good", "bad", "good", "goo\u200bd")
    (note,) = dataset.notes
    assert note.startswith("the labels 'Good', 'good', 'goo\\u200bd' differ only in case or in characters")
    assert load(path, classes={"p": ["good", "Good", "goo\u200bd"], "n": ["bad"]}).notes == ()


# Fingerprint


def test_the_fingerprint_is_the_documented_hash() -> None:
    reviews = Reviews(["a", "좋다"], np.array([1, 0]), ("neg", "pos"), ["5", "1"], np.array([1, 2]), ())
    split = Split(np.array([1]), np.array([], dtype=np.int64), np.array([0]))
    expected = hashlib.sha256(
        b'sentiment-search dataset 1\n["neg", "pos"]\n'
        + (1).to_bytes(8, "little")
        + (6).to_bytes(8, "little")
        + "a좋다".encode()
        + (1).to_bytes(8, "little")
        + (0).to_bytes(8, "little")
        + bytes([2, 0])
    )
    assert fingerprint_of(reviews, split) == expected.hexdigest()


def test_the_fingerprint_sees_texts_labels_classes_and_split_but_not_the_file(tmp_path: Path) -> None:
    rows = many({"0": 30, "1": 30})
    base = load(write(tmp_path / "a.csv", rows))
    assert load(write(tmp_path / "b.csv", [("", "0"), *rows])).fingerprint == base.fingerprint
    assert load(write(tmp_path / "c.csv", [("other", "0"), *rows[1:]])).fingerprint != base.fingerprint
    assert load(tmp_path / "a.csv", classes={"n": ["0"], "p": ["1"]}).fingerprint != base.fingerprint
    assert load(tmp_path / "a.csv", classes={"1": ["0"], "0": ["1"]}).fingerprint != base.fingerprint


def test_the_fingerprint_ends_with_the_groups_if_there_are_any() -> None:
    split = Split(np.array([1]), np.array([0]), np.array([2]))
    reviews = Reviews(["a", "b", "c"], np.array([1, 0, 1]), ("n", "p"), ["5", "1", "5"], np.array([1, 2, 3]), ())
    seen = {
        fingerprint_of(dataclasses.replace(reviews, groups=None if groups is None else np.array(groups)), split)
        for groups in (None, [0, 1, 2], [0, 0, 1], [0, 1, 1])
    }
    assert len(seen) == 4
    assert fingerprint_of(reviews, split) in seen


def test_the_fingerprint_sees_who_belongs_together_but_not_what_they_are_called(tmp_path: Path) -> None:
    rows = apps(40)
    base = load(write_grouped(tmp_path / "a.csv", rows), group="app")
    renamed = load(
        write_grouped(tmp_path / "b.csv", [(text, label, app[::-1]) for text, label, app in rows]), group="app"
    )
    assert renamed.fingerprint == base.fingerprint
    assert load(tmp_path / "a.csv").fingerprint != base.fingerprint


# Refusals


@pytest.mark.parametrize(
    ("rows", "changes", "parts"),
    [
        (
            many({"1": 20, "7": 20}),
            {"classes": "stars-3"},
            ("row 21", "'label'", "rating '7'", "1 to 5; use as-is or ten-2"),
        ),
        (
            many({"1": 20, "2": 20}),
            {"classes": "stars-3"},
            ("class 'neutral' (values 3) has no rows", "1, 2: use as-is"),
        ),
        (
            many({"1": 20, "5": 20}),
            {"classes": "ten-2"},
            ("class 'positive'", "7, 8, 9, 10", "occur are 1, 5: use as-is or stars-2"),
        ),
        (many({"a": 20, "b": 20}), {"classes": "stars-2"}, ("'stars-2' knows none of the values a, b", "use as-is")),
        ([("", "a"), (" ", "b")] * 5, {}, ("no row is left", "10 empty text", "check the text and label columns")),
        (many({"a": 20, "b": 20}), {"classes": {"x": ["a"], "y": ["c"]}}, ("class 'y' (values c) has no rows", "a, b")),
        (many({"a": 20}), {}, ("only the value 'a'", "two or more")),
        (many({"": 20}), {}, ("not one row has a label",)),
        (many({"a": 20, "b": 3}), {}, ("class 'b' has 3 usable rows", "12 are needed", "merge")),
        (
            many({"a": 200, "b": 20}),
            {"max_rows": 50},
            ("class 'b' has 5", "sample of max_rows = 50", "12 are needed", "raise max_rows"),
        ),
        ([(f"t{n}", f"l{n}") for n in range(60)], {}, ("60 different values in 60 rows", "another column")),
    ],
)
def test_labels_that_cannot_be_learned_are_refused(
    tmp_path: Path, rows: Rows, changes: dict[str, object], parts: tuple[str, ...]
) -> None:
    message = refusal(write(tmp_path / "r.csv", rows), **changes)
    for part in ("r.csv", *parts):
        assert part in message


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"label": "text"}, "text and label are both column 'text'"),
        ({"group": "text"}, "text and group are both column 'text'"),
        ({"group": "label"}, "label and group are both column 'label'"),
        ({"label": "caf\u00e9", "group": "cafe\u0301"}, "label and group are both column"),
        ({"group": ""}, "group is ''"),
        ({"group": 3}, "group is 3"),
        ({"fractions": (0.5, 0.5, 0.5)}, "add up to 1"),
        ({"fractions": (1.0, 0.0, 0.0)}, "add up to 1"),
        ({"max_rows": 0}, "max_rows is 0"),
        ({"split_seed": -1}, "split_seed is -1"),
        ({"classes": "stars"}, "no label rule 'stars'"),
        ({"path": ""}, "path is ''"),
        ({"max_rows": True}, "max_rows is True"),
        ({"split_seed": True}, "split_seed is True"),
        ({"max_bytes": 0}, "max_bytes is 0"),
        ({"encoding": ""}, "encoding is ''"),
        ({"test_path": 3}, "test_path is 3"),
        ({"fractions": (True, 0.1, 0.1)}, "fractions is"),
        ({"fractions": (float("nan"), 0.1, 0.1)}, "fractions is"),
        ({"text": "caf\u00e9", "label": "cafe\u0301"}, "text and label are both column"),
    ],
)
def test_a_source_that_cannot_be_meant_is_refused_before_reading(changes: dict[str, object], part: str) -> None:
    with pytest.raises(InputError, match=part.replace("(", r"\(")):
        DataSource(**{"path": "r.csv", "text": "text", "label": "label", **changes})  # type: ignore[arg-type]


def test_a_source_goes_to_json_and_comes_back_equal() -> None:
    source = DataSource(
        path="r.csv", text="t", label="l", group="g", classes={"bad": [1, 2.0], "good": ["5"]}, max_rows=9
    )  # type: ignore[list-item]
    assert source.classes == {"bad": ["1", "2"], "good": ["5"]}
    assert DataSource.from_dict(json.loads(json.dumps(source.to_dict()))) == source


def test_a_source_recorded_before_there_were_limits_and_groups_is_read_with_the_usual_limit_and_none() -> None:
    recorded = DataSource(path="r.csv", text="t", label="l").to_dict()
    del recorded["max_bytes"], recorded["group"]
    assert DataSource.from_dict(recorded) == DataSource(path="r.csv", text="t", label="l", max_bytes=MAX_BYTES)


def test_an_unknown_or_missing_name_in_a_source_is_refused() -> None:
    with pytest.raises(InputError, match=r"\[data\] has no 'labels'; known are classes, encoding"):
        DataSource.from_dict({"path": "r.csv", "text": "t", "label": "l", "labels": "x"})
    with pytest.raises(InputError, match=r"\[data\] needs label = "):
        DataSource.from_dict({"path": "r.csv", "text": "t"})

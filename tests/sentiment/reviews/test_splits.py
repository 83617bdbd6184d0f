"""Splits, counted by hand: sizes, order, and which classes are too small."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from sentiment.errors import InputError
from sentiment.reviews.splits import (
    PARTS,
    Split,
    draw,
    draw_again,
    draw_folds,
    draw_sample,
    refuse_few_groups,
    refuse_small_class,
    shares_to_draw,
)


def labels_of(*sizes: int) -> np.ndarray:
    return np.repeat(np.arange(len(sizes)), sizes)


def drawn(labels: np.ndarray, fractions: tuple[float, float, float] = (0.8, 0.1, 0.1), seed: int = 0) -> Split:
    sizes = {"train": len(labels)}
    return draw(labels, sizes, shares_to_draw(fractions, sizes), seed)


def sizes_of(split: Split) -> list[int]:
    return [len(getattr(split, part)) for part in PARTS]


class TestTheSizes:
    @pytest.mark.parametrize(
        ("rows", "fractions", "sizes"),
        [
            (100, (0.8, 0.1, 0.1), [80, 10, 10]),
            (101, (0.8, 0.1, 0.1), [79, 11, 11]),  # a part of a row is a row, of validation and of test
            (30, (0.8, 0.1, 0.1), [24, 3, 3]),  # .1 * 30 is a little above 3 to a computer
            (100, (0.5, 0.3, 0.2), [50, 30, 20]),
        ],
    )
    def test_are_the_shares_rounded_up_for_the_rows_that_are_scored(
        self, rows: int, fractions: tuple[float, float, float], sizes: list[int]
    ) -> None:
        assert sizes_of(drawn(labels_of(rows // 2, rows - rows // 2), fractions)) == sizes

    def test_of_a_part_with_a_file_of_its_own_are_that_files_and_the_others_share_the_rest(self) -> None:
        sizes = {"train": 90, "test": 7}
        shares = shares_to_draw((0.8, 0.1, 0.1), sizes)
        assert shares == pytest.approx({"train": 8 / 9, "validation": 1 / 9})
        split = draw(labels_of(48, 49), sizes, shares, 0)
        assert sizes_of(split) == [80, 10, 7]
        assert split.test.tolist() == list(range(90, 97))

    def test_stay_the_same_when_training_and_validation_rows_are_drawn_again(self) -> None:
        labels = labels_of(150, 150)
        first = drawn(labels, (0.5, 0.3, 0.2))
        again = draw_again(first, labels, 1)
        assert sizes_of(again) == [150, 90, 60]
        assert again.test is first.test


class TestTheRows:
    def test_are_each_in_one_part_in_their_order(self) -> None:
        labels = np.random.default_rng(0).permutation(labels_of(60, 90, 150))
        for split in (first := drawn(labels), draw_again(first, labels, 1)):
            parts = [getattr(split, part) for part in PARTS]
            assert all((np.diff(rows) > 0).all() for rows in parts)
            assert sorted(np.concatenate(parts).tolist()) == list(range(300))

    def test_of_the_test_are_drawn_first_so_that_they_do_not_depend_on_the_share_of_validation(self) -> None:
        labels = labels_of(150, 150)
        one, other = drawn(labels, (0.8, 0.1, 0.1)), drawn(labels, (0.6, 0.3, 0.1))
        assert one.test.tolist() == other.test.tolist()

    def test_drawn_again_depend_on_the_seed_alone_and_not_on_how_they_were_drawn_before(self) -> None:
        labels = labels_of(150, 150)
        first = drawn(labels)
        twice = draw_again(draw_again(first, labels, 5), labels, 1)
        assert twice.validation.tolist() == draw_again(first, labels, 1).validation.tolist()
        assert twice.validation.tolist() != draw_again(first, labels, 2).validation.tolist()


class TestASample:
    @pytest.mark.parametrize(
        ("sizes", "size"),
        [
            ((600, 300), 90),
            ((10, 10, 10), 2),  # fewer rows than classes: any two
            ((10, 10, 10), 3),
            ((10, 10, 10), 28),  # fewer rows left over than classes
            ((10, 10, 10), 27),
        ],
    )
    def test_has_the_size_asked_for_also_where_not_every_class_can_be_in_it(
        self, sizes: tuple[int, ...], size: int
    ) -> None:
        kept = draw_sample(labels_of(*sizes), size, 0)
        assert (kept.dtype, kept.shape, int(kept.sum())) == (bool, (sum(sizes),), size)
        assert kept.tolist() == draw_sample(labels_of(*sizes), size, 0).tolist()
        assert kept.tolist() != draw_sample(labels_of(*sizes), size, 1).tolist()

    def test_is_stratified_where_it_can_be(self) -> None:
        labels = labels_of(600, 300)
        assert np.bincount(labels[draw_sample(labels, 90, 0)]).tolist() == [60, 30]


def grouped(n_groups: int, rows: int, skew: float, classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels and groups: sizes fall as those of apps do, and each group has classes of its own liking."""
    rng = np.random.default_rng(seed)
    popularity = np.arange(1.0, n_groups + 1) ** -skew
    groups = rng.choice(n_groups, rows, p=popularity / popularity.sum())
    liking = rng.dirichlet(np.full(classes, 3.0), n_groups).cumsum(axis=1)
    return (liking[groups] < rng.random((rows, 1))).sum(axis=1).clip(0, classes - 1), groups


def drawn_in_groups(
    labels: np.ndarray, groups: np.ndarray, seed: int, fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)
) -> Split:
    sizes = {"train": len(labels)}
    return draw(labels, sizes, shares_to_draw(fractions, sizes), seed, groups)


def assert_whole(split: Split, labels: np.ndarray, groups: np.ndarray) -> None:
    parts = [getattr(split, part) for part in PARTS]
    assert all((np.diff(rows) > 0).all() for rows in parts)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(groups)))
    assert sum(len(np.unique(groups[rows])) for rows in parts) == len(np.unique(groups))
    assert all(set(labels[rows].tolist()) == set(labels.tolist()) for rows in parts)


class TestGroups:
    @pytest.mark.parametrize(("n_groups", "skew"), [(5, 0.0), (20, 1.5), (60, 0.5), (400, 1.0)])
    def test_are_whole_in_every_part_for_any_seed_and_sizes(self, n_groups: int, skew: float) -> None:
        labels, groups = grouped(n_groups, 2000, skew)
        for seed in range(30):
            split = drawn_in_groups(labels, groups, seed)
            assert_whole(split, labels, groups)
            assert_whole(again := draw_again(split, labels, seed + 1, groups), labels, groups)
            assert again.test is split.test

    @pytest.mark.parametrize("fractions", [(0.8, 0.1, 0.1), (0.5, 0.3, 0.2)])
    def test_of_which_there_are_enough_leave_each_class_near_its_share(
        self, fractions: tuple[float, float, float]
    ) -> None:
        labels, groups = grouped(300, 6000, 0.5)
        for seed in range(10):
            split = drawn_in_groups(labels, groups, seed, fractions)
            for drawn_split in (split, draw_again(split, labels, seed + 1, groups)):
                for part, share in zip(PARTS, fractions, strict=True):
                    of_class = np.bincount(labels[getattr(drawn_split, part)]) / np.bincount(labels)
                    assert of_class == pytest.approx(np.full(3, share), abs=0.02)

    def test_are_drawn_by_the_seed_alone(self) -> None:
        labels, groups = grouped(100, 2000, 0.5)
        first = drawn_in_groups(labels, groups, 0)
        assert first.test.tolist() == drawn_in_groups(labels, groups, 0).test.tolist()
        assert len({tuple(drawn_in_groups(labels, groups, seed).test) for seed in range(10)}) == 10
        assert len({tuple(draw_again(first, labels, seed, groups).validation) for seed in range(10)}) == 10
        renamed = drawn_in_groups(labels, groups * 7 + 3, 0)
        assert renamed.test.tolist() == first.test.tolist()

    def test_that_are_few_are_drawn_again_otherwise_by_most_seeds(self) -> None:
        for seed in range(5):
            labels, groups = grouped(10, 1000, 0.3, seed=seed)
            first = drawn_in_groups(labels, groups, 0, (0.4, 0.3, 0.3))
            again = [draw_again(first, labels, number, groups) for number in range(12)]
            assert len({tuple(split.validation) for split in again}) >= 6
            sizes = [len(split.validation) / len(groups) for split in again]
            assert np.mean(sizes) == pytest.approx(0.3, abs=0.06)  # still of about the same sizes
            assert_whole(again[0], labels, groups)

    def test_one_of_which_has_most_rows_are_divided_so_that_training_has_it(self) -> None:
        labels, groups = np.arange(1000) % 2, np.r_[np.zeros(900, int), np.repeat([1, 2, 3], [40, 30, 30])]
        for seed in range(10):
            split = drawn_in_groups(labels, groups, seed)
            assert_whole(split, labels, groups)
            assert 0 in groups[split.train]

    def test_three_of_them_fill_the_three_parts(self) -> None:
        labels, groups = np.arange(90) % 2, np.repeat([0, 1, 2], 30)
        for seed in range(10):
            assert_whole(drawn_in_groups(labels, groups, seed), labels, groups)

    def test_with_a_class_that_only_few_of_them_have_are_ordered_until_it_is_in_every_part(self) -> None:
        groups = np.arange(3000) // 5
        labels = np.isin(groups, [17, 203, 401]).astype(int)
        for seed in range(10):
            split = drawn_in_groups(labels, groups, seed)
            assert_whole(split, labels, groups)
            assert_whole(draw_again(split, labels, seed, groups), labels, groups)

    def test_may_be_a_hundred_thousand(self) -> None:
        labels, groups = grouped(100_000, 300_000, 0.0)
        split = drawn_in_groups(labels, groups, 0)
        assert_whole(split, labels, groups)
        assert sizes_of(split) == pytest.approx([240_000, 30_000, 30_000], abs=50)

    def test_that_are_single_rows_are_split_as_nearly_as_rows(self) -> None:
        labels = labels_of(60, 90, 150)
        split = drawn_in_groups(labels, np.arange(300), 0)
        assert sizes_of(split) == [240, 30, 30]

    @pytest.mark.parametrize(
        ("files", "groups", "message"),
        [
            ((), [0, 0, 1, 1], "is in 2 of 2 groups, but 3 are needed to split them into train, validation, test; "),
            ((), [0, 1, 1, 2], "r.csv, column 'app': class 'a' is in 2 of 3 groups, but 3 are needed"),
            (("test",), [0, 0, 0, 0], "is in 1 of 1 groups, but 2 are needed to split them into train, validation; "),
            (("test", "validation"), [0, 0, 0, 0], None),
            (("validation",), [0, 0, 1, 1], None),
        ],
    )
    def test_too_few_of_them_are_refused(self, files: tuple[str, ...], groups: list[int], message: str | None) -> None:
        shares = shares_to_draw((0.8, 0.1, 0.1), dict.fromkeys(("train", *files), 4))
        labels = np.array([0, 1, 0, 1])
        if message is None:
            refuse_few_groups(labels, np.array(groups), ("a", "b"), shares, "r.csv, column 'app'")
            return
        with pytest.raises(InputError) as refused:
            refuse_few_groups(labels, np.array(groups), ("a", "b"), shares, "r.csv, column 'app'")
        assert message in str(refused.value)
        assert "name a column with more groups" in str(refused.value)


def needed(fractions: tuple[float, float, float], sizes: Mapping[str, int]) -> int:
    """The rows of a class from which on it is not refused."""
    shares: Any = shares_to_draw(fractions, sizes)
    for rows in range(1, 200):
        try:
            refuse_small_class(labels_of(1000, rows), ("common", "rare"), shares, "r.csv", None)
        except InputError as error:
            assert str(error).startswith(f"r.csv: class 'rare' has {rows} usable rows, but ")
        else:
            return rows
    raise AssertionError("every class is refused")


class TestAClassThatIsTooSmall:
    @pytest.mark.parametrize(
        ("fractions", "files", "rows"),
        [
            ((0.8, 0.1, 0.1), (), 12),  # 10 for validation and 1 / .9 for what the test may take besides
            ((0.4, 0.3, 0.3), (), 8),  # 3 / .4: training keeps one, whatever the others take
            ((0.2, 0.4, 0.4), (), 15),
            ((0.8, 0.1, 0.1), ("test",), 9),  # a ninth goes to validation
            ((0.8, 0.1, 0.1), ("validation",), 9),
            ((0.8, 0.1, 0.1), ("validation", "test"), 1),
        ],
    )
    def test_needs_as_many_rows_as_put_one_into_every_part_by_any_draw(
        self, fractions: tuple[float, float, float], files: tuple[str, ...], rows: int
    ) -> None:
        sizes = {"train": 1000} | dict.fromkeys(files, 50)
        assert needed(fractions, sizes) == rows
        labels = labels_of(1000, rows)
        all_labels = np.concatenate([labels, *[labels_of(25, 25)] * len(files)])
        sizes["train"] = len(labels)
        for seed in range(20):
            split = draw(all_labels, sizes, shares_to_draw(fractions, sizes), seed)
            assert all(len(set(all_labels[getattr(split, part)].tolist())) == 2 for part in PARTS)


class TestFolds:
    def test_hold_each_row_that_is_not_sealed_out_once_and_each_class_alike(self) -> None:
        labels = labels_of(60, 30)
        split = drawn(labels, (0.6, 0.2, 0.2))
        folds = draw_folds(split, labels, 4, 0)
        held = np.concatenate([fold.validation for fold in folds])
        assert sorted(held) == sorted([*split.train, *split.validation])
        for fold in folds:
            assert sorted([*fold.train, *fold.validation]) == sorted(held)
            assert fold.test.tolist() == split.test.tolist()
            assert np.bincount(labels[fold.validation]).tolist() == [12, 6]
            assert (np.diff(fold.train) > 0).all() and (np.diff(fold.validation) > 0).all()

    def test_follow_from_the_seed_alone(self) -> None:
        labels = labels_of(60, 30)
        first, again, other = (draw_folds(drawn(labels), labels, 3, seed)[0].validation for seed in (0, 0, 1))
        assert first.tolist() == again.tolist() != other.tolist()

    def test_keep_groups_whole(self) -> None:
        labels, groups = labels_of(40, 40), np.tile(np.arange(20), 4)
        split = Split(np.arange(70), np.arange(70, 80), np.arange(0))
        for fold in draw_folds(split, labels, 5, 0, groups):
            assert not set(groups[fold.train]) & set(groups[fold.validation])

    @pytest.mark.parametrize(
        ("sizes", "groups", "message"),
        [
            ((40, 4), None, "a class has 4 rows that are not sealed, too few"),
            (
                (40, 40),
                np.repeat(np.arange(4), 20),
                "a class has 2 groups of rows that are not sealed, too few",
            ),
        ],
    )
    def test_of_a_class_that_cannot_be_in_each_are_refused(
        self, sizes: tuple[int, int], groups: np.ndarray | None, message: str
    ) -> None:
        labels = labels_of(*sizes)
        split = Split(np.arange(len(labels)), np.arange(0), np.arange(0))
        with pytest.raises(InputError, match=message):
            draw_folds(split, labels, 5, 0, groups)

    def test_of_groups_leave_every_class_in_each_part_or_are_refused(self) -> None:
        # One class in as many groups as there are folds, beside many groups of the other: one draw in some loses it.
        groups = np.concatenate([np.arange(3), np.repeat(np.arange(3, 43), 2)])
        labels = np.concatenate([np.ones(3, dtype=np.int64), np.zeros(80, dtype=np.int64)])
        split = Split(np.arange(len(labels)), np.arange(0), np.arange(0))
        for seed in range(20):
            for fold in draw_folds(split, labels, 3, seed, groups):
                assert set(labels[fold.train]) == set(labels[fold.validation]) == {0, 1}
        one = np.zeros(len(labels), dtype=np.int64)  # all rows of the first class in one group with a part of the other
        with pytest.raises(InputError, match="a class has 1 groups of rows"):
            draw_folds(split, labels, 3, 0, one)

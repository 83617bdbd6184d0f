"""Splits, counted by hand: sizes, order, and which classes are too small."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from sentiment.errors import InputError
from sentiment.splits import PARTS, Split, draw, draw_again, draw_sample, refuse_small_class, shares_to_draw


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

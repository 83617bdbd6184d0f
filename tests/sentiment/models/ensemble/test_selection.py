"""Which models are averaged, against cases whose answer is known."""

import numpy as np
import pytest

from sentiment.metrics import macro_f1
from sentiment.models.ensemble.selection import select

LABELS = np.array([0, 0, 0, 0, 0, 0, 1, 1])


def says(right: list[bool], sure: float = 0.9) -> np.ndarray:
    """Probabilities [n, 2] of a model that is right of some rows and wrong of the others."""
    chosen = np.where(right, LABELS, 1 - LABELS)
    return np.where(np.arange(2) == chosen[:, None], sure, 1 - sure)


def test_takes_the_one_that_is_right_alone() -> None:
    perfect, wrong = says([True] * 8), says([False] * 8)
    np.testing.assert_array_equal(select(np.stack([wrong, perfect, wrong]), LABELS, 2), [0, 1, 0])


def test_takes_models_that_err_on_different_rows_and_are_right_together() -> None:
    # Each is wrong of two rows out of eight, no row is missed by two of them.
    parts = [says([row not in missed for row in range(8)]) for missed in ((0, 6), (1, 7), (2, 3))]
    weights = select(np.stack([*parts, says([False] * 8)]), LABELS, 2)
    assert weights[3] == 0
    assert (weights[:3] > 0.2).all()
    mean = np.tensordot(weights, np.stack([*parts, says([False] * 8)]), axes=1)
    assert macro_f1(LABELS, mean.argmax(axis=1), 2) == 1.0


def test_weighs_a_rare_class_as_much_as_a_frequent_one() -> None:
    frequent = says([True] * 6 + [False] * 2)  # right of 6 rows of 8
    both = says([True, True, True, True, False, False, True, True])  # of 6 too
    np.testing.assert_array_equal(select(np.stack([frequent, both]), LABELS, 2).argmax(), 1)


def test_gives_shares_of_one_and_the_same_again() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=200)
    probabilities = rng.dirichlet(np.ones(3) / 2, size=(9, 200)) + 0.3 * np.eye(3)[labels]
    probabilities /= probabilities.sum(axis=2, keepdims=True)
    weights = select(probabilities, labels, 3)
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0).all() and (weights > 0).sum() > 1
    np.testing.assert_array_equal(select(probabilities, labels, 3), weights)


def test_of_models_that_say_the_same_takes_one() -> None:
    same = says([True] * 7 + [False])
    np.testing.assert_array_equal(select(np.stack([same, same, same]), LABELS, 2), [1, 0, 0])


def test_bears_a_class_that_no_row_has_and_a_probability_of_nothing() -> None:
    sure = np.eye(3)[1 - LABELS]
    weights = select(np.stack([sure, np.full((8, 3), 1 / 3)]), LABELS, 3)
    assert np.isfinite(weights).all() and weights.sum() == pytest.approx(1.0)


def test_asks_the_best_of_very_many_alone() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=300)
    sure = np.clip(0.5 + 0.4 * (np.eye(2)[labels] - 0.5), 0, 1)
    bad = np.stack([np.full((300, 2), 0.5)] * 60)
    weights = select(np.concatenate([bad, sure[None], bad]), labels, 2)
    assert weights.argmax() == 60 and weights[60] == 1.0

"""What a mean of several runs is worth, against worlds whose truth is known."""

from dataclasses import dataclass

import numpy as np
import pytest

from search.statistics import CorrectedCombination, corrected_combination, corrected_score
from sentiment.metrics import macro_f1
from sentiment.models.ensemble.selection import select

CLASSES = 2
MANY = 20_000


def weigh(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return select(probabilities, labels, CLASSES)


def draw(rng: np.random.Generator, rows: int, skill: np.ndarray, shared: float) -> tuple[np.ndarray, np.ndarray]:
    """Labels [rows] and probabilities [runs, rows, 2]: each sees the label through noise, of which they share some."""
    labels = rng.integers(CLASSES, size=rows)
    noise = shared * rng.standard_normal(rows) + (1 - shared**2) ** 0.5 * rng.standard_normal((len(skill), rows))
    positive = 1 / (1 + np.exp(-2 * (skill[:, None] * (2 * labels - 1) + noise)))
    return labels, np.stack([1 - positive, positive], axis=2)


@dataclass(frozen=True)
class Seen:
    found: CorrectedCombination
    truth: float
    """Of the mean, on rows without end."""
    lead: float
    """True lead over the run that the rows chose."""


def see(seed: int, skill: np.ndarray, shared: float, rows: int = 400) -> Seen:
    rng = np.random.default_rng(seed)
    labels, said = draw(rng, rows, skill, shared)
    found = corrected_combination(labels, said, weigh, reference=said[0].argmax(axis=1), splits=4)
    fresh, of_fresh = draw(rng, MANY, skill, shared)
    truth = macro_f1(fresh, np.tensordot(weigh(said, labels), of_fresh, axes=1).argmax(axis=1), CLASSES)
    best = corrected_score(labels, said.argmax(axis=2), CLASSES, splits=1).winner
    return Seen(found, truth, truth - macro_f1(fresh, of_fresh[best].argmax(axis=1), CLASSES))


@pytest.mark.parametrize(("skill", "shared"), [(np.full(10, 0.7), 0.9), (np.linspace(0.4, 0.9, 8), 0.5)])
def test_is_right_on_average_and_as_often_as_it_says(skill: np.ndarray, shared: float) -> None:
    number = 120
    seen = [see(seed, skill, shared) for seed in range(number)]
    errors = np.array([one.found.corrected - one.truth for one in seen])
    luck = np.array([one.found.score - one.truth for one in seen])
    assert luck.mean() > 0.003  # there is something to correct
    assert errors.mean() == pytest.approx(0, abs=0.006 + 3 * errors.std() / number**0.5)
    leads = np.array([one.found.above_best[0] - one.lead for one in seen])
    assert leads.mean() == pytest.approx(0, abs=0.006 + 3 * leads.std() / number**0.5)
    covered = np.mean([one.found.above_best[1] <= one.lead <= one.found.above_best[2] for one in seen])
    assert covered >= 0.93 - 3 * (0.95 * 0.05 / number) ** 0.5


def test_seldom_claims_a_lead_where_all_runs_are_one_but_for_a_few_rows() -> None:
    # Averaging runs that say almost the same brings nothing.
    seen = [see(seed, np.full(6, 0.7), 0.999) for seed in range(100)]
    assert np.mean([one.found.above_best[1] > 0 for one in seen]) <= 0.025 + 3 * (0.025 * 0.975 / 100) ** 0.5


def test_of_equal_runs_is_the_one_run_itself() -> None:
    labels, said = draw(np.random.default_rng(0), 300, np.array([0.8]), 0.0)
    found = corrected_combination(labels, np.repeat(said, 4, axis=0), weigh, reference=said[0].argmax(axis=1))
    assert found.above_best == pytest.approx((0, 0, 0), abs=1e-12)
    assert found.above_reference == pytest.approx((0, 0, 0), abs=1e-12)
    assert found.score == pytest.approx(macro_f1(labels, said[0].argmax(axis=1), CLASSES))


def test_finds_the_gain_of_runs_that_err_apart() -> None:
    found = see(0, np.full(10, 0.6), 0.0, rows=1000).found
    assert found.above_best[1] > 0.05  # .73 of one run, .97 of ten
    assert found.above_reference is not None and found.above_reference[1] > 0.05


def test_without_a_reference_says_nothing_of_it_and_is_the_same_again() -> None:
    labels, said = draw(np.random.default_rng(0), 200, np.full(4, 0.7), 0.3)
    found = corrected_combination(labels, said, weigh)
    assert found.above_reference is None
    assert found == corrected_combination(labels, said, weigh)


def test_keeps_rows_of_a_group_together() -> None:
    labels, said = draw(np.random.default_rng(0), 200, np.full(4, 0.7), 0.3)
    often = np.tile(labels, 3), np.tile(said, (1, 3, 1))
    alone, grouped = (
        corrected_combination(labels, said, weigh),
        corrected_combination(*often, weigh, groups=np.tile(np.arange(200), 3)),
    )
    apart = corrected_combination(*often, weigh)
    width = [one.above_best[2] - one.above_best[1] for one in (alone, grouped, apart)]
    assert width[1] == pytest.approx(width[0], rel=0.5)
    assert width[2] < 0.8 * width[1]
    with pytest.raises(ValueError, match="two independent rows or groups"):
        corrected_combination(labels, said, weigh, groups=np.zeros(200, dtype=int))

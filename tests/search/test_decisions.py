"""Between two looks the rule must stop what is decided, and at the end say the same."""

import numpy as np
import pytest

from search.decisions import Decision, decide
from search.statistics import Looks

ROWS = 4000
LOOKS = Looks.at([4, 8])


def runs(right: float, pairs: int, seed: int) -> np.ndarray:
    """Predictions of a two-class problem, right with this probability; row i has class i % 2."""
    rng = np.random.default_rng(seed)
    labels = np.arange(ROWS) % 2
    return np.where(rng.random((pairs, ROWS)) < right, labels, 1 - labels)


def decided(predictions: dict[str, np.ndarray], *comparisons: tuple[str, str]) -> tuple[Decision, ...]:
    return tuple(decide(np.arange(ROWS) % 2, predictions, 2, comparisons, LOOKS).values())


def test_what_is_decided_at_the_first_look_gets_no_more_pairs() -> None:
    predictions = {"baseline": runs(0.7, 4, 0), "better": runs(0.8, 4, 1), "harmful": runs(0.6, 4, 2)}
    better, harmful = decided(predictions, ("better", "baseline"), ("harmful", "baseline"))
    assert (better.verdict, better.worth_more) == ("improves", False)
    assert (harmful.verdict, harmful.worth_more) == ("worse", False)


def test_what_more_pairs_may_decide_gets_them_and_what_has_had_all_does_not() -> None:
    # Half a seed deviation apart: open after four pairs.
    noisy = {"baseline": np.stack([runs(p, 1, k)[0] for k, p in enumerate((0.70, 0.74, 0.69, 0.73))])}
    noisy["idea"] = np.stack([runs(p, 1, 9 + k)[0] for k, p in enumerate((0.74, 0.73, 0.75, 0.76))])
    (open_,) = decided(noisy, ("idea", "baseline"))
    assert (open_.verdict, open_.worth_more) == ("undecided", True)
    twice = {name: np.concatenate([found, found]) for name, found in noisy.items()}
    (capped,) = decided(twice, ("idea", "baseline"))
    assert not capped.worth_more


def test_an_idea_that_stopped_early_is_judged_by_the_pairs_that_it_has() -> None:
    predictions = {"baseline": runs(0.7, 8, 0), "early": runs(0.8, 4, 1), "late": runs(0.8, 8, 2)}
    early, late = decided(predictions, ("early", "baseline"), ("late", "early"))
    assert len(early.difference.pairs) == len(late.difference.pairs) == 4
    assert early.difference.confidence == pytest.approx(1 - 0.8 * 0.05 / 3)


def test_pairs_of_an_unfinished_look_are_not_used() -> None:
    # Killed after six of eight: what is said is what was said at four.
    predictions = {"baseline": runs(0.7, 8, 0), "idea": runs(0.72, 6, 1)}
    (killed,) = decided(predictions, ("idea", "baseline"))
    (before,) = decided({name: found[:4] for name, found in predictions.items()}, ("idea", "baseline"))
    assert killed.difference.pairs.tolist() == before.difference.pairs.tolist()
    assert killed.adjusted_p == before.adjusted_p


def test_identical_arms_are_no_difference_at_the_first_look() -> None:
    same = runs(0.7, 4, 0)
    (found,) = decided({"baseline": same, "idea": same.copy()}, ("idea", "baseline"))
    assert (found.verdict, found.worth_more) == ("no difference", False)

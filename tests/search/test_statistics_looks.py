"""Looking more than once, without finding more than there is."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from search.statistics import Looks
from tests.support.worlds import World, look_until_decided, spend

LOOKS = Looks()


def test_one_look_is_the_fixed_design() -> None:
    once = Looks((10,), (1.0,))
    assert once.confidence(0) == 0.95
    assert once.p_value([0.03]) == 0.03


def test_the_p_value_of_several_looks_is_one_however_the_looks_depend() -> None:
    # NOTE: a p-value is below a with probability a at most. Sums of normal variables are what looks usually are;
    # equal ones are the other extreme.
    rng = np.random.default_rng(0)
    sums = rng.normal(size=(20_000, 20)).cumsum(axis=1)[:, [4, 9, 19]] / np.sqrt([5, 10, 20])
    for looks in (2 * stats.norm.sf(abs(sums)), 2 * stats.norm.sf(abs(sums[:, [2, 2, 2]]))):
        combined = np.array([LOOKS.p_value(row) for row in looks.tolist()])
        for alpha in (0.05 / 8, 0.05):
            assert np.mean(combined < alpha) <= alpha + 3 * np.sqrt(alpha / 20_000)


def test_looks_that_were_not_taken_cannot_make_it_smaller() -> None:
    assert LOOKS.p_value([0.01]) >= LOOKS.p_value([0.01, 0.01]) >= LOOKS.p_value([0.01, 0.01, 0.01])
    assert LOOKS.p_value([0.9]) == 1.0


def test_the_intervals_of_all_looks_spend_five_percent_together() -> None:
    spent = sum(1 - LOOKS.confidence(look) for look in range(len(LOOKS.pairs)))
    assert spent == pytest.approx(0.05)


def test_an_obvious_gain_stops_at_the_first_look() -> None:
    seen = World(pairs=20, rows=2000, gains=(1.0,)).draw(np.random.default_rng(0))
    words, differences, trainings = look_until_decided(seen, LOOKS, 1)
    assert words == ["improves"]
    assert len(differences[0].pairs) == 5
    assert trainings == 10


def test_no_pairs_are_spent_where_only_more_rows_would_tell() -> None:
    seen = World(pairs=5).draw(np.random.default_rng(0)).difference()
    noise = {"pair_variance": 0.01**2, "row_variance": 0.001**2}
    assert LOOKS.worth_more(replace(seen, mean=0.01, **noise), 0)
    swapped = {"pair_variance": 0.001**2, "row_variance": 0.01**2}
    assert not LOOKS.worth_more(replace(seen, mean=0.01, **swapped), 0)


def test_among_many_open_ideas_a_small_gain_is_sooner_beyond_deciding() -> None:
    seen = World(pairs=5).draw(np.random.default_rng(0)).difference()
    gains = [replace(seen, mean=mean) for mean in np.linspace(0, 0.03, 61)]
    alone, among_eight = ([LOOKS.worth_more(gain, 0, ideas=ideas) for gain in gains] for ideas in (1, 8))
    assert all(one >= eight for one, eight in zip(alone, among_eight, strict=True))
    assert sum(alone) > sum(among_eight) > 0


def test_the_last_look_is_the_last() -> None:
    difference = World(pairs=20).draw(np.random.default_rng(0)).difference()
    assert not LOOKS.worth_more(difference, 2)


@pytest.mark.slow
def test_identical_ideas_are_told_apart_in_at_most_five_percent_of_comparisons() -> None:
    world = World(rows=500, gains=(0.0,) * 8)
    spent = spend(world, LOOKS, 1000)
    assert spent.false <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1000)
    assert spent.covered >= 0.95


@pytest.mark.slow
def test_it_saves_trainings_and_finds_nearly_as_much_as_all_pairs_at_once() -> None:
    world = World(rows=4000, gains=(0.0, 0.02, 0.06, 0.12))
    fixed, adaptive = (spend(replace(world), looks, 300) for looks in (Looks((20,), (1.0,)), LOOKS))
    assert adaptive.trainings < 0.8 * fixed.trainings
    assert adaptive.found > fixed.found - 0.1


@pytest.mark.parametrize(
    ("pairs", "shares", "message"),
    [
        ((1, 5), (0.5, 0.5), "rise from two pairs"),
        ((10, 5), (0.5, 0.5), "rise from two pairs"),
        ((5, 10), (0.5, 0.6), "sum 1"),
        ((5, 10), (1.0,), "one for each look"),
        ((5, 10), (1.0, 0.0), "must be positive"),
    ],
)
def test_looks_that_make_no_sense_are_refused(pairs: tuple[int, ...], shares: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Looks(pairs, shares)

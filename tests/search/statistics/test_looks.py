"""Looking more than once, without finding more than there is."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from search.statistics import Looks
from tests.support.policies import worst_case
from tests.support.worlds import World, look_until_decided, spend

LOOKS = Looks.at((5, 10, 20))


def test_one_look_is_the_fixed_design() -> None:
    once = Looks((10,), (1.0,))
    assert once.confidence(0) == pytest.approx(0.95)
    assert once.p_value([0.03]) == pytest.approx(0.03)


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


PLANS = [
    Looks((20,), (1.0,)),
    Looks((5, 10, 20), (0.2, 0.3, 0.5)),
    LOOKS,
    Looks((2, 3, 4, 6), (0.1, 0.2, 0.1, 0.3)),
]


@pytest.mark.parametrize("looks", PLANS, ids=lambda looks: str(looks.pairs))
class TestTheLevels:
    def test_spend_five_percent_together_and_each_look_its_share_of_them(self, looks: Looks) -> None:
        rng, levels = np.random.default_rng(0), levels_of(looks)
        ends = np.array(looks.pairs)
        steps = rng.normal(size=(400_000, len(ends))) * np.sqrt(np.diff(ends, prepend=0))
        crossed = 2 * stats.norm.sf(abs(steps.cumsum(axis=1) / np.sqrt(ends))) < levels
        first = crossed & (crossed.cumsum(axis=1) == 1)
        for found, share in zip(first.mean(axis=0), looks.shares, strict=True):
            assert found == pytest.approx(0.05 * share, abs=3.5 * np.sqrt(0.05 * share / 400_000))

    @pytest.mark.parametrize("alpha", [1e-6, 0.05 / 8, 0.05, 0.2])
    def test_are_never_below_the_share_nor_above_alpha_and_the_first_is_its_share(
        self, looks: Looks, alpha: float
    ) -> None:
        levels = levels_of(looks, alpha)
        assert levels[0] == pytest.approx(looks.shares[0] * alpha)
        assert (levels >= np.array(looks.shares) * alpha * (1 - 1e-6)).all()
        assert (levels <= alpha * (1 + 1e-6)).all()

    def test_rise_with_alpha(self, looks: Looks) -> None:
        levels = np.array([levels_of(looks, alpha) for alpha in (1e-9, 1e-4, 0.01, 0.05, 0.06, 0.5)])
        assert (np.diff(levels, axis=0) > 0).all()

    def test_of_looks_that_were_taken_stay_whatever_is_planned_after_them(self, looks: Looks) -> None:
        longer = Looks.at((100, 200), looks) if sum(looks.shares) < 1 else looks
        assert longer.pairs[: len(looks.pairs)] == looks.pairs
        np.testing.assert_allclose(levels_of(longer)[: len(looks.pairs)], levels_of(looks), rtol=1e-9)

    def test_leave_out_zero_just_where_the_p_value_is_below_alpha(self, looks: Looks) -> None:
        # An interval of this confidence leaves out zero where its p-value is below the level.
        rng, levels = np.random.default_rng(1), levels_of(looks)
        near = levels * np.exp(rng.choice([-1e-1, -1e-6, 1e-6, 1e-1, 3.0], size=(300, len(levels))))
        for p_values in np.minimum(near, 1.0):
            assert (looks.p_value(p_values.tolist()) < 0.05) == bool((p_values < levels).any())

    def test_give_p_values_that_rise_with_those_of_each_look(self, looks: Looks) -> None:
        ladder = [0.0, 1e-300, 1e-15, 1e-12, 1e-9, 1e-4, 0.004, 0.01, 0.05, 0.2, 1.0]
        for look in range(len(looks.pairs)):
            before = [1.0] * look
            found = [looks.p_value([*before, p]) for p in ladder]
            assert found == sorted(found)
            assert all(p * (1 - 1e-9) <= combined <= 1 for p, combined in zip(ladder, found, strict=True))


def levels_of(looks: Looks, alpha: float = 0.05) -> np.ndarray:
    return np.array([1 - looks.confidence(look, alpha) for look in range(len(looks.pairs))])


class TestLooksThatAreAdded:
    def test_have_four_fifths_of_what_is_left_by_their_pairs(self) -> None:
        looks = Looks.at((10, 30), Looks((2, 5), (0.1, 0.4)))
        assert looks.pairs == (2, 5, 10, 30)
        assert looks.shares == pytest.approx((0.1, 0.4, 0.1, 0.32))
        assert looks.added == 2

    def test_that_are_planned_still_keep_their_shares_when_one_is_taken(self) -> None:
        planned = Looks.at((5, 10, 20))
        for taken in (1, 2, 3):
            seen = Looks(planned.pairs[:taken], planned.shares[:taken])
            assert Looks.at((5, 10, 20), seen, planned) == planned
            # A longer plan keeps them too.
            longer = Looks.at((5, 10, 20, 40), seen, planned)
            assert (longer.pairs, longer.shares[:3], longer.added) == ((5, 10, 20, 40), planned.shares, 1)

    def test_have_nothing_of_what_was_taken_out_of_the_plan_by_whoever_saw_something(self) -> None:
        planned = Looks.at((5, 10, 20))
        seen = Looks(planned.pairs[:1], planned.shares[:1])
        looks = Looks.at((5, 10, 30), seen, planned)
        assert looks.shares[:2] == planned.shares[:2]
        assert looks.shares[2] == pytest.approx(0.8 * (1 - sum(planned.shares)))
        assert looks.added == 1
        again = Looks.at((12, 20), Looks.at((), Looks(looks.pairs, looks.shares), planned), planned)
        assert again == looks

    def test_are_later_than_all_that_were_taken_and_none_of_those_is_forgotten(self) -> None:
        taken = Looks((2, 5), (0.1, 0.4))
        assert Looks.at((2,), taken) == Looks.at((3, 4), taken) == Looks.at((), taken) == taken
        assert Looks.at((3, 5, 7), taken).pairs == (2, 5, 7)

    def test_without_end_spend_no_more_than_there_is(self) -> None:
        looks = Looks.at((4,))
        for number in range(8, 60, 4):
            looks = Looks.at((number,), looks)
            assert looks.shares[-1] > 0
        assert sum(looks.shares) <= 1
        assert 0 < 1 - looks.confidence(len(looks.pairs) - 1) < 0.05

    def test_leave_out_zero_just_where_the_p_value_is_below_alpha(self) -> None:
        looks = Looks.at((30, 40), LOOKS)
        levels, rng = levels_of(looks), np.random.default_rng(1)
        assert levels[:3] == pytest.approx(levels_of(LOOKS))
        assert levels[3:] == pytest.approx(np.array(looks.shares[3:]) * 0.05 / 2)
        near = levels * np.exp(rng.choice([-1e-1, -1e-6, 1e-6, 1e-1, 3.0], size=(300, len(levels))))
        for p_values in np.minimum(near, 1.0):
            assert (looks.p_value(p_values.tolist()) < 0.05) == bool((p_values < levels).any())

    # The last two plan a look so late that it hardly depends on the first, and costs nothing to drop.
    @pytest.mark.parametrize("plan", [(10,), (2, 3), (8, 16), (5, 10, 20), (10, 1000), (2, 200)], ids=str)
    def test_find_nothing_in_five_percent_though_whoever_adds_them_picks_their_pairs_by_what_was_seen(
        self, plan: tuple[int, ...]
    ) -> None:
        growths = np.geomspace(1.01, 100, 8).tolist()
        found = worst_case(plan, growths, len(plan) + 2)
        assert sum(Looks.at(plan).shares) * 0.05 < found <= 0.049  # the best that anybody can do
        # As planned, and nothing picked: what is left is for plans to come.
        assert worst_case(plan, (), len(plan)) == pytest.approx(0.05 * sum(Looks.at(plan).shares), rel=1e-4)


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
    looks = replace(LOOKS, futile=0.3)
    alone, among_eight = ([looks.worth_more(gain, 0, ideas=ideas) for gain in gains] for ideas in (1, 8))
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
        ((5, 10), (0.5, 0.6), "sum of at most 1"),
        ((5, 10), (1.0,), "one for each look"),
        ((5, 10), (1.0, 0.0), "must be positive"),
        ((5, 10), (0.5, -0.1), "must be positive"),
        ((5, 10), (0.5, float("nan")), "must be positive"),
        ((5, 5), (0.5, 0.5), "rise from two pairs"),
        ((), (), "rise from two pairs"),
    ],
)
def test_looks_that_make_no_sense_are_refused(pairs: tuple[int, ...], shares: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Looks(pairs, shares)

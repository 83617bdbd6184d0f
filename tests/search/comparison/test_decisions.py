"""Between two looks the rule must stop what is decided, and at the end say the same."""

import numpy as np
import pytest

from search.comparison.decisions import Decision, chosen_by_others, decide, runs_of, searches_of
from search.comparison.ideas import CHOSEN
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


class TestTheArmChosenByOthers:
    def test_is_not_the_one_that_the_pair_itself_made_win(self) -> None:
        # One lucky run makes "lucky" the best of all; without it "steady" is.
        validation = {"steady": np.array([0.70, 0.71, 0.70, 0.71]), "lucky": np.array([0.69, 0.70, 0.95, 0.70])}
        assert np.mean(validation["lucky"]) > np.mean(validation["steady"])
        (chosen,) = chosen_by_others(validation, [4])
        assert chosen == ["lucky", "lucky", "steady", "lucky"]
        said = {arm: np.full((4, 3), number) for number, arm in enumerate(validation)}
        assert runs_of(chosen, said).tolist() == [[1, 1, 1], [1, 1, 1], [0, 0, 0], [1, 1, 1]]

    def test_has_no_gain_where_arms_are_alike_though_the_one_chosen_by_all_has(self) -> None:
        # Arms that differ by luck alone, the same on validation and on sealed rows.
        rng, of_all = np.random.default_rng(0), []
        of_others: tuple[list[float], ...] = ([], [])
        for _ in range(2000):
            luck = rng.normal(size=(6, 5))
            names = dict(zip("abcdef", luck, strict=True))
            of_all.append(luck.mean(axis=1).max())
            for look, chosen in enumerate(chosen_by_others(names, [3, 5])):
                of_others[look].append(np.mean([names[arm][pair] for pair, arm in enumerate(chosen)]))
        assert np.mean(of_all) > 0.4
        for at_look in of_others:
            assert abs(np.mean(at_look)) < 4 * np.std(at_look) / np.sqrt(2000)

    def test_of_several_searches_is_chosen_by_the_pairs_of_others(self) -> None:
        # Arms that differ by the luck of their configs alone, which all pairs of a search share.
        rng, of_pairs, of_searches = np.random.default_rng(0), [], []
        for _ in range(2000):
            luck = rng.normal(size=(6, 3))[:, np.arange(9) % 3] + 0.5 * rng.normal(size=(6, 9))
            names = dict(zip("abcdef", luck, strict=True))
            for searches, found in ((1, of_pairs), (3, of_searches)):
                (chosen,) = chosen_by_others(names, [9], searches)
                found.append(np.mean([names[arm][pair] for pair, arm in enumerate(chosen)]))
        assert np.mean(of_pairs) > 0.4
        assert abs(np.mean(of_searches)) < 4 * np.std(of_searches) / np.sqrt(2000)

    def test_is_at_a_later_look_one_of_those_that_were_chosen_before_as_long_as_they_have_its_pairs(self) -> None:
        first = {"a": np.array([0.8, 0.7]), "b": np.array([0.6, 0.79]), "c": np.array([0.5, 0.5])}
        assert chosen_by_others(first, [2, 4]) == [["b", "a"]]
        # c went on for reasons of its own. The pairs that chose a and b are not scored by what they chose it for.
        later = {"a": [0.8, 0.7, 0.7, 0.7], "b": [0.6, 0.79, 0.9, 0.9], "c": [0.5, 0.5, 2.0, 2.0]}
        validation = {arm: np.array(scores) for arm, scores in later.items()}
        assert chosen_by_others(validation, [2, 4, 8]) == [["b", "a"], ["b", "a", "b", "b"]]

    def test_of_equals_is_the_first(self) -> None:
        assert chosen_by_others({"a": np.full(3, 0.7), "b": np.full(3, 0.7)}, [3]) == [["a", "a", "a"]]

    def test_is_compared_at_each_look_with_what_was_chosen_there(self) -> None:
        predictions = {"linear": runs(0.7, 8, 0), "a": runs(0.705, 8, 1), "b": runs(0.75, 4, 2)}
        family, labels = ((CHOSEN, "linear"),), np.arange(ROWS) % 2
        first = decide(labels, predictions, 2, family, LOOKS, chosen=[["b"] * 4])[CHOSEN, "linear"]
        assert (first.verdict, len(first.difference.pairs)) == ("improves", 4)
        # What is chosen later is another arm, which is hardly better; what was found is still on record.
        later = decide(labels, predictions, 2, family, LOOKS, chosen=[["b"] * 4, ["a"] * 8])[CHOSEN, "linear"]
        assert len(later.difference.pairs) == 8
        assert later.adjusted_p == first.adjusted_p


def test_searches_take_turns_and_one_is_none() -> None:
    assert searches_of(6, 1) is None
    found = searches_of(6, 3)
    assert found is not None
    assert found.tolist() == [0, 1, 2, 0, 1, 2]


def test_several_searches_leave_as_many_degrees_of_freedom_as_they_are() -> None:
    # Pairs of one search share its luck: .79 against .70 in one of them, .72 in the other.
    rates = [0.79, 0.72] * 4
    predictions = {
        "baseline": np.stack([runs(0.7, 1, 20 + pair)[0] for pair in range(8)]),
        "idea": np.stack([runs(rate, 1, 40 + pair)[0] for pair, rate in enumerate(rates)]),
    }
    labels, family = np.arange(ROWS) % 2, (("idea", "baseline"),)
    one = decide(labels, predictions, 2, family, Looks.at([8]))["idea", "baseline"]
    two = decide(labels, predictions, 2, family, Looks.at([8]), searches=2)["idea", "baseline"]
    assert (one.difference.units, two.difference.units) == (8, 2)
    assert one.difference.mean == two.difference.mean
    assert (one.verdict, two.verdict) == ("improves", "undecided")


def test_groups_of_rows_reach_the_intervals() -> None:
    groups = np.arange(ROWS) // 100
    labels = np.arange(ROWS) % 2
    luck = np.random.default_rng(3).random((2, ROWS // 100))[:, groups]
    predictions = {
        name: np.tile(np.where(luck[number] < 0.7, labels, 1 - labels), (4, 1))
        for number, name in enumerate(("baseline", "idea"))
    }
    family = (("idea", "baseline"),)
    rows, grouped = (decide(labels, predictions, 2, family, LOOKS, groups=given) for given in (None, groups))
    wide, narrow = (found["idea", "baseline"].difference for found in (grouped, rows))
    assert (wide.rows, narrow.rows) == (ROWS // 100, ROWS)
    assert wide.high - wide.low > 5 * (narrow.high - narrow.low)


def test_what_an_early_look_found_and_later_pairs_took_back_is_undecided() -> None:
    rng, looks = np.random.default_rng(0), Looks.at((5, 40))
    labels = rng.integers(0, 2, 1000)

    def runs(*shares: float) -> np.ndarray:
        return np.stack([np.where(rng.random(1000) < share, labels, 1 - labels) for share in shares])

    predictions = {"baseline": runs(*[0.8] * 40), "idea": runs(*[0.87] * 5, *[0.787] * 35)}
    (decision,) = decide(labels, predictions, 2, [("idea", "baseline")], looks).values()
    assert decision.adjusted_p < 0.05
    assert decision.difference.low < 0 < decision.difference.high
    assert decision.verdict == "undecided"

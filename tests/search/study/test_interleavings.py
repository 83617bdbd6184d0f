"""Whoever comes when, is killed or falls asleep: a search finds what it finds alone."""

import pytest
from optuna.trial import FrozenTrial

from search.study import claims, optimization
from search.study.positions import positions
from tests.support.interleavings import KINDS, disturbed, undisturbed

WORLDS = 25
"""Of each kind; `python -m tests.benchmarks.interleavings` makes thousands."""


@pytest.mark.parametrize("kind", KINDS)
def test_no_interleaving_changes_what_a_search_finds(kind: str) -> None:
    for world in disturbed(KINDS[kind], range(1, WORLDS + 1)):
        assert not world.complaints, f"seed {world.seed}"


def test_nobody_leaves_on_a_plateau_that_is_none_to_all_that_was_begun() -> None:
    for world in disturbed(KINDS["patience"], [1308, 1740, 1837]):
        assert not world.complaints, str(world)


def test_a_world_is_made_again_by_its_seed() -> None:
    first, again = (next(disturbed(KINDS["failed for good"], [5])) for _ in range(2))
    assert first == again
    assert any("KILLED" in step for step in first.steps) and any("ASLEEP" in step for step in first.steps)
    assert sorted(first.draws) == [0, 2, 3, 5, 6, 7]


def test_a_plateau_ends_a_search() -> None:
    assert len(undisturbed(KINDS["in step, patience"]).draws) < KINDS["in step, patience"].total


class TestAMistake:
    """Made on purpose, it is found."""

    def test_a_trial_that_was_taken_in_a_race_goes_on_whatever_the_others_did(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(claims, "_holds", lambda *_: True)
        assert {"differ", "over"} <= complaints("failed for good")

    def test_a_failed_trial_stands_for_its_position_though_it_was_begun_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def standing(trials: list[FrozenTrial]) -> dict[int, FrozenTrial]:
            order = positions(trials)
            return {order[trial.number]: trial for trial in reversed(trials)}

        monkeypatch.setattr(claims, "_standing", standing)
        assert "differ" in complaints("one at a time, patience")

    def test_a_trial_whose_process_died_is_left_running(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(claims, "_loss", lambda *_: None)
        assert {"does not end", "short", "stuck"} <= complaints("one at a time, TPE")

    def test_a_process_leaves_on_a_plateau_while_another_trial_runs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(optimization, "is_begun", lambda *_: False)
        assert any("ended before the search" in complaint for complaint in complaints("patience"))


def complaints(kind: str) -> set[str]:
    """What the first worlds that have any complain of."""
    found = set[str]()
    for world in disturbed(KINDS[kind], range(1, WORLDS + 1)):
        found |= {complaint.split(":")[0] for complaint in world.complaints}
        if found:
            break
    return found

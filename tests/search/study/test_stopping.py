"""When more trials are unlikely to pay."""

from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.report.board import render
from search.storage.databases import open_storage
from search.study.leaderboard import leaderboard
from search.study.records import PATIENCE, ROWS, keep_of_study
from search.study.stopping import plateau
from tests.support.program import run
from tests.support.tiny import write_study_file

ROWS_HERE = (450, 450)
STANDARD_ERROR = 0.01  # of a score of 0.9 on 900 rows


def completed(*values: float) -> list[FrozenTrial]:
    return [create_trial(value=value) for value in values]


class TestAPlateau:
    def test_is_there_when_the_last_trials_gain_less_than_half_a_standard_error(self) -> None:
        assert plateau(completed(0.8959, 0.5, 0.9), 2, ROWS_HERE)
        assert not plateau(completed(0.8941, 0.5, 0.9), 2, ROWS_HERE)

    def test_says_what_was_gained_and_what_had_to_be(self) -> None:
        found = plateau(completed(0.898, 0.5, 0.9), 2, ROWS_HERE)
        assert str(found) == (
            "The last 2 trials raised the best score by 0.20 points; less than 0.50, half a standard error of such a "
            "score, is noise: more trials are unlikely to pay"
        )

    def test_needs_a_score_from_before(self) -> None:
        assert not plateau(completed(0.9, 0.9), 2, ROWS_HERE)
        pruned = create_trial(state=TrialState.PRUNED, value=0.9)
        assert not plateau([pruned, *completed(0.9, 0.9)], 2, ROWS_HERE)

    def test_counts_pruned_trials_and_no_unfinished_ones(self) -> None:
        pruned, waiting = create_trial(state=TrialState.PRUNED, value=0.95), create_trial(state=TrialState.WAITING)
        assert plateau([*completed(0.9), pruned, pruned], 2, ROWS_HERE)
        assert not plateau([*completed(0.9), waiting, pruned], 2, ROWS_HERE)

    def test_is_there_when_nothing_is_left_to_gain(self) -> None:
        assert plateau(completed(1.0, 0.5, 1.0), 2, ROWS_HERE)

    def test_of_small_steps_that_add_up_is_none(self) -> None:
        rising = completed(*np.linspace(0.80, 0.90, 41))
        assert all(plateau(rising[:n], 10, ROWS_HERE) is None for n in range(42))


def test_the_leaderboard_says_why_the_search_stopped() -> None:
    study = optuna.create_study(direction="maximize")
    keep_of_study(study, ROWS, {"validation": sum(ROWS_HERE)})
    study.add_trials(completed(0.9, 0.9, 0.9))
    assert leaderboard(study).plateau is None  # nobody asked
    keep_of_study(study, PATIENCE, 2)
    assert "The last 2 trials raised the best score by 0.00 points" in render(leaderboard(study))


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_search_with_patience_stops_and_goes_on_without(tmp_path: Path, reviews_csv: Path, workers: int) -> None:
    write_study_file(tmp_path / "study.toml", reviews_csv, epochs=2, trials=14)
    order = ("run", "study.toml", "--workers", str(workers))

    def finished() -> int:
        study = optuna.load_study(study_name="tiny", storage=open_storage(f"sqlite:///{tmp_path}/study.db"))
        return len(study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED)))

    status, out, err = run(tmp_path, *order, "--patience", "3")
    assert status == 0, err
    assert "more trials are unlikely to pay" in out
    first = finished()
    assert 4 <= first < 14
    status, out, err = run(tmp_path, *order, "--patience", "3")
    assert status == 0, err
    assert "more trials are unlikely to pay" in out
    assert finished() == first
    status, out, err = run(tmp_path, *order)
    assert status == 0, err
    assert "more trials are unlikely to pay" not in out
    assert finished() == 14

"""The loop of a search: what it records, and when it ends."""

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
import sqlalchemy
from optuna.trial import TrialState

from search.storage.databases import open_storage
from search.study import optimization
from search.study.claims import begin_again, claim
from search.study.create import SearchStudy, create_or_resume
from search.study.optimization import optimize
from search.study.records import CONFIG, ENDED
from tests.support.tiny import definition


@pytest.fixture
def opened(reviews_csv: Path, tmp_path: Path) -> SearchStudy:
    storage = open_storage(f"sqlite:///{tmp_path}/study.db")
    return create_or_resume(definition(reviews_csv, patience=2), storage, tmp_path)


def alike(trial: optuna.Trial) -> float:
    """No trial is better than another."""
    return 0.5


def test_on_a_plateau_what_was_begun_is_ended_and_nothing_else_is_begun(
    opened: SearchStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = claim(opened.study, 9)  # by another worker, which is killed once this one has nothing left to begin
    assert lost
    lost.suggest_float("x", 0, 1)
    lost.set_user_attr(CONFIG, {})
    looks = []

    def kill_at_the_second_look(study: optuna.Study) -> int:
        looks.append(len(study.trials))
        if len(looks) == 2:
            begin_again(study, lost.number, "its process was lost")
        return 0

    monkeypatch.setattr(optimization, "begin_lost_again", kill_at_the_second_look)
    optimize(opened, trials=9, objective=alike)
    assert opened.plateau()
    trials = opened.study.get_trials()
    assert len(trials) == looks[1] + 1 < 9
    assert trials[-1].state == TrialState.COMPLETE
    assert trials[-1].system_attrs["failed_trial"] == lost.number


def test_an_error_is_told_though_ctrl_c_came_while_it_was_recorded(
    opened: SearchStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(trial: optuna.Trial) -> float:
        raise OSError(28, "No space left on device")

    def interrupted(study: optuna.Study, number: int, cause: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        begin_again(study, number, cause)

    monkeypatch.setattr(optimization, "begin_again", interrupted)
    with pytest.raises((OSError, KeyboardInterrupt)) as raised:
        optimize(opened, trials=3, objective=fail)
    assert isinstance(raised.value, OSError)
    assert opened.study.trials[0].user_attrs[ENDED].endswith("No space left on device; queued to be begun again")


def test_a_process_that_was_taken_for_lost_and_whose_files_were_cleared_away_goes_on(opened: SearchStudy) -> None:
    tried = []

    def asleep_once(trial: optuna.Trial) -> float:
        tried.append(trial.number)
        if len(tried) == 1:
            begin_again(opened.study, trial.number, "its process fell silent")
            raise FileNotFoundError(2, "No such file or directory", "weights.safetensors.tmp")
        return 0.5

    optimize(opened, trials=2, objective=asleep_once)
    assert len(tried) == 3
    assert [trial.state for trial in opened.study.trials].count(TrialState.COMPLETE) == 2


def test_ctrl_c_amidst_a_write_is_recorded_at_once(
    opened: SearchStudy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """SQLAlchemy gives such a connection up; its lock would hold until nothing refers to it any more."""
    storage = opened.study._storage._backend  # type: ignore[attr-defined]
    statements: list[str] = []

    def interrupted(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
        statements.append(statement)
        cursor.execute(statement, parameters)
        if statement.startswith("SELECT"):
            sqlalchemy.event.remove(storage.engine, "do_execute", interrupted)
            os.kill(os.getpid(), signal.SIGINT)
        return True

    def write(trial: optuna.Trial) -> float:
        sqlalchemy.event.listen(storage.engine, "do_execute", interrupted)
        trial.report(0.5, 1)
        return 0.5

    with pytest.raises(KeyboardInterrupt):
        optimize(opened, trials=1, objective=write)
    assert statements[0] == "BEGIN IMMEDIATE"
    assert opened.study.trials[0].user_attrs[ENDED] == "interrupted; queued to be begun again"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_was_lost_in_a_finalizer_ends_the_search_all_the_same(opened: SearchStudy) -> None:
    class Finalized:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(100):
                pass  # the exception is raised in here, where nobody hears of it

    def lose(trial: optuna.Trial) -> float:
        Finalized()
        return 0.5

    with pytest.raises(KeyboardInterrupt):
        optimize(opened, trials=9, objective=lose)
    assert opened.finished == 1
    assert not opened.study.get_trials(states=(TrialState.RUNNING,))


def test_in_step_a_search_with_patience_stops_after_the_same_round_whoever_ends_first(
    opened: SearchStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping = replace(opened, round_of=2, patience=2)
    study, real = opened.study, optimization.claim
    for _ in range(3):
        trial = claim(study, 9, 2)
        assert trial
        study.tell(trial, 0.5)
    other = claim(study, 9, 2)  # the last of the second round, in another process
    assert other

    def claim_late(*arguments: Any, **named: Any) -> optuna.Trial | None:
        if not study.trials[other.number].state.is_finished():  # it ends between two looks at the study
            study.tell(other, 0.5)
        return real(*arguments, **named)

    monkeypatch.setattr(optimization, "claim", claim_late)
    optimize(stopping, trials=9, objective=alike)
    assert opened.finished == 4


def test_a_trial_that_was_lost_before_a_leap_does_not_end_the_search(opened: SearchStudy) -> None:
    study = opened.study
    for score in (0.6, 0.6):
        trial = claim(study, 10)
        assert trial
        study.tell(trial, score)
    lost, leaping = claim(study, 10), claim(study, 10)
    assert lost and leaping
    study.tell(leaping, 0.7)
    begin_again(study, lost.number, "its process was lost")  # and it had not drawn its parameters
    optimize(opened, trials=6, objective=lambda trial: 0.7 + trial.number / 25)
    assert opened.finished == 6

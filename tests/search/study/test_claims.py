"""Who works on which trial, with processes that are really gone."""

import os
import platform
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import RetryHeartbeatStaleTrialCallback
from optuna.trial import TrialState, create_trial
from optuna_dashboard import get_note, save_note
from sqlalchemy import text

from search.storage import heartbeats
from search.storage.attributes import OURS
from search.storage.databases import experimental_features, open_storage
from search.study import claims
from search.study.claims import RETRIES, WORKER, Heartbeat, begin_again, begin_lost_again, claim
from search.study.positions import FINISHED
from search.study.records import CONFIG, ENDED, told


@pytest.fixture
def study(tmp_path: Path) -> optuna.Study:
    return open_study(tmp_path)


def open_study(folder: Path) -> optuna.Study:
    """In a new connection, as a new process would."""
    storage = open_storage(f"sqlite:///{folder}/study.db")
    return optuna.create_study(study_name="s", storage=storage, direction="maximize", load_if_exists=True)


def states(study: optuna.Study) -> list[TrialState]:
    return [trial.state for trial in study.get_trials(deepcopy=False)]


@pytest.fixture(scope="module")
def dead() -> dict[str, Any]:
    """A process of this machine that has really ended."""
    process = subprocess.Popen(["sleep", "600"])
    seen = claims._this_process() | {"pid": process.pid, "started": claims._started(process.pid)}
    process.kill()
    process.wait()
    return seen


def running(study: optuna.Study, worker: object = None, **claims_: object) -> int:
    """A trial as a killed process leaves it."""
    system = {f"claimed by {name}": value for name, value in claims_.items()}
    if worker:
        system[OURS + WORKER] = worker
    study.add_trial(create_trial(state=TrialState.RUNNING, system_attrs=system))
    return len(study.trials) - 1


def silence(study: optuna.Study, seconds: int) -> None:
    """Lets all heartbeats lie so far back, by the clock of the database."""
    storage = study._storage._backend  # type: ignore[attr-defined]
    with storage.engine.begin() as connection:
        connection.execute(text(f"UPDATE trial_heartbeats SET heartbeat = datetime(heartbeat, '-{seconds} seconds')"))


class TestALostTrial:
    def test_of_a_process_of_this_machine_that_is_no_more_is_begun_again_at_once(
        self, study: optuna.Study, dead: dict[str, Any]
    ) -> None:
        running(study, dead)
        assert begin_lost_again(study) == 1
        assert states(study) == [TrialState.FAIL, TrialState.WAITING]
        assert study.trials[0].user_attrs[ENDED] == "its process was lost; queued to be begun again"
        assert begin_lost_again(study) == 0

    def test_whose_page_was_made_already_says_there_that_it_did_not_end(
        self, study: optuna.Study, dead: dict[str, Any]
    ) -> None:
        for _ in range(2):
            running(study, dead)
        first, second = (optuna.Trial(study, trial._trial_id) for trial in study.trials)
        save_note(first, f"completed with 0.9. {'x' * 3000}")
        begin_lost_again(study)
        assert get_note(first) == "It did not end: its process was lost; begun again as trial 2."
        assert get_note(second) == ""

    def test_that_was_recorded_by_an_earlier_version_is_too(self, study: optuna.Study, dead: dict[str, Any]) -> None:
        running(study, {"host": platform.node(), "pid": dead["pid"]})
        assert begin_lost_again(study) == 1

    def test_whose_number_another_process_has_now_is_too(self, study: optuna.Study) -> None:
        mine = claims._this_process()
        if mine["started"] is None:
            pytest.skip("this system does not say when a process was started")
        running(study, mine | {"started": mine["started"] - 1})
        assert begin_lost_again(study) == 1

    def test_killed_while_it_was_taken_from_the_queue_is_too(self, study: optuna.Study, dead: dict[str, Any]) -> None:
        running(study, None, first=dead)
        assert begin_lost_again(study) == 1

    def test_that_one_of_two_took_from_the_queue_is_left_while_either_lives(
        self, study: optuna.Study, dead: dict[str, Any]
    ) -> None:
        running(study, None, first=dead, second=claims._this_process())
        assert begin_lost_again(study) == 0

    @pytest.mark.parametrize("worker", ["none", "elsewhere", "after a reboot", "alive"])
    def test_is_known_by_its_silence_whoever_works_on_it(
        self, study: optuna.Study, worker: str, dead: dict[str, Any]
    ) -> None:
        running(
            study,
            {
                "none": None,
                "elsewhere": {"host": "elsewhere", "pid": dead["pid"]},
                "after a reboot": dead | {"host": "renamed", "boot": "before"},
                "alive": claims._this_process(),
            }[worker],
        )
        assert begin_lost_again(study) == 0  # which gives it its first heartbeat
        silence(study, 39)
        assert begin_lost_again(study) == 0
        silence(study, 3)
        assert begin_lost_again(study) == 1

    def test_is_given_up_if_it_took_its_process_down_every_time(
        self, study: optuna.Study, dead: dict[str, Any]
    ) -> None:
        running(study, dead)
        for death in range(RETRIES + 1):
            trial = study.get_trials(deepcopy=False)[-1]
            study._storage.set_trial_user_attr(trial._trial_id, CONFIG, {})
            assert begin_lost_again(study) == 1
            if death < RETRIES:
                assert claim(study, 9)
                study._storage.set_trial_system_attr(study.trials[-1]._trial_id, OURS + WORKER, dead)
        assert states(study) == [TrialState.FAIL] * (RETRIES + 1)
        assert study.trials[-1].user_attrs[ENDED] == "its process was lost 6 times; given up"

    def test_that_had_not_begun_to_train_when_its_process_died_is_never_given_up(
        self, study: optuna.Study, dead: dict[str, Any]
    ) -> None:
        running(study, dead)
        for _ in range(3 * RETRIES):
            assert begin_lost_again(study) == 1
            assert claim(study, 9)
            study._storage.set_trial_system_attr(study.trials[-1]._trial_id, OURS + WORKER, dead)

    def test_is_begun_again_though_a_process_was_killed_between_its_end_and_its_new_beginning(
        self, study: optuna.Study, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trial = claim(study, 9)
        assert trial
        with monkeypatch.context() as patched:
            patched.setattr(claims, "repeat", lambda *_, **__: os.abort)
            begin_again(study, trial.number, "interrupted")
        assert states(study) == [TrialState.FAIL]
        begin_lost_again(study)
        begin_lost_again(study)
        assert states(study) == [TrialState.FAIL, TrialState.WAITING]

    def test_that_two_processes_begin_again_is_made_once(self, study: optuna.Study) -> None:
        trial = claim(study, 9)
        assert trial
        begin_again(study, trial.number, "interrupted")
        claims.repeat(study, study.trials[0], drawn=False)
        first, second = claim(study, 9), claim(study, 9)
        assert first and second
        begin_lost_again(study)
        assert [(trial.number, trial.state) for trial in study.trials[1:]] == [
            (1, TrialState.RUNNING),
            (2, TrialState.FAIL),
            (3, TrialState.RUNNING),
        ]
        assert study.trials[2].user_attrs[ENDED] == "another trial stands at its position"

    def test_whose_twin_waits_in_the_queue_is_not_trained_twice(
        self, study: optuna.Study, dead: dict[str, Any]
    ) -> None:
        running(study, dead)
        assert begin_lost_again(study) == 1
        claims.repeat(study, study.trials[0], drawn=False)
        # The first of them was taken, and put back by a process whose turn it was not, after another one had seen it
        # run.
        seen = study.get_trials()
        assert claims._standing(seen)[0].number == 1
        study._storage.set_trial_state_values(seen[1]._trial_id, TrialState.RUNNING)
        assert claim(study, 1) is None
        study._storage.set_trial_state_values(seen[1]._trial_id, TrialState.WAITING)
        first = claim(study, 1)
        assert first and first.number == 1
        assert claim(study, 1) is None
        study.tell(first, 1.0)
        assert claim(study, 1) is None
        assert not claims.is_unsettled(study.trials, 1)

    def test_whose_standing_trial_fails_is_begun_again_once_by_its_twin(
        self, study: optuna.Study, dead: dict[str, Any]
    ) -> None:
        running(study, dead)
        assert begin_lost_again(study) == 1
        claims.repeat(study, study.trials[0], drawn=False)
        study._storage.set_trial_state_values(study.trials[1]._trial_id, TrialState.RUNNING)
        study._storage.set_trial_system_attr(study.trials[1]._trial_id, OURS + WORKER, dead)
        assert begin_lost_again(study) == 1
        assert begin_lost_again(study) == 0
        assert states(study) == [TrialState.FAIL, TrialState.FAIL, TrialState.WAITING, TrialState.FAIL]
        again = claim(study, 1)
        assert again
        study.tell(again, 1.0)
        assert claim(study, 1) is None
        assert claim(study, 2)

    def test_that_comes_further_each_time_is_begun_again_as_often_as_it_takes(
        self, study: optuna.Study, dead: dict[str, Any]
    ) -> None:
        running(study, dead)
        for death in range(3 * RETRIES):
            trial = study.get_trials(deepcopy=False)[-1]
            study._storage.set_trial_user_attr(trial._trial_id, CONFIG, {})
            for step in range(1, death + 2):  # it is told of the scorings before, and makes one more
                study._storage.set_trial_intermediate_value(trial._trial_id, step, 0.5)
            assert begin_lost_again(study) == 1
            assert claim(study, 9)
            study._storage.set_trial_system_attr(study.trials[-1]._trial_id, OURS + WORKER, dead)
        assert states(study)[-1] == TrialState.RUNNING

    def test_of_a_process_that_fell_silent_is_begun_again_more_often_than_one_of_a_process_that_died(
        self, study: optuna.Study
    ) -> None:
        running(study, {"host": "elsewhere", "pid": 1})
        for again in range(claims.SILENT_RETRIES + 1):
            study._storage.set_trial_user_attr(study.trials[-1]._trial_id, CONFIG, {})
            assert begin_lost_again(study) == 0
            silence(study, 42)
            assert begin_lost_again(study) == 1
            if again < claims.SILENT_RETRIES:
                assert claim(study, 9)
                study._storage.set_trial_system_attr(
                    study.trials[-1]._trial_id, OURS + WORKER, {"host": "elsewhere", "pid": 1}
                )
        assert states(study) == [TrialState.FAIL] * (claims.SILENT_RETRIES + 1)
        assert study.trials[-1].user_attrs[ENDED] == "its process fell silent 21 times; given up"


class TestAClaim:
    def test_names_its_process_from_the_first_moment(self, study: optuna.Study) -> None:
        study.enqueue_trial({})
        for _ in range(2):
            trial = claim(study, 9)
            assert trial
            assert told(study.trials[trial.number], WORKER)["pid"] == os.getpid()
            # Which stays when the other is taken away, as the trial is put back.
            assert any(value["pid"] == os.getpid() for value in study.trials[-1].system_attrs.values() if value)
        assert begin_lost_again(study) == 0

    def test_of_what_was_begun_begins_nothing_new(self, study: optuna.Study, dead: dict[str, Any]) -> None:
        study.enqueue_trial({})
        running(study, dead)  # before it had drawn its parameters
        running(study, dead)
        lost = optuna.Trial(study, study.trials[2]._trial_id)
        lost.suggest_float("x", 0, 1)
        lost.set_user_attr(CONFIG, {})
        assert claim(study, 9, ends=lambda *_: True) is None
        assert claims.is_begun(study.trials, 9, None)
        begin_lost_again(study)
        again = claim(study, 9, ends=lambda *_: True)
        assert again and again.number == 4
        assert claim(study, 9, ends=lambda *_: True) is None
        assert claims.is_begun(study.trials, 9, None)
        study.tell(again, 1.0)
        assert not claims.is_begun(study.trials, 9, None)
        assert not claims.is_begun(study.trials, 1, None)
        assert states(study)[0] == states(study)[3] == TrialState.WAITING

    def test_is_given_up_if_the_search_has_ended_since_it_looked(self, study: optuna.Study) -> None:
        looks: list[int] = []

        def ends(trials: object, position: int) -> bool:
            looks.append(position)
            return len(looks) > 1

        assert claim(study, 9, ends=ends) is None
        assert looks == [0, 0]
        assert states(study) == [TrialState.WAITING]

    def test_of_what_another_process_took_leaves_nothing_behind(
        self, study: optuna.Study, dead: dict[str, Any]
    ) -> None:
        study.enqueue_trial({})
        (seen,) = study.get_trials()
        study._storage.set_trial_system_attr(seen._trial_id, "claimed by another", dead)
        study._storage.set_trial_state_values(seen._trial_id, TrialState.RUNNING)
        assert not claims._take(study, seen, claims._this_process())
        assert begin_lost_again(study) == 1  # at once: of those who tried, none lives that could have it

    def test_of_what_was_put_back_long_ago_is_not_taken_for_silent(self, study: optuna.Study) -> None:
        trial = claim(study, 9)
        assert trial
        with Heartbeat(trial):
            pass
        study._storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)
        silence(study, 100)
        assert claim(study, 9)
        assert begin_lost_again(study) == 0


class TestAStudyOfTheVersionBefore:
    """Its failed trials do not say that they are to be begun again: Optuna's own callback queued another at once."""

    def test_keeps_its_retries(self, study: optuna.Study) -> None:
        first, failed = claim(study, 9), claim(study, 9)
        assert first and failed
        study.tell(first, 0.5)
        failed.suggest_float("x", 0, 1)
        study.tell(failed, state=TrialState.FAIL)
        with experimental_features():
            RetryHeartbeatStaleTrialCallback()(study, study.trials[1])
        assert begin_lost_again(study) == 0
        assert states(study)[2] == TrialState.WAITING
        again = claim(study, 2)
        assert again and again.number == 2
        study.tell(again, 0.6)
        assert claim(study, 2) is None

    def test_is_refused_once_enough_trials_are_finished_or_running(self, study: optuna.Study) -> None:
        first = claim(study, 2)
        assert first and claim(study, 2)
        assert claim(study, 2) is None
        study.tell(first, state=TrialState.FAIL)
        assert claim(study, 2)

    def test_of_many_processes_at_once_never_exceeds_the_total(self, study: optuna.Study, tmp_path: Path) -> None:
        total, errors = 23, []

        def work() -> None:
            try:
                mine = open_study(tmp_path)
                while sum(state in FINISHED for state in states(mine)) < total:
                    if trial := claim(mine, total):
                        mine.tell(trial, 1.0)
            except BaseException as error:
                errors.append(error)
                raise

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors
        assert sum(state == TrialState.COMPLETE for state in states(study)) == total
        assert not any(state in (TrialState.RUNNING, TrialState.FAIL) for state in states(study))


def test_a_heartbeat_survives_a_write_that_fails(study: optuna.Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "HEARTBEAT_SECONDS", 0.01)
    trial = claim(study, 9)
    assert trial
    beats, enough = [0], threading.Event()

    def fail_once(trial_id: int) -> None:
        beats[0] += 1
        if beats[0] == 2:
            raise optuna.exceptions.StorageInternalError("database or disk is full")
        if beats[0] == 4:
            enough.set()

    monkeypatch.setattr(study._storage._backend, "record_heartbeat", fail_once)  # type: ignore[attr-defined]
    with Heartbeat(trial):
        assert enough.wait(60)


class TestAnAnswerThatIsLost:
    """What was asked for was done, but whoever asked does not know, and asks again."""

    def test_of_a_trial_that_was_made_leaves_no_trial_that_nobody_works_on(
        self, study: optuna.Study, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make = study._storage.create_new_trial

        def twice(*given: Any, **named: Any) -> int:
            monkeypatch.undo()
            make(*given, **named)
            return make(*given, **named)

        monkeypatch.setattr(study._storage, "create_new_trial", twice)
        trial = claim(study, 9)
        assert trial
        assert trial.number == 1
        assert states(study) == [TrialState.FAIL, TrialState.RUNNING, TrialState.WAITING]
        assert study.trials[0].user_attrs[ENDED].startswith("the answer that it was made was lost")
        again = claim(study, 9)
        assert again
        assert again.number == 2

    def test_of_a_trial_that_was_put_back_takes_it_from_nobody(self, study: optuna.Study) -> None:
        trial = claim(study, 9)
        assert trial
        storage: Any = study._storage._backend  # type: ignore[attr-defined]
        mine, other = told(study.trials[0], WORKER), {"host": "elsewhere", "pid": 7}
        storage.put_back(trial._trial_id, OURS + WORKER, mine)
        assert states(study) == [TrialState.WAITING]
        assert claims._take(study, study.trials[0], other)
        storage.put_back(trial._trial_id, OURS + WORKER, mine)
        assert states(study) == [TrialState.RUNNING]
        assert told(study.trials[0], WORKER) == other


def test_nobody_is_taken_for_silent_right_after_the_storage_was_away(
    study: optuna.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    running(study, {"host": "elsewhere", "pid": 1})
    assert begin_lost_again(study) == 0
    silence(study, 60)  # while nobody could have shown a heartbeat
    now = time.monotonic()
    monkeypatch.setattr(heartbeats, "last_away", lambda: now)
    assert begin_lost_again(study) == 0
    monkeypatch.setattr(heartbeats, "CALM_SECONDS", 0)
    assert begin_lost_again(study) == 1

"""Real processes, really interrupted and really killed."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from search.execution.again import TIMES
from search.storage.artifacts import WEIGHTS
from search.storage.databases import open_storage
from search.storage.predictions import kept_predictions
from search.study.claims import WORKER
from search.study.create import create_or_resume
from search.study.definition import read_definition
from search.study.optimization import optimize
from search.study.positions import SUPERFLUOUS
from search.study.records import CURVE, ENDED, PREDICTIONS, told
from sentiment.bundle.folder import Bundle
from tests.support.program import run, start
from tests.support.tiny import write_study_file

TRIALS = 3
MANY = 60
"""More than one worker can finish before the second one has begun."""


@pytest.fixture
def folder(tmp_path: Path, reviews_csv: Path) -> Path:
    """With study.toml in it, whose trials take about a second."""
    write_study_file(tmp_path / "study.toml", reviews_csv, epochs=10, trials=TRIALS)
    return tmp_path


def study(folder: Path) -> optuna.Study:
    return optuna.load_study(study_name="tiny", storage=open_storage(f"sqlite:///{folder}/study.db", create=False))


def wait_for_training(folder: Path, process: "subprocess.Popen[str]", workers: int = 1) -> list[int]:
    """The processes that are in the middle of a trial, once there are so many."""
    assert process.stderr is not None
    while process.stderr.readline()[:10] not in ("", "Study tiny"):
        pass
    watched = study(folder) if process.poll() is None else None
    deadline = time.monotonic() + 120
    while watched and time.monotonic() < deadline and process.poll() is None:
        running = watched.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        training = {told(trial, WORKER)["pid"] for trial in running if trial.intermediate_values}
        if len(training) >= workers:
            return sorted(training)
        time.sleep(0.02)
    pytest.fail(f"no trial was begun: {process.communicate(timeout=5)}")


def finish_here(folder: Path, *, more: int | None = None) -> optuna.Study:
    """Go on with the study to its end, or for some trials more; as the command does, without starting a process."""
    definition = read_definition(folder / "study.toml")
    opened = create_or_resume(definition, open_storage(f"sqlite:///{folder}/study.db"), folder / "studies/artifacts")
    optimize(opened, trials=definition.trials if more is None else opened.finished + more)
    return opened.study


def assert_whole(folder: Path, finished: optuna.Study, trials_asked: int | None = TRIALS) -> None:
    """All trials asked for, none stuck, none lost; every folder of weights and every kept prediction is whole."""
    trials = finished.get_trials()
    done = [trial for trial in trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    assert trials_asked in (None, len(done))
    assert all(trial.state.is_finished() for trial in trials)
    for trial in trials:
        if trial.state == TrialState.FAIL:
            # Two workers that take the places of killed ones may queue the same trial; one of the two is never trained.
            twin = SUPERFLUOUS in trial.system_attrs
            assert twin or any(trial.number in other.system_attrs.get("retry_history", ()) for other in done)
    artifacts = folder / "studies" / "artifacts" / "tiny"
    assert not list(artifacts.glob(".*"))
    for kept in artifacts.glob("trial-*"):
        Bundle.open(kept)
    for trial in done:
        if told(trial, PREDICTIONS) is not None:
            kept_predictions(artifacts / "predictions", told(trial, PREDICTIONS))
    best = max((trial for trial in done if trial.state == TrialState.COMPLETE), key=lambda trial: trial.value or 0.0)
    assert (artifacts / told(best, WEIGHTS)["folder"]).is_dir()


INTERRUPTED = (
    "sentiment-search: interrupted; everything that was finished is kept",
    "Interrupted; every finished trial is kept. Go on with the same command: sentiment-search run study.toml",
)


def assert_interrupted(process: "subprocess.Popen[str]") -> None:
    """With 130 and a last line that says what is kept, and, once trials have begun, how to go on."""
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert err.splitlines()[-1].startswith(INTERRUPTED), err
    assert "Traceback" not in err, err


class TestCtrlC:
    def test_before_the_first_trial_ends_with_130_and_one_line_and_the_study_goes_on(self, folder: Path) -> None:
        process = start(folder, "run", "study.toml")
        assert process.stderr is not None
        assert process.stderr.readline().startswith("Measuring the baselines")
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=120)
        assert (process.returncode, out) == (130, "")
        assert err.splitlines() == ["sentiment-search: interrupted; everything that was finished is kept"]
        assert_whole(folder, finish_here(folder))

    def test_while_training_keeps_every_trial_shows_the_leaderboard_and_says_how_to_go_on(self, folder: Path) -> None:
        process = start(folder, "run", "study.toml")
        wait_for_training(folder, process)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 130
        assert out.startswith("Leaderboard of tiny")
        assert "interrupted; queued to be begun again" in out
        assert err.splitlines()[-1].endswith("Go on with the same command: sentiment-search run study.toml")
        assert "Traceback" not in err
        assert_whole(folder, finish_here(folder))

    def test_with_two_workers_ends_them_both_and_keeps_everything(self, folder: Path) -> None:
        process = start(folder, "run", "study.toml", "--workers", "2", "--trials", MANY)
        workers = wait_for_training(folder, process, workers=2)
        os.killpg(process.pid, signal.SIGINT)
        assert_interrupted(process)
        assert not any(Path(f"/proc/{worker}").exists() for worker in workers)
        assert_whole(folder, finish_here(folder, more=3), None)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_again_and_again_does_not_break_off_what_the_first_began(self, folder: Path, number: int) -> None:
        process = start(folder, "run", "study.toml", "--workers", "2", "--trials", MANY)
        workers = wait_for_training(folder, process, workers=2)
        os.killpg(process.pid, number)
        while any(Path(f"/proc/{worker}").exists() for worker in workers):
            for everybody in (process.pid, *workers):
                with suppress(ProcessLookupError):
                    os.kill(everybody, number)
            time.sleep(0.001)
        assert_interrupted(process)
        # One may have been between two trials; broken off, both would still run.
        assert len(study(folder).get_trials(states=(TrialState.RUNNING,))) < 2
        ended = study(folder).get_trials(states=(TrialState.FAIL,))
        assert {trial.user_attrs.get(ENDED) for trial in ended} <= {"interrupted; queued to be begun again"}
        assert_whole(folder, finish_here(folder, more=3), None)

    @pytest.mark.parametrize(
        ("after", "number"),
        [
            (0.0, signal.SIGINT),
            (1.0, signal.SIGTERM),
            pytest.param(1.0, signal.SIGINT, marks=pytest.mark.slow),
            pytest.param(2.5, signal.SIGINT, marks=pytest.mark.slow),
        ],
    )
    def test_while_two_workers_start_ends_with_130_and_shows_nothing_of_their_insides(
        self, folder: Path, after: float, number: int
    ) -> None:
        process = start(folder, "run", "study.toml", "--workers", "2", "--trials", MANY)
        assert process.stderr is not None
        while not process.stderr.readline().startswith("Several workers"):
            assert process.poll() is None
        time.sleep(after)
        os.killpg(process.pid, number)
        assert_interrupted(process)
        assert_whole(folder, finish_here(folder, more=3), None)


class TestKill9:
    def test_of_the_only_process_loses_no_trial_and_leaves_none_stuck(self, folder: Path) -> None:
        process = start(folder, "run", "study.toml")
        assert wait_for_training(folder, process) == [process.pid]
        process.kill()
        process.communicate(timeout=120)
        lost = next(trial for trial in study(folder).get_trials() if trial.state == TrialState.RUNNING)
        status, _, err = run(folder, "run", "study.toml", "--json")
        assert status == 0, err
        assert "1 trial lost its process and is begun again." in err
        finished = study(folder)
        assert_whole(folder, finished)
        # The trial that takes its place computes what the lost one would have computed.
        again = next(t for t in finished.get_trials() if t.system_attrs.get("failed_trial") == lost.number)
        seen = list(lost.intermediate_values.values())
        assert list(again.intermediate_values.values())[: len(seen)] == seen
        assert len(told(again, CURVE)) > len(seen)

    @pytest.mark.slow
    def test_of_one_of_two_workers_lets_the_other_do_its_work_and_is_said(self, folder: Path) -> None:
        process = start(folder, "run", "study.toml", "--workers", "2", "--trials", MANY)
        os.kill(wait_for_training(folder, process, workers=2)[0], signal.SIGKILL)
        out, err = process.communicate(timeout=180)
        assert process.returncode == 0, err
        assert out.startswith("Leaderboard of tiny")
        assert err.splitlines()[-1].startswith("1 of 2 workers were killed; "), err
        assert err.splitlines()[-1].endswith(" The others did their work."), err
        assert_whole(folder, study(folder), MANY)

    def test_of_every_worker_again_and_again_ends_with_1_and_a_line_that_says_how_to_go_on(self, folder: Path) -> None:
        process = start(folder, "run", "study.toml", "--workers", "2", "--trials", MANY)
        killed = set(wait_for_training(folder, process, workers=2))
        for worker in killed:
            os.kill(worker, signal.SIGKILL)
        watched = study(folder)
        while process.poll() is None:
            running = watched.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
            begun = {told(trial, WORKER)["pid"] for trial in running if told(trial, WORKER) is not None}
            for worker in begun - killed:
                with suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
                killed.add(worker)
            time.sleep(0.02)
        assert len(killed) >= 2 * (1 + TIMES)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 1, err
        assert out.startswith("Leaderboard of tiny")
        assert err.splitlines()[-1].startswith("2 of 2 workers were killed; "), err
        assert err.splitlines()[-1].endswith(
            " Go on with the same command: sentiment-search run study.toml --workers 2 --trials 60"
        ), err

    @pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
    def test_of_both_workers_has_their_places_taken_and_the_search_is_whole(self, folder: Path, number: int) -> None:
        process = start(folder, "run", "study.toml", "--workers", "2", "--trials", 6)
        for worker in wait_for_training(folder, process, workers=2):
            os.kill(worker, number)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert out.startswith("Leaderboard of tiny")
        assert err.splitlines()[-1].startswith("2 of 2 workers were killed; "), err
        assert " They were replaced, 2 times in all. " in err.splitlines()[-1], err
        assert_whole(folder, study(folder), 6)

    @pytest.mark.slow
    def test_of_the_process_that_they_are_forked_from_is_told_as_that_of_all_and_another_takes_its_place(
        self, folder: Path
    ) -> None:
        process = start(folder, "run", "study.toml", "--workers", "2", "--trials", 6)
        workers = wait_for_training(folder, process, workers=2)
        server = int(Path(f"/proc/{workers[0]}/stat").read_text().rsplit(")", 1)[1].split()[1])
        if server == process.pid:
            pytest.skip("no server forks processes on this system")
        os.kill(server, signal.SIGKILL)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert err.splitlines()[-1].startswith("2 of 2 workers were killed; "), err
        assert err.splitlines()[-1].endswith(" The others did their work."), err
        assert_whole(folder, study(folder), 6)


def test_two_workers_make_exactly_the_trials_asked_for(folder: Path) -> None:
    status, out, err = run(folder, "run", "study.toml", "--workers", "2")
    assert status == 0, err
    assert out.startswith("Leaderboard of tiny")
    finished = study(folder)
    assert {told(trial, WORKER)["pid"] for trial in finished.get_trials()}.isdisjoint({os.getpid()})
    assert_whole(folder, finished)

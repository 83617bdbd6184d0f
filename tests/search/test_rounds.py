"""Workers that go in step."""

import threading
import time
from pathlib import Path

import optuna
import pytest

from search.storage import open_storage
from search.study import wait_for_earlier_rounds
from tests.search.conftest import run
from tests.tiny import write_study_file


def test_two_workers_in_step_make_the_same_trials_every_time(tmp_path: Path, reviews_csv: Path) -> None:
    made = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        write_study_file(folder / "study.toml", reviews_csv, epochs=2, trials=10)
        status, _, err = run(folder, "run", "study.toml", "--workers", "2", "--synchronous")
        assert status == 0, err
        study = optuna.load_study(study_name="tiny", storage=open_storage(f"sqlite:///{folder}/study.db"))
        made.append([(trial.params, trial.value, trial.state, trial.intermediate_values) for trial in study.trials])
    assert made[0] == made[1]


@pytest.mark.filterwarnings("ignore:Heartbeat of storage")
def test_a_trial_waits_for_the_round_before_and_for_no_other(tmp_path: Path) -> None:
    study = optuna.create_study(storage=open_storage(f"sqlite:///{tmp_path}/study.db"))
    trials = [study.ask() for _ in range(3)]
    wait_for_earlier_rounds(study, 1, round_of=2)  # trials 0 and 1 are one round
    study.tell(trials[0], 1.0)
    waited = threading.Thread(target=wait_for_earlier_rounds, args=(study, 2, 2))
    waited.start()
    time.sleep(0.3)
    assert waited.is_alive()
    study.tell(trials[1], 1.0)
    waited.join(timeout=10)
    assert not waited.is_alive()

"""Workers that go in step."""

from pathlib import Path

import optuna

from search.storage.databases import open_storage
from search.study.claims import begin_again, claim
from search.study.positions import positions
from tests.support.program import run
from tests.support.tiny import write_study_file


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


def test_a_trial_waits_for_the_round_before_and_for_no_other(tmp_path: Path) -> None:
    study = optuna.create_study(storage=open_storage(f"sqlite:///{tmp_path}/study.db"))
    first, second = claim(study, 9, round_of=2), claim(study, 9, round_of=2)
    assert first and second
    study.tell(first, 1.0)
    assert claim(study, 9, round_of=2) is None
    study.tell(second, 1.0)
    third = claim(study, 9, round_of=2)
    assert third and third.number == 2


def test_a_round_with_a_lost_trial_ends_when_that_is_made_again(tmp_path: Path) -> None:
    study = optuna.create_study(storage=open_storage(f"sqlite:///{tmp_path}/study.db"))
    first, second = claim(study, 9, round_of=2), claim(study, 9, round_of=2)
    assert first and second
    study.tell(first, 1.0)
    begin_again(study, second.number, "interrupted")
    again = claim(study, 9, round_of=2)
    assert again
    assert positions(study.trials)[again.number] == 1
    assert claim(study, 9, round_of=2) is None
    study.tell(again, 1.0)
    assert claim(study, 9, round_of=2)

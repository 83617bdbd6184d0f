"""Trials that were killed in the middle of their training, and go on from their last scoring."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from search.comparison.ideas import BASELINE
from search.comparison.leftovers import remove_recorded
from search.comparison.pairs import train_pair
from search.comparison.setting import Setting
from search.comparison.tuning import random_scores, train_random, tune
from search.storage.databases import open_storage
from search.study.create import SearchStudy, create_or_resume, make_objective
from search.study.definition import read_definition
from search.study.optimization import optimize
from search.study.positions import positions
from search.study.progress import progress_file, remove_settled
from search.study.records import CONFIG, CURVE, RESUMED, SECONDS, told
from sentiment.models import progress
from tests.support.compared import RECIPE, SAME, setting_in, write_comparison
from tests.support.tiny import SPACE, definition, write_study_file

BATCHES = 20
"""Of an epoch: 320 training rows in batches of 16."""
SLOW = SPACE | {"architecture": "textcnn", "epochs": 4, "dropout": 0.3}

EVERY_SCORING = """
import sys
from sentiment.models import progress
progress.LEAST_SECONDS = progress.SHARE = 0
"""
"""For a process of its own: a state after each scoring, however short the training."""
RUN = EVERY_SCORING + "from search.cli.commands import main\nsys.exit(main(sys.argv[1:]))\n"


@pytest.fixture(autouse=True)
def every_scoring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LEAST_SECONDS", 0)
    monkeypatch.setattr(progress, "SHARE", 0)


@pytest.fixture
def opened(reviews_csv: Path, tmp_path: Path) -> SearchStudy:
    return open_in(tmp_path, reviews_csv)


def open_in(folder: Path, reviews: Path, **changes: Any) -> SearchStudy:
    asked = definition(reviews, **{"space": SLOW} | changes)
    return create_or_resume(asked, open_storage(f"sqlite:///{folder}/study.db"), folder / "artifacts")


def interrupted_at(opened: SearchStudy, batch: int, error: BaseException, **hooks: Any) -> None:
    """Begin a trial, and let `error` come while it trains."""

    def on_batch(trial: optuna.Trial, done: int, total: int) -> None:
        if done == batch:
            raise error

    with pytest.raises(type(error)):
        optimize(opened, trials=1, objective=make_objective(opened, on_batch=on_batch, **hooks))


def said(trial: FrozenTrial) -> list[dict[str, Any]]:
    """Its learning curve, but for the seconds."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in told(trial, CURVE)]


def states(opened: SearchStudy) -> list[str]:
    assert opened.progress is not None
    return sorted(path.name for path in opened.progress.glob("*"))


class TestATrialThatWasInterrupted:
    @pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
    def test_goes_on_from_its_last_scoring_and_says_so(
        self, opened: SearchStudy, error: BaseException, reviews_csv: Path, tmp_path: Path
    ) -> None:
        interrupted_at(opened, 2 * BATCHES + 15, error)
        assert states(opened) == ["position-00000.safetensors"]
        batches: list[int] = []

        def on_batch(trial: optuna.Trial, done: int, total: int) -> None:
            batches.append(done)

        optimize(opened, trials=1, objective=make_objective(opened, on_batch=on_batch))
        first, second = opened.study.get_trials()
        assert (first.state, second.state) == (TrialState.FAIL, TrialState.COMPLETE)
        assert second.user_attrs[RESUMED] == 2.5
        assert RESUMED not in first.user_attrs
        assert batches == list(range(2 * BATCHES + 11, 4 * BATCHES + 1))
        # The bits of a search that nobody interrupted; the pruner has seen all of its scorings.
        undisturbed = open_in(tmp_path / "other", reviews_csv)
        optimize(undisturbed, trials=1)
        (whole,) = undisturbed.study.get_trials()
        assert (second.value, second.intermediate_values) == (whole.value, whole.intermediate_values)
        assert (told(second, CONFIG), said(second)) == (told(whole, CONFIG), said(whole))
        assert second.user_attrs[SECONDS] == round(told(second, CURVE)[-1]["seconds"], 3)
        kept = [one.artifacts.folder(n) / "model" for one, n in ((opened, 1), (undisturbed, 0)) if one.artifacts]
        files = [sorted(path for path in folder.parent.rglob("*.safetensors")) for folder in kept]
        assert [path.read_bytes() for path in files[0]] == [path.read_bytes() for path in files[1]]
        # And what it went on from is gone.
        assert states(opened) == []

    def test_after_its_last_scoring_is_not_trained_again(self, opened: SearchStudy) -> None:
        assert opened.predictions is not None
        opened.predictions.rename(opened.predictions.with_name("elsewhere"))
        opened.predictions.write_text("where a folder should be")
        with pytest.raises(OSError):
            optimize(opened, trials=1)
        opened.predictions.unlink()

        def on_batch(trial: optuna.Trial, done: int, total: int) -> None:
            pytest.fail("a batch was trained")

        optimize(opened, trials=1, objective=make_objective(opened, on_batch=on_batch))
        assert opened.study.get_trials()[1].user_attrs[RESUMED] == 4
        assert states(opened) == []

    def test_is_pruned_where_the_pruner_says_so_now(self, opened: SearchStudy) -> None:
        interrupted_at(opened, 2 * BATCHES + 15, KeyboardInterrupt())
        pruner = optuna.pruners.ThresholdPruner(lower=2.0)  # below 2 is every score
        optimize(opened, trials=1, pruner=pruner)
        (_, pruned) = opened.study.get_trials()
        assert (pruned.state, list(pruned.intermediate_values)) == (TrialState.PRUNED, [1])
        assert states(opened) == []


class TestAState:
    def test_of_a_trial_that_failed_for_its_own_reasons_is_removed(self, opened: SearchStudy) -> None:
        failures = iter(range(2))

        def on_batch(trial: optuna.Trial, done: int, total: int) -> None:
            if done == 35 and next(failures, None) is not None:
                raise RuntimeError("out of memory")

        optimize(opened, trials=1, objective=make_objective(opened, on_batch=on_batch))
        assert [trial.state for trial in opened.study.get_trials()] == [TrialState.FAIL] * 2 + [TrialState.COMPLETE]
        assert states(opened) == []

    def test_stays_while_its_trial_runs_or_is_to_be_begun_again_and_no_longer(
        self, opened: SearchStudy, reviews_csv: Path, tmp_path: Path
    ) -> None:
        assert opened.progress is not None
        interrupted_at(opened, 35, KeyboardInterrupt())
        mine = progress_file(opened.progress, 0)
        others = [progress_file(opened.progress, 7), mine.with_name("position-00008-member-000.safetensors")]
        half = [path.with_name(f".{path.name}.77.tmp") for path in (mine, others[0])]
        for path in (*others, *half):
            path.touch()
        # Opened again, only what belongs to a trial that is to be begun again stays: another process may be writing.
        open_in(tmp_path, reviews_csv)
        assert states(opened) == sorted([mine.name, half[0].name])
        running = opened.study.ask()
        assert positions(opened.study.get_trials())[running.number] == 0
        remove_settled(opened.study, opened.progress)
        assert states(opened) == sorted([mine.name, half[0].name])
        opened.study.tell(running, 0.5)
        remove_settled(opened.study, opened.progress)
        assert states(opened) == []

    def test_of_short_trials_is_never_written(self, opened: SearchStudy, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(progress, "LEAST_SECONDS", 1000.0)
        optimize(opened, trials=1)
        assert opened.progress is not None and not opened.progress.exists()


def killed_when(process: "subprocess.Popen[bytes]", reached: Callable[[], bool]) -> None:
    """With SIGKILL, while it works."""
    deadline = time.monotonic() + 120
    while not reached():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.kill()
    assert process.wait(timeout=60) == -signal.SIGKILL


def own_process(folder: Path, program: str, *arguments: Any) -> "subprocess.Popen[bytes]":
    root = {"PYTHONPATH": str(Path(__file__).parents[3]), "OPTUNA_STORAGE": "sqlite:///study.db"}
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, cwd=folder, env=os.environ | root, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("scorings", [pytest.param(1, marks=pytest.mark.slow), 6])
def test_of_a_search_that_is_killed_at_most_the_work_since_the_last_scoring_is_repeated(
    scorings: int, tmp_path: Path, reviews_csv: Path
) -> None:
    write_study_file(tmp_path / "study.toml", reviews_csv, epochs=10, trials=1)
    asked = read_definition(tmp_path / "study.toml")

    def opened(folder: Path) -> SearchStudy:
        folder.mkdir(exist_ok=True)
        return create_or_resume(asked, open_storage(f"sqlite:///{folder}/study.db"), folder / "studies/artifacts")

    watched = opened(tmp_path).study

    def lost() -> dict[int, float]:
        return watched.get_trials()[0].intermediate_values if watched.get_trials() else {}

    killed_when(own_process(tmp_path, RUN, "run", "study.toml"), lambda: len(lost()) >= scorings)
    batches: list[int] = []
    again = opened(tmp_path)

    def on_batch(trial: optuna.Trial, done: int, total: int) -> None:
        batches.append(done)

    optimize(again, trials=1, objective=make_objective(again, on_batch=on_batch))
    resumed = next(trial for trial in again.study.get_trials() if trial.state == TrialState.COMPLETE)
    # It may be killed between the report of a scoring and the state of it; two scorings are an epoch.
    known = max(lost())
    assert known - 1 <= 2 * resumed.user_attrs.get(RESUMED, 0) <= known + 1
    assert batches[0] == 1 + BATCHES * resumed.user_attrs.get(RESUMED, 0)
    assert len(batches) == 10 * BATCHES - batches[0] + 1
    whole = opened(tmp_path / "undisturbed")
    optimize(whole, trials=1)
    undisturbed = whole.study.get_trials()[0]
    assert (resumed.value, said(resumed)) == (undisturbed.value, said(undisturbed))
    assert states(again) == []


COMPARED = f"""{EVERY_SCORING}
from pathlib import Path
from search.comparison.pairs import train_pair
from search.comparison.tuning import train_random, tune
from tests.support.compared import setting_in

what, *numbers = sys.argv[1:]
{{"tune": tune, "pair": train_pair, "random": train_random}}[what](setting_in(Path(".")), *map(int, numbers))
"""


class TestAComparison:
    """Its arms, pairs and random trials go on likewise."""

    @pytest.fixture
    def setting(self, tmp_path: Path) -> Setting:
        return self.setting_in(tmp_path / "killed")

    def setting_in(self, folder: Path) -> Setting:
        folder.mkdir()
        text = RECIPE.replace("epochs = 2", "epochs = 20").replace("trials = 2", "trials = 1")
        search = "{ architecture = 'textcnn', token_unit = 'word', epochs = 20, embedding_size = 8, filters = 8 }"
        write_comparison(folder, f"{text}{SAME}[curve]\ntrials = 2\nsearch = {search}\n")
        return setting_in(folder)

    def test_of_a_pair_that_is_killed_nothing_is_lost(self, setting: Setting, tmp_path: Path) -> None:
        other = self.setting_in(tmp_path / "undisturbed")
        file = setting.progress_file("pairs", "arm-00-pair-000")
        tune(setting, 0, 0)
        tune(other, 0, 0)
        killed_when(own_process(tmp_path / "killed", COMPARED, "pair", 0, 0), file.exists)
        assert setting.finished_pairs() == {}
        train_pair(setting, 0, 0)
        train_pair(other, 0, 0)
        one, whole = (each.finished_pairs()[BASELINE, 0] for each in (setting, other))
        assert (one.value, said(one)) == (whole.value, said(whole))
        assert setting.probabilities(BASELINE).tobytes() == other.probabilities(BASELINE).tobytes()
        assert list(file.parent.iterdir()) == []

    def test_what_a_killed_one_left_of_what_is_recorded_is_removed(self, setting: Setting) -> None:
        tune(setting, 0, 0)
        train_pair(setting, 0, 0)
        train_random(setting, 0)
        over = [setting.progress_file("pairs", "arm-00-pair-000"), setting.progress_file("random", "random-00000")]
        begun = [setting.progress_file("pairs", "arm-00-pair-001"), setting.progress_file("random", "random-00001")]
        for file in (*over, *begun):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
            file.with_name(f".{file.name}.77-abc.tmp").touch()
        remove_recorded(setting)
        left = {path for file in begun for path in file.parent.iterdir()}
        assert left == {path for file in begun for path in (file, file.with_name(f".{file.name}.77-abc.tmp"))}

    def test_of_the_trial_of_an_arm_that_is_killed_nothing_is_lost(self, setting: Setting, tmp_path: Path) -> None:
        other = self.setting_in(tmp_path / "undisturbed")
        folder = setting.tuning_folder(setting.comparison.arms[0]) / "progress"
        killed_when(own_process(tmp_path / "killed", COMPARED, "tune", 0, 0), progress_file(folder, 0).exists)
        tune(setting, 0, 0)
        tune(other, 0, 0)
        one, whole = (each.trials(BASELINE, TrialState.COMPLETE)[0] for each in (setting, other))
        assert RESUMED in one.user_attrs
        assert (one.value, said(one)) == (whole.value, said(whole))
        assert list(folder.iterdir()) == []

    @pytest.mark.slow
    def test_of_a_random_trial_that_is_killed_nothing_is_lost(self, setting: Setting, tmp_path: Path) -> None:
        other = self.setting_in(tmp_path / "undisturbed")
        file = setting.progress_file("random", "random-00000")
        killed_when(own_process(tmp_path / "killed", COMPARED, "random", 0), file.exists)
        assert random_scores(setting) == ()
        train_random(setting, 0)
        train_random(other, 0)
        assert random_scores(setting) == random_scores(other)
        assert list(file.parent.iterdir()) == []

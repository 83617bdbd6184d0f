"""The bars: what they say of a study, and that they say nothing where nobody looks."""

import io
import re
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.comparison.compare import AtWork
from search.console import say
from search.report.bars import Pace
from search.report.comparing import ComparisonProgress
from search.report.progress import SearchProgress, training_bar
from search.study.records import CONFIG, IS_LINEAR_BASELINE
from sentiment.models.family import Report
from sentiment.models.network.config import NetworkConfig
from sentiment.terminal import screen
from tests.support.terminal import Terminal


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One of 80 columns and no colours."""
    for name, value in (("TERM", "xterm"), ("COLUMNS", "80"), ("NO_COLOR", "1")):
        monkeypatch.setenv(name, value)
    screen.cache_clear()
    yield
    screen.cache_clear()


def scored(value: float, *, linear: bool = False) -> FrozenTrial:
    known = {CONFIG: NetworkConfig().to_dict()}
    return create_trial(value=value, user_attrs=known | ({IS_LINEAR_BASELINE: True} if linear else {}))


@pytest.fixture
def study() -> optuna.Study:
    """Three completed trials, a pruned and a failed one, one that runs and one that waits."""
    made = optuna.create_study(direction="maximize")
    made.add_trials([scored(0.5), scored(0.7512), scored(0.6)])
    made.add_trial(create_trial(state=TrialState.PRUNED, value=0.9))
    made.add_trial(create_trial(state=TrialState.FAIL))
    made.ask()
    made.enqueue_trial({})
    return made


ESCAPES = re.compile(r"\x1b\[[?0-9;]*[A-Za-z]")
TRIAL: Any = SimpleNamespace(number=6)
REPORT = Report(3, 1.5, 0.4, 0.5, 0.7, 0.71234, 9.0)


class TestOfASearch:
    def test_counts_finished_trials_and_shows_the_best_completed_one(self, study: optuna.Study) -> None:
        with redirect_stderr(Terminal()) as shown, SearchProgress(study, trials=10) as progress:
            task = progress.bars.tasks[0]
            # What is there already says nothing of how fast this search is.
            assert (task.completed, task.total) == (4, 10)
            assert "search 4/10, best 0.7512, pruned 1" in shown.getvalue()
            study.add_trials([scored(0.81)])
            progress.on_begin(TRIAL, NetworkConfig())
            progress.on_trial(study.trials[-1])
            assert task.completed == 5
            assert re.search(r"search 5/10, 0:\d\d left, best 0.8100, pruned 1", shown.getvalue())  # after one trial

    def test_shows_what_the_study_holds_when_refreshed(self, study: optuna.Study) -> None:
        with redirect_stderr(Terminal()), SearchProgress(study, trials=10) as progress:
            study.add_trials([create_trial(value=0.1)] * 3)
            assert progress.bars.tasks[0].completed == 4
            progress.refresh()
            assert progress.bars.tasks[0].completed == 7

    def test_begins_without_a_best_trial(self) -> None:
        with redirect_stderr(Terminal()) as shown, SearchProgress(optuna.create_study(), trials=3):
            assert "search 0/3, best -" in shown.getvalue()
            assert "pruned" not in shown.getvalue()

    def test_shows_the_batches_of_the_trial_at_hand_and_begins_anew_with_the_next(self, study: optuna.Study) -> None:
        with redirect_stderr(Terminal()), SearchProgress(study, trials=10) as progress:
            task = progress.bars.tasks[1]
            assert not task.visible
            for done in range(1, 31):
                progress.on_batch(TRIAL, done, 40)
            assert (task.completed, task.total, task.visible) == (30, 40, True)
            progress.on_batch(TRIAL, 35, 40)
            assert task.completed == 35
            progress.on_batch(TRIAL, 1, 80)
            assert (task.completed, task.total) == (1, 80)

    @pytest.mark.parametrize("width", [80, 30, 8, 1])
    def test_shows_the_trial_its_epoch_and_its_score(self, study: optuna.Study, width: int) -> None:
        with redirect_stderr(Terminal()) as shown, SearchProgress(study, trials=10) as progress:
            screen(stderr=True).width = width  # as somebody makes the window
            progress.on_batch(TRIAL, 1, 40)
            progress.on_report(TRIAL, NetworkConfig(architecture="textcnn", epochs=4), REPORT)
            progress.bars.refresh()
            assert ("trial 6 textcnn, epoch 1.5/4, macro-F1 0.7000" in shown.getvalue()) == (width == 80)
            drawn = [line for line in ESCAPES.sub("", shown.getvalue()).splitlines() if "search" not in line]
            assert all(len(line) <= max(width, 8) for line in drawn if "trial" in line)

    def test_leaves_nothing_behind_when_it_ends_or_breaks_off(self, study: optuna.Study) -> None:
        with (
            pytest.raises(KeyboardInterrupt),
            redirect_stderr(Terminal()) as shown,
            SearchProgress(study, trials=10) as progress,
        ):
            progress.on_batch(TRIAL, 1, 40)
            raise KeyboardInterrupt
        assert "search 4/10" in shown.getvalue()
        assert shown.getvalue().endswith("\x1b[?25h\r" + 2 * "\x1b[1A\x1b[2K")  # the cursor shows, where the lines were
        assert not progress.bars.live.is_started

    def test_is_not_broken_by_what_is_said_meanwhile(self, study: optuna.Study) -> None:
        long = "한글 [bold] :smile: \x1b " * 9
        with redirect_stderr(Terminal()) as shown, SearchProgress(study, trials=10):
            for speak in (say, lambda text: print(text, file=sys.stderr)):
                before = len(shown.getvalue())
                speak("a warning")
                above, _, below = shown.getvalue()[before:].partition("a warning\n")
                assert above.endswith("\x1b[2K") and "search 4/10" in below.splitlines()[0]
            say(long)
            said = [line for line in ESCAPES.sub("", shown.getvalue()).splitlines() if "한글" in line]
            assert " ".join(" ".join(said).split()) == long.replace("\x1b", r"\x1b").strip()

    def test_is_silent_and_reads_no_study_where_nobody_looks(
        self, monkeypatch: pytest.MonkeyPatch, study: optuna.Study
    ) -> None:
        with redirect_stderr(io.StringIO()) as shown, SearchProgress(study, trials=10) as progress:
            monkeypatch.setattr(study, "get_trials", pytest.fail)  # on a slow storage that would cost at every batch
            progress.on_begin(TRIAL, NetworkConfig())
            progress.on_batch(TRIAL, 1, 40)
            progress.on_report(TRIAL, NetworkConfig(), REPORT)
            progress.on_trial(TRIAL)
            progress.refresh()
        assert shown.getvalue() == ""

    def test_is_silent_in_a_terminal_whose_cursor_cannot_be_moved(
        self, monkeypatch: pytest.MonkeyPatch, study: optuna.Study
    ) -> None:
        monkeypatch.setenv("TERM", "dumb")
        with redirect_stderr(Terminal()) as shown, SearchProgress(study, trials=10) as progress:
            progress.on_begin(TRIAL, NetworkConfig())
            progress.on_batch(TRIAL, 1, 40)
        assert shown.getvalue() == ""

    def test_says_how_the_best_stands_beside_the_linear_model(self, study: optuna.Study) -> None:
        study.add_trials([scored(0.73, linear=True), create_trial(value=0.9)])  # the last by another program
        with redirect_stderr(Terminal()) as shown, SearchProgress(study, trials=10) as progress:
            assert "best 0.7512, +2.1 over linear, pruned 1" in shown.getvalue()
            study.add_trial(scored(0.76, linear=True))
            progress.refresh()
            assert "best 0.7600, which is linear, pruned 1" in shown.getvalue()

    def test_says_what_is_made_ready_before_the_first_batch(self, study: optuna.Study) -> None:
        with redirect_stderr(Terminal()), SearchProgress(study, trials=10) as progress:
            progress.on_begin(TRIAL, NetworkConfig(architecture="gru"))
            task = progress.bars.tasks[1]
            assert (task.description, task.total) == ("trial 6 gru: preparing its texts", None)
            progress.on_batch(TRIAL, 1, 40)
            assert (task.description, task.total) == ("trial 6 gru, epoch 0/5", 40)


class TestOfASearchInSeveralProcesses:
    def test_has_a_line_for_each_worker_read_from_the_study(self, study: optuna.Study) -> None:
        network = NetworkConfig(architecture="gru", epochs=4, evaluations_per_epoch=2)
        with redirect_stderr(Terminal()), SearchProgress(study, trials=10, workers=2) as progress:
            _, first, second = progress.bars.tasks
            assert (first.description, first.visible, second.visible) == ("2 workers start", True, False)
            progress.refresh()
            assert (first.description, second.visible) == ("trial 5: beginning", False)
            [running] = [trial for trial in study.trials if trial.state == TrialState.RUNNING]
            for trial_id in (running._trial_id, study.ask({})._trial_id):
                study._storage.set_trial_user_attr(trial_id, CONFIG, network.to_dict())
            study._storage.set_trial_intermediate_value(running._trial_id, 2, 0.4)
            study._storage.set_trial_intermediate_value(running._trial_id, 3, 0.6123)
            progress._next = 0.0
            progress.refresh()
            assert first.description == "trial 5 gru, epoch 1.5/4, macro-F1 0.6123"
            assert second.description.endswith(" gru, epoch 0/4")
            study.tell(running.number, 0.6123)
            progress._next = 0.0
            progress.refresh()
            assert (first.visible, second.visible) == (False, True)  # a line stays whose it was

    def test_looks_at_the_storage_once_a_second_at_most(
        self, monkeypatch: pytest.MonkeyPatch, study: optuna.Study
    ) -> None:
        with redirect_stderr(Terminal()), SearchProgress(study, trials=10, workers=2) as progress:
            progress.refresh()
            monkeypatch.setattr(study, "get_trials", pytest.fail)
            for _ in range(3):
                progress.refresh()


class TestTheTimeThatIsLeft:
    def test_is_told_by_what_was_done_since_it_began(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = [100.0]
        monkeypatch.setattr("search.report.bars.time.monotonic", lambda: clock[0])
        pace = Pace()
        assert pace.left(4, 10) == ""  # what is there already
        pace.begin()
        clock[0] += 30
        assert pace.left(4.4, 10) == ""
        assert pace.left(5, 10) == ", 2:30 left"
        clock[0] += 3600
        assert pace.left(5, 10) == ", 5:02:30 left"
        assert pace.left(10, 10) == ""


class TestOfFolds:
    def test_takes_the_number_done_and_a_total_that_may_grow(self) -> None:
        with redirect_stderr(Terminal()) as shown, training_bar() as on_training:
            on_training(1, 8)
            on_training(3, 8)
            on_training(8, 14)
        assert "trainings 8/14" in shown.getvalue()

    def test_is_silent_where_nobody_looks(self) -> None:
        with redirect_stderr(io.StringIO()) as shown, training_bar() as on_training:
            on_training(1, 8)
        assert shown.getvalue() == ""


class TestOfAComparison:
    def test_counts_trainings_and_has_a_line_for_each_worker(self, study: optuna.Study) -> None:
        running = study.trials[5]
        study._storage.set_trial_user_attr(running._trial_id, CONFIG, NetworkConfig(architecture="gru").to_dict())
        setting: Any = SimpleNamespace(
            trials=lambda part, *states: [trial for trial in study.trials if trial.state in states]
        )
        search = AtWork("tuning GRU", trainings=3, of=6, study="GRU")  # three of its trials were there before
        with redirect_stderr(Terminal()) as shown, ComparisonProgress(setting, workers=2) as progress:
            pair = AtWork("Adam, pair 1", 1, 1, None)
            progress.on_training(5, 14, [search, pair])
            whole, first, second = progress.bars.tasks
            assert (whole.description, first.description) == ("trainings 5/14", "tuning GRU 3/6")
            progress._tuned = {search.what: progress._read(search)}
            progress.on_training(5, 14, [search, pair])
            assert whole.description.startswith("trainings 6/14")
            assert first.description == "tuning GRU 4/6, best 0.9000, now gru, epoch 0/5"
            assert (second.description, second.visible) == ("Adam, pair 1", True)
            # One of two has ended: it is not counted twice, and of the other is known what was.
            progress.on_training(6, 14, [search])
            assert whole.description.startswith("trainings 7/14")
            progress.on_training(8, 14, [])
            assert whole.description.startswith("trainings 8/14")
            assert (first.visible, second.visible) == (False, False)
        assert shown.getvalue().endswith("\x1b[2K")

    def test_is_silent_and_reads_nothing_where_nobody_looks(self) -> None:
        setting: Any = SimpleNamespace(trials=pytest.fail)
        with redirect_stderr(io.StringIO()) as shown, ComparisonProgress(setting, workers=1) as progress:
            progress.on_training(1, 8, [AtWork("tuning GRU", 2, 2, "GRU")])
        assert shown.getvalue() == ""

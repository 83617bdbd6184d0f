"""The bars: what they say of a study, and that they say nothing where nobody looks."""

import io
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from search.console import say
from search.report.progress import SearchProgress, training_bar
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


@pytest.fixture
def study() -> optuna.Study:
    """Two completed trials, a pruned and a failed one, one that runs and one that waits."""
    made = optuna.create_study(direction="maximize")
    made.add_trials([create_trial(value=0.5), create_trial(value=0.7512), create_trial(value=0.6)])
    made.add_trial(create_trial(state=TrialState.PRUNED, value=0.9))
    made.add_trial(create_trial(state=TrialState.FAIL))
    made.ask()
    made.enqueue_trial({})
    return made


TRIAL: Any = SimpleNamespace(number=6)
REPORT = Report(3, 1.5, 0.4, 0.5, 0.7, 0.71234, 9.0)


class TestOfASearch:
    def test_counts_finished_trials_and_shows_the_best_completed_one(self, study: optuna.Study) -> None:
        with redirect_stderr(Terminal()) as shown, SearchProgress(study, trials=10) as progress:
            task = progress.bars.tasks[0]
            # What is there already says nothing of how fast this search is.
            assert (task.completed, task.total, task.speed) == (4, 10, None)
            assert "search 4/10, best 0.7512, pruned 1 " in shown.getvalue()
            study.add_trial(create_trial(value=0.81))
            progress.on_trial(study.trials[-1])
            assert task.completed == 5
            assert "search 5/10, best 0.8100, pruned 1 " in shown.getvalue()
            assert task.time_remaining is not None  # after one trial

    def test_that_another_worker_runs_shows_what_the_study_holds_when_refreshed(self, study: optuna.Study) -> None:
        with redirect_stderr(Terminal()), SearchProgress(study, trials=10) as progress:
            study.add_trials([create_trial(value=0.1)] * 3)
            assert progress.bars.tasks[0].completed == 4
            progress.refresh()
            assert progress.bars.tasks[0].completed == 7

    def test_begins_without_a_best_trial(self) -> None:
        with redirect_stderr(Terminal()) as shown, SearchProgress(optuna.create_study(), trials=3):
            assert "best -, pruned 0 " in shown.getvalue()

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
            assert ("trial 6 textcnn, epoch 1.5/4, macro-F1 0.7000 " in shown.getvalue()) == (width == 80)

    def test_leaves_one_line_behind_when_it_ends_or_breaks_off(self, study: optuna.Study) -> None:
        with (
            pytest.raises(KeyboardInterrupt),
            redirect_stderr(Terminal()) as shown,
            SearchProgress(study, trials=10) as progress,
        ):
            progress.on_batch(TRIAL, 1, 40)
            raise KeyboardInterrupt
        last = shown.getvalue().rpartition("\x1b[2K")[2]
        assert last.startswith("search 4/10")
        assert last.endswith(" 40% -:--:--\n\x1b[?25h")  # the next line stands alone, and the cursor shows
        assert not progress.bars.live.is_started

    def test_is_not_broken_by_what_is_said_meanwhile(self, study: optuna.Study) -> None:
        long = "한글 [bold] :smile: \x1b " * 9
        with redirect_stderr(Terminal()) as shown, SearchProgress(study, trials=10):
            for speak in (say, lambda text: print(text, file=sys.stderr)):
                before = len(shown.getvalue())
                speak("a warning")
                above, _, below = shown.getvalue()[before:].partition("a warning\n")
                assert above.endswith("\x1b[2K") and below.startswith("search 4/10")
            say(long)
            assert long.replace("\x1b", r"\x1b") + "\n" in shown.getvalue()  # in one line, to be copied

    def test_is_silent_and_reads_no_study_where_nobody_looks(
        self, monkeypatch: pytest.MonkeyPatch, study: optuna.Study
    ) -> None:
        with redirect_stderr(io.StringIO()) as shown, SearchProgress(study, trials=10) as progress:
            monkeypatch.setattr(study, "get_trials", pytest.fail)  # on a slow storage that would cost at every batch
            progress.on_batch(TRIAL, 1, 40)
            progress.on_report(TRIAL, NetworkConfig(), REPORT)
            progress.on_trial(TRIAL)
        assert shown.getvalue() == ""


class TestOfAComparison:
    def test_takes_the_number_done_and_a_total_that_may_grow(self) -> None:
        with redirect_stderr(Terminal()) as shown, training_bar() as on_training:
            on_training(1, 8)
            on_training(3, 8)
            on_training(8, 14)
        assert "trainings 8/14 " in shown.getvalue()

    def test_is_silent_where_nobody_looks(self) -> None:
        with redirect_stderr(io.StringIO()) as shown, training_bar() as on_training:
            on_training(1, 8)
        assert shown.getvalue() == ""

"""The bars: what they say of a study, and that they say nothing where nobody looks."""

import io
from contextlib import redirect_stderr
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from search.report.progress import SearchProgress, training_bar
from sentiment.models.family import Report
from sentiment.models.network.config import NetworkConfig


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


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
        with redirect_stderr(Terminal()) as screen, SearchProgress(study, trials=10) as progress:
            # What is there already says nothing of how fast this search is.
            assert (progress.trials.n, progress.trials.initial, progress.trials.total) == (4, 4, 10)
            assert "| 4/10 [" in screen.getvalue()
            assert "best=0.7512, pruned=1]" in screen.getvalue()
            study.add_trial(create_trial(value=0.81))
            progress.on_trial(study.trials[-1])
            assert progress.trials.n == 5
            assert "best=0.8100, pruned=1]" in screen.getvalue()

    def test_that_another_worker_runs_shows_what_the_study_holds_when_refreshed(self, study: optuna.Study) -> None:
        with redirect_stderr(Terminal()), SearchProgress(study, trials=10) as progress:
            study.add_trials([create_trial(value=0.1)] * 3)
            assert progress.trials.n == 4
            progress.refresh()
            assert progress.trials.n == 7

    def test_begins_without_a_best_trial(self) -> None:
        with redirect_stderr(Terminal()) as screen, SearchProgress(optuna.create_study(), trials=3):
            assert "best=-, pruned=0]" in screen.getvalue()

    def test_shows_the_batches_of_the_trial_at_hand_and_begins_anew_with_the_next(self, study: optuna.Study) -> None:
        with redirect_stderr(Terminal()), SearchProgress(study, trials=10) as progress:
            for done in range(1, 31):
                progress.on_batch(TRIAL, done, 40)
            assert (progress.epochs.n, progress.epochs.total) == (30, 40)
            progress.on_batch(TRIAL, 35, 40)
            assert progress.epochs.n == 35
            progress.on_batch(TRIAL, 1, 80)
            assert (progress.epochs.n, progress.epochs.total) == (1, 80)

    def test_shows_the_trial_its_epoch_and_its_score(self, study: optuna.Study) -> None:
        with redirect_stderr(Terminal()) as screen, SearchProgress(study, trials=10) as progress:
            progress.on_batch(TRIAL, 1, 40)
            progress.on_report(TRIAL, NetworkConfig(architecture="textcnn", epochs=4), REPORT)
            progress.epochs.refresh()
            assert progress.epochs.desc == "trial 6 textcnn, epoch 1.5/4"
            assert progress.epochs.postfix == "macro-F1 0.7000"
            assert "trial 6 textcnn, epoch 1.5/4" in screen.getvalue()

    def test_leaves_one_line_behind_when_it_ends_or_breaks_off(self, study: optuna.Study) -> None:
        with (
            pytest.raises(KeyboardInterrupt),
            redirect_stderr(Terminal()) as screen,
            SearchProgress(study, trials=10) as progress,
        ):
            progress.on_batch(TRIAL, 1, 40)
            raise KeyboardInterrupt
        assert screen.getvalue().endswith("pruned=1]\n")  # what is printed next begins on a line of its own
        assert progress.trials.disable and progress.epochs.disable  # closed

    @pytest.mark.parametrize("show", [None, False])
    def test_is_silent_and_reads_no_study_where_nobody_looks(
        self, monkeypatch: pytest.MonkeyPatch, study: optuna.Study, show: bool | None
    ) -> None:
        screen = io.StringIO() if show is None else Terminal()
        with redirect_stderr(screen), SearchProgress(study, trials=10, show=show) as progress:
            monkeypatch.setattr(study, "get_trials", pytest.fail)  # on a slow storage that would cost at every batch
            progress.on_batch(TRIAL, 1, 40)
            progress.on_report(TRIAL, NetworkConfig(), REPORT)
            progress.on_trial(TRIAL)
        assert screen.getvalue() == ""

    def test_is_shown_where_it_is_asked_for(self, study: optuna.Study) -> None:
        with redirect_stderr(io.StringIO()) as screen, SearchProgress(study, trials=10, show=True):
            assert "4/10" in screen.getvalue()


class TestOfAComparison:
    def test_takes_the_number_done_and_a_total_that_may_grow(self) -> None:
        with redirect_stderr(Terminal()) as screen, training_bar() as on_training:
            on_training(1, 8)
            on_training(3, 8)
            on_training(8, 14)
        assert "| 8/14 [" in screen.getvalue()

    def test_is_silent_where_nobody_looks(self) -> None:
        with redirect_stderr(io.StringIO()) as screen, training_bar() as on_training:
            on_training(1, 8)
        assert screen.getvalue() == ""

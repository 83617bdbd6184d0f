"""Bars for a running search; nothing at all where nobody looks (not a terminal)."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import optuna
from optuna.trial import TrialState
from rich.progress import Progress

from sentiment.models.config import Config
from sentiment.models.family import Report
from sentiment.terminal import screen

__all__ = ["SearchProgress", "training_bar"]


def _bars() -> Progress:
    return Progress(
        console=screen(stderr=True),
        refresh_per_second=2,  # each takes two milliseconds from the training
        speed_estimate_period=1e9,  # all the time there was: a trial may take hours
        redirect_stdout=False,  # an answer would go to standard error
        disable=not sys.stderr.isatty(),
    )


@contextmanager
def training_bar() -> Iterator[Callable[[float, int], None]]:
    """A bar over trainings; what it yields is called with the number done, parts of one included, and in all."""
    with _bars() as bars:
        trainings = bars.add_task("trainings", total=None)

        def on_training(done: float, total: int) -> None:
            bars.update(trainings, completed=done, total=total, description=f"trainings {int(done)}/{total}")

        yield on_training


class SearchProgress:
    """Two bars: the trials of the study (best so far, pruned, time left), and the batches of the trial that is running.

    Its state is the bars on the screen; everything shown is read from the study.
    """

    def __init__(self, study: optuna.Study, trials: int) -> None:
        self.study, self.total = study, trials
        self.bars = _bars()
        done = len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)))
        self.trials = self.bars.add_task("search", total=trials, completed=done)
        self.bars.advance(self.trials, 0)  # from here on the time left is measured
        self.trial = self.bars.add_task("", visible=False)

    def __enter__(self) -> "SearchProgress":
        self.refresh()
        self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.remove_task(self.trial)
        self.bars.stop()

    def on_batch(self, trial: optuna.Trial, done: int, total: int) -> None:
        """A batch of `trial` is done, of `total` in its whole run."""
        if done == 1:
            self.bars.reset(self.trial, total=total, visible=True, description=f"trial {trial.number}")
        self.bars.update(self.trial, completed=done)

    def on_report(self, trial: optuna.Trial, config: Config, report: Report) -> None:
        """The validation rows have been scored."""
        said = f"trial {trial.number} {config.kind}, epoch {report.epoch:.1f}/{config.passes}"
        self.bars.update(self.trial, description=f"{said}, macro-F1 {report.macro_f1:.4f}")

    def on_trial(self, trial: optuna.trial.FrozenTrial) -> None:
        """A trial has ended."""
        self.refresh()

    def refresh(self) -> None:
        """Show what the study holds now."""
        if self.bars.disable:
            return  # on a slow storage, reading it costs
        trials = self.study.get_trials(deepcopy=False)
        pruned = sum(trial.state == TrialState.PRUNED for trial in trials)
        completed = [trial.value for trial in trials if trial.state == TrialState.COMPLETE and trial.value is not None]
        done, best = len(completed) + pruned, f"{max(completed):.4f}" if completed else "-"
        said = f"search {done}/{self.total}, best {best}, pruned {pruned}"
        self.bars.update(self.trials, completed=done, description=said, refresh=True)

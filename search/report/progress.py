"""tqdm bars for a running search; nothing at all where nobody looks (not a terminal)."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import optuna
from optuna.trial import TrialState
from tqdm import tqdm

from sentiment.models.config import Config
from sentiment.models.family import Report

__all__ = ["SearchProgress", "training_bar"]


@contextmanager
def training_bar() -> Iterator[Callable[[int, int], None]]:
    """A bar over the trainings of a comparison; what it yields is called with the number done and in all."""
    with tqdm(unit="training", disable=not sys.stderr.isatty(), dynamic_ncols=True) as bar:

        def on_training(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield on_training


class SearchProgress:
    """Two bars: the trials of the study (best so far, pruned, time left), and the epochs of the trial that is running.

    Its state is the bars on the screen; everything shown is read from the study.
    """

    def __init__(self, study: optuna.Study, trials: int, *, show: bool | None = None) -> None:
        self.study = study
        quiet = not (sys.stderr.isatty() if show is None else show)
        done = len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)))
        self.trials = tqdm(total=trials, initial=done, unit="trial", desc="search", disable=quiet, dynamic_ncols=True)
        self.epochs = tqdm(
            total=1.0,
            disable=quiet,
            dynamic_ncols=True,
            leave=False,
            bar_format="{desc} {percentage:3.0f}% |{bar}| {postfix}",
        )

    def __enter__(self) -> "SearchProgress":
        self.refresh()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.epochs.close()
        self.trials.close()

    def on_batch(self, trial: optuna.Trial, done: int, total: int) -> None:
        """A batch of `trial` is done, of `total` in its whole run."""
        if self.epochs.disable:
            return
        if done == 1:
            self.epochs.reset(total=total)
        self.epochs.update(done - self.epochs.n)

    def on_report(self, trial: optuna.Trial, config: Config, report: Report) -> None:
        """The validation rows have been scored."""
        if not self.epochs.disable:
            self.epochs.set_description_str(
                f"trial {trial.number} {config.kind}, epoch {report.epoch:.1f}/{config.passes}"
            )
            self.epochs.set_postfix_str(f"macro-F1 {report.macro_f1:.4f}")

    def on_trial(self, trial: optuna.trial.FrozenTrial) -> None:
        """A trial has ended."""
        self.refresh()

    def refresh(self) -> None:
        """Show what the study holds now."""
        if self.trials.disable:
            return
        trials = self.study.get_trials(deepcopy=False)
        pruned = sum(trial.state == TrialState.PRUNED for trial in trials)
        completed = [trial.value for trial in trials if trial.state == TrialState.COMPLETE and trial.value is not None]
        shown: dict[str, Any] = {"best": f"{max(completed):.4f}" if completed else "-", "pruned": pruned}
        self.trials.set_postfix(shown, refresh=False)
        self.trials.n = len(completed) + pruned
        self.trials.refresh()

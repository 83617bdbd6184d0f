"""What a running search shows: a line for all of it, and one for each worker.

A process that trains itself says what it does. What others do is read from the storage, where they write it anyway:
about once a second, and less often where reading takes long.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import optuna
from optuna.trial import FrozenTrial, TrialState
from rich.progress import TaskID

from search.report.bars import Bars, Pace
from search.report.points import points
from search.study.records import BASELINES, CONFIG, IS_LINEAR_BASELINE, told, told_of_study
from sentiment.errors import InputError
from sentiment.models.baselines import LINEAR
from sentiment.models.config import Config
from sentiment.models.family import Report
from sentiment.models.registry import config_of, family_of

__all__ = [
    "EACH_SECONDS",
    "SHARE",
    "SearchProgress",
    "config_at_hand",
    "of_config",
    "reports_per_epoch",
    "training_bar",
]

EACH_SECONDS: Final = 1.0
"""Between two looks at the storage, at least."""
SHARE: Final = 20
"""So many times as long as its last look took, a program does not look again."""


@contextmanager
def training_bar() -> Iterator[Callable[[float, int], None]]:
    """A bar over trainings; what it yields is called with the number done, parts of one included, and in all."""
    with Bars() as bars:
        trainings, pace = bars.add_task("trainings", total=None), Pace()

        def on_training(done: float, total: int) -> None:
            said = f"trainings {int(done)}/{total}{pace.left(done, total)}"
            bars.update(trainings, completed=done, total=total, description=said)

        yield on_training


class SearchProgress:
    """The line of the study (trials done, time left, best so far, pruned), and one for each worker: what it trains, how
    far it is, and its score so far.

    Its state is the lines on the screen; everything shown is read from the study, or told by who trains here.
    """

    def __init__(self, study: optuna.Study, trials: int, workers: int | None = None) -> None:
        """`workers` in other processes; None: this one trains, and says what."""
        self.study, self.total = study, trials
        self._trains_here = workers is None
        self.bars = Bars()
        self._trials = [] if self.bars.disable else study.get_trials(deepcopy=False)
        self._linear = None if self.bars.disable else told_of_study(study).get(BASELINES, {}).get(LINEAR, {})
        self._pace = Pace()
        self.search = self.bars.add_task("search", total=trials)
        self.lines = [self.bars.add_task("", total=None, visible=False) for _ in range(workers or 1)]
        self._whose: dict[int, TaskID] = {}
        """The line of each trial that runs, by its number."""
        self._config: Config | None = None
        """Of the trial that runs in this process."""
        self._parts = 0.0
        """Of trials that run, what is done: the sum of their shares."""
        self._next = 0.0
        self._told = 0.0
        if workers is not None:
            start = f"{workers} worker{'s start' if workers > 1 else ' starts'}"
            self.bars.update(self.lines[0], description=start, visible=True)

    def __enter__(self) -> "SearchProgress":
        self._show_search()
        self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    # ------------------------------------------------------------------ told by who trains in this process

    def on_begin(self, trial: optuna.Trial, config: Config) -> None:
        """A trial has drawn its config; what is to be trained on is made ready."""
        self._config, self._parts = config, 0.0
        said = f"trial {trial.number} {config.kind}: " + ("preparing its texts" if config.passes > 1 else "in training")
        self.bars.reset(self.lines[0], total=None, visible=True, description=said)
        self._pace.begin()

    def on_batch(self, trial: optuna.Trial, done: int, total: int) -> None:
        """A batch of `trial` is done, of `total` in its whole run."""
        self._parts = done / total
        if done == 1:
            self.bars.reset(self.lines[0], total=total, visible=True, description=_of_trial(trial.number, self._config))
        self.bars.update(self.lines[0], completed=done)
        if time.monotonic() >= self._told + EACH_SECONDS:
            self._show_search()

    def on_report(self, trial: optuna.Trial, config: Config, report: Report) -> None:
        """The validation rows have been scored."""
        said = _of_trial(trial.number, config, report.epoch, report.macro_f1)
        self.bars.update(self.lines[0], description=said)

    def on_trial(self, trial: FrozenTrial) -> None:
        """A trial has ended."""
        self.refresh()

    # ------------------------------------------------------------------ read from the study

    def refresh(self) -> None:
        """Show what the study holds now: called when a trial has ended here, or now and then where others train."""
        began = time.monotonic()
        if self.bars.disable or (not self._trains_here and began < self._next):
            return  # on a slow storage, reading it costs
        self._trials = self.study.get_trials(deepcopy=False)
        if self._trains_here:
            self._parts = 0.0
            self.bars.update(self.lines[0], visible=False)
        else:
            self._show_workers([trial for trial in self._trials if trial.state == TrialState.RUNNING])
        self._show_search()
        now = time.monotonic()
        self._next = now + max(EACH_SECONDS, SHARE * (now - began))

    def _show_workers(self, running: Sequence[FrozenTrial]) -> None:
        numbers = {trial.number for trial in running}
        self._whose = {number: line for number, line in self._whose.items() if number in numbers}
        free = [line for line in self.lines if line not in self._whose.values()]
        if running:
            self._pace.begin()
            for line in free:
                self.bars.update(line, visible=False)
        self._parts = 0.0
        for trial in running:
            if trial.number not in self._whose:
                if not free:
                    continue  # of another program that works on this study
                self._whose[trial.number] = free.pop(0)
            config = config_at_hand(trial)
            epoch = 0.0 if config is None else max(trial.intermediate_values, default=0) / reports_per_epoch(config)
            best = max(trial.intermediate_values.values(), default=None)
            share = 0.0 if config is None else min(1.0, epoch / config.passes)
            self._parts += share
            said = _of_trial(trial.number, config, epoch, best)
            whole = 1.0 if config is not None and best is not None else None
            self.bars.update(
                self._whose[trial.number], completed=share, total=whole, description=said, visible=True, refresh=False
            )

    def _show_search(self) -> None:
        trials = self._trials
        pruned = sum(trial.state == TrialState.PRUNED for trial in trials)
        completed = [trial for trial in trials if trial.state == TrialState.COMPLETE and trial.value is not None]
        done = len(completed) + pruned
        ours = [trial for trial in completed if told(trial, CONFIG)]  # as on the leaderboard
        best = max(ours, key=lambda trial: trial.value or 0.0, default=None)
        said = f"search {done}/{self.total}{self._pace.left(done + self._parts, self.total)}"
        said += ", best -" if best is None else f", best {best.value:.4f}{self._beside_linear(best, ours)}"
        said += f", pruned {pruned}" if pruned else ""
        self._told = time.monotonic()
        self.bars.update(self.search, completed=done + self._parts, description=said, refresh=True)

    def _beside_linear(self, best: FrozenTrial, ours: Sequence[FrozenTrial]) -> str:
        if told(best, IS_LINEAR_BASELINE):
            return ", which is linear"
        of_trials = (trial.value for trial in ours if told(trial, IS_LINEAR_BASELINE))
        linear = next(of_trials, (self._linear or {}).get("macro_f1"))
        return "" if linear is None else f", {points((best.value or 0.0) - linear)} over linear"


def config_at_hand(trial: FrozenTrial) -> Config | None:
    """What a trial trains; None while that is not on record, or is nothing that we know."""
    with suppress(InputError, TypeError, ValueError, AttributeError):
        return config_of(told(trial, CONFIG))
    return None


def reports_per_epoch(config: Config) -> int:
    """How often a training of it reports in an epoch."""
    return int(getattr(config, family_of(config.family).reports or "", 1))


def _of_trial(number: int, config: Config | None, epoch: float = 0.0, macro_f1: float | None = None) -> str:
    if config is None:
        return f"trial {number}: beginning"
    scored = "" if macro_f1 is None else f", macro-F1 {macro_f1:.4f}"
    return f"trial {number} {of_config(config, epoch)}{scored}"


def of_config(config: Config, epoch: float) -> str:
    """What is trained, and how far it is."""
    if config.passes == 1 and not epoch:
        return f"{config.kind}, in training"
    return f"{config.kind}, epoch {epoch:.1f}/{config.passes}" if epoch else f"{config.kind}, epoch 0/{config.passes}"

"""What a running comparison shows: a line for all of it, and one for each worker."""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from optuna.trial import TrialState

from search.comparison.compare import AtWork
from search.comparison.setting import Setting
from search.report.bars import Bars, Pace
from search.report.progress import EACH_SECONDS, SHARE, config_at_hand, of_config, reports_per_epoch
from search.study.positions import FINISHED

__all__ = ["ComparisonProgress"]


class ComparisonProgress:
    """The line of a comparison (trainings done, time left), and one for each worker: what it tunes or trains."""

    def __init__(self, setting: Setting, workers: int) -> None:
        self.setting = setting
        self.bars = Bars()
        self.whole = self.bars.add_task("trainings", total=None)
        self.lines = [self.bars.add_task("", total=None, visible=False) for _ in range(workers)]
        self._pace, self._done, self._total = Pace(), 0, 0
        self._at_work: Sequence[AtWork] = ()
        self._tuned: dict[str, tuple[int, str]] = {}
        """Of each search that was at hand at the last look: trials done, and what else there is to say."""
        self._lock, self._ended = threading.Lock(), threading.Event()

    def __enter__(self) -> "ComparisonProgress":
        self.bars.start()
        if not self.bars.disable:
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        with self._lock:
            self.bars.stop()

    def on_training(self, done: int, total: int, at_work: Sequence[AtWork]) -> None:
        """So many trainings are done, and so many there are in all; and what the workers do now."""
        with self._lock:  # a search that has ended is not counted among what is done and at work too
            self._done, self._total, self._at_work = done, total, at_work
        self._show()
        self._pace.begin()

    def _watch(self) -> None:
        """A search tells nothing before it ends: its trials are counted in the storage."""
        pause = EACH_SECONDS
        while not self._ended.wait(pause):
            began = time.monotonic()
            with suppress(Exception):  # whatever it is, it is told of where trials are written
                self._tuned = {one.what: self._read(one) for one in self._at_work if one.study is not None}
            self._show()
            pause = max(EACH_SECONDS, SHARE * (time.monotonic() - began))

    def _read(self, one: AtWork) -> tuple[int, str]:
        assert one.study is not None
        trials = self.setting.trials(one.study, *FINISHED, TrialState.RUNNING)
        done = [trial for trial in trials if trial.state in FINISHED]
        best = max((trial.value for trial in done if trial.value is not None), default=None)
        said = "" if best is None else f", best {best:.4f}"
        for trial in trials:
            if trial.state == TrialState.RUNNING and (config := config_at_hand(trial)) is not None:
                epoch = max(trial.intermediate_values, default=0) / reports_per_epoch(config)
                said += f", now {of_config(config, epoch)}"
        return len(done), said

    def _show(self) -> None:
        with self._lock:
            if self._ended.is_set():
                return
            parts = 0
            for line, one in zip(self.lines, (*self._at_work, *[None] * len(self.lines)), strict=False):
                if one is None:
                    self.bars.update(line, visible=False)
                    continue
                done, said = self._tuned.get(one.what, (one.of - one.trainings, ""))
                parts += min(one.trainings, max(0, done - (one.of - one.trainings)))
                count = f" {done}/{one.of}" if one.study is not None else ""
                total = one.of if one.study is not None else None
                description = f"{one.what}{count}{said}"
                self.bars.update(line, description=description, completed=done, total=total, visible=True)
            done = min(self._done + parts, self._total)
            said = f"trainings {done}/{self._total}{self._pace.left(done, self._total)}"
            self.bars.update(self.whole, completed=done, total=self._total or None, description=said, refresh=True)

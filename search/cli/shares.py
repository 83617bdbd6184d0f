"""How the workers of `run` share a search: each works on the study until it has its trials, and the place of one that
is lost is taken by another while trials are left."""

import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from search.cli.answer import fail, status_of
from search.console import explained
from search.execution.again import TIMES
from search.execution.contract import Ended, WorkerLost
from search.execution.interrupts import told_to_end

if TYPE_CHECKING:
    from search.study.create import SearchStudy

__all__ = ["INTERRUPTED", "Shares"]

INTERRUPTED: Final = 130
"""The exit status of what Ctrl-C ended."""


class Shares:
    """The jobs of a search, and what came of them."""

    def __init__(self, opened: "SearchStudy", trials: int, timeout: float | None, workers: int, url: str) -> None:
        """`url` is that of the storage; `timeout` in seconds is counted from here, wherever and whenever a share is
        begun: by the clocks of the machines, which are to agree."""
        self._opened, self._trials, self._url = opened, trials, url
        self._ends = None if timeout is None else time.time() + timeout
        self._places = list(range(workers))
        """Of each job: whose place it takes."""
        self._times = Counter[int]()
        """How often the worker in a place was lost while no trial was finished."""
        self._finished = opened.finished
        self.jobs = [self._job() for _ in self._places]
        """For an executor, whatever `shared` it gives them: called with `timeout`, it works on the study."""
        self.statuses = [0]
        self.killed = set[int]()
        """The places of workers that were lost, once or more often."""
        self.replaced = 0
        self._told = False

    def end_with(self, ended: Ended[int | str]) -> bool:
        """Take notice of a job that has ended; whether all are to end, since trials fail whoever trains them."""
        outcome = ended.outcome
        if isinstance(outcome, WorkerLost):
            self._replace(self._places[ended.job])
            return False
        if isinstance(outcome, int):
            self.statuses.append(outcome)
            return False
        self.statuses.append(1)
        if not self._told:
            fail(outcome, 1)
        self._told = True
        return self._opened.fails()

    def _replace(self, place: int) -> None:
        self.killed.add(place)
        opened = self._opened
        if opened.finished > self._finished:
            self._finished = opened.finished
            self._times.clear()
        self._times[place] += 1
        over = self._ends is not None and time.time() >= self._ends
        if self._times[place] > TIMES or over or opened.finished >= self._trials or opened.plateau():
            return
        self._places.append(place)
        self.jobs.append(self._job())
        self.replaced += 1

    def _job(self) -> Callable[[Callable[..., int]], int | str]:
        return partial(_share, ends=self._ends, url=self._url)


def _share(work: Callable[..., int], ends: float | None, url: str) -> int | str:
    """In a worker: its exit status, or why trials fail one after another; whatever else goes wrong is told there, but
    for Ctrl-C.

    Args:
        work: on the study.
        ends: when no trial is begun any more, as `time.time` says it: this share may have waited for its place.
        url: of the storage.

    Raises:
        KeyboardInterrupt: this worker alone was told to end.
    """
    from search.storage.databases import shown
    from search.study.optimization import FailuresInARow

    failed: list[str] = []

    def attempted() -> int:
        try:
            return work(timeout=None if ends is None else max(0.0, ends - time.time()))
        except FailuresInARow as error:
            failed.append(explained(error, shown(url)))
            return 1
        except KeyboardInterrupt:  # the command says it, once for all of its workers
            return INTERRUPTED

    status = status_of(attempted, partial(shown, url))
    if status == INTERRUPTED and told_to_end():
        raise KeyboardInterrupt
    return failed[0] if failed else status

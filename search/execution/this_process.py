"""This process does the jobs, one after another."""

from collections.abc import Callable, Generator, Sequence
from typing import Final

from search.execution.contract import Ended, Result, Shared
from search.execution.interrupts import Interrupts

__all__ = ["THIS_PROCESS", "ThisProcess"]


class ThisProcess:
    """An `Executor` that loses nobody: when this process is killed, there is nobody to be told."""

    workers = 1

    def do(
        self, jobs: Sequence[Callable[[Shared], Result]], shared: Shared, on_poll: Callable[[], None] = lambda: None
    ) -> Generator[Ended[Result], None, None]:
        """As `Executor` says; `on_poll` is called after each job."""
        with Interrupts() as interrupts:
            for number, job in enumerate(jobs):
                interrupts.raise_if_any_came()
                result = job(shared)
                on_poll()
                yield Ended(number, result)


THIS_PROCESS: Final = ThisProcess()

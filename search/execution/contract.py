"""What whoever has jobs may ask of whatever does them. It says nothing of processes: jobs may run anywhere that a
function and its arguments can be sent to."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

__all__ = ["Ended", "Executor", "Result", "Shared", "WorkerLost"]

Shared = TypeVar("Shared")
Result = TypeVar("Result")


class WorkerLost(Exception):
    """Whoever did a job is gone, killed by the system or by hand: nobody knows how far it came."""


@dataclass(frozen=True)
class Ended(Generic[Result]):
    """A job that is over."""

    job: int
    """Its place among those that were asked for."""
    outcome: Result | WorkerLost

    def result(self) -> Result:
        """What the job returned; raises `WorkerLost` if its worker was."""
        if isinstance(self.outcome, WorkerLost):
            raise self.outcome
        return self.outcome


class Executor(Protocol):
    """Does jobs, as many at once as it has workers."""

    workers: int

    def do(
        self, jobs: Sequence[Callable[[Shared], Result]], shared: Shared, on_poll: Callable[[], None] = ...
    ) -> Generator[Ended[Result], None, None]:
        """Begin the jobs in their order, and tell of each as it ends.

        Whoever iterates may append to a list of jobs meanwhile, such as one anew that was lost.

        Closing the generator, as an error of whoever iterates does, stops: jobs at hand are interrupted and waited for.

        Args:
            jobs: functions that can be pickled, and what they return too.
            shared: what all jobs are given; it goes to each worker once.
            on_poll: called now and then, here, to show progress.

        Raises:
            KeyboardInterrupt: Ctrl-C came.
            BaseException: what a job raised.
        """

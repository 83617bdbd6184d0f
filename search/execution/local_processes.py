"""Processes of this machine do the jobs.

Where the system can, they are forked from one process that has read the libraries and done nothing else, so they begin
at once and share its memory; forking one that has used torch's threads could hang. Each has a pipe of its own, so one
that is killed holds no lock that another waits for.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from traceback import format_exception
from typing import Any, Final

from search.console import tell_in_one_line
from search.execution.contract import Ended, Result, Shared, WorkerLost
from search.execution.interrupts import INTERRUPTS, Interrupts

__all__ = ["LocalProcesses", "cores"]

POLL_SECONDS: Final = 0.5


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    job: int | None = None
    """At hand."""

    def begin(self, number: int, job: Any) -> None:
        self.job = number
        with suppress(ConnectionError):  # it is lost, as will be seen
            self.connection.send(job)

    def ended(self) -> tuple[Any, BaseException | None]:
        """What the job returned, or raised."""
        self.job = None
        with suppress(EOFError, OSError):
            if self.connection.poll():
                result, error = self.connection.recv()
                return result, error
        self.connection.close()
        return WorkerLost("a worker was killed"), None

    def stop(self) -> None:
        """Ctrl-C, if a job is at hand: a terminal sends it to all, a script's kill to the parent alone."""
        self.connection.close()
        if self.job is not None and self.process.is_alive() and self.process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGINT)


class LocalProcesses:
    """An `Executor`: so many processes of this machine."""

    def __init__(self, workers: int, preload: Sequence[str] = ()) -> None:
        """`preload`: modules that all of them need; read once, where processes can be forked."""
        self.workers = workers
        self._preload = list(preload)

    def do(
        self, jobs: Sequence[Callable[[Shared], Result]], shared: Shared, on_poll: Callable[[], None] = lambda: None
    ) -> Generator[Ended[Result], None, None]:
        """As `Executor` says."""
        waiting, workers, raised = deque(enumerate(jobs)), list[_Worker](), list[BaseException]()
        with Interrupts() as interrupts:
            try:
                # Held back, since a process that is left half started would stay behind. One that was killed as it
                # started shows as these errors; its share is done by the others, or lost with them.
                with interrupts.held_back(), _blocked_in_new_processes(), suppress(EOFError, ConnectionError):
                    while len(workers) < min(self.workers, len(jobs)):
                        workers.append(self._start(shared))
                while True:
                    for worker in workers:
                        if worker.job is None and not worker.connection.closed:
                            if waiting:
                                worker.begin(*waiting.popleft())
                            else:
                                worker.connection.close()  # it leaves
                    busy = {worker.job: worker for worker in workers if worker.job is not None}
                    if not busy:
                        break
                    signs = {number: (one.connection, one.process.sentinel) for number, one in busy.items()}
                    seen = wait([sign for pair in signs.values() for sign in pair], POLL_SECONDS)
                    interrupts.raise_if_any_came()
                    on_poll()
                    for number, worker in busy.items():
                        if not any(sign in seen for sign in signs[number]):
                            continue
                        outcome, error = worker.ended()
                        if isinstance(error, KeyboardInterrupt):
                            raise KeyboardInterrupt
                        if error is not None:
                            raised.append(error)
                            waiting.clear()
                        elif not raised:
                            yield Ended(number, outcome)
                if raised:
                    raise raised[0]
                for number, _ in waiting:  # nobody is left
                    yield Ended(number, WorkerLost("all workers were killed"))
            finally:
                with interrupts.held_back():
                    for worker in workers:
                        worker.stop()
                    for worker in workers:
                        worker.process.join()
                        worker.process.close()  # at which one whose server was killed leaves

    def _start(self, shared: Any) -> _Worker:
        forks = "forkserver" in multiprocessing.get_all_start_methods()
        context: Any = multiprocessing.get_context("forkserver" if forks else "spawn")
        if forks:
            context.set_forkserver_preload(self._preload)
        ours, theirs = context.Pipe()
        with theirs:
            process = context.Process(target=_work, args=(theirs, shared))
            process.start()
        return _Worker(process, ours)


@contextmanager
def _blocked_in_new_processes() -> Iterator[None]:
    """Ctrl-C waits in processes started here until they listen to it: amidst their imports it would show them all."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # which would let the signal through again, did it start in the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# ------------------------------------------------------------------ in the processes


def _work(connection: Connection, shared: Any) -> None:
    """What a worker does: job after job, until its parent has no more for it."""
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    interrupts = Interrupts(held=True)
    interrupts.__enter__()  # for life: as it leaves, an interrupt would show its insides
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
    tell_in_one_line(lambda: "of the studies")
    with suppress(EOFError, ConnectionError), open(os.devnull, "w") as sys.stdout:
        os.dup2(sys.stdout.fileno(), 1)  # libraries, and programs that a job starts, write there
        while True:
            connection.send_bytes(_sent(_ended(connection.recv(), shared, interrupts)))


def _sent(ended: tuple[Any, BaseException | None]) -> Any:
    """What a job returned or raised, pickled, if the other side can make the same of it."""
    try:
        content = ForkingPickler.dumps(ended)
        ForkingPickler.loads(content)
        return content
    except Exception as error:
        return ForkingPickler.dumps((None, RuntimeError(f"{ended[1] or type(ended[0])} cannot be sent: {error}")))


def _ended(job: Callable[[Any], Any], shared: Any, interrupts: Interrupts) -> tuple[Any, BaseException | None]:
    try:
        with interrupts.let_through():
            return job(shared), None
    except BaseException as error:
        error.add_note("".join(format_exception(error)))
        return None, error


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

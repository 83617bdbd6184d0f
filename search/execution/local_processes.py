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
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Final

from search.console import moves_cursor, say, tell_in_one_line
from search.execution.contract import Ended, Result, Shared, WorkerLost
from search.execution.interrupts import INTERRUPTS, Interrupts
from search.execution.machine import gpu_of
from search.execution.outcomes import as_sent, outcome_of

__all__ = ["LocalProcesses"]

POLL_SECONDS: Final = 0.5
LAST_WORDS_SECONDS: Final = 1.0
"""What a worker said is printed before this process goes on, unless a program that it started keeps its pipe open."""


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    teller: threading.Thread | None = None
    """Prints what it says on a terminal."""
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
                if isinstance(result, WorkerLost):  # it was told to end, and gets no other job
                    self.connection.close()
                return result, error
        self.connection.close()
        return WorkerLost("a worker was killed"), None

    def leave(self) -> None:
        """Wait until it is gone."""
        self.process.join()
        self.process.close()  # at which one whose server was killed leaves
        if self.teller is not None:
            self.teller.join(LAST_WORDS_SECONDS)

    def stop(self) -> None:
        """Ctrl-C, if a job is at hand: a terminal sends it to all, a script's kill to the parent alone."""
        self.connection.close()
        if self.job is not None and self.process.is_alive() and self.process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGINT)


class LocalProcesses:
    """An `Executor`: so many processes of this machine."""

    def __init__(self, workers: int, preload: Sequence[str] = (), gpus: Sequence[str] = ()) -> None:
        """
        Args:
            workers: how many.
            preload: modules that all of them need; read once, where processes can be forked.
            gpus: as CUDA_VISIBLE_DEVICES names them; each worker sees one, in turn. If there are none, all see all.
        """
        self.workers = workers
        self._gpus = list(gpus)
        self._preload = list(preload)

    def do(
        self, jobs: Sequence[Callable[[Shared], Result]], shared: Shared, on_poll: Callable[[], None] = lambda: None
    ) -> Generator[Ended[Result], None, None]:
        """As `Executor` says. One that is killed is replaced while jobs wait; its own job is not among them."""
        begun, raised = 0, list[BaseException]()
        workers: list[_Worker | None] = [None] * self.workers
        with Interrupts() as interrupts:
            try:
                while True:
                    for place, worker in enumerate(workers):
                        if worker is not None and worker.job is not None:
                            continue
                        if begun == len(jobs) or raised:
                            if worker is not None:
                                worker.connection.close()  # it leaves
                            continue
                        number, begun = begun, begun + 1
                        if worker is None or worker.connection.closed:
                            self._replace(workers, place, shared, interrupts)
                            worker = workers[place]
                        if worker is None:
                            yield Ended(number, WorkerLost("a worker was killed as it started"))
                        else:
                            worker.begin(number, jobs[number])
                    busy = {one.job: one for one in workers if one is not None and one.job is not None}
                    if not busy:
                        if begun < len(jobs) and not raised:
                            continue
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
                        elif not raised:
                            yield Ended(number, outcome)
                if raised:
                    raise raised[0]
            finally:
                with interrupts.held_back():
                    left = [worker for worker in workers if worker is not None]
                    for worker in left:
                        worker.stop()
                    for worker in left:
                        worker.leave()

    def _replace(self, workers: list[_Worker | None], place: int, shared: Any, interrupts: Interrupts) -> None:
        """Start one at the place of one that is gone; nobody is there if it was killed as it started, which shows as
        these errors.

        Interrupts are held back, since a process that is left half started would stay behind. Who is gone has no place
        any more, whatever goes wrong here: it is not waited for a second time.
        """
        with interrupts.held_back(), _blocked_in_new_processes(), suppress(EOFError, ConnectionError):
            gone, workers[place] = workers[place], None
            if gone is not None:
                gone.leave()
            workers[place] = self._start(shared, place)

    def _start(self, shared: Any, place: int) -> _Worker:
        forks = "forkserver" in multiprocessing.get_all_start_methods()
        context: Any = multiprocessing.get_context("forkserver" if forks else "spawn")
        if forks:
            context.set_forkserver_preload(self._preload)
        gpu = gpu_of(place, self._gpus)
        ours, theirs = context.Pipe()
        # Where this process draws on the terminal, others that write there too would leave it in shreds.
        heard, says = context.Pipe(duplex=False) if moves_cursor(sys.stderr) else (None, None)
        with theirs, says or nullcontext():
            process = context.Process(target=_work, args=(theirs, shared, gpu, says))
            process.start()
        teller = None if heard is None else threading.Thread(target=_tell, args=(heard,), daemon=True)
        if teller is not None:
            teller.start()
        return _Worker(process, ours, teller)


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


def _tell(heard: Connection) -> None:
    """Print what a worker writes to its standard error, until it is gone."""
    with suppress(OSError), heard, open(heard.fileno(), encoding="utf-8", errors="replace", closefd=False) as lines:
        for line in lines:
            say(line.rstrip("\n"), style="yellow")


# ------------------------------------------------------------------ in the processes


def _work(connection: Connection, shared: Any, gpu: str | None, says: Connection | None = None) -> None:
    """What a worker does: job after job, until its parent has no more for it.

    Args:
        connection: to the parent, for jobs and what came of them.
        shared: what all jobs are given.
        gpu: that it sees, as CUDA_VISIBLE_DEVICES names it; None: all.
        says: what becomes its standard error; None: that of its parent.
    """
    if says is not None:
        with says:
            os.dup2(says.fileno(), 2)
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu  # before CUDA is asked for anything here
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    interrupts = Interrupts(held=True)
    interrupts.__enter__()  # for life: as it leaves, an interrupt would show its insides
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
    tell_in_one_line(lambda: "of the studies")
    with suppress(EOFError, ConnectionError), open(os.devnull, "w") as sys.stdout:
        os.dup2(sys.stdout.fileno(), 1)  # libraries, and programs that a job starts, write there
        while True:
            connection.send_bytes(as_sent(outcome_of(connection.recv(), shared, interrupts)))


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

"""Processes that work through a list of jobs, and leave when they should.

Ctrl-C ends the job at hand in every process and begins no other, in any phase: while the processes start, between two
jobs, and where it reached the parent alone. When the parent is killed, they end too.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from multiprocessing import active_children, get_context, parent_process
from typing import Any

__all__ = ["work_through"]


def work_through(jobs: Sequence[tuple[Any, ...]], shared: Any, workers: int) -> Iterator[int]:
    """Do the jobs, here if `workers` is 1, or in so many processes; count them as they end.

    Args:
        jobs: of each, a function and what it gets after `shared`.
        shared: the first argument of every job; it goes to each process once.
        workers: processes.

    Raises:
        BaseException: what a job raised; those that have not begun are dropped.
    """
    if workers == 1:
        for count, (job, *arguments) in enumerate(jobs, start=1):
            job(shared, *arguments)
            yield count
        return
    context = get_context("spawn")  # forking a process that has used torch's threads can hang
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_enter, initargs=(shared,)) as pool:
        try:
            with _interrupts_held_back():
                futures: list[Future[None]] = [pool.submit(_in_worker, *job) for job in jobs]
            for count, future in enumerate(as_completed(futures), start=1):
                future.result()
                yield count
        except BaseException as error:
            if isinstance(error, (KeyboardInterrupt, GeneratorExit)):
                _interrupt_workers()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Ctrl-C waits for the end of the block, here and in processes started in it until they listen: one that comes
    between a process and its entry in the pool would leave it behind, one amidst its imports would print them all.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    came: list[int] = []
    # The mask is for the new processes; here another thread may be given the signal all the same.
    handler = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        signal.signal(signal.SIGINT, handler)
    if came:
        raise KeyboardInterrupt


def _interrupt_workers() -> None:
    for worker in active_children():
        if worker.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGINT)


# ------------------------------------------------------------------ in the processes

_shared: Any = None
_working = False
_interrupted = False


def _enter(shared: Any) -> None:
    global _shared
    _shared = shared
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, _on_interrupt)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _on_interrupt(number: int, frame: Any) -> None:
    """Ends the job at hand, once; outside a job an exception would break the pool."""
    global _interrupted
    first, _interrupted = not _interrupted, True
    if _working and first:
        raise KeyboardInterrupt


def _leave_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _in_worker(job: Callable[..., None], *arguments: Any) -> None:
    global _working
    _working = True
    try:
        if _interrupted:
            raise KeyboardInterrupt
        job(_shared, *arguments)
    finally:
        _working = False

"""Processes that work through a list of jobs, and leave when they should.

Ctrl-C ends the job at hand in every process and begins no other, in any phase: while the processes start, between two
jobs, and where it reached the parent alone.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children
from typing import Any, Final

from search.console import tell_in_one_line
from search.execution.processes import Interrupts, context, enter, interrupt, interrupts_held_back

__all__ = ["work_through"]

BROKEN_SECONDS: Final = 5
"""How long a worker may take to end its job when another one was killed."""


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
    with (
        Interrupts() as interrupts,  # a second one would leave some of them uninterrupted
        ProcessPoolExecutor(workers, mp_context=context(), initializer=_enter, initargs=(shared,)) as pool,
    ):
        try:
            with interrupts_held_back():
                futures: list[Future[None]] = [pool.submit(_in_worker, *job) for job in jobs]
            for count, future in enumerate(as_completed(futures), start=1):
                interrupts.raise_if_any_came()
                future.result()
                yield count
        except BaseException as error:
            if isinstance(error, (KeyboardInterrupt, GeneratorExit)):
                for worker in active_children():
                    interrupt(worker)
            if isinstance(error, BrokenProcessPool):  # one was killed, and may have taken the lock of the queue along
                for worker in active_children():
                    worker.join(BROKEN_SECONDS)
                    worker.kill()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


# ------------------------------------------------------------------ in the processes

_shared: Any = None
_working = False
_interrupted = False


def _enter(shared: Any) -> None:
    global _shared
    _shared = shared
    enter(_on_interrupt)
    tell_in_one_line(lambda: "of the studies")


def _on_interrupt(number: int, frame: Any) -> None:
    """Ends the job at hand, once; outside a job an exception would break the pool."""
    global _interrupted
    first, _interrupted = not _interrupted, True
    if _working and first:
        raise KeyboardInterrupt


def _in_worker(job: Callable[..., None], *arguments: Any) -> None:
    global _working, _interrupted
    _working = True
    try:
        if _interrupted:
            raise KeyboardInterrupt
        job(_shared, *arguments)
    except KeyboardInterrupt:  # also one that the job listened to itself
        _interrupted = True
        raise
    finally:
        _working = False

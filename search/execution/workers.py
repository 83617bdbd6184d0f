"""Processes that work on one study together.

A worker needs only the storage and the study's name: everything else stands in the study. The one that starts the
workers waits for them and shows progress.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

from search.execution.processes import LOST_SERVER, Interrupts, context, enter, interrupt, interrupts_held_back

__all__ = ["cores", "run_workers"]

POLL_SECONDS = 0.5
OF_LOST_SERVER = 255
"""The exit status that multiprocessing gives a process whose server was killed."""


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_workers(
    main: Callable[[list[str]], int],
    count: int,
    *,
    storage: str,
    study: str,
    artifacts: Path,
    trials: int,
    timeout: float | None,
    threads: int,
    device: str = "cpu",
    on_poll: Callable[[], None] = lambda: None,
) -> tuple[int, ...]:
    """Start `count` workers and wait for all of them.

    One that is killed leaves its trial to the others, as long as there are any.

    Args:
        main: what the command line calls, with the arguments of a worker.
        count: of workers.
        storage: URL of the database.
        study: its name.
        artifacts: folder of weights and predictions.
        trials: that the study shall have in all.
        timeout: in seconds.
        threads: of each worker.
        device: that all train on.
        on_poll: called now and then.

    Returns:
        How each of them ended: its exit status, or minus the number of the signal that killed it.

    Raises:
        KeyboardInterrupt: Ctrl-C came; it reaches the workers too, and each has recorded its trial.
    """
    command = [
        *("worker", "--study", study, "--storage", storage, "--artifacts", str(artifacts)),
        *("--trials", str(trials), "--threads", str(threads), "--device", device),
        *(() if timeout is None else ("--timeout", str(timeout))),
    ]
    # Set before their libraries load, so that a worker's BLAS does not start a thread for every core.
    os.environ["OMP_NUM_THREADS"] = str(threads)
    workers = [context().Process(target=_work, args=(main, command)) for _ in range(count)]
    with Interrupts() as interrupts:  # a second one would leave some of them uninterrupted
        try:
            if not _started(workers):
                return (-signal.SIGKILL,) * count
            while any(worker.is_alive() for worker in workers):
                interrupts.raise_if_any_came()
                on_poll()
                time.sleep(POLL_SECONDS)
        except BaseException:
            begun = [worker for worker in workers if worker.pid is not None]
            for worker in begun:
                interrupt(worker)
            for worker in begun:
                worker.join()
            raise
    on_poll()
    # Those whose server was killed leave when this one does.
    return tuple(-signal.SIGKILL if worker.exitcode == OF_LOST_SERVER else worker.exitcode or 0 for worker in workers)


def _started(workers: Sequence[BaseProcess]) -> bool:
    """Whether they were; not if the process that they are forked from is killed meanwhile."""
    try:
        with interrupts_held_back():
            for worker in workers:
                worker.start()
    except LOST_SERVER:
        return False
    return True


def _work(main: Callable[[list[str]], int], command: list[str]) -> None:
    """What the command `sentiment-search worker` does, without its output."""
    try:
        enter()
        with open(os.devnull, "w") as nowhere:
            sys.stdout = nowhere
            sys.exit(main(command))
    except KeyboardInterrupt:  # before the command had begun
        sys.exit(130)

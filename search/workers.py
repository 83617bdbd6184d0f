"""Processes that work on one study together.

A worker needs only the storage and the study's name: everything else stands in the study. The one that starts the
workers waits for them and shows progress.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["cores", "run_workers"]

POLL_SECONDS = 0.5


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_workers(
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
) -> int:
    """Start `count` workers, wait for all of them, and return the worst exit status.

    Ctrl-C reaches the workers too (a terminal sends it to the whole group); each records its trial before it ends.
    """
    command = [
        *(sys.executable, "-m", "search", "worker", "--study", study, "--storage", storage),
        *("--artifacts", str(artifacts), "--trials", str(trials), "--threads", str(threads), "--device", device),
        *(() if timeout is None else ("--timeout", str(timeout))),
    ]
    # Set before the library loads, so that a worker's BLAS does not start a thread for every core.
    surroundings = os.environ | {"OMP_NUM_THREADS": str(threads)}
    workers = [subprocess.Popen(command, env=surroundings, stdout=subprocess.DEVNULL) for _ in range(count)]
    try:
        while any(worker.poll() is None for worker in workers):
            on_poll()
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        for worker in workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGINT)
        for worker in workers:
            worker.wait()
        raise
    on_poll()
    return max(abs(int(worker.returncode)) for worker in workers)

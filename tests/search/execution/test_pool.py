"""Processes that work through jobs: what comes of them when they are interrupted, fail, or lose their parent."""

import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from search.execution.pool import work_through

NEEDS_PROC = pytest.mark.skipif(not Path("/proc").is_dir(), reason="who still runs is read from /proc")

PROGRAM = """
import sys
from pathlib import Path
from search.execution.pool import work_through
from tests.search.execution import test_pool
if __name__ == "__main__":
    job, jobs = getattr(test_pool, sys.argv[2]), int(sys.argv[3])
    list(work_through([(job, n) for n in range(jobs)], Path(sys.argv[1]), workers=2))
"""


def sleep(folder: Path, number: int) -> None:
    """A job that tells who does it, and takes longer than any test waits."""
    (folder / f"{number}-{os.getpid()}").touch()
    time.sleep(600)


def touch(folder: Path, number: int) -> None:
    (folder / f"{number}-{os.getpid()}").touch()


def briefly_or_long(folder: Path, number: int) -> None:
    """A job that takes no time, if it is the first, or longer than any test waits."""
    touch(folder, number)
    time.sleep(600 * number)


def fail(folder: Path, number: int) -> None:
    raise OSError(28, f"job {number}")


def begin(
    folder: Path, job: Callable[[Path, int], None] = sleep, jobs: int = 6, *, own_group: bool = False
) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, folder, job.__name__, str(jobs)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=own_group)


def wait_until(condition: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def workers_of(folder: Path) -> set[int]:
    return {int(path.name.split("-")[1]) for path in folder.iterdir()}


def runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_is_done_once_and_counted(tmp_path: Path, workers: int) -> None:
    assert list(work_through([(touch, n) for n in range(5)], tmp_path, workers)) == [1, 2, 3, 4, 5]
    assert sorted(path.name[0] for path in tmp_path.iterdir()) == list("01234")


def warn(folder: Path, number: int) -> None:
    warnings.warn("learning rates may bite", stacklevel=1)


def test_what_a_process_warns_of_is_told_in_one_line(tmp_path: Path) -> None:
    _, err = begin(tmp_path, warn, 1).communicate(timeout=120)
    assert err.splitlines() == ["sentiment-search: learning rates may bite"]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_job_raises_is_raised_here(tmp_path: Path, workers: int) -> None:
    with pytest.raises(OSError, match="job 0"):
        list(work_through([(fail, 0), (touch, 1)], tmp_path, workers))


@NEEDS_PROC
def test_an_interrupt_of_the_parent_alone_ends_the_jobs_at_hand_and_begins_no_other(tmp_path: Path) -> None:
    parent = begin(tmp_path)
    wait_until(lambda: len(workers_of(tmp_path)) == 2)
    parent.send_signal(signal.SIGINT)
    _, err = parent.communicate(timeout=120)
    assert err.count("Traceback") == err.count('File "<string>"') == 1, err  # the parent's own
    assert len(list(tmp_path.iterdir())) == 2
    assert not any(runs(pid) for pid in workers_of(tmp_path))


@NEEDS_PROC
@pytest.mark.parametrize("after", [0.0, 0.2, 0.6, 1.2])
def test_an_interrupt_while_they_start_leaves_nobody_behind(tmp_path: Path, after: float) -> None:
    parent = begin(tmp_path, own_group=True)
    wait_until(lambda: Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split())
    time.sleep(after)
    os.killpg(parent.pid, signal.SIGINT)
    _, err = parent.communicate(timeout=120)  # which waits for all that hold its stderr
    assert "spawn_main" not in err
    assert err.rstrip().endswith("KeyboardInterrupt")


@NEEDS_PROC
@pytest.mark.parametrize("number", [0, 1], ids=["idle", "busy"])
def test_when_one_is_killed_that_is_raised_and_the_others_leave(tmp_path: Path, number: int) -> None:
    parent = begin(tmp_path, briefly_or_long, 2)
    wait_until(lambda: len(workers_of(tmp_path)) == 2)
    time.sleep(1)  # until the idle one waits for another job, holding the lock of the queue
    os.kill(int(next(tmp_path.glob(f"{number}-*")).name.split("-")[1]), signal.SIGKILL)
    _, err = parent.communicate(timeout=120)
    assert "BrokenProcessPool" in err
    assert not any(runs(pid) for pid in workers_of(tmp_path))


@NEEDS_PROC
def test_they_leave_when_the_parent_is_killed(tmp_path: Path) -> None:
    parent = begin(tmp_path)
    wait_until(lambda: len(workers_of(tmp_path)) == 2)
    parent.kill()
    parent.wait()
    wait_until(lambda: not any(runs(pid) for pid in workers_of(tmp_path)), seconds=120)

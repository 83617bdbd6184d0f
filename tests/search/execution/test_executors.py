"""The contract, kept by all who do jobs: what comes of these when they are interrupted, fail, or lose a worker or their
parent."""

import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import redirect_stderr
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pytest

from search.execution.again import TIMES, do_lost_again
from search.execution.contract import Ended, Executor, WorkerLost
from search.execution.interrupts import Interrupts
from search.execution.local_processes import LocalProcesses
from search.execution.ray_cluster import RayCluster
from search.execution.this_process import ThisProcess
from sentiment.terminal import screen
from tests.support.terminal import Terminal

NEEDS_PROC = pytest.mark.skipif(not Path("/proc").is_dir(), reason="who still runs is read from /proc")

EXECUTORS: Final[dict[str, Executor]] = {
    "this process": ThisProcess(),
    "local processes": LocalProcesses(2, ["search.cli.preloaded"]),
    "ray": RayCluster(2),
}
WORKERS: Final = {"this process": 1, "local processes": 2, "ray": 2}
NEEDS_RAY = pytest.mark.skipif(find_spec("ray") is None, reason="the extra `ray` is not installed")
ON_RAY = pytest.param("ray", marks=[NEEDS_RAY, pytest.mark.slow])
EVERYWHERE = pytest.mark.parametrize("kind", ["this process", "local processes", ON_RAY])
WHERE_WORKERS_LEAVE = pytest.mark.parametrize("kind", ["this process", "local processes"])
"""Those of Ray wait for the next who asks, until their cluster ends."""
SEVERAL = pytest.mark.parametrize("kind", ["local processes", ON_RAY])

PROGRAM = """
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from tests.search.execution import test_executors
if __name__ == "__main__":
    folder, job, jobs, kind = sys.argv[1:]
    asked = [partial(getattr(test_executors, job), number=number) for number in range(int(jobs))]
    executor = test_executors.EXECUTORS[kind]
    with executor if kind == "ray" else nullcontext():
        for ended in executor.do(asked, Path(folder)):
            ended.result()
"""


def touch(folder: Path, number: int) -> int:
    """A job that tells who does it."""
    (folder / f"{number}-{os.getpid()}").touch()
    return number * number


def sleep(folder: Path, number: int) -> None:
    """One that takes longer than any test waits."""
    touch(folder, number)
    time.sleep(600)


def outlast_the_first(folder: Path, number: int) -> int:
    """The first takes no time; another ends when whoever did the first has left."""
    touch(folder, number)
    if number:
        wait_until(lambda: 0 in begun(folder) and not runs(begun(folder)[0]))
    return number


def record(folder: Path, number: int) -> None:
    """One that needs a while to record that it is interrupted."""
    try:
        sleep(folder, number)
    except KeyboardInterrupt:
        (folder / f"recording-{number}").touch()
        time.sleep(1)
        (folder / f"recorded-{number}").touch()
        raise


def fail_first(folder: Path, number: int) -> None:
    """The first fails; another ends when it is seen that whoever did the first gets no other."""
    touch(folder, number)
    if number == 0:
        raise OSError(28, "job 0")
    wait_until(lambda: 0 in begun(folder) and not runs(begun(folder)[0]))
    (folder / f"ended-{number}").touch()


def die_if_first(folder: Path, number: int) -> int:
    if number == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return touch(folder, number)


def be_told_to_end_if_first(folder: Path, number: int) -> int:
    """As by `kill`, or by a watch over memory."""
    if number == 0:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(600)
    return touch(folder, number)


class StartsTwo:
    """What workers are given, a folder; for want of processes a third one cannot be started."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.starts = folder, 0

    def __reduce__(self) -> tuple[type[Path], tuple[str]]:
        self.starts += 1
        if self.starts > 2:
            raise OSError(11, "Resource temporarily unavailable")
        return Path, (str(self.folder),)


class LosesAMachine:
    """An executor of 16 workers, all of which are lost at first."""

    workers = 16

    def do(
        self, jobs: Sequence[Callable[[Any], Any]], shared: Any, on_poll: Callable[[], None] = lambda: None
    ) -> Generator[Ended[Any], None, None]:
        for number, job in enumerate(jobs):  # those that are appended too
            yield Ended(number, WorkerLost("a worker was lost") if number < 16 else job(shared))


def die_twice(folder: Path, number: int) -> None:
    """The first two kill who does them; the next two end when both have begun."""
    if number < 2:
        os.kill(os.getpid(), signal.SIGKILL)
    touch(folder, number)
    if number < 4:
        wait_until(lambda: {2, 3} <= set(begun(folder)))
        (folder / f"met-{number}").touch()


def die_at_first(folder: Path, number: int, times: int) -> int:
    """So often it kills who does it."""
    (folder / f"try-{number}-{os.getpid()}-{time.monotonic_ns()}").touch()
    if len(list(folder.glob(f"try-{number}-*"))) <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def die(folder: Path, number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def warn(folder: Path, number: int) -> None:
    print("what nobody reads", flush=True)
    warnings.warn("learning rates may bite", stacklevel=1)


class OddError(Exception):
    """Unpickled, it would be made with one argument."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} and {where}")


def fail_in_two_words(folder: Path, number: int) -> None:
    raise OddError("what went wrong", "where")


def not_to_be_sent(folder: Path, number: int) -> Callable[[], int]:
    return lambda: number


def begin(
    folder: Path,
    job: Callable[[Path, int], Any] = sleep,
    jobs: int = 6,
    kind: str = "local processes",
    *,
    own_group: bool = False,
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, folder, job.__name__, str(jobs), kind],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=own_group,
    )


def do(folder: Path, job: Callable[[Path, int], Any], jobs: int, kind: str, **options: Any) -> list[Ended[Any]]:
    return list(EXECUTORS[kind].do([partial(job, number=number) for number in range(jobs)], folder, **options))


def wait_until(condition: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def begun(folder: Path) -> dict[int, int]:
    """The jobs, and the process of each."""
    return {int(name): int(pid) for name, pid in (path.name.split("-") for path in folder.glob("[0-9]*-*"))}


def runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture(scope="module", autouse=True)
def _ray_ends() -> Iterator[None]:
    yield
    ray = EXECUTORS["ray"]
    assert isinstance(ray, RayCluster)
    ray.__exit__(None, None, None)


@EVERYWHERE
def test_every_job_is_done_once_and_told_with_its_result(tmp_path: Path, kind: str) -> None:
    polls: list[None] = []
    ended = do(tmp_path, touch, 5, kind, on_poll=lambda: polls.append(None))
    assert sorted((one.job, one.result()) for one in ended) == [(n, n * n) for n in range(5)]
    assert sorted(path.name[0] for path in tmp_path.iterdir()) == list("01234")
    assert polls


@EVERYWHERE
def test_no_jobs_are_done_at_once(tmp_path: Path, kind: str) -> None:
    assert do(tmp_path, touch, 0, kind) == []


@NEEDS_PROC
@WHERE_WORKERS_LEAVE
def test_what_a_job_raises_is_raised_here_once_those_at_hand_have_ended_and_no_other_begins(
    tmp_path: Path, kind: str
) -> None:
    with pytest.raises(OSError, match="job 0"):
        do(tmp_path, fail_first, 6, kind)
    assert set(begun(tmp_path)) == set(range(WORKERS[kind]))
    assert {path.name for path in tmp_path.glob("ended-*")} == {f"ended-{n}" for n in range(1, WORKERS[kind])}


@NEEDS_PROC
@WHERE_WORKERS_LEAVE
def test_whoever_stops_listening_interrupts_the_jobs_at_hand_and_no_other_begins(tmp_path: Path, kind: str) -> None:
    jobs = [partial(touch, number=0), *(partial(sleep, number=number) for number in range(1, 6))]
    ended = EXECUTORS[kind].do(jobs, tmp_path)
    assert next(ended).job == 0
    ended.close()
    assert max(begun(tmp_path)) < WORKERS[kind]
    assert not any(runs(pid) for pid in begun(tmp_path).values() if pid != os.getpid())


@NEEDS_PROC
@EVERYWHERE
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_of_the_parent_alone_ends_the_jobs_at_hand_and_begins_no_other(
    tmp_path: Path, kind: str, number: int
) -> None:
    parent = begin(tmp_path, kind=kind)
    wait_until(lambda: len(begun(tmp_path)) == WORKERS[kind])
    parent.send_signal(number)
    _, err = parent.communicate(timeout=120)
    assert err.count("Traceback") == err.count('File "<string>"') == 1, err  # the parent's own
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert len(list(tmp_path.iterdir())) == WORKERS[kind]
    assert not any(runs(pid) for pid in begun(tmp_path).values())


@NEEDS_PROC
@EVERYWHERE
def test_a_second_interrupt_does_not_break_off_what_the_first_began(tmp_path: Path, kind: str) -> None:
    parent = begin(tmp_path, record, kind=kind, own_group=True)
    wait_until(lambda: len(begun(tmp_path)) == WORKERS[kind])
    os.killpg(parent.pid, signal.SIGINT)
    wait_until(lambda: len(list(tmp_path.glob("recording-*"))) == WORKERS[kind])
    while any(runs(pid) for pid in begun(tmp_path).values()) and len(list(tmp_path.glob("recorded-*"))) < WORKERS[kind]:
        os.killpg(parent.pid, signal.SIGINT)
        time.sleep(0.01)
    _, err = parent.communicate(timeout=120)
    assert len(list(tmp_path.glob("recorded-*"))) == len(begun(tmp_path)) == WORKERS[kind], err
    assert err.rstrip().endswith("KeyboardInterrupt")


@NEEDS_PROC
@EVERYWHERE
def test_when_who_does_a_job_is_killed_no_other_begins_and_all_leave(tmp_path: Path, kind: str) -> None:
    parent = begin(tmp_path, kind=kind)
    wait_until(lambda: len(begun(tmp_path)) == WORKERS[kind])
    os.kill(begun(tmp_path)[0], signal.SIGKILL)
    _, err = parent.communicate(timeout=120)
    assert parent.returncode != 0
    assert "WorkerLost" in err or parent.returncode == -signal.SIGKILL
    assert len(begun(tmp_path)) == WORKERS[kind]
    assert not any(runs(pid) for pid in begun(tmp_path).values())


@SEVERAL
def test_one_that_is_killed_takes_its_own_job_along_and_the_others_go_on(tmp_path: Path, kind: str) -> None:
    ended = do(tmp_path, die_if_first, 6, kind)
    assert [one.job for one in ended if isinstance(one.outcome, WorkerLost)] == [0]
    assert sorted(one.result() for one in ended if one.job) == [1, 4, 9, 16, 25]


@SEVERAL
def test_one_that_is_told_to_end_is_lost_as_one_that_is_killed_and_the_others_go_on(tmp_path: Path, kind: str) -> None:
    ended = do(tmp_path, be_told_to_end_if_first, 6, kind)
    assert [one.job for one in ended if isinstance(one.outcome, WorkerLost)] == [0]
    assert sorted(one.result() for one in ended if one.job) == [1, 4, 9, 16, 25]


@NEEDS_PROC
def test_that_no_other_can_be_started_is_told_once_all_have_left(tmp_path: Path) -> None:
    jobs = [partial(die_if_first, number=0), *(partial(sleep, number=number) for number in range(1, 4))]
    with pytest.raises(OSError, match="Resource temporarily unavailable"):
        list(LocalProcesses(2).do(jobs, StartsTwo(tmp_path)))
    assert not any(runs(pid) for pid in begun(tmp_path).values())


@EVERYWHERE
def test_a_job_that_is_appended_meanwhile_is_done_too(tmp_path: Path, kind: str) -> None:
    jobs = [partial(touch, number=0)]
    results = []
    for ended in EXECUTORS[kind].do(jobs, tmp_path):
        results.append(ended.result())
        if len(jobs) < 5:
            jobs.append(partial(touch, number=len(jobs)))
    assert results == [0, 1, 4, 9, 16]


@SEVERAL
def test_the_place_of_one_that_is_killed_is_taken_by_another(tmp_path: Path, kind: str) -> None:
    ended = do(tmp_path, die_twice, 5, kind)
    assert {one.job for one in ended if isinstance(one.outcome, WorkerLost)} == {0, 1}
    assert {one.job for one in ended} == set(range(5))
    # Both workers that there were died; two jobs ran at once again.
    assert {path.name for path in tmp_path.glob("met-*")} >= {"met-2", "met-3"}


@SEVERAL
def test_lost_jobs_are_given_anew_so_often_and_not_more_often(tmp_path: Path, kind: str) -> None:
    jobs = [partial(die_at_first, number=number, times=TIMES) for number in range(2)]
    assert sorted((one.job, one.outcome) for one in do_lost_again(EXECUTORS[kind], jobs, tmp_path)) == [(0, 0), (1, 1)]
    with pytest.raises(WorkerLost):
        list(do_lost_again(EXECUTORS[kind], [partial(die_at_first, number=2, times=TIMES + 1)], tmp_path))


def test_a_machine_that_is_lost_with_all_its_jobs_ends_nothing(tmp_path: Path) -> None:
    ended = list(do_lost_again(LosesAMachine(), [partial(touch, number=number) for number in range(16)], tmp_path))
    assert sorted(one.result() for one in ended) == [number * number for number in range(16)]


@SEVERAL
def test_when_all_are_killed_every_job_is_told_as_lost(tmp_path: Path, kind: str) -> None:
    ended = do(tmp_path, die, 5, kind)
    assert sorted(one.job for one in ended) == [0, 1, 2, 3, 4]
    assert all(isinstance(one.outcome, WorkerLost) for one in ended)


@NEEDS_PROC
def test_one_for_whom_no_job_is_left_leaves_and_the_others_go_on(tmp_path: Path) -> None:
    assert [one.result() for one in do(tmp_path, outlast_the_first, 2, "local processes")] == [0, 1]


@SEVERAL
def test_a_result_that_cannot_be_sent_is_told_as_an_error(tmp_path: Path, kind: str) -> None:
    with pytest.raises(RuntimeError, match="not_to_be_sent"):
        do(tmp_path, not_to_be_sent, 1, kind)


@SEVERAL
def test_an_error_that_cannot_be_made_again_is_told_by_its_words(tmp_path: Path, kind: str) -> None:
    with pytest.raises(RuntimeError, match="what went wrong and where cannot be sent"):
        do(tmp_path, fail_in_two_words, 1, kind)


@SEVERAL
def test_what_a_process_warns_of_is_told_in_one_line_and_what_it_prints_nowhere(tmp_path: Path, kind: str) -> None:
    out, err = begin(tmp_path, warn, 1, kind).communicate(timeout=120)
    assert (out, err.splitlines()) == ("", ["sentiment-search: learning rates may bite"])


def test_what_local_processes_say_is_drawn_here_where_somebody_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    screen.cache_clear()
    with redirect_stderr(Terminal()) as shown:  # none of them writes there itself, amidst what this process draws
        do(tmp_path, warn, 2, "local processes")
    screen.cache_clear()
    assert shown.getvalue().splitlines() == ["sentiment-search: learning rates may bite"] * 2


@NEEDS_PROC
@pytest.mark.parametrize("after", [0.0, 0.2, 0.6, 1.2])
def test_an_interrupt_while_they_start_leaves_nobody_behind(tmp_path: Path, after: float) -> None:
    parent = begin(tmp_path, own_group=True)
    wait_until(lambda: children(parent.pid))
    time.sleep(after)
    os.killpg(parent.pid, signal.SIGINT)
    _, err = parent.communicate(timeout=120)  # which waits for all that hold its stderr
    assert "spawn_main" not in err
    assert err.rstrip().endswith("KeyboardInterrupt")


@NEEDS_PROC
def test_when_what_they_are_forked_from_is_killed_while_they_start_they_are_told_as_lost(tmp_path: Path) -> None:
    def servers() -> list[int]:
        return [pid for pid in children(parent.pid) if "forkserver" in Path(f"/proc/{pid}/cmdline").read_text()]

    parent = begin(tmp_path, own_group=True)
    wait_until(servers)
    os.kill(servers()[0], signal.SIGKILL)
    _, err = parent.communicate(timeout=120)
    assert err.splitlines()[-1].startswith("search.execution.contract.WorkerLost"), err
    assert not begun(tmp_path)


@NEEDS_PROC
@SEVERAL
def test_they_leave_when_the_parent_is_killed(tmp_path: Path, kind: str) -> None:
    parent = begin(tmp_path, kind=kind)
    wait_until(lambda: len(begun(tmp_path)) == 2)
    parent.kill()
    parent.communicate(timeout=120)
    wait_until(lambda: not any(runs(pid) for pid in begun(tmp_path).values()))


def test_an_interrupt_that_came_in_an_inner_block_is_the_only_one_of_the_outer_too() -> None:
    with Interrupts():
        with pytest.raises(KeyboardInterrupt), Interrupts():
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

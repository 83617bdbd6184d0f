"""A Ray cluster does the jobs: each is a task of Ray's, which places it where the cores and the share of a GPU are that
it asks for, and starts a new process where one was lost.

None is retried by Ray: what may be done again stands in the studies, as everywhere. Ray ships functions, arguments and
results between its processes by pickling them, as the standard library does between those of one machine: whoever can
reach a cluster's ports can run code there.
"""

import io
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from importlib.util import find_spec
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from search.console import say, tell_in_one_line
from search.execution.contract import Ended, Result, Shared, WorkerLost
from search.execution.interrupts import INTERRUPTS, Interrupts
from search.execution.outcomes import as_sent, outcome_of
from search.execution.ray_head import LOOPBACK_ONLY, QUIET
from sentiment.errors import InputError

__all__ = ["RayCluster"]

POLL_SECONDS: Final = 0.5
CONNECT_SECONDS: Final = 10
START_SECONDS: Final = 180
"""A cluster of our own has started by then, or does not."""
END_SECONDS: Final = 60
"""Then it has ended in its own way, or is killed."""
_KEY: Final = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
"""To a cluster that is started here, so that no other user of this machine can run code there."""
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class RayCluster:
    """An `Executor`: so many jobs at once on a Ray cluster. Within `with` it is connected to."""

    def __init__(
        self, workers: int, *, cpus: int = 1, gpus: float = 0.0, address: str | None = None, cores: int = 1
    ) -> None:
        """
        Args:
            workers: how many jobs at once.
            cpus: cores that Ray reserves for each.
            gpus: GPUs that Ray reserves for each; 0.25 puts four on one.
            address: HOST:PORT of a cluster, or "auto" for one that `ray start` began on this machine; None or "local"
                starts one of this machine alone, which ends with the `with`.
            cores: what a cluster that is started here has; as many as its workers ask for, if that is more.
        """
        self.workers = workers
        self._cpus, self._gpus, self._cores = cpus, gpus, max(cores, workers * cpus)
        self._address = None if address in (None, "", "local") else address
        self._head: subprocess.Popen[str] | None = None
        self._ray: Any = None

    @property
    def is_own(self) -> bool:
        """Whether the cluster is started here, and of this machine alone."""
        return self._address is None

    def __enter__(self) -> "RayCluster":
        """
        Raises:
            InputError: Ray is not installed, the address cannot be one, or nobody answers there.
        """
        if find_spec("ray") is None:
            raise InputError("--launcher ray needs the extra `ray`: pip install 'sentiment-search[ray]'")
        if self._address is not None and "://" in self._address:
            raise InputError(
                f"--ray-address {self._address}: give HOST:PORT of the cluster's head, as `ray start` says"
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with Interrupts(held=True):
            if self._ray is not None:
                self._disconnect()

    def do(
        self, jobs: Sequence[Callable[[Shared], Result]], shared: Shared, on_poll: Callable[[], None] = lambda: None
    ) -> Generator[Ended[Result], None, None]:
        """As `Executor` says; the cluster is connected to when first there are jobs. What all are given travels to each
        node once.

        Raises:
            InputError: no cluster answers, or none that can be joined from here.
        """
        number, raised, begun = 0, list[BaseException](), dict[Any, int]()
        if not jobs:
            return
        self._connect()
        ray = self._ray
        task = ray.remote(num_cpus=self._cpus, num_gpus=self._gpus, max_retries=0)(_do)
        with Interrupts() as interrupts:
            try:
                with interrupts.held_back():
                    given = ray.put(bytes(ForkingPickler.dumps(shared)))
                while True:
                    with interrupts.held_back():  # one that is begun and not noted would not be interrupted
                        while number < len(jobs) and len(begun) < self.workers and not raised:
                            job = bytes(ForkingPickler.dumps(jobs[number]))
                            begun[task.remote(job, [given], os.getcwd())] = number
                            number += 1
                    if not begun:
                        break
                    seen, _ = ray.wait(list(begun), num_returns=len(begun), timeout=POLL_SECONDS)
                    interrupts.raise_if_any_came()
                    on_poll()
                    for reference in seen:
                        job_number = begun.pop(reference)
                        outcome, error = self._ended(reference)
                        if isinstance(error, KeyboardInterrupt):
                            raise KeyboardInterrupt
                        if error is not None:
                            raised.append(error)
                        elif not raised:
                            yield Ended(job_number, outcome)
                if raised:
                    raise raised[0]
            finally:
                with interrupts.held_back():
                    for reference in begun:
                        ray.cancel(reference)
                    waiting = list(begun)
                    while waiting:
                        seen, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=POLL_SECONDS)
                        for reference in seen:
                            self._ended(reference)

    def _ended(self, reference: Any) -> tuple[Any, BaseException | None]:
        """What the job returned, or raised; what it warned of is said here."""
        errors = self._ray.exceptions
        try:
            content, told = self._ray.get(reference)
        except errors.TaskCancelledError as error:
            return None, KeyboardInterrupt(str(error))
        except errors.RayTaskError as error:  # of what stands around a job: it is no other's
            return None, RuntimeError(f"a Ray worker cannot work: {str(error).splitlines()[-1]}")
        except errors.RayError as error:
            return WorkerLost(f"a worker was lost: {str(error).splitlines()[0]}"), None
        for line in told:
            say(line, "yellow")
        result, raised = ForkingPickler.loads(content)
        return result, raised

    def _connect(self) -> None:
        if self._ray is not None:
            return
        if self._address not in (None, "auto"):
            _refuse_silent(str(self._address))
        with Interrupts() as interrupts, interrupts.held_back():  # a cluster that is half started would stay behind
            try:
                self._ray = self._connected(interrupts)
                self._refuse_too_small()
            except BaseException:
                self._disconnect()
                interrupts.raise_if_any_came()
                raise

    def _connected(self, interrupts: Interrupts) -> Any:
        address = self._address or self._own(interrupts)
        told = QUIET | (LOOPBACK_ONLY if address.rsplit(":", 1)[0] in LOOPBACK else {})
        if self._address is None:
            told |= _KEY
        # Before it is imported; and for as long as this process lives, since it reads them now and then.
        os.environ.update(told)
        import ray
        from ray._private import utils
        from ray._private import worker as connection

        # What its daemons complain of, it would print to standard output, amidst the answer.
        connection.print_to_stdstream = lambda *_, **__: None
        utils.set_sigterm_handler = lambda *_: None  # its own would leave without a word
        try:
            with interrupts.let_through():
                ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL)
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"the Ray cluster at {address} cannot be joined: {reason}") from None
        return ray

    def _own(self, interrupts: Interrupts) -> str:
        """Start a cluster; its address."""
        # Ray's sockets lie there, and the system takes no long names for sockets.
        folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp" if Path("/tmp").is_dir() else None)
        self._head = subprocess.Popen(
            [sys.executable, "-m", "search.execution.ray_head", str(self._cores), folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ
            | QUIET
            | LOOPBACK_ONLY
            | _KEY
            | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
            start_new_session=True,
        )
        assert self._head.stdout is not None
        limit = threading.Timer(START_SECONDS, _kill, [self._head])
        limit.daemon = True
        limit.start()
        try:
            with interrupts.let_through():
                address = self._head.stdout.readline().strip()
        finally:
            limit.cancel()
        if not address:
            raise InputError("Ray did not start here; is there room in /tmp, and in memory?")
        return address

    def _disconnect(self) -> None:
        """From the cluster; one that was started here ends."""
        if ray := sys.modules.get("ray"):
            ray.shutdown()  # of what was never joined, nothing
        self._ray = None
        self._end_head()

    def _end_head(self) -> None:
        if self._head is None:
            return
        try:
            with suppress(BrokenPipeError):
                self._head.communicate(timeout=END_SECONDS)  # closes its standard input
        except subprocess.TimeoutExpired:
            _kill(self._head)
            self._head.communicate()
        self._head = None

    def _refuse_too_small(self) -> None:
        """Before hours are spent on waiting for what will not come.

        Raises:
            InputError: no node could ever hold a worker.
        """
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        room = sum(_room(node, self._cpus, self._gpus) for node in nodes)
        wanted = f"{self._cpus} core{'s' * (self._cpus != 1)}"
        if self._gpus:
            wanted += f" and {self._gpus:g} GPU{'s' * (self._gpus > 1)}"
        # Of a head without cores, which holds none by intent, nodes may come when they are asked for.
        if room == 0 and (self.is_own or any(node.get("CPU") for node in nodes)):
            where = "this machine does not have" if self.is_own else "no node of the Ray cluster has"
            raise InputError(f"a worker wants {wanted}, which {where}; give other --threads or --gpus")
        if room < self.workers:
            say(f"The Ray cluster has room for {room} of {self.workers} workers of {wanted} each; the others wait.")


def _room(node: dict[str, float], cpus: int, gpus: float) -> int:
    """Workers for which a node has room."""
    room = int(node.get("CPU", 0) // cpus)
    if gpus >= 1:
        return min(room, int(node.get("GPU", 0) // gpus))
    return min(room, int(node.get("GPU", 0)) * int(1 / gpus + 1e-9)) if gpus else room


def _kill(head: "subprocess.Popen[str]") -> None:
    """With its group, which the cluster's processes are in."""
    with suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(head.pid, signal.SIGKILL)
        else:
            head.kill()


def _refuse_silent(address: str) -> None:
    """Ray itself would ask for minutes.

    Raises:
        InputError: nobody answers there.
    """
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS):
            pass
    except (OSError, ValueError):
        raise InputError(f"no Ray cluster answers at {address}; give HOST:PORT of its head in --ray-address") from None


# ------------------------------------------------------------------ on the cluster

_held: dict[str, Any] = {}
"""What all jobs are given, by its name in Ray: a process does many jobs of one."""


def _do(job: bytes, given: list[Any], folder: str) -> tuple[bytes, list[str]]:
    """A job, done by a process of Ray's; with what it warned of, line by line."""
    import ray

    told = io.StringIO()
    with suppress(OSError):
        os.chdir(folder)  # relative paths mean what they mean to whoever asked, where there is such a folder
    with (
        Interrupts(held=True) as interrupts,
        open(os.devnull, "w") as nowhere,
        _heard(),
        redirect_stdout(nowhere),
        redirect_stderr(told),
    ):
        if not _held.get("tells"):
            _held["tells"] = tell_in_one_line(lambda: "of the studies")
        name = given[0].hex()
        if name not in _held:
            for other in set(_held) - {"tells"}:
                del _held[other]
            _held[name] = ForkingPickler.loads(ray.get(given[0]))
        outcome = outcome_of(ForkingPickler.loads(job), _held[name], interrupts)
        return as_sent(outcome), told.getvalue().splitlines()


@contextmanager
def _heard() -> Iterator[None]:
    """An interrupt is heard at once.

    Ray has its processes block Ctrl-C, and cancels a task by saying so to the interpreter, which hears it when it comes
    back from what it waits for. Of that it tells this thread at once, and the thread wakes it up.
    """
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    hears, tells = os.pipe()
    os.set_blocking(tells, False)

    def wake() -> None:
        if os.read(hears, 1):
            signal.pthread_kill(main, signal.SIGINT)

    main, listener = threading.get_ident(), threading.Thread(target=wake, daemon=True)
    listener.start()
    before = signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
    earlier = signal.set_wakeup_fd(tells, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(earlier)
        os.close(tells)
        listener.join()
        os.close(hears)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

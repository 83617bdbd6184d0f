"""What a search meets that is nobody's kill: full disks, folders that turn read-only, databases and ways that fail.

    python -m tests.benchmarks.outages
    python -m tests.benchmarks.outages --only "SQLite locked" "PostgreSQL restarted"

Each is a real `run` of two workers, in whose middle, when some trials are finished, it happens, and is undone after so
many seconds. A command that has ended meanwhile is given again. Printed as a Markdown table: what the command said, the
status that it ended with, how many trials had been finished before and how many of these are gone or changed in the
end, the trials in the end and asked for, and whether it went on by itself.

Disks and folders need root, for a small file system in memory; the Ray node needs the extra `ray`.
"""

import argparse
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import sqlalchemy

from search.study.positions import FINISHED
from sentiment.foreign import markdown_table
from tests.benchmarks.chaos import STUCK_SECONDS, Found, Study, Witness
from tests.support.servers import LOOPBACK, PostgreSQL, free_port, grpc_proxy
from tests.support.tiny import write_reviews, write_study_file

COLUMNS: Final = (
    "what happened",
    "what was said",
    "status",
    "finished before",
    "of these lost",
    "in the end",
    "went on",
)
DISK_MEGABYTES: Final = 64
POLL_SECONDS: Final = 0.1
BEFORE: Final = 3
"""Trials that are finished when it happens."""


class CannotBeTried(Exception):
    """Not on this machine; it says why."""


@dataclass(frozen=True)
class Asked:
    """How large."""

    folder: Path
    trials: int
    epochs: int
    rows: int
    seed: int

    def study(self, url: str, direct: str | None = None, artifacts: str = "artifacts", *more: str) -> Study:
        """A folder with reviews and a study file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        reviews = write_reviews(self.folder / "reviews.csv", self.rows)
        settings = {"trials": self.trials, "seed": self.seed}
        path = write_study_file(self.folder / "study.toml", reviews, epochs=self.epochs, **settings)
        path.write_text(path.read_text("utf-8").replace('name = "tiny"', 'name = "study"'), "utf-8")
        command = ("run", "study.toml", "--workers", "2", "--threads", "1", "--artifacts", artifacts, *more)
        return Study(self.folder, url, direct or url, command, "run", self.trials)


Outage = Callable[[Asked, ExitStack], tuple[Study, Callable[[], AbstractContextManager[None]]]]
"""Prepares, and returns the study and what happens to it, for as long as the `with`."""


def observe(name: str, outage: Outage, asked: Asked) -> tuple[str, ...]:
    """One line of the table."""
    with ExitStack() as stack:
        try:
            study, happens = outage(asked, stack)
        except CannotBeTried as why:
            return (name, f"not tried: {why}", "", "", "", "", "")
        found, said = Found(), study.folder / "said"
        witness = Witness(found)
        process = study.start()
        try:
            while process.poll() is None and _finished(study) < BEFORE:
                time.sleep(POLL_SECONDS)
            before = _finished(study)
            if process.poll() is not None:
                return (name, f"ended before it happened: {_said(said, 0)}", str(process.returncode), "", "", "", "")
            witness.look(study)
            already = said.stat().st_size
            with happens(), suppress(subprocess.TimeoutExpired):
                process.wait(0.5)
            with suppress(subprocess.TimeoutExpired):
                process.wait(STUCK_SECONDS)
            if process.poll() is None:
                return (name, f"stuck: {_said(said, already)}", "", str(before), "", "", "no")
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        told, given, last = _said(said, already), 0, process
        while last.returncode != 0 and given < 5:
            last, given = study.start(), given + 1
            last.wait(STUCK_SECONDS)
        witness.look(study)
        end = f"{_finished(study)} of {asked.trials}"
        went_on = "by itself" if given == 0 else f"the same command, given {given} time{'s' if given > 1 else ''} more"
        went_on = went_on if last.returncode == 0 else f"no, status {last.returncode}: {_said(said, already)}"
        return (name, told, str(process.returncode), str(before), str(found.lost), end, went_on)


def _finished(study: Study) -> int:
    """A server that is away has none for the moment."""
    with suppress(Exception):
        named = study.studies().get("study")
        return 0 if named is None else len(named.get_trials(deepcopy=False, states=FINISHED))
    return 0


def _said(path: Path, already: int) -> str:
    """What was said from there on, each line once, without what is said of every search."""
    with path.open("rb") as file:
        file.seek(already)
        lines = file.read().decode("utf-8", "replace").splitlines()
    kept = dict.fromkeys(
        line.strip() for line in lines if line.strip() and not line.lstrip().startswith(("Trial", "Study"))
    )
    return " / ".join(kept)[:900] or "nothing"


# --------------------------------------------------------------------------------------------- disks and folders


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own, in memory."""
    folder.mkdir(parents=True, exist_ok=True)
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        raise CannotBeTried("it needs root, to mount a small file system")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode != 0:
        raise CannotBeTried(done.stderr.strip())
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


@contextmanager
def full(folder: Path, seconds: float) -> Iterator[None]:
    """Until so much later nothing more can be written there."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while file.write(b"\0" * size) == size:
                    pass
        yield
        _refill(file, seconds)
    ballast.unlink()


def _refill(file: Any, seconds: float) -> None:
    """What is freed meanwhile is taken again."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        with suppress(OSError):
            file.write(b"\0" * (1 << 12))
        time.sleep(POLL_SECONDS)


def full_artifacts(asked: Asked, stack: ExitStack) -> tuple[Study, Callable[[], AbstractContextManager[None]]]:
    disk = stack.enter_context(small_disk(asked.folder / "disk"))
    return asked.study(f"sqlite:///{asked.folder}/study.db", None, "disk/artifacts"), lambda: full(disk, 15)


def full_database(asked: Asked, stack: ExitStack) -> tuple[Study, Callable[[], AbstractContextManager[None]]]:
    disk = stack.enter_context(small_disk(asked.folder / "disk"))
    return asked.study(f"sqlite:///{disk}/study.db"), lambda: full(disk, 15)


def read_only_artifacts(asked: Asked, stack: ExitStack) -> tuple[Study, Callable[[], AbstractContextManager[None]]]:
    disk = stack.enter_context(small_disk(asked.folder / "disk"))

    @contextmanager
    def happens() -> Iterator[None]:
        _remounted(disk, "ro")
        yield
        time.sleep(15)
        _remounted(disk, "rw")

    return asked.study(f"sqlite:///{asked.folder}/study.db", None, "disk/artifacts"), happens


def _remounted(disk: Path, how: str) -> None:
    """While nobody writes there."""
    while subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], capture_output=True).returncode != 0:
        time.sleep(0.01)


# --------------------------------------------------------------------------------------------- databases


def locked(asked: Asked, stack: ExitStack) -> tuple[Study, Callable[[], AbstractContextManager[None]]]:
    @contextmanager
    def happens() -> Iterator[None]:
        connection = sqlite3.connect(asked.folder / "study.db", timeout=60, isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        yield
        time.sleep(30)
        connection.execute("ROLLBACK")
        connection.close()

    return asked.study(f"sqlite:///{asked.folder}/study.db"), happens


def _database(stack: ExitStack) -> tuple[PostgreSQL, str]:
    server = stack.enter_context(PostgreSQL())
    return server, server.new_database("outage")


def restarted(asked: Asked, stack: ExitStack) -> tuple[Study, Callable[[], AbstractContextManager[None]]]:
    server, url = _database(stack)

    @contextmanager
    def happens() -> Iterator[None]:
        server.stop("immediate")
        yield
        time.sleep(15)
        server.start()

    return asked.study(url), happens


class Way:
    """A way to a server, which can be cut: what is sent is lost without a word, or connections are broken off."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listening = socket.create_server((LOOPBACK, 0))
        self.port = int(self._listening.getsockname()[1])
        self._open = threading.Event()
        self._open.set()
        self._refuses = False
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def cut(self, seconds: float, *, silent: bool) -> Iterator[None]:
        """`silent`: as a cable that is pulled; otherwise as a router that says so."""
        self._open.clear()
        self._refuses = not silent
        if not silent:
            self._break()
        yield
        time.sleep(seconds)
        if silent:  # what was on the way when it was cut is lost: these connections are none any more
            self._break()
        self._refuses = False
        self._open.set()

    def _break(self) -> None:
        while self._pairs:
            for end in self._pairs.pop():
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            ours, _ = self._listening.accept()
            if self._refuses:
                ours.close()
                continue
            threading.Thread(target=self._join, args=(ours,), daemon=True).start()

    def _join(self, ours: socket.socket) -> None:
        self._open.wait()
        try:
            theirs = socket.create_connection((LOOPBACK, self._to), timeout=10)
        except OSError:
            ours.close()
            return
        theirs.settimeout(None)
        self._pairs.append((ours, theirs))
        for source, sink in ((ours, theirs), (theirs, ours)):
            threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while content := source.recv(1 << 16):
                self._open.wait()
                sink.sendall(content)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def _way_cut(asked: Asked, stack: ExitStack, silent: bool) -> tuple[Study, Callable[[], AbstractContextManager[None]]]:
    server, url = _database(stack)
    way = Way(server.port)
    around = sqlalchemy.make_url(url).set(port=way.port).render_as_string(hide_password=False)
    return asked.study(around, url), lambda: way.cut(20, silent=silent)


def way_refuses(asked: Asked, stack: ExitStack) -> tuple[Study, Callable[[], AbstractContextManager[None]]]:
    return _way_cut(asked, stack, silent=False)


def way_silent(asked: Asked, stack: ExitStack) -> tuple[Study, Callable[[], AbstractContextManager[None]]]:
    return _way_cut(asked, stack, silent=True)


def proxy_restarted(asked: Asked, stack: ExitStack) -> tuple[Study, Callable[[], AbstractContextManager[None]]]:
    _, url = _database(stack)
    port, running = free_port(), ExitStack()
    stack.callback(running.close)
    through = running.enter_context(grpc_proxy(url, port))

    @contextmanager
    def happens() -> Iterator[None]:
        running.close()  # by SIGKILL
        yield
        time.sleep(15)
        running.enter_context(grpc_proxy(url, port))

    return asked.study(through, url), happens


def ray_node_lost(asked: Asked, stack: ExitStack) -> tuple[Study, Callable[[], AbstractContextManager[None]]]:
    if find_spec("ray") is None:
        raise CannotBeTried("the extra `ray` is not installed")
    os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
    os.environ |= {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    from ray.cluster_utils import Cluster

    # One core for the search on the head, so that it always has where to go on.
    arguments = {"num_cpus": 1, "include_dashboard": False, "node_ip_address": LOOPBACK}
    cluster = Cluster(initialize_head=True, head_node_args=arguments)
    stack.callback(cluster.shutdown)
    node = cluster.add_node(num_cpus=1)
    _, url = _database(stack)

    @contextmanager
    def happens() -> Iterator[None]:
        cluster.remove_node(node, allow_graceful=False)
        yield

    more = ("--launcher", "ray", "--ray-address", cluster.address)
    return asked.study(url, None, "artifacts", *more), happens


OUTAGES: Final[dict[str, Outage]] = {
    "the artifacts' disk full for 15 s": full_artifacts,
    "the database's disk full for 15 s": full_database,
    "the artifacts' folder read-only for 15 s": read_only_artifacts,
    "SQLite locked by another process for 30 s": locked,
    "PostgreSQL crashed, back after 15 s": restarted,
    "the way to PostgreSQL cut for 20 s, connections broken off": way_refuses,
    "the way to PostgreSQL cut for 20 s, in silence": way_silent,
    "the gRPC proxy killed, back after 15 s": proxy_restarted,
    "a Ray node lost": ray_node_lost,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", help="those whose name holds one of these")
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--rows", type=int, default=4000, help="reviews: with the epochs, how long a training takes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where the studies are made, and left; default: a temporary one")
    args = parser.parse_args()
    lines = []
    with ExitStack() as stack:
        root = (args.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))).resolve()
        for number, (name, outage) in enumerate(OUTAGES.items()):
            if args.only and not any(words.lower() in name.lower() for words in args.only):
                continue
            print(f"{name} ...", file=sys.stderr)
            asked = Asked(root / f"{number:02d}", args.trials, args.epochs, args.rows, args.seed)
            lines.append(observe(name, outage, asked))
    print(markdown_table(COLUMNS, lines))
    print(f"\n{args.trials} trials, {args.epochs} epochs of {args.rows} reviews, two workers; seed {args.seed}")


if __name__ == "__main__":
    main()

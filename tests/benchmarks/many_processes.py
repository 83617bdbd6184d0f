"""Many real processes on one study: what is lost, how many trials a second they make, and what holds them up.

    python -m tests.benchmarks.many_processes --storage sqlite --processes 16 --trials 600 --dashboard
    python -m tests.benchmarks.many_processes --storage postgresql --processes 1 2 4 8 16 32 64
    python -m tests.benchmarks.many_processes --storage grpc --processes 1 2 4 8 16 32 64

Each process does what a worker of `run` does: it opens the recorded study and goes through `optimize`, with the real
objective, sampler and pruner on the default space of networks. Only the training is a sleep of `--milliseconds`, with
a report after each of `--steps` equal parts. With `--dashboard` the real dashboard is open meanwhile, and its API asked
as often as a browser does (`--poll`). `grpc` is Optuna's proxy before PostgreSQL.

Counted is what must be none: errors of a database's lock (also those that were tried again), other errors, reports and
trials that a worker made and the database does not hold as they were, positions with two finished trials, trials too
few or too many. Measured, between the first and the last tenth of the trials: trials a second; the share of the time
that the sleeps alone would take (efficiency); processors busy with workers, database, proxy and dashboard, and their
milliseconds a trial; of SQLite, how long a trial holds the write lock and waits for it; connections at the peak.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import optuna
import psutil
import sqlalchemy
from optuna.trial import FrozenTrial, TrialState

from search.execution.contract import WorkerLost
from search.execution.local_processes import LocalProcesses
from search.execution.machine import cores
from search.storage.databases import open_storage
from search.study import objective as objectives
from search.study.create import create_or_resume, open_recorded
from search.study.definition import StudyDefinition
from search.study.optimization import optimize
from search.study.positions import FINISHED, SUPERFLUOUS, positions
from tests.support.servers import PostgreSQL, grpc_proxy
from tests.support.slept import Slept
from tests.support.tiny import source, write_reviews

NAME: Final = "many"
SAMPLE_SECONDS: Final = 0.5
FOUND_SECONDS: Final = 2.0
"""Between two looks which processes there are."""
OTHERS: Final = "others"
"""What else runs on this machine, and this command itself."""


@dataclass(frozen=True)
class Shared:
    """What each worker is given."""

    url: str
    artifacts: Path
    trials: int
    sleep: Slept


@dataclass
class Done:
    """What a worker did, as it knows it itself."""

    reported: dict[int, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    told: dict[int, tuple[str, float | None]] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    """Of the database, those that somebody tried again included."""
    raised: str | None = None
    held: float = 0.0
    """Seconds that it held SQLite's write lock."""
    waited: float = 0.0
    """Seconds that it waited for it."""
    statements: int = 0
    commits: int = 0
    memory: float = 0.0
    """MB at its peak."""


def work(shared: Shared) -> Done:
    """The job of a worker."""
    done = Done()
    with _listening(done):
        try:
            opened = open_recorded(NAME, open_storage(shared.url), shared.artifacts)
            objectives.train = shared.sleep

            def on_report(trial: optuna.Trial, config: Any, report: Any) -> None:
                done.reported[trial.number][report.step] = report.best_macro_f1

            def on_trial(trial: FrozenTrial) -> None:
                done.told[trial.number] = (trial.state.name, trial.value)

            objective = objectives.Objective(
                opened.dataset,
                opened.space,
                cache=opened.cache,
                predictions=opened.predictions,
                seed=opened.seed,
                on_report=on_report,
            )
            optimize(opened, trials=shared.trials, objective=objective, on_trial=on_trial)
        except Exception as error:
            done.raised = f"{type(error).__name__}: {error}".splitlines()[0]
    done.reported = dict(done.reported)
    done.memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return done


@contextmanager
def _listening(done: Done) -> Iterator[None]:
    """To all engines of this process."""
    began: dict[int, float] = {}

    def on_error(context: Any) -> None:
        told = str(context.original_exception).splitlines()[0]
        done.errors[f"{type(context.original_exception).__name__}: {told}"] += 1

    def before(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        done.statements += 1
        if statement == "BEGIN IMMEDIATE":
            began[id(connection)] = time.perf_counter()

    def after(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement == "BEGIN IMMEDIATE":
            now = time.perf_counter()
            done.waited += now - began[id(connection)]
            began[id(connection)] = now

    def ended(connection: Any) -> None:
        done.commits += 1
        since = began.pop(id(connection), None)
        done.held += 0.0 if since is None else time.perf_counter() - since

    listened: list[tuple[str, Callable[..., None]]] = [
        ("handle_error", on_error),
        ("before_cursor_execute", before),
        ("after_cursor_execute", after),
        ("commit", ended),
        ("rollback", ended),
    ]
    for name, listener in listened:
        sqlalchemy.event.listen(sqlalchemy.Engine, name, listener)
    try:
        yield
    finally:
        for name, listener in listened:
            sqlalchemy.event.remove(sqlalchemy.Engine, name, listener)


class Processors:
    """Seconds of processor that groups of processes took, over time."""

    def __init__(self, groups: dict[str, Callable[[], Sequence[psutil.Process]]], also: Callable[[], int | None]):
        self._groups, self._also = groups, also
        self._ended = threading.Event()
        self._times: list[float] = []
        self._spent: dict[str, list[float]] = {name: [] for name in (*groups, OTHERS)}
        self.most = 0
        """What `also` said at the peak: connections."""

    def __enter__(self) -> "Processors":
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        known: dict[str, dict[int, psutil.Process]] = {name: {} for name in self._groups}
        spent: dict[str, dict[int, float]] = {name: {} for name in self._groups}
        found = -FOUND_SECONDS
        while not self._ended.wait(SAMPLE_SECONDS):
            if time.monotonic() - found > FOUND_SECONDS:
                found = time.monotonic()
                with suppress(Exception):  # a server that is full
                    self.most = max(self.most, self._also() or 0)
                for name, processes in self._groups.items():
                    with suppress(psutil.Error):
                        known[name] |= {process.pid: process for process in processes()}
            self._times.append(time.time())
            for name, of_group in known.items():
                for pid, process in list(of_group.items()):
                    try:
                        times = process.cpu_times()
                        spent[name][pid] = times.user + times.system
                    except psutil.Error:
                        of_group.pop(pid)
                self._spent[name].append(sum(spent[name].values()))
            machine = psutil.cpu_times()
            idle = machine.idle + getattr(machine, "iowait", 0.0)
            self._spent[OTHERS].append(sum(machine[:8]) - idle - sum(self._spent[name][-1] for name in self._groups))

    def between(self, first: float, last: float) -> dict[str, float]:
        """Seconds of each group between two moments."""
        return {
            name: float(np.diff(np.interp([first, last], self._times, values))[0])
            for name, values in self._spent.items()
            if self._times
        }


class Browser:
    """Asks the dashboard what the page of a study asks, again and again."""

    def __init__(self, url: str, artifacts: Path, poll: float) -> None:
        self._poll = poll
        self._process = subprocess.Popen(
            [sys.executable, "-m", "search", "dashboard", "--port", "0", "--artifacts", str(artifacts)],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OPTUNA_STORAGE": url},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        self._ended = threading.Event()
        self.answers: Counter[str] = Counter()
        self.slowest = 0.0
        self.said: list[str] = []

    def __enter__(self) -> "Browser":
        assert self._process.stderr is not None
        line = self._process.stderr.readline()
        if "http" not in line:
            raise RuntimeError(line + self._process.stderr.read())
        self._address = line.split()[0].rstrip("/")
        threading.Thread(target=self._read, daemon=True).start()
        self._thread = threading.Thread(target=self._browse, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._process.kill()
        self._process.wait()

    def _read(self) -> None:
        for line in self._process.stderr or ():
            if '"GET ' not in line:
                self.said.append(line.strip())

    def _browse(self) -> None:
        seen = 0
        while not self._ended.wait(self._poll):
            found = self._asked("/api/studies")
            for summary in (found or {}).get("study_summaries", ()):
                detail = self._asked(f"/api/studies/{summary['study_id']}?after={seen}")
                trials = (detail or {}).get("trials", ())
                # As the page does: what has ended is not asked for again.
                pending = [t["number"] for t in trials if t["state"] in ("Running", "Waiting")]
                seen = min(pending, default=seen + len(trials))

    def _asked(self, path: str) -> Any:
        began = time.perf_counter()
        try:
            with urllib.request.urlopen(self._address + path, timeout=120) as answer:
                self.answers[str(answer.status)] += 1
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            self.answers[f"{error.code} {error.reason}"] += 1
        except OSError as error:
            self.answers[f"{type(error).__name__}: {error}"] += 1
        finally:
            self.slowest = max(self.slowest, time.perf_counter() - began)
        return None


def descendants(*words: str) -> list[psutil.Process]:
    """Of this process, those whose command holds one of the words."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if any(word in part for word in words for part in process.cmdline()):
                found.append(process)
    return found


def of_server(server: PostgreSQL) -> list[psutil.Process]:
    """PostgreSQL's processes."""
    first = int((server._folder / "data" / "postmaster.pid").read_text().split()[0])
    postmaster = psutil.Process(first)
    return [postmaster, *postmaster.children(recursive=True)]


def measure(args: argparse.Namespace, processes: int, folder: Path) -> list[str]:
    """One study; what was wrong with it."""
    sleep = Slept(args.milliseconds / 1000, args.steps)
    with ExitStack() as stack:
        url, server = f"sqlite:///{folder}/study.db", None
        if args.storage != "sqlite":
            server = stack.enter_context(PostgreSQL(connections=args.connections))
            url = server.new_database("many")
        reviews = write_reviews(folder / "reviews.csv")
        definition = StudyDefinition(
            name=NAME,
            data=source(reviews),
            space={"family": "network"},
            trials=args.trials,
            threads=1,
            seed=args.seed,
            audit=0.0,
        )
        create_or_resume(definition, open_storage(url), folder / "artifacts")
        direct = url
        if args.storage == "grpc":
            url = stack.enter_context(grpc_proxy(url))
        groups: dict[str, Callable[[], Sequence[psutil.Process]]] = {"workers": partial(descendants, "forkserver")}
        if server is not None:
            groups["database"] = partial(of_server, server)
        if args.storage == "grpc":
            groups["proxy"] = partial(descendants, "run_grpc_proxy_server")
        browser = None
        if args.dashboard:
            browser = stack.enter_context(Browser(url, folder / "artifacts", args.poll))
            groups["dashboard"] = partial(lambda pid: [psutil.Process(pid)], browser.pid)
        jobs = [work] * processes
        shared = Shared(url, folder / "artifacts", args.trials, sleep)
        done, killed = [], 0
        spent = stack.enter_context(Processors(groups, lambda: None if server is None else server.connections()))
        for ended in LocalProcesses(processes, preload=["search.cli.preloaded", __name__]).do(jobs, shared):
            try:
                done.append(ended.result())
            except WorkerLost:
                killed += 1
        study = optuna.load_study(study_name=NAME, storage=open_storage(direct))
        trials = study.get_trials(deepcopy=False)
        return _told(args, processes, trials, done, killed, spent, browser)


def _told(
    args: argparse.Namespace,
    processes: int,
    trials: list[FrozenTrial],
    done: list[Done],
    killed: int,
    spent: Processors,
    browser: Browser | None,
) -> list[str]:
    finished = [trial for trial in trials if trial.state in FINISHED]
    ends = sorted(trial.datetime_complete.timestamp() for trial in finished if trial.datetime_complete is not None)
    first, last = ends[len(ends) // 10], ends[-1 - len(ends) // 10]
    made = len(ends) - 2 * (len(ends) // 10) - 1
    rate = made / (last - first)
    # What was slept, without what the reports between took.
    slept = args.milliseconds / 1000 * float(np.mean([len(t.intermediate_values) for t in finished])) / args.steps
    efficiency = rate * slept / processes
    busy = {name: seconds / (last - first) for name, seconds in spent.between(first, last).items()}
    cost = ", ".join(f"{name} {1000 * value / rate:.1f}" for name, value in busy.items() if name != OTHERS)
    used = ", ".join(f"{name} {value:.2f}" for name, value in busy.items())
    held, waited = sum(one.held for one in done), sum(one.waited for one in done)
    statements, commits = sum(one.statements for one in done), sum(one.commits for one in done)
    print(f"\n{args.storage}, {processes} processes: {rate:.1f} trials a second; efficiency {efficiency:.0%}")
    print(f"  a training of {1000 * slept:.0f} ms on average; processors busy: {used}; milliseconds a trial: {cost}")
    parts = []
    if statements:
        parts.append(
            f"{statements / len(finished):.0f} statements a trial in {commits / len(finished):.0f} transactions"
        )
    if held:
        parts.append(
            f"the write lock is held {1000 * held / len(finished):.1f} ms a trial, {rate * held / len(finished):.0%} "
            f"of the time, and waited for {1000 * waited / len(finished):.0f} ms a trial"
        )
    if spent.most:
        parts.append(f"{spent.most} connections at the peak")
    parts.append(f"a worker's memory at its peak {max(one.memory for one in done):.0f} MB")
    print(f"  {'; '.join(parts)}")
    print(f"  what holds them up: {_holds_up(busy, rate * held / len(finished), efficiency)}")
    wrong = _wrong(args, trials, finished, done, killed)
    if browser is not None:
        asked = ", ".join(f"{count} times {name}" for name, count in sorted(browser.answers.items()))
        print(f"  dashboard: {asked}; the slowest answer took {browser.slowest:.2f} s")
        wrong += [f"dashboard: {name}" for name in browser.answers if name != "200"]
        wrong += [f"dashboard said: {line}" for line in browser.said[:5]]
    return wrong


def _holds_up(busy: dict[str, float], locked: float, efficiency: float) -> str:
    total, machine = sum(busy.values()), cores()
    if locked >= 0.9:
        return "SQLite's write lock"
    if busy.get("proxy", 0.0) >= 0.9:
        return "the proxy, one Python process with one processor"
    if total >= 0.9 * machine:
        most = max(busy, key=lambda name: busy[name])
        return f"the {machine} processors of this machine, {busy[most] / total:.0%} of whose time is for {most}"
    if efficiency >= 0.9:
        return "nothing but the trainings"
    return f"latency: each step waits for its answer, while {machine - total:.1f} of {machine} processors are idle"


def _wrong(
    args: argparse.Namespace, trials: list[FrozenTrial], finished: list[FrozenTrial], done: list[Done], killed: int
) -> list[str]:
    errors: Counter[str] = sum((one.errors for one in done), Counter())
    locks = {text: count for text, count in errors.items() if "locked" in text or "eadlock" in text or "busy" in text}
    reported = [
        (number, step, value) for one in done for number, of in one.reported.items() for step, value in of.items()
    ]
    lost_reports = sum(trials[number].intermediate_values.get(step) != value for number, step, value in reported)
    told = [(number, state, value) for one in done for number, (state, value) in one.told.items()]
    lost = sum((trials[number].state.name, trials[number].value) != (state, value) for number, state, value in told)
    order = positions(trials)
    taken = Counter(order[trial.number] for trial in finished)
    twins = sum(count > 1 for count in taken.values())
    queued = sum(SUPERFLUOUS in trial.system_attrs for trial in trials)
    failed = sum(t.state == TrialState.FAIL and SUPERFLUOUS not in t.system_attrs for t in trials)
    running = sum(trial.state == TrialState.RUNNING for trial in trials)
    waiting = sum(t.state == TrialState.WAITING and order[t.number] < args.trials for t in trials)
    counts = {
        "errors of a lock": sum(locks.values()),
        "other errors of the database": sum(errors.values()) - sum(locks.values()),
        "workers that raised": sum(one.raised is not None for one in done),
        "workers killed": killed,
        "reports lost": lost_reports,
        "trials lost or changed": lost,
        "trials failed": failed,
        "stuck": running + waiting,
        "twins finished": twins,
        "trials too few or too many": abs(len(finished) - args.trials),
    }
    shown = ", ".join(f"{name} {count}" for name, count in counts.items())
    print(f"  {len(finished)} trials, {len(reported)} reports, {len(told)} told; queued twice {queued}; {shown}")
    wrong = [f"{name}: {count}" for name, count in counts.items() if count]
    wrong += [f"{count} times {text}" for text, count in errors.most_common(5)]
    return wrong + [one.raised for one in done if one.raised is not None][:5]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--storage", choices=["sqlite", "postgresql", "grpc"], default="sqlite")
    parser.add_argument("--processes", type=int, nargs="+", default=[16])
    parser.add_argument("--milliseconds", type=float, default=50, help="that a training sleeps")
    parser.add_argument("--steps", type=int, default=8, help="reports in a training")
    parser.add_argument("--trials", type=int, default=600, help="of each study")
    parser.add_argument("--dashboard", action="store_true")
    parser.add_argument("--poll", type=float, default=2.0, help="seconds between two looks of the browser")
    parser.add_argument("--connections", type=int, default=200, help="that PostgreSQL allows")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print(
        f"{args.trials} trials of {args.milliseconds:g} ms with {args.steps} reports; {cores()} processors; seed "
        f"{args.seed}"
    )
    wrong = []
    for processes in args.processes:
        with tempfile.TemporaryDirectory() as folder:
            wrong += [
                f"{args.storage}, {processes} processes: {line}" for line in measure(args, processes, Path(folder))
            ]
    print("\nnothing was wrong" if not wrong else "\nwrong:\n  " + "\n  ".join(wrong))


if __name__ == "__main__":
    main()

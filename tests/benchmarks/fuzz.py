"""A long hunt for inputs that nobody thought of: the property tests of `tests/fuzz`, again and again with new seeds.

    python -m tests.benchmarks.fuzz --minutes 60
    python -m tests.benchmarks.fuzz --minutes 5 --only readers --seed 7

Each file of `tests/fuzz` is a target and runs in a process of its own, with a bound on its memory: a case that aborts
the interpreter, runs out of memory or never ends is found as surely as one that fails. The case is then named by
running the same seed once more, with every case printed before it is tried. The target that has had the least time goes
next; each run tries its tests in another order, so that none is always the one that the clock cuts off.

It ends with 1 if anything was found.
"""

import argparse
import mmap
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parents[1] / "fuzz"
ROOT: Final = Path(__file__).parents[2]
CASES: Final = 500
"""Of each test in one run; with the next seed come others."""
STUCK_SECONDS: Final = 120
"""Without a case begun or ended, after which one is said never to end."""
SHOWN: Final = 30
"""Lines of a case at most."""


class Counts:
    """What a run has tried so far, in a file that outlives its process; its state is that file."""

    NAMES: Final = ("begun", "cases", "refused", "failed")

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(8 * len(self.NAMES)))
        with path.open("r+b") as file:
            self._numbers = memoryview(mmap.mmap(file.fileno(), 0)).cast("q")

    def add(self, name: str) -> None:
        """One more."""
        self._numbers[self.NAMES.index(name)] += 1

    def read(self) -> Counter[str]:
        """All of them."""
        return Counter(dict(zip(self.NAMES, self._numbers, strict=True)))


# ---------------------------------------------------------------------------------------------- in the child


class Hunt:
    """A pytest plugin: many cases for each property, in an order of the seed's, counted."""

    def __init__(self, seed: int, counts: Counts, *, aloud: bool) -> None:
        self.seed = seed
        self.counts = counts
        self.aloud = aloud
        self.refusals = 0

    def pytest_collection(self) -> None:
        """After the conftest, whose settings these are but for their number, and before a property is made."""
        from hypothesis import Phase, Verbosity, settings

        settings.register_profile(
            "hunt",
            settings(),
            derandomize=False,
            database=None,
            max_examples=CASES,
            phases=[Phase.explicit, Phase.generate, Phase.target, Phase.shrink],  # to explain takes longer than to find
            verbosity=Verbosity.verbose if self.aloud else Verbosity.normal,
        )
        settings.load_profile("hunt")

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """The properties alone, in their order, each counted."""
        from hypothesis import is_hypothesis_test

        items[:] = [item for item in items if is_hypothesis_test(item.obj)]
        random.Random(self.seed).shuffle(items)
        for item in items:
            made = item.obj.hypothesis
            made.inner_test = self._counted(made.inner_test)
        self._watch_refusals()

    def _counted(self, case: Callable[..., Any]) -> Callable[..., Any]:
        from functools import wraps

        from hypothesis.errors import StopTest, UnsatisfiedAssumption

        @wraps(case)
        def counted(*arguments: Any, **named: Any) -> Any:
            self.counts.add("begun")
            before = self.refusals
            try:
                return case(*arguments, **named)
            except (StopTest, UnsatisfiedAssumption):
                before = -1  # no case at all
                raise
            except BaseException:
                self.counts.add("failed")
                raise
            finally:
                if before >= 0:
                    self.counts.add("cases")
                    if self.refusals > before:
                        self.counts.add("refused")

        return counted

    def _watch_refusals(self) -> None:
        """A refusal is an error with a name of ours."""
        for kind in _ours(ValueError):
            kind.__init__ = self._noticed(kind.__init__)

    def _noticed(self, make: Callable[..., None]) -> Callable[..., None]:
        def noticed(error: Exception, *arguments: Any, **named: Any) -> None:
            self.refusals += 1
            make(error, *arguments, **named)

        return noticed


def _ours(kind: type) -> Iterator[Any]:
    for one in kind.__subclasses__():
        if one.__module__.split(".")[0] in ("search", "sentiment"):
            yield one
        yield from _ours(one)


def hunt_here(target: Path, seed: int, counts: Path, *, aloud: bool) -> int:
    """One run of one target in this process; `aloud` prints each case before it is tried."""
    import pytest

    options = ["-q", "-p", "no:cacheprovider", "--no-header", "--tb=short", f"--hypothesis-seed={seed}"]
    options += ["-s"] * aloud  # what is captured is lost with the process
    return int(pytest.main([str(target), *options], plugins=[Hunt(seed, Counts(counts), aloud=aloud)]))


# ---------------------------------------------------------------------------------------------- in the parent


@dataclass
class Target:
    """A file of property tests, and what came of it so far."""

    path: Path
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    runs: int = 0
    found: dict[str, str] = field(default_factory=dict)
    """By test and kind of failure: the case, and how to see it again."""

    @property
    def name(self) -> str:
        """Without `test_`."""
        return self.path.stem.removeprefix("test_")


@dataclass(frozen=True)
class Bounds:
    """On one process."""

    gibibytes: float
    stuck_seconds: float

    def set_on_child(self) -> None:
        """Called between fork and exec."""
        most = int(self.gibibytes * 2**30)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(target: Target, seed: int, bounds: Bounds, until: float) -> None:
    """One run, in a process of its own, ended when the clock says so."""
    target.runs += 1
    with tempfile.TemporaryDirectory() as scratch:
        began, counts = time.monotonic(), Path(scratch, "counts")
        status, told = _child(target, seed, counts, bounds, until, Path(scratch))
        target.seconds += time.monotonic() - began
        target.counts += Counts(counts).read()
        again = f"python -m tests.benchmarks.fuzz --only {target.name} --seed {seed} --runs 1"
        if status == "failed":
            for name, text in _failures(told):
                target.found.setdefault(name, f"{text}\n  {again}")
        elif status not in ("passed", "time"):
            most = time.monotonic() + 3 * (time.monotonic() - began) + bounds.stuck_seconds
            _, told = _child(target, seed, Path(scratch, "again"), bounds, most, Path(scratch), aloud=True)
            target.found.setdefault(status, f"{_last_tried(told)}\n  {again}")


def _child(
    target: Target, seed: int, counts: Path, bounds: Bounds, until: float, scratch: Path, *, aloud: bool = False
) -> tuple[str, str]:
    """What became of it (passed, failed, time, or why it is a crash), and what it printed."""
    told, progress = scratch / "told", Counts(counts)
    order = [str(target.path), str(seed), str(counts), *["aloud"] * aloud]
    with told.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-u", "-X", "faulthandler", "-m", "tests.benchmarks.fuzz", "--child", *order],
            cwd=ROOT,
            stdout=file,
            stderr=subprocess.STDOUT,
            preexec_fn=bounds.set_on_child,
            env=os.environ | {"TMPDIR": str(scratch)},
        )
    moved, seen, status = time.monotonic(), progress.read(), ""
    with _ended(process):
        while process.poll() is None and not status:
            time.sleep(0.1)
            now = time.monotonic()
            if progress.read() != seen:
                moved, seen = now, progress.read()
            if now - moved > bounds.stuck_seconds:
                status = f"no end after {bounds.stuck_seconds:g} s"
            elif now > until:
                status = "time"
    text = told.read_text("utf-8", errors="replace")
    if not status:
        known = {0: "passed", 1: "failed", 5: "passed"}  # 5: there is no property in this file
        status = known.get(process.returncode, f"died of {_cause(process.returncode)}")
    return status, text


@contextmanager
def _ended(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _cause(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"


def _failures(told: str) -> Iterator[tuple[str, str]]:
    """Name and case of each test that failed, of what pytest printed."""
    sections = re.split(r"^_{3,} (.+?) _{3,}$", told, flags=re.MULTILINE)[1:]
    for name, text in zip(sections[::2], sections[1::2], strict=True):
        lines = [line.removeprefix("E").rstrip() for line in text.splitlines() if line.startswith("E ")]
        places = [line for line in text.splitlines() if re.match(r"\S+\.py:\d+: in ", line)]
        yield name, "\n".join((places[-1:] + lines)[:SHOWN])


def _last_tried(told: str) -> str:
    """The case that was begun and never ended, of a run that printed each."""
    *_, last = re.split(r"^(?:Trying example|Test case): ", told, flags=re.MULTILINE)
    ours = [line for line in last.splitlines() if "site-packages" not in line]
    return "\n".join(ours[:SHOWN])


def table(targets: list[Target]) -> str:
    """What was tried and found."""
    lines = [
        f"{'target':14s} {'cases':>9s} {'refused':>9s} {'accepted':>9s} {'found':>6s} {'runs':>5s} {'seconds':>8s}"
    ]
    for target in targets:
        counts = target.counts
        accepted = counts["cases"] - counts["refused"] - counts["failed"]
        lines.append(
            f"{target.name:14s} {counts['cases']:9,} {counts['refused']:9,} {accepted:9,} {len(target.found):6} "
            f"{target.runs:5} {target.seconds:8,.0f}"
        )
    for target in targets:
        for name, case in target.found.items():
            lines += ["", f"{target.name}: {name}", *(f"  {line}" for line in case.splitlines())]
    return "\n".join(lines)


def main() -> int:
    """Hunt until the time is up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--runs", type=int, default=sys.maxsize, help="at most, of all targets together")
    parser.add_argument("--only", nargs="+", metavar="TARGET", help="such as readers: a file of the folder")
    parser.add_argument("--seed", type=int, help="of the first run; the next is one more. Without: of the clock")
    parser.add_argument("--memory", type=float, default=6.0, metavar="GIB", help="that one process may have")
    parser.add_argument("--stuck", type=float, default=STUCK_SECONDS, metavar="SECONDS", help="that one case may take")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of property tests")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        path, seed, counts, *aloud = asked.child
        return hunt_here(Path(path), int(seed), Path(counts), aloud=bool(aloud))
    targets = [Target(path) for path in sorted(asked.folder.resolve().glob("test_*.py"))]
    names = [target.name for target in targets]
    if unknown := set(asked.only or ()) - set(names):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there is {', '.join(names)}")
    targets = [target for target in targets if target.name in (asked.only or names)]
    if not targets:
        parser.error(f"{asked.folder} holds no property tests")
    seed = int(time.time()) if asked.seed is None else asked.seed
    bounds, until = Bounds(asked.memory, asked.stuck), time.monotonic() + 60 * asked.minutes
    print(f"{asked.minutes:g} minutes from seed {seed}, {asked.memory:g} GiB each", flush=True)
    try:
        while time.monotonic() < until and sum(target.runs for target in targets) < asked.runs:
            run(min(targets, key=lambda target: target.seconds), seed, bounds, until)
            seed += 1
    except KeyboardInterrupt:
        print("interrupted; so far:")
    print(table(targets))
    return int(any(target.found for target in targets))


if __name__ == "__main__":
    sys.exit(main())

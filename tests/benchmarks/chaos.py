"""Searches and comparisons whose workers and parents are killed, on any storage and with any launcher.

    python -m tests.benchmarks.chaos --kills 100 --storage sqlite
    python -m tests.benchmarks.chaos --kills 100 --storage postgresql
    python -m tests.benchmarks.chaos --kills 100 --storage grpc
    python -m tests.benchmarks.chaos --kills 100 --storage sqlite --launcher ray

`kills` aims at single writes; this one lets a night of bad luck happen to a study. Studies are made one after another:
a search whose workers go as they like, one whose workers go in step, a comparison. Until so many `kill -9` are spent,
one hits the command itself, one of its workers, or a worker in the first 300 ms of its life; whenever the command has
ended, the same command is given again, until its study is done. `grpc` is Optuna's proxy before PostgreSQL.

Before each kill everything that is finished is read. Counted is what must be none:

    lost     finished trials that are gone later, or whose parameters, value, curve or user attributes have changed
    stuck    commands that do not end; trials that run at the end, or wait though they count
    total    trials by which a study that is done differs from what was asked for
    twins    positions, and pairs of a comparison, with two finished trials
    damaged  finished trials whose stored predictions are missing or not what was written
    ledger   openings and looks of a comparison that are gone or have changed
    differ   draws or scores that are not those of the same command undisturbed: of searches in step and comparisons

and, beside the kills, what the interrupted trainings cost: how many scorings, and seconds of training, were made twice.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import optuna
import psutil
from optuna.trial import FrozenTrial, TrialState

from search.comparison.setting import LOOKS, PLANNED_LOOKS, arm_and_pair
from search.storage.attributes import OURS
from search.storage.databases import open_storage
from search.storage.predictions import kept_predictions
from search.study.comparisons import is_comparison
from search.study.positions import FINISHED, REPEATS, positions
from search.study.records import CURVE, OPENINGS, PREDICTIONS, told, told_of_study
from sentiment.errors import InputError
from tests.support.servers import PostgreSQL, grpc_proxy
from tests.support.tiny import write_reviews, write_study_file

KINDS: Final = ("parent", "worker", "newborn worker")
SHARES: Final = (0.4, 0.35, 0.25)
NEWBORN_SECONDS: Final = 0.3
BIRTH_SECONDS: Final = 60
"""How long a worker is waited for; then the parent is killed, whose successor has workers again."""
STUCK_SECONDS: Final = 900
RESUMED: Final = "resumed from epoch"
"""The user attribute of a trial that went on where the one that it stands in for had stopped."""

COMPARISON: Final = """
name = "study"
[data]
path = "{reviews}"
text = "text"
label = "stars"
classes = {{ negative = [1], positive = [5] }}
[baseline]
architecture = "lstm"
token_unit = "char"
embedding_size = 32
hidden_size = 32
batch_size = 32
epochs = {epochs}
[[idea]]
name = "textcnn"
change = {{ architecture = "textcnn", filters = 32 }}
[budget]
trials = {trials}
pairs = 4
"""


@dataclass
class Found:
    """What came of it."""

    studies: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    lost: int = 0
    stuck: int = 0
    total: int = 0
    twins: int = 0
    damaged: int = 0
    ledger: int = 0
    differ: int = 0
    finished: int = 0
    interrupted: int = 0
    """Trainings that had been scored at least once."""
    repeated: int = 0
    """Scorings that were made again."""
    repeated_seconds: float = 0.0
    resumed: int = 0
    other: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Study:
    """One study, how it is made, and what it must come to."""

    folder: Path
    url: str
    """What the command is given."""
    direct: str
    """Of the database itself."""
    command: tuple[str, ...]
    kind: str
    trials: int

    def start(self) -> "subprocess.Popen[str]":
        said = (self.folder / "said").open("a")
        with said:
            return subprocess.Popen(
                [sys.executable, "-m", "search", *self.command],
                cwd=self.folder,
                env=os.environ
                | {
                    "PYTHONPATH": str(Path(__file__).parents[2]),
                    "OMP_NUM_THREADS": "1",
                    "OPTUNA_STORAGE": self.url,
                },
                stdout=subprocess.DEVNULL,
                stderr=said,
                text=True,
                start_new_session=True,
            )

    def studies(self) -> dict[str, optuna.Study]:
        storage = open_storage(self.direct)
        names = optuna.get_all_study_names(storage)
        return {name: optuna.load_study(study_name=name, storage=storage) for name in names}

    def has_begun(self) -> bool:
        with suppress(InputError):
            return bool(self.studies())
        return False


def identity(trial: FrozenTrial) -> tuple[Any, ...]:
    """All of a finished trial that must stay as it is."""
    ours = {name: value for name, value in trial.system_attrs.items() if name.startswith(OURS)}
    return trial.state, trial.values, trial.params, trial.intermediate_values, trial.user_attrs, ours


class Witness:
    """Remembers what was finished, and looks whether it still is."""

    def __init__(self, found: Found) -> None:
        self._found = found
        self._trials: dict[tuple[str, int], tuple[Any, ...]] = {}
        self._ledger: dict[str, list[Any]] = {}

    def look(self, study: Study) -> None:
        now: dict[tuple[str, int], tuple[Any, ...]] = {}
        for name, one in study.studies().items():
            for trial in one.get_trials(deepcopy=False, states=FINISHED):
                now[name, trial.number] = identity(trial)
            if is_comparison(one):
                self._look_into_ledger(told_of_study(one))
        for key, known in self._trials.items():
            if now.get(key) != known:
                self._found.lost += 1
                self._found.other.append(f"{study.folder.name}: {key} was {known}, is {now.get(key)}"[:500])
        self._trials = now

    def _look_into_ledger(self, attributes: dict[str, Any]) -> None:
        for name in (OPENINGS, LOOKS, PLANNED_LOOKS):
            known, now = self._ledger.get(name, []), list(attributes.get(name, []))
            if now[: len(known)] != known:
                self._found.ledger += 1
                self._found.other.append(f"{name} was {known}, is {now}"[:500])
            self._ledger[name] = now


# --------------------------------------------------------------------------------------------- who is killed


def workers_of(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    """The processes in which trials run: forked by the fork server, or Ray's."""
    found = []
    with suppress(psutil.Error):
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.Error, IndexError):  # one that has just ended has no command
                command, parent = child.cmdline(), child.parent()
                forked = parent is not None and all("forkserver" in " ".join(one.cmdline()) for one in (child, parent))
                # As it starts, and once it has called itself by its task; raylets and agents have other names.
                starts = "python" in command[0] and any(part.endswith("default_worker.py") for part in command[:4])
                if forked or starts or command[0].startswith(("ray::_do", "ray::IDLE")):
                    found.append(child)
    return found


def at_work(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    """Its workers, once it has any; none if it ends before."""
    ends = time.monotonic() + BIRTH_SECONDS
    while not (found := workers_of(process)) and process.poll() is None and time.monotonic() < ends:
        time.sleep(0.05)
    return found


def newborn(process: "subprocess.Popen[str]", dice: random.Random) -> psutil.Process | None:
    """A worker in the first 300 ms of its life, at a random moment of it; None if none is born."""
    there = {worker.pid for worker in workers_of(process)}
    ends, age = time.monotonic() + BIRTH_SECONDS, dice.uniform(0, NEWBORN_SECONDS)
    while time.monotonic() < ends and process.poll() is None:
        for worker in workers_of(process):
            if worker.pid not in there:
                with suppress(psutil.Error):
                    time.sleep(max(0.0, worker.create_time() + age - time.time()))
                    return worker
        time.sleep(0.002)
    return None


def strike(process: "subprocess.Popen[str]", kind: str, dice: random.Random) -> str | None:
    """Kill one; what was killed, None if the command was faster."""
    victim: psutil.Process | None = None
    if kind == "worker":
        workers = workers_of(process)
        victim = dice.choice(workers) if workers else None
    elif kind == "newborn worker":
        victim = newborn(process, dice)
    if victim is not None:
        try:
            victim.send_signal(signal.SIGKILL)
            return kind
        except psutil.Error:  # it has just left
            pass
    if process.poll() is not None:
        return None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return "parent"


# --------------------------------------------------------------------------------------------- one study after another


def finish(study: Study, found: Found, witness: Witness) -> bool:
    """Give the command again until it ends well; False if it does not."""
    for _ in range(20):
        process = study.start()
        found.starts += 1
        try:
            process.wait(STUCK_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            found.stuck += 1
            found.other.append(f"{study.folder.name}: the command did not end; see {study.folder / 'said'}")
            return False
        found.statuses[process.returncode] += 1
        if process.returncode == 0:
            witness.look(study)
            return True
    found.other.append(f"{study.folder.name}: status {process.returncode} again and again")
    return False


def torment(study: Study, kinds: Iterator[str], found: Found, dice: random.Random, pause: float) -> None:
    """Kill until the study is done, or no kill is left; then let it finish."""
    witness = Witness(found)
    process: subprocess.Popen[str] | None = None
    for kind in kinds:
        while process is None or process.poll() is not None:
            if process is not None and process.returncode >= 0:
                found.statuses[process.returncode] += 1
                if process.returncode == 0:
                    finish(study, found, witness)
                    return
            process = study.start()
            found.starts += 1
        # Half of the parents die wherever they are, reading their libraries too; workers once there are some.
        if kind != "newborn worker":
            if kind == "worker" or dice.random() < 0.5:
                at_work(process)
            with suppress(subprocess.TimeoutExpired):
                process.wait(dice.uniform(0, pause))
        if study.has_begun():
            witness.look(study)
        killed = strike(process, kind, dice)
        if killed is not None:
            found.kills[killed] += 1
            if study.has_begun():
                witness.look(study)
    if process is not None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(STUCK_SECONDS)
    finish(study, found, witness)


def judge(study: Study, found: Found, truth: dict[str, Any] | None) -> None:
    """What the study that is done came to."""
    studies = study.studies()
    for name, one in studies.items():
        trials = one.get_trials(deepcopy=False)
        finished = [trial for trial in trials if trial.state in FINISHED]
        found.finished += len(finished)
        found.stuck += sum(trial.state == TrialState.RUNNING for trial in trials)
        if is_comparison(one):
            pairs = Counter(arm_and_pair(trial) for trial in finished)
            found.twins += sum(count > 1 for count in pairs.values())
        elif name == "study" or study.kind == "compare":
            order = positions(trials)
            found.twins += sum(count > 1 for count in Counter(order[trial.number] for trial in finished).values())
            found.stuck += sum(t.state == TrialState.WAITING and order[t.number] < study.trials for t in trials)
            _repeated(trials, found)
        folder = study.folder / "artifacts" / name / "predictions"
        for trial in finished:
            if told(trial, PREDICTIONS) is not None and folder.is_dir():
                try:
                    kept_predictions(folder, told(trial, PREDICTIONS))
                except InputError as error:
                    found.damaged += 1
                    found.other.append(str(error))
    if study.kind != "compare":
        made = len(studies["study"].get_trials(deepcopy=False, states=FINISHED))
        found.total += abs(made - study.trials)
    if truth is not None:
        now = outcome(study)
        for name, expected in truth.items():
            found.total += abs(len(now.get(name, ())) - len(expected)) if study.kind == "compare" else 0
            differing = sum(a != b for a, b in zip(now.get(name, ()), expected, strict=False))
            found.differ += differing
            if differing:
                found.other.append(f"{study.folder.name}: {differing} of {len(expected)} differ in {name}")


def _repeated(trials: list[FrozenTrial], found: Found) -> None:
    """What trainings that were interrupted had been scored, and their successors trained again."""
    for trial in trials:
        if trial.state not in FINISHED or not trial.system_attrs.get(REPEATS):
            continue
        found.resumed += RESUMED in trial.user_attrs
        curve = told(trial, CURVE) or []
        for number in trial.system_attrs[REPEATS]:
            steps = trials[number].intermediate_values
            if not steps:
                continue
            found.interrupted += 1
            epoch = trial.user_attrs.get(RESUMED, 0.0)
            again = [row for row in curve if row["step"] in steps and row["epoch"] > epoch + 1e-9]
            found.repeated += len(again)
            if again:
                before = [row["seconds"] for row in curve if row["step"] < again[0]["step"]]
                found.repeated_seconds += again[-1]["seconds"] - max(before, default=0.0)


def outcome(study: Study) -> dict[str, Any]:
    """Draws and scores by position; of pairs, scores by arm and pair."""
    result = {}
    for name, one in study.studies().items():
        trials = one.get_trials(deepcopy=False)
        finished = [trial for trial in trials if trial.state in FINISHED]
        if is_comparison(one):
            result[name] = sorted((*arm_and_pair(t), t.value) for t in finished)
        else:
            order = positions(trials)
            draws = [(order[t.number], sorted(t.params.items()), t.value) for t in finished]
            result[name] = sorted(draws, key=lambda draw: draw[0])
    return result


def prepare(root: Path, kind: str, number: int, args: argparse.Namespace, urls: Callable[[], tuple[str, str]]) -> Study:
    """A folder with reviews, a study file, and a database of its own."""
    folder = root / f"{kind}-{number:02d}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    reviews = write_reviews(folder / "reviews.csv", args.rows)
    more = ("--workers", str(args.workers), *(() if args.launcher == "local" else ("--launcher", args.launcher)))
    if kind == "compare":
        text = COMPARISON.format(reviews=reviews, epochs=args.epochs, trials=max(2, args.trials // 4))
        (folder / "study.toml").write_text(text, "utf-8")
    else:
        settings = {"trials": args.trials, "seed": args.seed}
        path = write_study_file(folder / "study.toml", reviews, epochs=args.epochs, **settings)
        path.write_text(path.read_text("utf-8").replace('name = "tiny"', 'name = "study"'), "utf-8")
        more += ("--synchronous",) if kind == "in step" else ()
    url, direct = urls()
    if args.storage == "sqlite":
        url = direct = f"sqlite:///{folder}/study.db"
    command = ("compare" if kind == "compare" else "run", "study.toml", "--artifacts", "artifacts", "--threads", "1")
    return Study(folder, url, direct, (*command, *more), kind, args.trials)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="in total")
    parser.add_argument("--storage", choices=["sqlite", "postgresql", "grpc"], default="sqlite")
    parser.add_argument("--launcher", choices=["local", "ray"], default="local")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--trials", type=int, default=17, help="of a search; a quarter of each arm of a comparison")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--rows", type=int, default=4000, help="reviews: with the epochs, how long a training takes")
    parser.add_argument("--pause", type=float, default=4.0, help="seconds between kills, at most")
    parser.add_argument(
        "--kinds", nargs="+", choices=["run", "in step", "compare"], default=["run", "in step", "compare"]
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where the studies are made, and left; default: a temporary one")
    args = parser.parse_args()
    dice = random.Random(f"{args.storage} {args.launcher} {args.seed}")
    left = iter(dice.choices(KINDS, SHARES, k=args.kills))
    found, truths, number = Found(), dict[str, dict[str, Any]](), 0
    with ExitStack() as stack:
        root = (args.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))).resolve()
        server = stack.enter_context(PostgreSQL(connections=200)) if args.storage != "sqlite" else None

        def urls() -> tuple[str, str]:
            nonlocal number
            if server is None:
                return "", ""
            direct = server.new_database(f"study{number}")
            number += 1
            return (stack.enter_context(grpc_proxy(direct)) if args.storage == "grpc" else direct), direct

        began = time.monotonic()
        for kind in args.kinds:
            if kind == "run":
                continue
            reference = prepare(root, kind, 99, args, urls)
            if not finish(reference, found, Witness(found)):
                raise SystemExit(f"{kind} does not end well undisturbed: {(reference.folder / 'said').read_text()}")
            truths[kind] = outcome(reference)
        found.statuses.clear()
        found.starts, made = 0, 0
        while sum(found.kills.values()) < args.kills:
            kind = args.kinds[made % len(args.kinds)]
            study = prepare(root, kind, made, args, urls)
            torment(study, left, found, dice, args.pause)
            judge(study, found, truths.get(kind))
            found.studies[kind] += 1
            made += 1
            print(f"{sum(found.kills.values())} of {args.kills} kills, {made} studies", end="\r", file=sys.stderr)
            if next_left := args.kills - sum(found.kills.values()):
                left = iter(dice.choices(KINDS, SHARES, k=next_left))
    killed = ", ".join(f"{count} of a {kind}" for kind, count in sorted(found.kills.items()))
    studies = ", ".join(f"{count} {kind}" for kind, count in found.studies.items())
    print(f"{args.storage}, launcher {args.launcher}, {args.workers} workers, seed {args.seed}")
    print(f"{sum(found.kills.values())} kills ({killed}) of {sum(found.studies.values())} studies ({studies})")
    ended = ", ".join(f"{count} times {status}" for status, count in sorted(found.statuses.items()))
    print(f"commands given {found.starts} times; ended by themselves with status {ended}; {found.finished} trials made")
    names = ("lost", "stuck", "total", "twins", "damaged", "ledger", "differ")
    print(", ".join(f"{name} {getattr(found, name)}" for name in names))
    print(
        f"{found.interrupted} trainings were interrupted after a scoring, {found.resumed} trials went on from one; "
        f"made twice: {found.repeated} scorings, {found.repeated_seconds:.1f} s of training"
    )
    print(f"{time.monotonic() - began:.0f} s")
    for line in found.other:
        print(f"  {line}")


if __name__ == "__main__":
    main()

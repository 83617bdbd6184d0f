"""Searches and comparisons, killed again and again, against ones that nobody disturbed.

Run as `python -m tests.benchmarks.kills --run 60 --compare 30`. Each search of eleven trials (each comparison of two
arms) is made once undisturbed, and then again and again while it is killed up to four times before it may finish: by
SIGKILL or SIGINT at a random moment; by SIGKILL right before or right after a random write of those that begin a trial
(with one process half of them, of all a third); with two processes, one of them is killed; or it is stopped (SIGSTOP)
for a minute, while the same command is started a second time. Counted is what must be none:

    stuck    trials that still run at the end, or wait though they count; commands that did not end
    short    searches that end with status 0 and fewer trials than asked for
    over     ... with more
    differ   draws or scores, position by position, that are not those of the undisturbed search

A stopped search is gone on with by two processes at once, whose order no seed decides: of those, draws are not compared
but every one of them is, with the score that its own replay gives.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import optuna
from optuna.trial import TrialState

from search.comparison.setting import arm_and_pair
from search.storage.databases import open_storage
from search.study.claims import WORKER
from search.study.positions import FINISHED, positions
from search.study.records import told
from tests.support.tiny import write_reviews, write_study_file

TRIALS: Final = 11
"""No multiple of the workers: the last round is not full."""
KILLS: Final = 4
"""Of one search at most."""
STALL_SECONDS: Final = 60

COMPARISON: Final = """
name = "killed"
[data]
path = "{reviews}"
text = "text"
label = "stars"
classes = {{ negative = [1], positive = [5] }}
[baseline]
architecture = "lstm"
token_unit = "char"
embedding_size = 8
hidden_size = 8
batch_size = 32
epochs = 2
[[idea]]
name = "textcnn"
change = {{ architecture = "textcnn", filters = 8 }}
[budget]
trials = 4
pairs = 3
"""

# The program, and a write at which it dies: the N-th of those that begin trials, before or after it is on record.
AIMED: Final = """
import os, signal, sys
import sqlalchemy
from search.study import claims, optimization
fatal, after, begins = int(sys.argv.pop(1)), sys.argv.pop(1) == "after", [0, False]
real = claims.claim
def claim(*arguments, **named):
    begins[1] = True
    try:
        return real(*arguments, **named)
    finally:
        begins[1] = False
def count(here):
    if begins[1] and here:
        begins[0] += 1
        if begins[0] == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
claims.claim = optimization.claim = claim
class Connection:
    pass
sqlalchemy.event.listen(sqlalchemy.Engine, "commit", lambda connection: count(not after))
sqlalchemy.event.listen(sqlalchemy.pool.Pool, "checkin", lambda connection, record: count(after))
from search.cli.commands import main
sys.exit(main(sys.argv[1:]))
"""


@dataclass
class Found:
    """What came of the searches of one kind."""

    searches: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    stuck: int = 0
    short: int = 0
    over: int = 0
    differ: int = 0
    other: list[str] = field(default_factory=list)


def start(folder: Path, *command: str, aimed: tuple[int, str] | None = None) -> "subprocess.Popen[str]":
    """The command in `folder`, in a process group of its own."""
    program = ["-m", "search"] if aimed is None else ["-c", AIMED, str(aimed[0]), aimed[1]]
    return subprocess.Popen(
        [sys.executable, *program, *command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: "subprocess.Popen[str]", found: Found, seconds: float = 600) -> int | None:
    """Its exit status; None, and counted as stuck, if it does not end."""
    try:
        _, said = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        found.stuck += 1
        return None
    if "Traceback" in said:
        found.other.append(said[-2000:])
    return process.returncode


def disturb(folder: Path, command: tuple[str, ...], mode: str, seconds: float, dice: random.Random) -> bool:
    """Start the command and end it before its time; False if it was faster."""
    aimed = (dice.randrange(1, 25), dice.choice(["before", "after"])) if mode == "claim" else None
    process = start(folder, *command, aimed=aimed)
    if mode != "claim":
        try:
            process.communicate(timeout=dice.uniform(0.3, 1.0) * seconds)
        except subprocess.TimeoutExpired:
            if mode == "worker" and (pids := at_work(folder)):
                os.kill(dice.choice(pids), signal.SIGKILL)
                process.communicate(timeout=600)
                return True
            os.killpg(process.pid, signal.SIGINT if mode == "interrupt" else signal.SIGKILL)
    process.communicate()
    return process.returncode != 0


def at_work(folder: Path) -> list[int]:
    """The processes that have a running trial."""
    storage = open_storage(f"sqlite:///{folder}/study.db")
    studies = (optuna.load_study(study_name=name, storage=storage) for name in optuna.get_all_study_names(storage))
    running = (trial for study in studies for trial in study.get_trials(states=(TrialState.RUNNING,)))
    return [told(trial, WORKER)["pid"] for trial in running if told(trial, WORKER)]


def stall(folder: Path, command: tuple[str, ...], seconds: float, dice: random.Random, found: Found) -> None:
    """Stop it for a minute, and let a second one go on meanwhile; both must end well."""
    first = start(folder, *command)
    time.sleep(dice.uniform(0.5, 0.9) * seconds)
    if first.poll() is None:
        os.killpg(first.pid, signal.SIGSTOP)
    second = start(folder, *command)
    time.sleep(STALL_SECONDS)
    if first.poll() is None:
        os.killpg(first.pid, signal.SIGCONT)
    for process in (first, second):
        if finish(process, found) not in (0, None):
            found.other.append(f"{folder.name}: status {process.returncode} after a stall")


def draws(folder: Path, name: str) -> tuple[list[tuple[Any, ...]], int]:
    """(position, parameters, score) of each finished trial of a study, and how many trials are stuck."""
    study = optuna.load_study(study_name=name, storage=open_storage(f"sqlite:///{folder}/study.db"))
    trials = study.get_trials(deepcopy=False)
    order = positions(trials)
    done = [(order[t.number], sorted(t.params.items()), t.value) for t in trials if t.state in FINISHED]
    waiting = sum(trial.state == TrialState.WAITING and order[trial.number] < TRIALS for trial in trials)
    return sorted(done, key=lambda draw: draw[0]), waiting + sum(t.state == TrialState.RUNNING for t in trials)


def pairs(folder: Path) -> list[tuple[Any, ...]]:
    """(arm, pair, score) of each pair of the comparison."""
    study = optuna.load_study(study_name="killed", storage=open_storage(f"sqlite:///{folder}/study.db"))
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return sorted((*arm_and_pair(trial), trial.value) for trial in done)


def seen(folder: Path, kind: str) -> tuple[dict[str, list[tuple[Any, ...]]], int]:
    """All that must not differ, and how many trials are stuck."""
    if kind == "run":
        made, running = draws(folder, "tiny")
        return {"trials": made}, running
    arms = [draws(folder, f"killed: tuning of {arm}") for arm in ("baseline", "textcnn")]
    return {"baseline": arms[0][0], "textcnn": arms[1][0], "pairs": pairs(folder)}, arms[0][1] + arms[1][1]


def prepare(folder: Path, kind: str, seed: int) -> tuple[str, ...]:
    """A folder with reviews and a study file; returns the command that makes the study."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    reviews = write_reviews(folder / "reviews.csv")
    if kind == "run":
        write_study_file(folder / "study.toml", reviews, epochs=4, trials=TRIALS, seed=seed)
    else:
        (folder / "study.toml").write_text(COMPARISON.format(reviews=reviews), "utf-8")
    return (kind, "study.toml", "--storage", "sqlite:///study.db", "--artifacts", "artifacts", "--threads", "1")


def hunt(kind: str, kills: int, stalls: int, workers: int, seed: int, root: Path) -> Found:
    """Disturb studies of one kind until so many kills and stalls are spent."""
    found, dice = Found(), random.Random(f"{kind} {workers} {seed}")
    more = () if workers == 1 else ("--workers", str(workers), *(("--synchronous",) if kind == "run" else ()))
    reference = root / f"{kind}-{workers}-{seed}-undisturbed"
    command = (*prepare(reference, kind, seed), *more)
    started = time.monotonic()
    if (status := finish(start(reference, *command), found)) != 0:
        found.other.append(f"undisturbed: status {status}")
        return found
    seconds = time.monotonic() - started
    truth, _ = seen(reference, kind)
    ways = ("kill", "interrupt", "claim", "claim") if workers == 1 else ("kill", "interrupt", "worker")
    modes = [ways[number % len(ways)] for number in range(kills)]
    dice.shuffle(modes)
    plans: list[list[str]] = [["stall"]] * stalls
    while modes:
        count = dice.randint(1, KILLS)
        plans.append(modes[:count])
        modes = modes[count:]
    for number, plan in enumerate(plans):
        folder = root / f"{kind}-{workers}-{seed}-{number:02d}"
        prepare(folder, kind, seed)
        for mode in plan:
            if mode == "stall":
                stall(folder, command, seconds, dice, found)
                found.kills[mode] += 1
                continue
            for _ in range(5):
                if disturb(folder, command, mode, seconds, dice):
                    found.kills[mode] += 1
                    break
                prepare(folder, kind, seed)
        if finish(start(folder, *command), found) not in (0, None):
            found.other.append(f"{folder.name}: did not end well")
        made, running = seen(folder, kind)
        found.searches += 1
        found.stuck += running
        for name, expected in truth.items():
            found.short += len(made[name]) < len(expected)
            found.over += len(made[name]) > len(expected)
            if plan != ["stall"]:
                found.differ += sum(a != b for a, b in zip(made[name], expected, strict=False))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=int, default=60, help="kills of `run`")
    parser.add_argument("--compare", type=int, default=30, help="kills of `compare`")
    parser.add_argument("--stalls", type=int, default=3, help="of each, stopped for a minute")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=2, help="studies disturbed at the same time")
    parser.add_argument("--folder", type=Path, default=Path("kills"), help="where the studies are made")
    args = parser.parse_args()
    root = args.folder.resolve()
    work = []
    for kind, kills in (("run", args.run), ("compare", args.compare)):
        # Two thirds of the kills with one process, one third with two.
        both = [(kind, kills - kills // 3, args.stalls - args.stalls // 3, 1), (kind, kills // 3, args.stalls // 3, 2)]
        work += [one for one in both if one[1] or one[2]]
    with ThreadPoolExecutor(args.at_once) as pool:
        found = list(pool.map(lambda one: hunt(*one, args.seed, root), work))
    print(f"{'command':24} studies  kill  interrupt  at claim  a worker  stalls  stuck  short  over  differ")
    for (kind, _, _, workers), one in zip(work, found, strict=True):
        name = f"{kind}, {workers} process{'es' if workers > 1 else ''}"
        widths = {"kill": 4, "interrupt": 9, "claim": 8, "worker": 8, "stall": 6}
        counted = "  ".join(f"{one.kills[mode]:>{width}}" for mode, width in widths.items())
        print(f"{name:24} {one.searches:7}  {counted}  {one.stuck:5}  {one.short:5}  {one.over:4}  {one.differ:6}")
        for line in one.other:
            print(f"  {line}")
    print(f"seed {args.seed}")


if __name__ == "__main__":
    main()

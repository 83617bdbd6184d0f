"""How an asynchronous pruned search grows from 1 to 512 workers: trainings of recorded lengths, in virtual time.

    python -m tests.benchmarks.scaling
    python -m tests.benchmarks.scaling --storage postgresql --minutes 5
    python -m tests.benchmarks.scaling --ask-ms 40 --report-ms 4 --tell-ms 20 --sampler-ms 30 --replays 0

Trainings are those of `curves.jsonl`: each step of a curve takes its recorded share of the training's seconds, all of
them stretched so that a training that is not pruned takes `--minutes` on average. The pruner's rule is ours
(`search.study.pruner`), and knows what a worker would know at that moment. Asking for a trial, each report and telling
its result take the storage for so many milliseconds, which serves one after another; drawing parameters takes only the
worker's own time. The defaults are round numbers; `many_processes` measures those of a machine.

On paper. Let T be the mean seconds of a training, c what the worker adds alone (sampler, its own statements), s the
seconds for which a trial holds the storage, w those for which it waits for others. A worker makes a trial each
T + c + s + w seconds, so

    efficiency    E(W) = T / (T + c + s + w)
    trials a second    = min(W / (T + c + s), 1/s): the storage is full from W* = (T + c + s) / s workers on
    waiting, W < W*    w = s r / (2 (1 - r)) with r = W s / (T + c + s)    (one server, equal times: M/D/1)
    at the end         of N trials each worker is idle until the last one ends: if that takes L more seconds on average,
                       E falls by the factor 1 / (1 + W L / (N T)). L is no less than (1 + v) T / 2, v the squared
                       coefficient of variation of lengths, and with many workers the length of the longest training

E >= 90 % needs T >= 9 (c + s + w): with 64 workers and s = 60 ms the storage alone asks for T >= 64 s / 0.9 = 4.3 s.

First table: efficiency in the middle (until nothing more can be begun) and to the end, `--per-worker` trials for each
worker; the storage's load; what limits. Below it: the shortest mean training with which 64 workers are 90 % efficient
in the middle, and the fewest trials with which they are so to the end.
Second table, information: searches of `--trials` trials with the real sampler and pruner in the same virtual time.
Whoever asks while many run knows less. Shown: the best score minus that of one worker, after the same trials and after
the training seconds that one worker spends, in points with its standard error; and the training seconds of the same
trials, in those of one worker. That asynchrony costs nothing would be 0, 0 and 1.
"""

import argparse
import heapq
import json
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np
import optuna
from optuna.trial import TrialState

from search.study.pruner import GRACE, STARTUP, BehindTheBest, begun, margin
from search.study.sampler import ConditionalTPE
from search.study.space import Space
from tests.benchmarks.curve_bank import BANK, Bank, load_banks
from tests.benchmarks.strategies import _coordinates, _next, _quiet

WORKERS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
ENOUGH: Final = 0.9
AT: Final = 64


@dataclass(frozen=True)
class Costs:
    """Seconds of a trial that are no training."""

    ask: float
    report: float
    tell: float
    """These hold the storage."""
    sampler: float
    """This holds the worker alone."""


COSTS: Final = {
    "sqlite": Costs(0.020, 0.002, 0.015, 0.040),
    "postgresql": Costs(0.002, 0.0002, 0.001, 0.120),
    "grpc": Costs(0.020, 0.004, 0.012, 0.120),
}
"""Round numbers for one processor each, not measured; flags replace them. Serial of SQLite is its write lock; of
PostgreSQL the row of the study, which a new trial locks; of the proxy all that its one Python process does."""


@dataclass(frozen=True)
class Trainings:
    """Curves (best so far) and how long their steps take, in seconds."""

    curves: tuple[np.ndarray, ...]
    seconds: np.ndarray
    """Of one step of each."""
    class_sizes: tuple[int, ...]
    steps_per_epoch: int

    @property
    def mean(self) -> float:
        """Of a training in full."""
        return float(np.mean([len(c) * s for c, s in zip(self.curves, self.seconds, strict=True)]))

    def lasting(self, seconds: float) -> "Trainings":
        """The same with that mean."""
        return replace(self, seconds=self.seconds * seconds / self.mean)


def trainings(bank: Bank, path: Path) -> Trainings:
    lines = [json.loads(line) for line in path.open(encoding="utf-8")]
    rows = sorted((r for r in lines if r["data"] == bank.data and "curve" in r), key=lambda row: row["number"])
    each = np.array([row["seconds"] / len(row["curve"]) for row in rows])
    return Trainings(tuple(map(np.maximum.accumulate, bank.curves)), each, bank.class_sizes, bank.steps_per_epoch)


class Storage:
    """One after another, in virtual time."""

    def __init__(self) -> None:
        self._free = 0.0
        self.busy = 0.0

    def take(self, now: float, seconds: float) -> float:
        """Seconds until it is done."""
        self._free = max(now, self._free) + seconds
        self.busy += seconds
        return self._free - now


@dataclass(frozen=True)
class Ran:
    """A simulated search."""

    trained: float
    """Seconds, of all workers together."""
    middle: float
    """Efficiency until the last trial was begun."""
    whole: float
    load: float
    """Share of the middle in which the storage was busy."""
    trained_each: float
    """Mean seconds of a training, cut short or not."""
    rate: float
    """Trials a second in the middle."""


def simulate(of: Trainings, costs: Costs, workers: int, trials: int, seed: int) -> Ran:
    """So many trials, drawn at random; the pruner's rule on what has finished at an earlier position."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(of.curves), size=trials)
    longest = max(map(len, of.curves))
    known = np.full((trials, longest), -np.inf)
    storage, begins, started, last_begun = Storage(), begun(of.class_sizes), 0, 0.0
    trained: list[tuple[float, float]] = []
    """When each step ended, and how long it took."""

    def worker() -> Generator[float, float, None]:
        nonlocal started, last_begun
        now = yield 0.0
        while started < trials:
            position, last_begun = started, now
            started += 1
            curve, each = of.curves[drawn[position]], float(of.seconds[drawn[position]])
            now = yield storage.take(now, costs.ask)
            now = yield costs.sampler
            best: np.ndarray | None = None
            shown = np.full(longest, -np.inf)
            for step, value in enumerate(curve, start=1):
                now = yield each
                trained.append((now, each))
                shown[step - 1] = value
                now = yield storage.take(now, costs.report)
                if best is None:  # it looks once
                    others = known[:position]
                    enough = int(np.isfinite(others[:, 0]).sum()) >= STARTUP
                    best = np.maximum.accumulate(others.max(axis=0)) if enough else np.full(longest, -np.inf)
                epoch = step / of.steps_per_epoch
                behind = best[step - 1] > -np.inf and value < best[step - 1] - margin(
                    float(best[step - 1]), epoch, of.class_sizes
                )
                if step < len(curve) and behind and not (epoch <= GRACE and value < begins):
                    break
            now = yield storage.take(now, costs.tell)
            known[position] = shown

    ends = run([worker() for _ in range(workers)])
    middle = sum(min(seconds, max(0.0, seconds - (moment - last_begun))) for moment, seconds in trained)
    total = sum(seconds for _, seconds in trained)
    finished = trials - workers
    busy = storage.busy * finished / trials
    return Ran(
        trained=total,
        middle=middle / (workers * last_begun),
        whole=total / (workers * ends),
        load=busy / last_begun,
        trained_each=total / trials,
        rate=finished / last_begun,
    )


def run(workers: Sequence[Generator[float, float, None]]) -> float:
    """Let them go on in virtual time; the moment at which the last one ends."""
    queue = [(next(worker), number, worker) for number, worker in enumerate(workers)]
    heapq.heapify(queue)
    now = 0.0
    while queue:
        now, number, worker = heapq.heappop(queue)
        try:
            heapq.heappush(queue, (now + worker.send(now), number, worker))
        except StopIteration:
            continue
    return now


def limit(ran: Ran, costs: Costs, steps: float) -> str:
    """What takes most of what is not training."""
    if ran.load >= ENOUGH:
        return "storage"
    if ran.whole >= ENOUGH:
        return "nothing"
    if ran.middle >= ENOUGH:
        return "the last trials"
    serial = costs.ask + costs.tell + steps * costs.report
    return "sampler" if costs.sampler > serial / (1 - ran.load) else "storage"


# ------------------------------------------------------------------------------------------------ information


def informed(bank: Bank, of: Trainings, costs: Costs, trials: int, one: tuple[int, int]) -> list[tuple[float, float]]:
    """A search with the real sampler and pruner: (training seconds spent by all, best score) as each trial ends.

    Args:
        bank: what can be drawn; each configuration once.
        of: the same as trainings.
        costs: beside them.
        trials: in all.
        one: workers and seed.
    """
    workers, seed = one
    study = optuna.create_study(study_name=f"{workers} {seed}", direction="maximize")
    space, rng = Space(bank.fixed, bank.distributions), np.random.default_rng(seed)
    there = np.stack([_coordinates(bank, params) for params in bank.params])
    left = np.ones(len(bank.curves), dtype=bool)
    queue = list(range(bank.known_good))
    left[: bank.known_good] = False
    storage, begins, spent, best, found = Storage(), 0, 0.0, 0.0, list[tuple[float, float]]()

    def worker() -> Generator[float, float, None]:
        nonlocal begins, spent, best
        sampler, pruner = ConditionalTPE(seed), BehindTheBest(bank.class_sizes, bank.steps_per_epoch)
        now = yield 0.0
        while begins < min(trials, len(bank.curves)):
            begins += 1
            now = yield storage.take(now, costs.ask)
            study.sampler = sampler
            index = queue.pop(0) if queue else _next(bank, study, space, there, left, rng, at_random=False)
            left[index] = False
            study.enqueue_trial(bank.params[index])
            trial = study.ask()
            space.sample(trial)
            now = yield costs.sampler
            curve, state = of.curves[index], TrialState.COMPLETE
            for step, value in enumerate(curve, start=1):
                now = yield float(of.seconds[index])
                spent += float(of.seconds[index])
                trial.report(float(value), step)
                now = yield storage.take(now, costs.report)
                frozen = study._storage.get_trial(trial._trial_id)
                if step < len(curve) and pruner.prune(study, frozen):
                    state = TrialState.PRUNED
                    break
            study.tell(trial, None if state == TrialState.PRUNED else float(curve[-1]), state=state)
            best = max(best, float(curve[-1]) if state == TrialState.COMPLETE else 0.0)
            found.append((spent, best))
            now = yield storage.take(now, costs.tell)

    run([worker() for _ in range(workers)])
    return found


def _best_at(found: Sequence[tuple[float, float]], budget: float) -> float:
    return max((best for spent, best in found if spent <= budget), default=0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=list(WORKERS))
    parser.add_argument("--storage", choices=list(COSTS), default="sqlite", help="whose costs are assumed")
    parser.add_argument("--ask-ms", type=float, help="instead of what is assumed")
    parser.add_argument("--report-ms", type=float, help="instead of what is assumed")
    parser.add_argument("--tell-ms", type=float, help="instead of what is assumed")
    parser.add_argument("--sampler-ms", type=float, help="instead of what is assumed")
    parser.add_argument("--minutes", type=float, default=1.0, help="of a training in full, on average; 0: as recorded")
    parser.add_argument("--per-worker", type=int, default=20, help="trials for each worker, in the first table")
    parser.add_argument("--trials", type=int, default=150, help="in all, in the second")
    parser.add_argument("--replays", type=int, default=10, help="of each search in the second; 0 leaves it out")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    given = {
        name: getattr(args, f"{name}_ms") / 1000
        for name in ("ask", "report", "tell", "sampler")
        if getattr(args, f"{name}_ms") is not None
    }
    costs = replace(COSTS[args.storage], **given)
    print(
        f"{args.storage}: milliseconds of the storage {1000 * costs.ask:g} to ask, {1000 * costs.report:g} a report, "
        f"{1000 * costs.tell:g} to tell; of the worker {1000 * costs.sampler:g}; seed {args.seed}"
    )
    for bank in load_banks(BANK):
        recorded = trainings(bank, BANK)
        of = recorded.lasting(60 * args.minutes) if args.minutes else recorded
        _print_efficiency(bank, of, recorded.mean, costs, args)
        if args.replays:
            _print_information(bank, of, costs, args)


def _print_efficiency(bank: Bank, of: Trainings, recorded: float, costs: Costs, args: argparse.Namespace) -> None:
    steps = float(np.mean([len(curve) for curve in of.curves]))
    print(
        f"\n{bank.data}: {len(of.curves)} trainings of {of.mean:.1f} s on average ({recorded:.1f} as recorded), "
        f"{args.per_worker} trials a worker"
    )
    print(f"{'workers':>8}{'middle':>9}{'to the end':>12}{'trials/s':>10}{'storage busy':>14}{'on paper':>10}  limits")
    for workers in args.workers:
        ran = simulate(of, costs, workers, workers * args.per_worker, args.seed)
        s = costs.ask + costs.tell + steps * costs.report * ran.trained_each / of.mean
        paper = _on_paper(ran.trained_each, costs.sampler, s, workers)
        print(
            f"{workers:>8}{ran.middle:>9.1%}{ran.whole:>12.1%}{ran.rate:>10.2f}{ran.load:>14.1%}{paper:>10.1%}  "
            f"{limit(ran, costs, steps)}"
        )

    def enough(seconds: float) -> bool:
        return simulate(of.lasting(seconds), costs, AT, AT * args.per_worker, args.seed).middle >= ENOUGH

    low, high = 0.01, 3600.0
    while high / low > 1.05:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if enough(middle) else (middle, high)
    print(f"{AT} workers are {ENOUGH:.0%} efficient in the middle from trainings of {high:.2g} s (in full) on")
    for each in (10, 20, 40, 80, 160):
        if (whole := simulate(of, costs, AT, AT * each, args.seed).whole) >= ENOUGH:
            print(f"{AT} workers are {whole:.0%} efficient to the end with {AT * each:,} trials of {of.mean:.0f} s")
            break


def _on_paper(trained: float, own: float, serial: float, workers: int) -> float:
    cycle = trained + own + serial
    load = workers * serial / cycle
    if load >= 1:
        return trained / (workers * serial)
    return min(trained / (cycle + serial * load / (2 * (1 - load))), trained / (workers * serial))


def _print_information(bank: Bank, of: Trainings, costs: Costs, args: argparse.Namespace) -> None:
    asked = [(workers, args.seed + seed) for workers in args.workers for seed in range(args.replays)]
    with ProcessPoolExecutor(args.processes, get_context("spawn"), _quiet) as pool:
        found = dict(zip(asked, pool.map(partial(informed, bank, of, costs, args.trials), asked), strict=True))
    first = args.workers[0]
    seeds = range(args.seed, args.seed + args.replays)
    budget = {seed: found[first, seed][-1][0] for seed in seeds}
    print(f"{args.trials} trials, {args.replays} replays; beside {first} worker: best score, training spent")
    print(f"{'workers':>8}{'same trials':>18}{'same seconds':>18}{'spent':>8}")
    for workers in args.workers:
        by_trials = [100 * (found[workers, s][-1][1] - found[first, s][-1][1]) for s in seeds]
        by_seconds = [100 * (_best_at(found[workers, s], budget[s]) - found[first, s][-1][1]) for s in seeds]
        spent = np.mean([found[workers, s][-1][0] / budget[s] for s in seeds])
        shown = [f"{np.mean(v):+.2f} +- {np.std(v) / max(1, len(v) - 1) ** 0.5:.2f}" for v in (by_trials, by_seconds)]
        print(f"{workers:>8}{shown[0]:>18}{shown[1]:>18}{spent:>8.2f}")


if __name__ == "__main__":
    main()

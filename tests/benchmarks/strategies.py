"""Search strategies replayed on the curve bank: what they find, what it costs, and whom they kill.

    python -m tests.benchmarks.strategies --replays 200 --workers 2
    python -m tests.benchmarks.strategies --replays 200 --workers 2 --only "ours (known-good, conditional TPE)"
    python -m tests.benchmarks.strategies --replays 200 --workers 2 --whole-epochs       # one scoring an epoch

Nothing is trained: a strategy asks for a configuration and is shown, step by step, the best macro-F1 so far of the one
in `curves.jsonl`. Samplers and pruners are the real ones. A random strategy draws from the bank; what TPE proposes is
moved to the nearest configuration that was not tried yet, which costs it some of its skill, ours and Optuna's alike.

First table: fifty trials each. Saved: epochs not trained, of those that the same trials would have in full. Killed: how
often the trial was stopped that would have won; what the search lost by it stands beside it, in points.
Second table: the best completed trial after so many epochs, median over the replays, and the epochs after which that
median reaches what fifty random trials in full reach.
Third table: an end when more trials are unlikely to pay (`run --patience`), in searches of 120 trials.
"""

import argparse
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import TrialState

from search.study.pruner import BehindTheBest
from search.study.sampler import ConditionalTPE
from search.study.space import Space
from search.study.stopping import plateau
from tests.benchmarks.curve_bank import BANK, Bank, load_banks

TRIALS = 50
LONG = 120
PATIENCES = (10, 20, 30, 40)


@dataclass(frozen=True)
class Strategy:
    """How a search is arranged."""

    name: str
    pruner: Callable[[Bank], BasePruner]
    sampler: Callable[[int], BaseSampler] | None = None
    """From a seed; None draws from the bank at random."""
    known_good: bool = False


def _full(bank: Bank) -> BasePruner:
    return NopPruner()


def _median(bank: Bank) -> BasePruner:
    return MedianPruner()


def _halving(bank: Bank) -> BasePruner:
    return SuccessiveHalvingPruner()


def _hyperband(bank: Bank) -> BasePruner:
    return HyperbandPruner(max_resource=max(map(len, bank.curves)))


def _behind(bank: Bank) -> BasePruner:
    return BehindTheBest(bank.class_sizes, bank.steps_per_epoch)


def _tpe(seed: int) -> BaseSampler:
    return TPESampler(seed=seed)


STRATEGIES = (
    Strategy("random, in full", _full),
    Strategy("random, Optuna's MedianPruner", _median),
    Strategy("random, successive halving", _halving),
    Strategy("random, Hyperband", _hyperband),
    Strategy("random, ours", _behind),
    Strategy("Optuna's defaults (TPE, MedianPruner)", _median, _tpe),
    Strategy("the same after known-good settings", _median, _tpe, known_good=True),
    Strategy("TPE, Hyperband", _hyperband, _tpe),
    Strategy("known-good settings, random, ours", _behind, known_good=True),
    Strategy("ours (known-good, conditional TPE)", _behind, ConditionalTPE, known_good=True),
)


@dataclass(frozen=True)
class Replay:
    """What happened."""

    spent: np.ndarray
    """Epochs trained after each trial, float [N]."""
    best: np.ndarray
    """Best completed trial after each trial, float [N]."""
    saved: float
    killed: bool
    lost: float


def replay(bank: Bank, strategy: Strategy, seed: int, trials: int) -> Replay:
    """One search of so many trials."""
    sampler = None if strategy.sampler is None else strategy.sampler(seed)
    study = optuna.create_study(
        study_name=f"replay {seed}", direction="maximize", sampler=sampler, pruner=strategy.pruner(bank)
    )
    space = Space(bank.fixed, bank.distributions)
    rng = np.random.default_rng(seed)
    queue = list(range(bank.known_good)) if strategy.known_good else []
    there = np.stack([_coordinates(bank, params) for params in bank.params])
    left = np.ones(len(bank.curves), dtype=bool)
    left[: bank.known_good] = False
    spent, best, chosen, killed = [], [], [], []
    for _ in range(trials):
        index = queue.pop(0) if queue else _next(bank, study, space, there, left, rng, strategy.sampler is None)
        left[index] = False
        study.enqueue_trial(bank.params[index])
        trial = study.ask()
        space.sample(trial)
        curve = np.maximum.accumulate(bank.curves[index])
        state = TrialState.COMPLETE
        for step, value in enumerate(curve, start=1):
            trial.report(float(value), step)
            if step < len(curve) and trial.should_prune():
                state = TrialState.PRUNED
                break
        study.tell(trial, None if state == TrialState.PRUNED else float(curve[-1]), state=state)
        chosen.append(index)
        killed.append(state == TrialState.PRUNED)
        spent.append(step / bank.steps_per_epoch)
        completed = float(curve[-1]) if state == TrialState.COMPLETE else 0.0
        best.append(max(completed, best[-1] if best else 0.0))
    finals = np.array([bank.curves[index].max() for index in chosen])
    in_full = sum(len(bank.curves[index]) for index in chosen) / bank.steps_per_epoch
    winners = np.flatnonzero(finals == finals.max())
    return Replay(
        spent=np.cumsum(spent),
        best=np.array(best),
        saved=1 - sum(spent) / in_full,
        killed=all(killed[winner] for winner in winners),
        lost=float(finals.max() - best[-1]),
    )


def _next(
    bank: Bank,
    study: optuna.Study,
    space: Space,
    there: np.ndarray,
    left: np.ndarray,
    rng: np.random.Generator,
    at_random: bool,
) -> int:
    if at_random:
        return int(rng.choice(np.flatnonzero(left)))
    proposal = study.ask()
    space.sample(proposal)
    point = _coordinates(bank, proposal.params)
    study.tell(proposal, state=TrialState.FAIL)  # the samplers look at finished trials only
    apart = np.abs(there - point)
    apart[np.isnan(there) != np.isnan(point)] = 1.0  # a parameter that only one of them has
    distance = np.nansum(apart, axis=1)
    distance[~left] = np.inf
    return int(distance.argmin())


def _coordinates(bank: Bank, params: dict[str, object]) -> np.ndarray:
    """A configuration as a point: one coordinate in [0, 1] for a range, one for each choice (0 or a half), NaN for what
    it does not have."""
    point: list[float] = []
    for name, distribution in bank.distributions.items():
        value = params.get(name)
        if isinstance(distribution, CategoricalDistribution):
            choices = distribution.choices
            point += [np.nan if value is None else 0.5 * (value == choice) for choice in choices]
            continue
        assert isinstance(distribution, IntDistribution | FloatDistribution)
        if value is None:
            point.append(np.nan)
            continue
        assert isinstance(value, int | float)
        scale = np.log if distribution.log else float
        low, high = scale(distribution.low), scale(distribution.high)
        point.append(float((scale(value) - low) / (high - low)))
    return np.array(point)


def _at(replays: list[Replay], epochs: float) -> float:
    """Median of the best completed trial once so many epochs are spent; trials that are not finished do not count."""
    found = []
    for one in replays:
        done = int(np.searchsorted(one.spent, epochs, side="right"))
        found.append(one.best[done - 1] if done else 0.0)
    return float(np.median(found))


def main() -> None:
    parser = argparse.ArgumentParser(description="Replay search strategies on the curve bank")
    parser.add_argument("--bank", type=Path, default=BANK)
    parser.add_argument("--replays", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", choices=[strategy.name for strategy in STRATEGIES[1:]], help="beside the first")
    parser.add_argument(
        "--whole-epochs",
        action="store_true",
        help="as if rows were scored once an epoch: fewer reports and checkpoints",
    )
    arguments = parser.parse_args()
    wanted = [strategy for strategy in STRATEGIES if arguments.only in (None, strategy.name)]
    with ProcessPoolExecutor(arguments.workers, get_context("spawn"), _quiet) as pool:
        for bank in load_banks(arguments.bank):
            if arguments.whole_epochs:
                bank = _in_whole_epochs(bank)
            ran = {
                strategy.name: list(
                    pool.map(partial(replay, bank, strategy, trials=TRIALS), range(arguments.replays), chunksize=10)
                )
                for strategy in dict.fromkeys((STRATEGIES[0], *wanted))
            }
            _print(bank, ran)
            if STRATEGIES[-1] not in wanted:
                continue
            long = partial(replay, bank, STRATEGIES[-1], trials=LONG)
            _print_patience(bank, list(pool.map(long, range(arguments.replays // 4), chunksize=5)))


def _in_whole_epochs(bank: Bank) -> Bank:
    """As if the validation rows were scored once an epoch."""
    each = bank.steps_per_epoch
    return replace(bank, curves=tuple(curve[each - 1 :: each] for curve in bank.curves), steps_per_epoch=1)


def _print(bank: Bank, ran: dict[str, list[Replay]]) -> None:
    random = ran["random, in full"]
    target = float(np.median([one.best[-1] for one in random]))
    cost = float(np.median([one.spent[-1] for one in random]))
    print(f"\n{bank.data}: {len(bank.curves)} configurations; fifty random trials in full reach {100 * target:.1f}")
    print(f"with {cost:.0f} epochs. Columns: saved, killed, lost; then the best after that share of the epochs;")
    print("then the share after which the median reaches the same")
    shares = (1 / 16, 1 / 8, 1 / 4, 1 / 2)
    print(
        f"{'':40}{'saved':>7}{'killed':>8}{'lost':>6}   "
        + "".join(f"{share:>7.0%}" for share in shares)
        + f"{'same':>8}"
    )
    for name, replays in ran.items():
        saved = np.mean([one.saved for one in replays])
        killed = np.mean([one.killed for one in replays])
        lost = np.mean([one.lost for one in replays])
        at = "".join(f"{100 * _at(replays, share * cost):>7.1f}" for share in shares)
        grid = np.arange(1, cost + 1)
        reached = next((f"{epochs / cost:.0%}" for epochs in grid if _at(replays, epochs) >= target), "never")
        print(f"{name:40}{saved:>7.0%}{killed:>8.1%}{100 * lost:>6.2f}   {at}{reached:>8}")


def _print_patience(bank: Bank, replays: list[Replay]) -> None:
    print(f"ours, {LONG} trials: with a patience of so many, the trials after which it stops, and points lost (mean)")
    for patience in PATIENCES:
        stops = [_stop(one, patience, bank.class_sizes) for one in replays]
        lost = [100 * (one.best[-1] - one.best[stop - 1]) for one, stop in zip(replays, stops, strict=True)]
        share = np.mean([one.spent[stop - 1] / one.spent[-1] for one, stop in zip(replays, stops, strict=True)])
        print(f"{patience:>6}{np.median(stops):>8.0f} trials{share:>6.0%} of the epochs{np.mean(lost):>8.2f} points")


def _stop(one: Replay, patience: int, class_sizes: Sequence[int]) -> int:
    trials = [optuna.trial.create_trial(value=float(best)) for best in one.best]
    after = range(1, len(trials) + 1)
    return next((n for n in after if plateau(trials[:n], patience, class_sizes)), len(trials))


def _quiet() -> None:
    import warnings

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)


if __name__ == "__main__":
    main()

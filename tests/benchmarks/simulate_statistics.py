"""What the statistics promise, against known truth: coverage, false findings, power, and what early looks save.

    python -m tests.benchmarks.simulate_statistics                 # everything; 4,000 comparisons a setting
    python -m tests.benchmarks.simulate_statistics --number 500 --only coverage

The worlds they are drawn from are those of `tests.support.worlds` and, of searches, `tests.support.searches`.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from search.statistics import ALPHA, Looks, tuning_curve
from tests.support.policies import worst_case
from tests.support.searches import SEARCHES, as_good_as_the_chosen, choosing
from tests.support.worlds import (
    GAIN,
    WORLDS,
    World,
    added_looks,
    coverage,
    draws,
    exaggerated,
    family_wise,
    foreseen,
    power,
    spend,
    verdicts,
    winners,
)

HARD = {
    "2 pairs": World(pairs=2),
    "2 pairs, seeds decide": World(pairs=2, rows=4000, seed_sd=0.15),
    "2 pairs, rows decide": World(pairs=2, rows=300, seed_sd=0.01, class_sd=0.01),
    "3 pairs, rows decide": World(pairs=3, rows=300, seed_sd=0.01, class_sd=0.01),
    "20 % of runs collapse, 5 pairs": World(pairs=5, collapse=(0.2, 0.2)),
    "20 % of runs collapse, 10 pairs": World(collapse=(0.2, 0.2)),
    "baseline collapses 20 %, 5 pairs": World(pairs=5, collapse=(0.2, 0.0)),
    "baseline collapses 20 %, 10 pairs": World(collapse=(0.2, 0.0)),
    "baseline collapses 20 %, 20 pairs": World(pairs=20, collapse=(0.2, 0.0)),
    "baseline collapses 50 %, 5 pairs": World(pairs=5, collapse=(0.5, 0.0)),
    "80/15/5, 100 rows": World(shares=(0.8, 0.15, 0.05), rows=100),
    "50 clusters, not named": World(clusters=50, arm_row_sd=0.5),
    "24 groups, unequal, not named": World(pairs=16, rows=2000, clusters=24, unequal=True, arm_row_sd=0.4),
    "5 searches, not named": World(rows=2000, searches=5, search_sd=0.05),
    "one search": World(rows=2000, searches=1, search_sd=0.05),
}
"""Settings in which they need not."""


def bootstrap_coverage(world: World, number: int, *, resamples: int = 500) -> float:
    """The same for the percentiles of a plain bootstrap, which is not used: pairs and rows drawn together."""
    rng, gaining, covered = np.random.default_rng(1), replace(world, gains=(GAIN,)), []
    n, p = world.rows, world.pairs
    for comparison in draws(gaining, number, rng):
        k = comparison.n_classes
        weights = rng.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float32)
        scores = np.empty((2, p, resamples))
        for arm, runs in enumerate(comparison.runs):
            for pair, run in enumerate(runs):
                cells = np.eye(k * k, dtype=np.float32)[comparison.labels * k + run]
                confusion = (weights @ cells).reshape(-1, k, k)
                rivals = np.maximum(confusion.sum(axis=1) + confusion.sum(axis=2), 1)
                scores[arm, pair] = (2 * np.diagonal(confusion, axis1=1, axis2=2) / rivals).mean(axis=1)
        drawn = rng.integers(p, size=(p, resamples))
        means = np.take_along_axis(scores[1] - scores[0], drawn, axis=0).mean(axis=0)
        low, high = np.quantile(means, [0.025, 0.975])
        covered.append(low <= gaining.truth[0] <= high)
    return float(np.mean(covered))


def _print_coverage(number: int) -> None:
    print(f"\none idea, {number:,} comparisons: %         covered  improves  worse  no diff.   seed sd  error (points)")
    for name, world in (WORLDS | HARD).items():
        named = not name.endswith("not named")
        covered = coverage(world, number, named=named)
        error = next(draws(world, 1, np.random.default_rng(0))).difference().standard_error
        line = f"{name:38s} {100 * covered:8.1f}"
        if world.collapse[0] == world.collapse[1]:
            found = verdicts(world, number, named=named)
            line += "".join(f" {100 * found[word]:8.1f}" for word in ("improves", "worse", "no difference"))
        else:  # such arms are not identical, whatever the gain
            line += f"{'':27s}"
        print(f"{line}  {100 * world.sd_of_a_run:8.2f} {100 * error:6.2f}", flush=True)


def _print_family(number: int) -> None:
    print(f"\nidentical arms, 8 ideas, {number:,} comparisons: any direction, %")
    for name in ("3 pairs", "5 pairs", "5 pairs, rows decide", "10 pairs", "10 pairs, seeds decide", "20 pairs"):
        print(f"{name:34s} {100 * family_wise(WORLDS[name], number):6.1f}", flush=True)


def _print_power(number: int) -> None:
    print(f"\n10 pairs, gain of 2 seed deviations, {number:,} comparisons: found, %, one idea / among 8 that gain it")
    for seed_sd in (0.01, 0.02, 0.04, 0.08):
        for rows in (500, 2000, 8000):
            world = World(rows=rows, seed_sd=seed_sd, pair_sd=0.0, class_sd=seed_sd / 2)
            alone, gain = power(world, number)
            family, _ = power(world, max(1, number // 8), ideas=8)
            print(f"seed sd {100 * world.sd_of_a_run:4.2f}, gain {100 * gain:4.2f} points, {rows:5,} rows   "
                  f"{100 * alone:6.1f} {100 * family:6.1f}", flush=True)  # fmt: skip


def _print_looks(number: int) -> None:
    world = World(rows=5000, gains=(0.0, 0.0, 0.01, 0.02, 0.04, 0.06, 0.12, -0.04))
    settings = {
        "mixed ideas": world,
        "mixed ideas, 1,000 rows": replace(world, rows=1000),
        "all identical": replace(world, gains=(0.0,) * 8),
        "all identical, 1,000 rows": replace(world, rows=1000, gains=(0.0,) * 8),
        "one idea, identical": replace(world, gains=(0.0,)),
        "one idea, large gain": replace(world, gains=(0.12,)),
        "one idea, small gain": replace(world, gains=(0.03,)),
    }
    ways = {
        "10 pairs": Looks.at((10,)),
        "20 pairs": Looks.at((20,)),
        "5, 10, 20": Looks.at((5, 10, 20)),
        "5, 10, 20, never futile": replace(Looks.at((5, 10, 20)), futile=0.0),
    }
    print(f"\n{number:,} comparisons                            trainings  any wrong  gains found  decided  covered, %")
    for name, setting in settings.items():
        print(f"{name}: gains of {', '.join(f'{100 * g:.1f}' for g in setting.truth)} points")
        for way, looks in ways.items():
            s = spend(setting, looks, number)
            print(f"    {way:36s} {s.trainings:9.1f} {100 * s.false:10.1f} {100 * s.found:12.1f} "
                  f"{100 * s.decided:8.1f} {100 * s.covered:8.1f}", flush=True)  # fmt: skip


def _print_added(number: int) -> None:
    plans = {
        "10": [[10]],
        "5, 10": [[5, 10]],
        "5, then 10": [[5], [10]],
        "5, then 10, 15, 20": [[5], [10], [15], [20]],
        "5, then 10, 15, ... 40": [[pairs] for pairs in range(5, 41, 5)],
        "5 and 10, then 20 and 40": [[5, 10], [20, 40]],
    }
    worlds = {
        name: replace(WORLDS[name], pairs=40)
        for name in ("10 pairs", "10 pairs, seeds decide", "10 pairs, rows decide")
    }
    print(f"\nlooks added where nothing was found, identical arms, one idea, {number:,} comparisons: any direction, %")
    print(f"{'':38s} {'on record':>10s} {'anew':>10s}   (in each of: {'; '.join(worlds)})")
    for name, plan in plans.items():
        on_record, anew = (
            "  ".join(f"{100 * added_looks(world, plan, number, on_record=kept):3.1f}" for world in worlds.values())
            for kept in (True, False)
        )
        print(f"{name:38s} {on_record:>16s} {anew:>16s}", flush=True)
    print(
        "\nthe same if the next number of pairs is picked by what was seen, by the best of policies: any direction, %"
    )
    print(f"{'':44s} of {ALPHA:.0%}  of a twentieth of them, in units of {ALPHA:.0%}")
    for planned, most in (([10], 4), ([8, 16], 4), ([5, 10, 20], 5), ([10, 1000], 4)):
        growths = (1.02, 1.1, 1.25, 1.6, 2.2, 4.0, 20.0, 100.0)
        whole, part = (worst_case(planned, growths, most, ALPHA / share) * share for share in (1, 20))
        name = f"{', '.join(map(str, planned))} planned, {most} looks taken"
        print(f"{name:44s} {100 * whole:5.2f}  {100 * part:5.2f}", flush=True)


def _print_winner(number: int) -> None:
    worlds = {
        "20 equal arms, 5 pairs": World(pairs=5, rows=3000, gains=(0.0,) * 19),
        "20 equal arms, 16 pairs": World(pairs=16, rows=3000, gains=(0.0,) * 19),
        "20 equal arms, 16 pairs, heavy-tailed": World(pairs=16, rows=3000, gains=(0.0,) * 19, seed_sd=0.1, heavy=True),
        "20 unequal arms, 5 pairs": World(pairs=5, rows=3000, gains=tuple(0.01 * n for n in range(19))),
        "20 equal arms, heavy-tailed seeds": World(pairs=5, rows=3000, gains=(0.0,) * 19, seed_sd=0.1, heavy=True),
    }
    print(f"\nsealed score of the arm that validation scores choose, too good by, points, {number:,} comparisons")
    print(f"{'':50s} same runs  chosen by others")
    for name, world in worlds.items():
        for looks in [[world.pairs]] if world.pairs == 5 else [[world.pairs], [3, world.pairs], [8, world.pairs]]:
            naive, corrected = winners(world, number, looks=looks)
            after = f", looks after {' and '.join(map(str, looks))}" if looks[1:] else ""
            print(f"{name + after:50s} {100 * naive:+9.2f} {100 * corrected:+17.2f}", flush=True)


def _print_exaggeration(number: int) -> None:
    print(f"\ntrue gains that were found, one idea, {number:,} comparisons, points: power, truth, seen, left, errors")
    for name in ("5 pairs", "10 pairs", "10 pairs, rows decide"):
        for gain in (0.02, 0.05, 0.1, 0.2):
            f = exaggerated(replace(WORLDS[name], gains=(gain,)), number)
            print(f"{name:24s} {100 * f.power:6.1f} % {100 * f.truth:7.2f} {100 * f.seen:7.2f} {100 * f.left:7.2f}   "
                  f"{100 * f.error_seen:6.2f} {100 * f.error_left:6.2f}", flush=True)  # fmt: skip


def _print_sight(number: int) -> None:
    print(
        f"\nthe smallest difference that is said to be found in 80 %, alone, {number:,} comparisons: points, found, %"
    )
    for name in ("5 pairs", "10 pairs", "10 pairs, seeds decide", "10 pairs, rows decide", "200 clusters, 20 pairs"):
        target, found = foreseen(WORLDS[name], number)
        print(f"{name:38s} {100 * target:8.2f} {100 * found:8.1f}", flush=True)


def _print_bootstrap(number: int) -> None:
    print(f"\nplain bootstrap of pairs and rows together, 95 % percentiles, {number:,} comparisons: covered, %")
    for name in ("3 pairs", "5 pairs", "5 pairs, seeds decide", "5 pairs, rows decide", "10 pairs", "20 pairs"):
        print(f"{name:38s} {100 * bootstrap_coverage(WORLDS[name], number):8.1f}", flush=True)


def _print_choosing(number: int) -> None:
    print(
        f"\n{number:,} searches, in points and %"
        f"  luck   bias  error  width  covered | difference: bias  covered    false"
    )
    for name, world in SEARCHES.items():
        c = choosing(as_good_as_the_chosen(world), number)
        print(f"{name:32s} {100 * c.luck:6.2f} {100 * c.bias:+6.2f} {100 * c.error:6.2f} {100 * c.width:6.2f} "
              f"{100 * c.covered:8.1f} | {100 * c.difference_bias:+16.2f} {100 * c.difference_covered:8.1f} "
              f"{100 * c.false:8.1f}", flush=True)  # fmt: skip


def curve_coverage(trials: int, number: int, *, confidence: float = 0.95) -> float:
    """Share of bands that hold the whole true curve of uniform scores."""
    rng, covered = np.random.default_rng(6), 0
    for seed in range(number):
        curve = tuning_curve(rng.random(trials).tolist(), confidence=confidence, draws=5_000, seed=seed)
        truth = 0.5 ** (1 / curve.trials)
        covered += bool(np.all((curve.low <= truth) & (truth <= curve.high)))
    return covered / number


def _print_curve(number: int) -> None:
    print(f"\nband of the tuning curve, 95 %, {number:,} searches: covered as a whole, %")
    for trials in (3, 5, 10, 20, 40, 200):
        print(f"{trials:3d} trials {100 * curve_coverage(trials, number):8.1f}", flush=True)


PARTS: dict[str, tuple[Callable[[int], None], float]] = {
    "coverage": (_print_coverage, 1.0),
    "family": (_print_family, 1.0),
    "power": (_print_power, 0.25),
    "looks": (_print_looks, 0.125),
    "added": (_print_added, 0.5),
    "winner": (_print_winner, 0.125),
    "exaggeration": (_print_exaggeration, 0.5),
    "sight": (_print_sight, 0.25),
    "bootstrap": (_print_bootstrap, 0.25),
    "choosing": (_print_choosing, 0.25),
    "curve": (_print_curve, 1.0),
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--number", type=int, default=4000, help="of comparisons in each setting of the first two tables"
    )
    parser.add_argument("--only", choices=PARTS, help="one table")
    arguments = parser.parse_args()
    for part, (show, fraction) in PARTS.items():
        if arguments.only in (None, part):
            show(int(arguments.number * fraction))

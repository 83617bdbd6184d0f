"""Comparisons drawn from worlds whose truth is known, and how often the statistics are right about them.

A `World` draws what a comparison sees. Its truth is no estimate: given the effects of a pair, every cell of the
confusion matrix of infinitely many rows is a formula, and so is the macro-F1; the mean over pairs is an integral over
normal variables, done on a Sobol grid.
"""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from functools import cached_property

import numpy as np
from scipy import special, stats

from search.comparison.decisions import chosen_by_others, searches_of
from search.statistics import (
    ALPHA,
    NO_DIFFERENCE,
    Difference,
    Looks,
    Noise,
    exaggeration,
    holm,
    paired_difference,
    sight,
    verdict,
)
from sentiment.metrics import macro_f1

__all__ = [
    "GAIN",
    "WORLDS",
    "Comparison",
    "Found",
    "Spent",
    "World",
    "added_looks",
    "coverage",
    "draws",
    "exaggerated",
    "family_wise",
    "foreseen",
    "look_until_decided",
    "power",
    "spend",
    "verdicts",
    "winners",
]


@dataclass(frozen=True)
class Comparison:
    """What one simulated comparison sees."""

    labels: np.ndarray
    """int [n]."""
    runs: np.ndarray
    """int [arms, P, n]: predicted classes; the baseline's come first."""
    groups: np.ndarray | None
    n_classes: int
    searches: int = 1
    """That took turns in finding the configs of the pairs."""

    def difference(self, idea: int = 1, *, pairs: int | None = None, confidence: float = 0.95) -> Difference:
        """Of an idea from the baseline, by the first `pairs` pairs."""
        baseline, run = self.runs[0, :pairs], self.runs[idea, :pairs]
        return paired_difference(
            self.labels,
            baseline,
            run,
            self.n_classes,
            groups=self.groups,
            searches=searches_of(len(run), self.searches),
            confidence=confidence,
        )


@dataclass(frozen=True)
class World:
    """Arms whose true scores are known. Deviations and gains are on the probit scale of a row being right."""

    pairs: int = 10
    rows: int = 1000
    shares: tuple[float, ...] = (0.5, 0.3, 0.2)
    """Of the classes. A wrong prediction is a common class rather than a rare one; common classes are easier."""
    gains: tuple[float, ...] = (0.0,)
    """Of each idea over the baseline."""
    pair_sd: float = 0.03
    """Of what all runs of a pair have in common (the draw of its training rows)."""
    seed_sd: float = 0.03
    """Of a single run."""
    class_sd: float = 0.02
    """Of a single run's bias towards each class."""
    row_sd: float = 0.5
    """Of a row's difficulty for everybody."""
    arm_row_sd: float = 0.3
    """Of a row's difficulty for all runs of one arm."""
    run_row_sd: float = 0.8
    """Of a row's difficulty for a single run."""
    clusters: int = 0
    """Rows of one cluster share their difficulty for an arm; 0 for rows of their own."""
    unequal: bool = False
    """Clusters differ in size, the largest ten times the smallest and more, as apps do."""
    heavy: bool = False
    """Seeds have heavy tails: Student's t with 3 degrees of freedom, of the same variance."""
    searches: int = 1
    """That found the configs of an arm, and take turns in its pairs."""
    search_sd: float = 0.0
    """Of what all runs of a search have in common: the luck of tuning."""
    collapse: tuple[float, float] = (0.0, 0.0)
    """Probability that a run of the baseline, and of an idea, predicts the first class only."""
    base: float = 0.9

    @property
    def arms(self) -> int:
        return 1 + len(self.gains)

    def draw(self, rng: np.random.Generator) -> Comparison:
        """One comparison."""
        n, p, k = self.rows, self.pairs, len(self.shares)
        labels = rng.choice(k, size=n, p=self.shares)
        groups = rng.choice(self.clusters, size=n, p=self._cluster_shares) if self.clusters else None
        of_pair, of_run = rng.standard_normal(p), rng.standard_normal((self.arms, p))
        if self.heavy:
            of_run = stats.t.ppf(special.ndtr(of_run), 3) / np.sqrt(3)
        of_run = self.seed_sd * of_run
        if self.search_sd:
            of_run += self.search_sd * rng.standard_normal((self.arms, self.searches))[:, np.arange(p) % self.searches]
        competence = self._competence(of_pair, of_run, rng.standard_normal((self.arms, p, k)))
        of_row = self.row_sd * rng.standard_normal(n)
        of_arm = self.arm_row_sd * rng.standard_normal((self.arms, self.clusters or n))
        if groups is not None:
            of_arm = of_arm[:, groups]
        noise = rng.standard_normal((self.arms, p, n), dtype=np.float32)
        right = competence[:, :, labels] + of_row + of_arm[:, None] + self.run_row_sd * noise > 0
        mistakes = self._mistakes.cumsum(axis=1)[labels]
        mistakes[:, -1] = 2.0  # rounding must not leave a row without a prediction
        wrong = (rng.random((self.arms, p, n), dtype=np.float32)[..., None] > mistakes).sum(axis=-1)
        runs = np.where(right, labels, wrong)
        collapses = np.array([self.collapse[min(arm, 1)] for arm in range(self.arms)])
        runs[rng.random((self.arms, p)) < collapses[:, None]] = 0
        return Comparison(labels, runs, groups, k, self.searches)

    @cached_property
    def truth(self) -> np.ndarray:
        """float [ideas]: macro-F1 of each idea minus that of the baseline, over all pairs and infinitely many rows."""
        ideas = [self._expected(gain, self.collapse[1]) for gain in self.gains]
        return np.array(ideas) - self._expected(0.0, self.collapse[0])

    @cached_property
    def sd_of_a_run(self) -> float:
        """Standard deviation of a run's macro-F1 over seeds, on infinitely many rows: the seed noise."""
        return float(self._macro_f1_of(0.0).std())

    def expected(self, gain: float) -> float:
        """Macro-F1 of an arm with this gain, over all pairs and infinitely many rows."""
        return self._expected(gain, self.collapse[1])

    @property
    def _cluster_shares(self) -> np.ndarray:
        sizes = np.geomspace(1, 15, self.clusters) if self.unequal else np.ones(self.clusters)
        return np.asarray(sizes / sizes.sum())

    def _expected(self, gain: float, collapse: float) -> float:
        sound = float(self._macro_f1_of(gain).mean())
        collapsed = 2 * self.shares[0] / (1 + self.shares[0]) / len(self.shares)
        return (1 - collapse) * sound + collapse * collapsed

    def _macro_f1_of(self, gain: float) -> np.ndarray:
        k = len(self.shares)
        normal = stats.norm.ppf(stats.qmc.Sobol(2 + k, seed=0).random(2**16))
        of_run = normal[None, :, 1]
        if self.heavy:
            of_run = stats.t.ppf(special.ndtr(of_run), 3) / np.sqrt(3)
        alone = replace(self, gains=())
        of_run = np.hypot(self.seed_sd, self.search_sd) * of_run
        competence = alone._competence(normal[:, 0], of_run, normal[None, :, 2:])[0] + gain
        spread = np.sqrt(self.row_sd**2 + self.arm_row_sd**2 + self.run_row_sd**2)
        shares = np.array(self.shares)
        right = shares * special.ndtr(competence / spread)
        predicted = right + (shares - right) @ self._mistakes
        return np.asarray((2 * right / (shares + predicted)).mean(axis=1))

    def _competence(self, of_pair: np.ndarray, of_run: np.ndarray, of_class: np.ndarray) -> np.ndarray:
        """[arms, P, K], from standard normal [P], deviations [arms, P] and standard normal [arms, P, K]."""
        easier = 0.25 * np.log(np.array(self.shares) * len(self.shares))
        gains = np.array((0.0, *self.gains))[:, None, None]
        runs = self.pair_sd * of_pair + of_run
        return np.asarray(self.base + gains + easier + runs[..., None] + self.class_sd * of_class)

    @property
    def _mistakes(self) -> np.ndarray:
        """[K, K]: which class is predicted where the row's own is not."""
        table = np.tile(np.array(self.shares), (len(self.shares), 1))
        np.fill_diagonal(table, 0.0)
        return np.asarray(table / table.sum(axis=1, keepdims=True))


WORLDS = {
    "3 pairs": World(pairs=3),
    "4 pairs": World(pairs=4),
    "5 pairs": World(pairs=5),
    "5 pairs, seeds decide": World(pairs=5, rows=4000, seed_sd=0.15),
    "5 pairs, rows decide": World(pairs=5, rows=300, seed_sd=0.01, class_sd=0.01),
    "10 pairs": World(),
    "10 pairs, biased seeds": World(class_sd=0.1),
    "10 pairs, seeds decide": World(rows=4000, seed_sd=0.15),
    "10 pairs, rows decide": World(rows=300, seed_sd=0.01, class_sd=0.01),
    "20 pairs": World(pairs=20),
    "20 pairs, rows decide": World(pairs=20, rows=300, seed_sd=0.01, class_sd=0.01),
    "rows as hard for all": World(row_sd=1.5, arm_row_sd=0.1, run_row_sd=0.3),
    "rows hard for an arm": World(row_sd=0.3, arm_row_sd=1.0, run_row_sd=0.3),
    "50 clusters": World(clusters=50, arm_row_sd=0.5),
    "200 clusters, 20 pairs": World(pairs=20, rows=2000, clusters=200, arm_row_sd=0.5),
    "shares 80/15/5": World(shares=(0.8, 0.15, 0.05)),
    "shares 80/15/5, 300 rows": World(shares=(0.8, 0.15, 0.05), rows=300),
    "shares 80/15/5, 5 pairs": World(shares=(0.8, 0.15, 0.05), pairs=5),
    "two classes, 90/10": World(shares=(0.9, 0.1)),
    "shares 80/18/2, 300 rows": World(shares=(0.8, 0.18, 0.02), rows=300),
    "24 groups, unequal": World(pairs=16, rows=2000, clusters=24, unequal=True, arm_row_sd=0.4),
    "12 groups, unequal": World(pairs=16, rows=2000, clusters=12, unequal=True, arm_row_sd=0.4),
    "5 searches": World(rows=2000, searches=5, search_sd=0.05),
    "3 searches": World(pairs=12, rows=2000, searches=3, search_sd=0.05),
    "heavy-tailed seeds": World(rows=2000, heavy=True, seed_sd=0.08),
    "five classes": World(shares=(0.4, 0.1, 0.1, 0.15, 0.25)),
}
"""Settings in which the promises hold."""

GAIN = 0.05


def coverage(world: World, number: int, *, named: bool = True) -> float:
    """Share of intervals that hold the truth, where there is a gain."""
    rng, gaining = np.random.default_rng(1), replace(world, gains=(GAIN,))
    differences = (comparison.difference() for comparison in draws(gaining, number, rng, named))
    return float(np.mean([d.low <= gaining.truth[0] <= d.high for d in differences]))


def verdicts(world: World, number: int, *, named: bool = True) -> dict[str, float]:
    """Share of each verdict on identical arms, one idea."""
    rng = np.random.default_rng(2)
    differences = (comparison.difference() for comparison in draws(replace(world, gains=(0.0,)), number, rng, named))
    words = [verdict(d, d.p_value) for d in differences]
    return {word: words.count(word) / number for word in ("improves", "worse", "no difference", "undecided")}


def family_wise(world: World, number: int, *, ideas: int = 8) -> float:
    """Share of comparisons of identical arms in which any of the ideas gets a direction."""
    rng, found = np.random.default_rng(3), 0
    for comparison in draws(replace(world, gains=(0.0,) * ideas), number, rng):
        differences = [comparison.difference(idea) for idea in range(1, ideas + 1)]
        adjusted = holm([d.p_value for d in differences])
        found += any(_direction(verdict(d, p)) for d, p in zip(differences, adjusted, strict=True))
    return found / number


def power(world: World, number: int, *, seed_sds: float = 2.0, ideas: int = 1) -> tuple[float, float]:
    """Share of true gains found, if all of `ideas` gain `seed_sds` seed deviations; and that gain, as a fraction."""
    gain = _gain_of(world, seed_sds)
    rng, found = np.random.default_rng(4), 0
    gaining = replace(world, gains=(gain,) * ideas)
    for comparison in draws(gaining, number, rng):
        differences = [comparison.difference(idea) for idea in range(1, ideas + 1)]
        adjusted = holm([d.p_value for d in differences])
        found += sum(verdict(d, p) == "improves" for d, p in zip(differences, adjusted, strict=True))
    return found / number / ideas, float(gaining.truth[0])


@dataclass(frozen=True)
class Spent:
    """What a way of looking cost and found, in a mean comparison."""

    trainings: float
    """Of the baseline and all ideas."""
    false: float
    """Share of comparisons with any wrong direction."""
    found: float
    """Share of true gains above the region that were called "improves"."""
    decided: float
    """Share of ideas that did not stay undecided."""
    covered: float
    """Share of last intervals that hold the truth."""


def spend(world: World, looks: Looks, number: int) -> Spent:
    """Compare all ideas of a world by a way of looking."""
    rng, rows = np.random.default_rng(5), []
    world = replace(world, pairs=looks.pairs[-1])
    truth = world.truth
    for comparison in draws(world, number, rng):
        words, last, trainings = look_until_decided(comparison, looks, len(world.gains))
        wrong = [
            (word == "improves" and true <= 0) or (word == "worse" and true >= 0)
            for word, true in zip(words, truth, strict=True)
        ]
        gains = [word == "improves" for word, true in zip(words, truth, strict=True) if true > NO_DIFFERENCE]
        covered = [d.low <= true <= d.high for d, true in zip(last, truth, strict=True)]
        decided = np.mean([word != "undecided" for word in words])
        rows.append((trainings, any(wrong), np.mean(gains) if gains else np.nan, decided, np.mean(covered)))
    return Spent(*np.mean(rows, axis=0).tolist())


def look_until_decided(comparison: Comparison, looks: Looks, ideas: int) -> tuple[list[str], list[Difference], int]:
    """The rule that `Looks` is made for: verdicts, last differences, and trainings spent."""
    p_values: list[list[float]] = [[] for _ in range(ideas)]
    differences: list[Difference] = [comparison.difference(1, pairs=2)] * ideas
    words, stopped, trainings = ["undecided"] * ideas, [False] * ideas, 0
    for look, pairs in enumerate(looks.pairs):
        active = [idea for idea in range(ideas) if not stopped[idea]]
        if not active:
            break
        trainings += (len(active) + 1) * (pairs - (looks.pairs[look - 1] if look else 0))
        for idea in active:
            differences[idea] = comparison.difference(idea + 1, pairs=pairs, confidence=looks.confidence(look))
            p_values[idea].append(differences[idea].p_value)
        adjusted = holm([looks.p_value(p) for p in p_values])
        for idea in range(ideas):
            words[idea] = verdict(differences[idea], adjusted[idea])
        open_ideas = words.count("undecided")
        for idea in active:
            stopped[idea] = words[idea] != "undecided" or not looks.worth_more(
                differences[idea], look, ideas=open_ideas
            )
    return words, differences, trainings


def added_looks(world: World, plans: Sequence[Sequence[int]], number: int, *, on_record: bool = True) -> float:
    """Share of comparisons of identical arms, one idea, that get a direction where whoever sees none plans more looks.

    Args:
        world: to draw from; as many pairs as the last look has.
        plans: pairs at each look of each plan; the next is made where the ones before found nothing.
        number: of comparisons.
        on_record: whether what was spent before counts; or each plan begins anew, as if it were the first.
    """
    looks: list[Looks] = []
    for plan in plans:
        looks.append(Looks.at(plan, looks[-1] if looks and on_record else None))
    rng, found = np.random.default_rng(6), 0
    for comparison in draws(replace(world, gains=(0.0,), pairs=looks[-1].pairs[-1]), number, rng):
        found += any(_crosses(comparison, planned) for planned in looks)
    return found / number


def _crosses(comparison: Comparison, looks: Looks) -> bool:
    return looks.p_value([comparison.difference(pairs=pairs).p_value for pairs in looks.pairs]) < ALPHA


def winners(
    world: World, number: int, *, validation_rows: int = 1000, looks: Sequence[int] | None = None
) -> tuple[float, float]:
    """By how much the sealed score of the arm with the best validation score is too good, as a fraction: the mean of
    the very runs that chose it, and of runs that others chose.

    The arms are the baseline and the ideas of `world`; an arm's truth is its expected score. With `looks`, the arms
    that the first chooses get the pairs of the second, and so on; without, all get all pairs.
    """
    truth = np.array([world.expected(gain) for gain in (0.0, *world.gains)])
    both = replace(world, rows=validation_rows + world.rows)
    rng, naive, corrected = np.random.default_rng(7), [], []
    for comparison in draws(both, number, rng):
        validation, sealed = (
            np.array(
                [
                    [macro_f1(comparison.labels[part], run[part], comparison.n_classes) for run in arm]
                    for arm in comparison.runs
                ]
            )
            for part in (slice(validation_rows), slice(validation_rows, None))
        )
        by_arm = {str(arm): scores for arm, scores in enumerate(validation)}
        *_, contenders, chosen = [list(by_arm), *chosen_by_others(by_arm, looks or [world.pairs])]
        best = max((int(arm) for arm in set(contenders)), key=lambda arm: validation[arm].mean())
        naive.append(sealed[best].mean() - truth[best])
        corrected.append(np.mean([sealed[int(arm), pair] - truth[int(arm)] for pair, arm in enumerate(chosen)]))
    return float(np.mean(naive)), float(np.mean(corrected))


@dataclass(frozen=True)
class Found:
    """What true gains looked like where they were found, as fractions."""

    truth: float
    power: float
    seen: float
    """Mean of the differences that were found."""
    left: float
    """Mean of what is left of them without their probable exaggeration."""
    error_seen: float
    error_left: float
    """Root mean square errors of both."""


def exaggerated(world: World, number: int) -> Found:
    """How much a finding is exaggerated, one idea, and how much of that is known."""
    truth, rng = float(world.truth[0]), np.random.default_rng(8)
    differences = [comparison.difference() for comparison in draws(world, number, rng)]
    found = [d for d in differences if d.p_value < ALPHA and d.mean > 0]
    seen = np.array([d.mean for d in found])
    left = seen - [exaggeration(d, ALPHA) for d in found]
    errors = (float(np.sqrt(np.mean(np.square(kind - truth)))) for kind in (seen, left))
    return Found(truth, len(found) / number, float(seen.mean()), float(left.mean()), *errors)


def foreseen(world: World, number: int) -> tuple[float, float]:
    """The smallest difference that `sight` says is found in 80 %, as a fraction, and in what share it is found.

    The noise is what comparisons of this kind had before.
    """
    rng = np.random.default_rng(9)
    past = [astuple(Noise.of(comparison.difference())) for comparison in draws(replace(world, gains=(GAIN,)), 300, rng)]
    noise = Noise(*np.mean(past, axis=0).tolist())
    target = sight(noise, pairs=world.pairs, rows=world.clusters or world.rows).found
    gaining = replace(world, gains=(_gain_to(world, target),))
    found = sum(comparison.difference().p_value < ALPHA for comparison in draws(gaining, number, rng))
    return target, found / number


def draws(world: World, number: int, rng: np.random.Generator, named: bool = True) -> Iterator[Comparison]:
    """So many comparisons; without their groups and searches, if those are not `named`."""
    for _ in range(number):
        comparison = world.draw(rng)
        yield comparison if named else replace(comparison, groups=None, searches=1)


def _direction(word: str) -> bool:
    return word in ("improves", "worse")


def _gain_of(world: World, seed_sds: float) -> float:
    """The gain, on the probit scale, that raises the expected macro-F1 by so many seed deviations."""
    return _gain_to(world, seed_sds * world.sd_of_a_run)


def _gain_to(world: World, target: float) -> float:
    """The gain, on the probit scale, that raises the expected macro-F1 by `target`."""
    low, high = 0.0, 4.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if replace(world, gains=(middle,)).truth[0] < target else (low, middle)
    return (low + high) / 2

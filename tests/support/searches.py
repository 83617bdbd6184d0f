"""Searches drawn from worlds whose truth is known: what the chosen run scores on infinitely many rows is a formula."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy import special

from search.statistics import CorrectedScore, corrected_difference, corrected_score

__all__ = ["SEARCHES", "Choosing", "Search", "SearchWorld", "as_good_as_the_chosen", "choosing"]


@dataclass(frozen=True)
class Search:
    """What one simulated search ends with, and the truth."""

    labels: np.ndarray
    """int [n]."""
    predictions: np.ndarray
    """int [configs, n]."""
    reference: np.ndarray
    """int [n]."""
    groups: np.ndarray | None
    truth: np.ndarray
    """float [configs]: macro-F1 of each config's run on infinitely many rows."""
    reference_truth: float


@dataclass(frozen=True)
class SearchWorld:
    """Runs that are right about a row by a probit: competence for its class, the row's difficulty, their own noise."""

    configs: int = 10
    rows: int = 1000
    shares: tuple[float, ...] = (0.6, 0.33, 0.07)
    """Of the classes. A wrong prediction is a common class rather than a rare one; common classes are easier."""
    spread: float = 0.0
    """Of the configs' competence; half of it for each class alone. 0: all are equally good."""
    failing: bool = False
    """Whether competence has a long tail of configs that are much worse, as real searches have."""
    row_sd: float = 0.8
    """Of a row's difficulty for everybody."""
    run_sd: float = 0.8
    """Of a row's difficulty for one run; the reference is one more."""
    lead: float = 0.0
    """Of the reference over the mean config."""
    clusters: int = 0
    """Rows of one cluster are as difficult for everybody, and half as difficult for a run; 0 for rows of their own."""

    def draw(self, rng: np.random.Generator) -> Search:
        runs, n, k = self.configs + 1, self.rows, len(self.shares)
        shares = np.array(self.shares)
        of_config = -2 * rng.exponential(size=runs) if self.failing else rng.standard_normal(runs)
        competence = self.spread * (of_config[:, None] + 0.5 * rng.standard_normal((runs, k)))
        competence[-1] = self.lead
        competence += 0.9 + 0.25 * np.log(shares * k)
        mistakes = np.tile(shares, (k, 1))
        np.fill_diagonal(mistakes, 0.0)
        mistakes /= mistakes.sum(axis=1, keepdims=True)

        labels = rng.choice(k, size=n, p=shares)
        groups = rng.integers(self.clusters, size=n) if self.clusters else None
        of_row, of_run = rng.standard_normal(self.clusters or n), rng.standard_normal((runs, n))
        if groups is not None:
            of_row = of_row[groups]
            of_run = np.sqrt(0.5) * (of_run + rng.standard_normal((runs, self.clusters))[:, groups])
        right = competence[:, labels] + self.row_sd * of_row + self.run_sd * of_run > 0
        upto = mistakes.cumsum(axis=1)[labels]
        upto[:, -1] = 2.0  # rounding must not leave a row without a prediction
        wrong = (rng.random((runs, n))[..., None] > upto).sum(axis=-1)
        said = np.where(right, labels, wrong)

        hits = shares * special.ndtr(competence / np.hypot(self.row_sd, self.run_sd))
        truth = (2 * hits / (shares + hits + (shares - hits) @ mistakes)).mean(axis=1)
        return Search(labels, said[:-1], said[-1], groups, truth[:-1], float(truth[-1]))


RARE = (0.7, 0.28, 0.02)

SEARCHES = {
    "3 equal, 300 rows": SearchWorld(3, 300),
    "10 equal, 300 rows": SearchWorld(10, 300),
    "40 equal, 300 rows": SearchWorld(40, 300),
    "3 unequal, 300 rows": SearchWorld(3, 300, spread=0.1),
    "10 unequal, 300 rows": SearchWorld(10, 300, spread=0.1),
    "40 unequal, 300 rows": SearchWorld(40, 300, spread=0.1),
    "10 equal": SearchWorld(),
    "40 equal": SearchWorld(40),
    "10 unequal": SearchWorld(spread=0.1),
    "40 unequal": SearchWorld(40, spread=0.1),
    "40, many fail": SearchWorld(40, spread=0.3, failing=True),
    "10 unequal, 3,000 rows": SearchWorld(10, 3000, spread=0.1),
    "40 equal, 3,000 rows": SearchWorld(40, 3000),
    "40 unequal, 3,000 rows": SearchWorld(40, 3000, spread=0.1),
    "2 % rare, 10 equal, 300 rows": SearchWorld(10, 300, RARE),
    "2 % rare, 40 unequal, 300 rows": SearchWorld(40, 300, RARE, spread=0.1),
    "2 % rare, 10 unequal": SearchWorld(10, 1000, RARE, spread=0.1),
    "200 clusters, 10 unequal": SearchWorld(spread=0.1, clusters=200),
}
"""1,000 rows and 7 % of the rarest class where nothing else is said."""


@dataclass(frozen=True)
class Choosing:
    """How right the corrections are; scores as fractions."""

    luck: float
    """Mean by which the best score exceeds what the chosen run is worth."""
    bias: float
    error: float
    """Root of the mean square of corrected minus true."""
    width: float
    """Mean of the interval."""
    covered: float
    difference_bias: float
    difference_covered: float
    false: float
    """Of the searches whose chosen run is no better than the reference, the share that are told to deploy it."""


def choosing(
    world: SearchWorld,
    number: int,
    *,
    splits: int = 100,
    seed: int = 0,
    corrected: Callable[..., CorrectedScore] | None = None,
) -> Choosing:
    """Over so many searches; another `corrected` may be asked for the score."""
    corrected = corrected or partial(corrected_score, splits=splits)
    rng, rows = np.random.default_rng(seed), []
    for _ in range(number):
        search = world.draw(rng)
        seen, k, groups = (search.labels, search.predictions), len(world.shares), {"groups": search.groups}
        score = corrected(*seen, k, **(groups if world.clusters else {}))
        difference = corrected_difference(*seen, search.reference, k, splits=splits, **groups)
        true = search.truth[score.winner]
        gain = search.truth[difference.winner] - search.reference_truth
        rows.append(
            (
                score.best - true,
                score.corrected - true,
                (score.corrected - true) ** 2,
                score.high - score.low,
                score.low <= true <= score.high,
                difference.corrected - gain,
                difference.low <= gain <= difference.high,
                gain < 1e-6,
                gain < 1e-6 and difference.low > 0,
            )
        )
    luck, bias, square, *others, no_better, false = np.mean(rows, axis=0).tolist()
    return Choosing(luck, bias, square**0.5, *others, false / no_better if no_better else 0.0)


def as_good_as_the_chosen(world: SearchWorld, number: int = 200) -> SearchWorld:
    """The same with a reference that the chosen runs do not beat, on average: the lead is found by bisection."""
    rng = np.random.default_rng(1)
    searches = [world.draw(rng) for _ in range(number)]
    target = np.mean([s.truth[_best(s, len(world.shares))] for s in searches])
    low, high = -1.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        truth = (
            replace(world, configs=1, rows=2, clusters=0, lead=middle).draw(np.random.default_rng(0)).reference_truth
        )
        low, high = (middle, high) if truth < target else (low, middle)
    return replace(world, lead=(low + high) / 2)


def _best(search: Search, n_classes: int) -> int:
    return corrected_score(search.labels, search.predictions, n_classes, splits=1).winner

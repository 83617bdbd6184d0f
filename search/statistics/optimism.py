"""The score that won a search is too good: by how much, and what is left of its lead over a model nobody chose.

NOTE: `corrected_score` makes the choice again on two thirds of the rows, takes what the chosen config predicts for the
last third, does so for each third, and scores all rows so predicted: none of them chose who predicts it (nested
cross-validation of the choice, Varma & Simon 2006, "Bias in error estimation when using cross-validation for model
selection"; the mean over many splits in three). What that estimates is the run chosen with a third fewer rows, no more
than a few tenths of a point worse than the one at hand. Five or ten parts would choose more nearly as all rows do, but
all of them name the same winner where its luck is largest: the estimate then hardly corrects it, or far too much. A
bootstrap of the choice corrects too little, since its rows are drawn from scores that are lucky already: .7 of the luck
where all configs are equal (so simulated, up to 1.9 points too high).

The plug-in bias of macro-F1 itself, a ratio, is taken off to second order. The interval is Student's, from the
influence of each row on the winner's score (the infinitesimal jackknife, see `differences`), with degrees of freedom
from the influences' fourth moment (Satterthwaite), since the few rows of a rare class decide how wide it is; and what
choosing has added is itself taken for known within `UNSURE` of its size, which simulation chose. How right all this
is: `python -m tests.benchmarks.simulate_statistics --only choosing`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy

from search.statistics.crossed import Floats, effective_degrees
from search.statistics.inputs import check_classes, finite

__all__ = [
    "CorrectedCombination",
    "CorrectedDifference",
    "CorrectedScore",
    "Optimism",
    "corrected_combination",
    "corrected_difference",
    "corrected_score",
    "optimism",
]

Integers = npt.NDArray[np.integer]

PARTS: Final = 3
"""Of the rows: all but one of them choose."""
UNSURE: Final = 0.6
"""Standard deviation of what choosing has added, as a share of it."""


@dataclass(frozen=True)
class Optimism:
    """By how much the score that won a search exceeds what the winner scores afresh."""

    mean: float
    low: float
    high: float


def optimism(best_search_score: float, fresh_scores: npt.ArrayLike, *, confidence: float = 0.95) -> Optimism:
    """The winning score minus the mean of the scores [P] that the same config gets on fresh seeds.

    The winning score is taken as the fixed number that it is; Student's interval is for the mean of the fresh ones.

    Raises:
        ValueError: fewer than two fresh scores.
        NotFiniteError: a score is no number.
    """
    scores, best = finite("fresh scores", fresh_scores), float(finite("the winning score", best_search_score))
    if len(scores) < 2:
        raise ValueError(f"two fresh scores or more are needed, but got {len(scores)}")
    error = float(scores.std(ddof=1)) / math.sqrt(len(scores))
    reach = float(scipy.stats.t.ppf(0.5 + confidence / 2, len(scores) - 1)) * error
    mean = best - float(scores.mean())
    return Optimism(mean, mean - reach, mean + reach)


@dataclass(frozen=True)
class CorrectedScore:
    """What the run that won a search is worth on rows that did not choose it."""

    winner: int
    """Index of the config with the best score on all rows."""
    best: float
    """Its score on the rows that chose it."""
    corrected: float
    low: float
    high: float
    """Ends of the interval."""


@dataclass(frozen=True)
class CorrectedDifference:
    """By how much the run that won a search beats a reference on rows that chose neither."""

    winner: int
    """Index of the config with the best score on all rows."""
    difference: float
    """Its score minus that of the reference, on the rows that chose it."""
    corrected: float
    low: float
    high: float
    """Ends of the interval."""


def corrected_score(
    labels: Integers,
    predictions: Integers,
    n_classes: int,
    *,
    groups: Integers | None = None,
    splits: int = 100,
    confidence: float = 0.95,
    seed: int = 0,
) -> CorrectedScore:
    """The winner's macro-F1 without the luck of having been chosen on the same rows; nothing is retrained.

    True of this one run, its very weights, on new rows of the same kind. It is *not* what the config scores on fresh
    seeds: of the seed's luck the winner keeps what new rows would confirm (for fresh seeds see `optimism`). A best
    epoch chosen on the same rows is luck too, which it knows of where the other epochs are among the configs.

    Args:
        labels: true classes of the validation rows, int [n].
        predictions: of each config on the same rows, int [configs, n].
        n_classes: K.
        groups: of rows that are not independent (one author, one app), int [n]: they stay together wherever rows are
            split, and count as one. None where each row is independent.
        splits: of the rows into three parts, over which the corrected score is the mean.
        confidence: of the interval.
        seed: of the splits.

    Raises:
        ValueError: fewer than two independent rows, shapes that do not fit, or class numbers outside 0..K-1.
    """
    choice = _Choice(labels, predictions, n_classes, groups, splits, seed)
    best = choice.best
    reach = choice.reach(best.influence, confidence)
    low, corrected, high = np.clip([choice.corrected - reach, choice.corrected, choice.corrected + reach], 0.0, 1.0)
    return CorrectedScore(choice.winner, best.score, float(corrected), float(low), float(high))


def corrected_difference(
    labels: Integers,
    predictions: Integers,
    reference: Integers,
    n_classes: int,
    *,
    groups: Integers | None = None,
    splits: int = 100,
    confidence: float = 0.95,
    seed: int = 0,
) -> CorrectedDifference:
    """The winner's macro-F1 minus that of a reference on the same rows, without the luck of having been chosen.

    What `corrected_score` is true of, this is: these two runs, on new rows. The pairing makes it narrower than two
    intervals: rows that are hard for both move neither end.

    Args:
        labels: true classes of the validation rows, int [n].
        predictions: of each config on the same rows, int [configs, n].
        reference: of a model that these rows did not choose, int [n].
        n_classes: K.
        groups: as in `corrected_score`.
        splits: as in `corrected_score`.
        confidence: of the interval.
        seed: of the splits.

    Raises:
        ValueError: fewer than two independent rows, shapes that do not fit, or class numbers outside 0..K-1.
    """
    choice = _Choice(labels, predictions, n_classes, groups, splits, seed)
    _check_reference(reference, labels, n_classes)
    other = choice.scored(reference)
    reach = choice.reach(choice.best.influence - other.influence, confidence)
    mean = choice.corrected - (other.score - other.bias)
    low, corrected, high = np.clip([mean - reach, mean, mean + reach], -1.0, 1.0)
    return CorrectedDifference(
        choice.winner, choice.best.score - other.score, float(corrected), float(low), float(high)
    )


@dataclass(frozen=True)
class CorrectedCombination:
    """What a mean of several runs is worth on rows that did not choose which, and how much each counts."""

    score: float
    """Macro-F1 on the rows that chose."""
    corrected: float
    above_best: tuple[float, float, float]
    """Its lead over the one best run, corrected likewise, and the ends of the interval."""
    above_reference: tuple[float, float, float] | None
    """The same over the reference; None if there is none."""


def corrected_combination(
    labels: Integers,
    probabilities: Floats,
    weigh: Callable[[Floats, Integers], Floats],
    *,
    reference: Integers | None = None,
    groups: Integers | None = None,
    splits: int = 10,
    confidence: float = 0.95,
    seed: int = 0,
) -> CorrectedCombination:
    """The macro-F1 of a weighted mean of runs without the luck of its weights having been found on the same rows.

    As `corrected_score`: two thirds of the rows weigh, the last third is predicted with these weights. The one best run
    is chosen on the same two thirds.

    Args:
        labels: true classes of the validation rows, int [n].
        probabilities: what each run says of them, [runs, n, K].
        weigh: makes weights [runs] of probabilities [runs, m, K] and labels [m].
        reference: predictions of a model that these rows did not choose, int [n].
        groups: as in `corrected_score`.
        splits: of the rows into three parts; each of them weighs three times.
        confidence: of the intervals.
        seed: of the splits.

    Raises:
        ValueError: as `corrected_score`.
    """
    n_classes = probabilities.shape[2]
    choice = _Choice(labels, probabilities.argmax(axis=2), n_classes, groups, splits, seed)
    if reference is not None:
        _check_reference(reference, labels, n_classes)

    def predicted(weights: Floats, rows: Integers | slice) -> Integers:
        used = np.flatnonzero(weights)
        return np.asarray(np.tensordot(weights[used], probabilities[used][:, rows], axes=1).argmax(axis=1))

    whole = choice.scored(predicted(weigh(probabilities, labels), slice(None)))
    pooled = []
    for part in choice.parts:
        predictions = np.empty(len(labels), dtype=np.int64)
        for number in np.unique(part):
            others, own = np.flatnonzero(part != number), np.flatnonzero(part == number)
            predictions[own] = predicted(weigh(probabilities[:, others], labels[others]), own)
        pooled.append(choice.scored(predictions).score)
    corrected = float(np.mean(pooled)) - whole.bias
    added = whole.score - whole.bias - corrected

    def lead(other: _Scored, worth: float) -> tuple[float, float, float]:
        reach = choice.reach(whole.influence - other.influence, confidence, added)
        low, mean, high = np.clip([corrected - worth - reach, corrected - worth, corrected - worth + reach], -1.0, 1.0)
        return float(mean), float(low), float(high)

    beside = None if reference is None else choice.scored(reference)
    return CorrectedCombination(
        whole.score,
        corrected,
        lead(choice.best, choice.corrected),
        None if beside is None else lead(beside, beside.score - beside.bias),
    )


def _check_reference(reference: Integers, labels: Integers, n_classes: int) -> None:
    if reference.shape != labels.shape:
        raise ValueError(
            f"one prediction of the reference for each of {len(labels)} rows is needed, but got {reference.shape}"
        )
    check_classes(n_classes, reference=reference)


@dataclass(frozen=True)
class _Scored:
    score: float
    influence: Floats
    """Of each independent row or group on it, [g]; see `differences`."""
    bias: float
    """Of the score, a mean of ratios: minus the covariance of numerator's error and denominator, over the latter."""


class _Choice:
    """The choice of the best config, and what it has added to the score of the winner."""

    def __init__(
        self,
        labels: Integers,
        predictions: Integers,
        n_classes: int,
        groups: Integers | None,
        splits: int,
        seed: int,
    ) -> None:
        n_rows = len(labels)
        if predictions.ndim != 2 or labels.shape != predictions.shape[1:] or not predictions.size or n_rows < 2:
            raise ValueError(
                f"predictions [configs, {n_rows}] are needed, two rows or more, but got {predictions.shape}"
            )
        if groups is not None and np.shape(groups) != labels.shape:
            raise ValueError(f"groups must name one group for each of {n_rows} rows, but got {np.shape(groups)}")
        check_classes(n_classes, labels=labels, predictions=predictions)
        self._labels, self._n_classes = labels.astype(np.int64), n_classes
        self._of_row = None if groups is None else np.unique(groups, return_inverse=True)[1]
        self._units = n_rows if self._of_row is None else int(self._of_row.max()) + 1
        if self._units < 2:
            raise ValueError("two independent rows or groups of rows are needed, but got one group")
        cells = self._labels * n_classes + predictions
        self.winner = int(_macro_f1(_confusion(cells, np.zeros(n_rows, np.int64), 1, n_classes)[0]).argmax())
        self.best = self.scored(predictions[self.winner])
        rng, pooled, chosen = np.random.default_rng(seed), np.empty(splits), np.zeros(len(cells))
        parts = min(PARTS, self._units)
        self.parts = [self._part_of_row(parts, rng) for _ in range(splits)]
        """Of each split, the part of each row."""
        for split, part in enumerate(self.parts):
            confusion = _confusion(cells, part, parts, n_classes)  # [parts, configs, K, K]
            winners = _macro_f1(confusion.sum(axis=0) - confusion).argmax(axis=1)
            pooled[split] = _macro_f1(confusion[np.arange(parts), winners].sum(axis=0))
            chosen += np.bincount(winners, minlength=len(cells)) / parts / splits
        bias = sum(share * self.scored(predictions[config]).bias for config, share in enumerate(chosen) if share)
        self.corrected = float(pooled.mean() - bias)

    def scored(self, predictions: Integers) -> _Scored:
        """Of one config, its predictions int [n]."""
        classes = np.arange(self._n_classes)
        is_label, is_prediction = self._labels[:, None] == classes, predictions[:, None] == classes
        rivals = is_label.astype(np.float64) + is_prediction
        sizes = np.maximum(rivals.sum(axis=0), 1)
        f1 = 2 * (is_label & is_prediction).sum(axis=0) / sizes
        influence = (2 * (is_label & is_prediction) - f1 * rivals) / sizes
        influence, rivals = self._by_group(influence), self._by_group(rivals)
        bias = -(influence * rivals).sum(axis=0) / sizes
        return _Scored(float(f1.mean()), influence.mean(axis=1), float(bias.mean()))

    def reach(self, influence: Floats, confidence: float, added: float | None = None) -> float:
        """Half of the interval's width, from the influence [g] of each independent row on what is estimated, and what
        choosing has added to it: to the winner, if nothing else is said."""
        n, square = len(influence), float(influence @ influence)
        if added is None:
            added = self.best.score - self.best.bias - self.corrected
        error = math.hypot(math.sqrt(square * n / (n - 1)), UNSURE * added)
        if error == 0.0:
            return 0.0
        return float(scipy.stats.t.ppf(0.5 + confidence / 2, effective_degrees(influence))) * error

    def _by_group(self, values: Floats) -> Floats:
        """Sums [g, K] of what each row has, [n, K]."""
        if self._of_row is None:
            return values
        sums = np.zeros((self._units, self._n_classes))
        np.add.at(sums, self._of_row, values)
        return sums

    def _part_of_row(self, parts: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Equal parts at random, with equal shares of each class; of groups, equally many."""
        order = rng.permutation(self._units)
        if self._of_row is None:
            order = order[np.argsort(self._labels[order], kind="stable")]
        part = np.empty(self._units, dtype=np.int64)
        part[order] = np.arange(self._units) % parts
        return part if self._of_row is None else part[self._of_row]


def _confusion(
    cells: npt.NDArray[np.int64], part: npt.NDArray[np.int64], parts: int, n_classes: int
) -> npt.NDArray[np.int64]:
    """Of each part of the rows and each config, [parts, configs, K, K], from the cells int [configs, n]."""
    configs, n_cells = len(cells), n_classes**2
    first = (part * configs + np.arange(configs)[:, None]) * n_cells
    counts = np.bincount((first + cells).ravel(), minlength=parts * configs * n_cells)
    return counts.reshape(parts, configs, n_classes, n_classes)


def _macro_f1(confusion: npt.NDArray[np.int64]) -> Floats:
    """Of the last two dimensions."""
    rivals = np.maximum(confusion.sum(axis=-2) + confusion.sum(axis=-1), 1)
    return np.asarray((2 * np.diagonal(confusion, axis1=-2, axis2=-1) / rivals).mean(axis=-1))

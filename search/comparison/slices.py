"""Where a classifier fails: error rates on parts of the sealed test rows, for two arms with stored predictions.

The rows are cut by length, by original rating or label, by script and by topic (`topics`), each cut on its own. The
only texts of reviews that leave this room are the examples, and they are shown in the terminal alone: tables for files
hold names and numbers. It knows no torch and no Optuna.

NOTE: an interval of the plain mean, mean +- reach, lies too low at few errors and too high at many: of ten runs on 60
rows with an error rate of 3 % it lies below that rate up to 16 % of the time (simulated), and where no row is wrong it
is a point. So the reach that pairs and rows leave (`search.statistics`) is turned into the number of independent rows
that would leave the same, p (1 - p) z^2 / reach^2, and the interval is Wilson's for that many: Wilson 1927, with the
effective sample size of surveys (Korn & Graubard 1998, "Confidence intervals for proportions with small expected number
of positive counts estimated from survey data"). Where all rows are right or all wrong, the rows themselves are counted.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from search.comparison.topics import mostly_unspaced, topics_of
from search.statistics import Difference, paired_mean_difference
from sentiment.foreign import markdown, markdown_table
from sentiment.reviews.labels import canonical
from sentiment.reviews.scripts import main_scripts
from sentiment.terminal import WIDTH, in_columns, wrapped

__all__ = ["ErrorRate", "Example", "Slice", "Slices", "cut", "error_slices", "wilson"]

EXAMPLES: Final = 3
EXAMPLE_CHARACTERS: Final = 160
NAME_CHARACTERS: Final = 60
LENGTH_BINS: Final = 5
OTHER: Final = "other"
MOST_STARS: Final = 10
MOST_OF_TWO: Final = 2
"""The larger of two classes that are counted from 1."""
WITH_EXAMPLES: Final = 5
"""Slices that are shown with examples, the worst."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Wrong = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Example:
    """A text on which the winner is wrong in most of its runs. A data row: not for any file."""

    text: str
    """In one line, at most 160 characters."""
    label: str
    """Class that the data name."""
    predicted: str
    """Class that the winner names most often."""


@dataclass(frozen=True)
class ErrorRate:
    """Share of wrong rows, a mean over pairs, and its interval within 0..1."""

    mean: float
    low: float
    high: float
    confidence: float
    """Of the interval, over fresh seeds and fresh rows of this slice."""


@dataclass(frozen=True)
class Slice:
    """Some of the sealed test rows, and how often each arm is wrong on them."""

    kind: str
    """length, rating or label, script or topic."""
    name: str
    rows: int
    baseline: ErrorRate
    winner: ErrorRate
    gain: Difference
    """Error rate of the winner minus that of the baseline, paired; below zero the winner is better."""
    examples: tuple[Example, ...]
    """Three at most, those first of whose wrong class the winner is surest."""


@dataclass(frozen=True)
class Slices:
    """All slices, and what was not made into one."""

    whole: Slice
    """All rows, to compare with; without examples."""
    slices: tuple[Slice, ...]
    """Worst first: by the low end of the winner's interval, so that a small slice does not lead by luck."""
    left_out: Mapping[str, int]
    """By kind, rows in slices too small to be shown, even together."""
    notes: tuple[str, ...]
    """What a reader must know of how the slices were made, in sentences."""

    def to_rows(self) -> list[dict[str, Any]]:
        """One flat row for each slice, error rates as fractions; no text of any review."""
        return [
            {"kind": one.kind, "name": one.name, "rows": one.rows}
            | _ends("baseline error", one.baseline)
            | _ends("winner error", one.winner)
            | _ends("gain", one.gain)
            for one in self.slices
        ]

    def without_texts(self) -> "Slices":
        """The same without the examples."""
        return replace(self, slices=tuple(replace(one, examples=()) for one in self.slices))

    def render(self, winner: str, width: int | None = None, *, examples: bool = True) -> str:
        """For the terminal.

        Args:
            winner: a sentence that says who that is.
            width: columns of the terminal, if they are given.
            examples: texts of the worst slices stand beneath them.
        """
        most, last = min(width or WIDTH, WIDTH), len(_HEADER) - 1
        table = in_columns(
            _HEADER,
            [_cells(one) for one in self.slices],
            right=(1, 2, 3, 4),
            width=width,
            spare=("baseline", "gain (below 0 is better)"),
            folds=last,
        )
        shown = [list(_example_lines(one, most)) for one in self.slices[:WITH_EXAMPLES] if examples]
        lines = [*wrapped(_TITLE, width=most), *wrapped(winner, width=most)]
        if len(table) == len(self.slices) + 2:  # a line each
            lines += table[:2]
            for place, line in enumerate(table[2:]):
                lines += [line, *(shown[place] if place < len(shown) else ())]
        else:
            lines += table
            for one, texts in zip(self.slices, shown, strict=False):
                lines += [f"{one.kind} {one.name}", *texts] if texts else []
        lines += [part for sentence in self._sentences() for part in wrapped(sentence, width=most)]
        return "\n".join(lines)

    def markdown(self, winner: str) -> str:
        """A Markdown table and its notes, who the winner is first; no text of any review."""
        table = [markdown_table(_HEADER, [_cells(one) for one in self.slices]), ""] if self.slices else []
        notes = [f"- {markdown(sentence)}" for sentence in self._sentences()]
        return "\n".join([f"**{markdown(_TITLE)}**", "", markdown(winner), "", *table, *notes])

    def _sentences(self) -> Iterable[str]:
        whole = self.whole
        yield (
            f"All {whole.rows:,} rows: baseline {_rate(whole.baseline)}, winner {_rate(whole.winner)}, gain "
            f"{_gain(whole.gain)}."
        )
        if self.slices:
            yield (
                f"In brackets, {whole.winner.confidence:.0%} intervals over fresh seeds and fresh rows, each for its "
                f"slice alone: of {len(self.slices)} slices some look bad by luck."
            )
        for kind, rows in self.left_out.items():
            yield f"{kind}: {rows:,} rows are left out, because their slices are too small, even together."
        yield from self.notes


def error_slices(
    texts: Sequence[str],
    ratings: Sequence[str],
    labels: npt.ArrayLike,
    classes: Sequence[str],
    baseline: npt.NDArray[np.floating],
    winner: npt.NDArray[np.floating],
    *,
    train_texts: Sequence[str],
    groups: Integers | None = None,
    searches: Integers | None = None,
    topics: int = 8,
    least_rows: int = 20,
    seed: int = 0,
) -> Slices:
    """Cut the sealed test rows by length, rating, script and topic, and count each arm's errors.

    Args:
        texts: of the n sealed rows.
        ratings: their raw label cells.
        labels: their classes, int [n].
        classes: names of the K classes.
        baseline: probabilities, float [P, n, K].
        winner: the same; run p shares the seed of run p of `baseline`.
        train_texts: what the topic model is fitted on; never sealed rows, so that a topic is no echo of them.
        groups: of rows that belong together, int [n].
        searches: that found the configs of each pair, int [P].
        topics: at most; fewer where there are too few words.
        least_rows: a slice with fewer is pooled with its like into "other", or left out and counted.
        seed: of the topic model.

    Raises:
        ValueError: fewer than two pairs or rows, shapes that do not fit, or `topics` or `least_rows` too small.
    """
    true = np.asarray(labels, dtype=np.int64)
    expected = (len(baseline), len(texts), len(classes))
    if baseline.shape != expected or winner.shape != expected or not len(texts) == len(ratings) == len(true):
        raise ValueError(
            f"probabilities [pairs, rows, classes] are needed for {len(texts)} texts, {len(ratings)} ratings, "
            f"{len(true)} labels and {len(classes)} classes, but got {baseline.shape} and {winner.shape}"
        )
    if len(baseline) < 2 or len(texts) < 2 or least_rows < 2 or topics < 1:
        raise ValueError(
            "two pairs, two rows, least_rows of two and one topic are the least, but got "
            f"{len(baseline)} pairs, {len(texts)} rows, {least_rows=} and {topics=}"
        )
    errors = _Errors(texts, true, classes, baseline, winner, groups, searches)
    names, notes = _names(texts, ratings, train_texts, topics, least_rows, seed)
    slices: list[Slice] = []
    cut: list[Integers] = []
    left_out: dict[str, int] = {}
    for kind, of_row in names.items():
        found, n_left_out = _groups(of_row, least_rows)
        if n_left_out:
            left_out[kind] = n_left_out
        if len(found) == 1 and not n_left_out:
            notes.append(f"{kind}: not shown, because all rows fall into one slice ({next(iter(found))}).")
            continue
        slices += [errors.on(rows, kind, name) for name, rows in found.items()]
        cut += found.values()
    if alone := sum(errors.groups_of(rows) is None for rows in cut) if groups is not None else 0:
        notes.append(f"{alone} slices hold rows of one group each: their intervals say nothing of other groups.")
    if errors.same:
        notes.append("Baseline and winner say the same of every row, in every pair.")
    slices.sort(key=lambda one: (-one.winner.low, -one.winner.mean, one.kind, one.name))
    whole = replace(errors.on(np.arange(len(texts)), "all", "all rows"), examples=())
    return Slices(whole, tuple(slices), left_out, tuple(notes))


# ---------------------------------------------------------------------------------------------- errors


def cut(texts: Sequence[str], ratings: Sequence[str], least_rows: int = 20) -> dict[str, dict[str, Integers]]:
    """Rows by length, rating and script: for each kind, the rows of each slice; a kind with one slice is left out.

    Args:
        texts: of n rows.
        ratings: their raw label cells.
        least_rows: a slice with fewer is pooled with its like into "other", or left out.
    """
    cuts = {kind: _groups(names, least_rows)[0] for kind, names in _seen(texts, ratings, least_rows).items()}
    return {kind: rows for kind, rows in cuts.items() if len(rows) > 1}


class _Errors:
    """Which rows each run gets wrong, and what the winner says instead."""

    def __init__(
        self,
        texts: Sequence[str],
        labels: Integers,
        classes: Sequence[str],
        baseline: npt.NDArray[np.floating],
        winner: npt.NDArray[np.floating],
        groups: Integers | None,
        searches: Integers | None,
    ) -> None:
        self._groups, self._searches = groups, searches
        self._texts, self._labels, self._classes = texts, labels, classes
        self._baseline: Wrong = baseline.argmax(axis=2) != labels
        said = winner.argmax(axis=2)
        self._winner: Wrong = said != labels
        self.same = bool(np.array_equal(baseline, winner))
        sure = winner.mean(axis=0, dtype=np.float64)
        votes = np.stack([(said == k).sum(axis=0) for k in range(len(classes))], axis=1)
        self._predicted = (votes + sure / 2).argmax(axis=1)  # a probability decides between equal votes only
        self._sure: Floats = np.take_along_axis(sure, self._predicted[:, None], axis=1)[:, 0]
        self._mostly_wrong: Wrong = (2 * self._winner.sum(axis=0) > len(winner)) & (self._predicted != labels)

    def on(self, rows: Integers, kind: str, name: str) -> Slice:
        """The slice of these rows."""
        baseline, winner = self._baseline[:, rows], self._winner[:, rows]
        noise: dict[str, Any] = {"groups": self.groups_of(rows), "searches": self._searches}
        candidates = rows[self._mostly_wrong[rows]]
        worst = candidates[np.argsort(-self._sure[candidates], kind="stable")[:EXAMPLES]]
        return Slice(
            kind=kind,
            name=name,
            rows=len(rows),
            baseline=_error_rate(baseline, noise),
            winner=_error_rate(winner, noise),
            gain=_paired_gain(baseline, winner, noise, same=self.same),
            examples=tuple(self._example(row) for row in worst),
        )

    def groups_of(self, rows: Integers) -> Integers | None:
        """Of some rows; None where there is one group, which says nothing of others."""
        groups = None if self._groups is None else self._groups[rows]
        return groups if groups is not None and len(np.unique(groups)) > 1 else None

    def _example(self, row: int) -> Example:
        text = _one_line(self._texts[row], EXAMPLE_CHARACTERS)
        return Example(text, self._classes[self._labels[row]], self._classes[self._predicted[row]])


def _error_rate(wrong: Wrong, noise: Mapping[str, Any]) -> ErrorRate:
    """Of runs [P, rows]; the module's note says how."""
    crossed = paired_mean_difference(np.zeros(wrong.shape), wrong, **noise)
    rows = float(_independent(wrong, noise))
    if wrong.any() and not wrong.all():
        z = float(stats.norm.ppf(0.5 + crossed.confidence / 2))
        rows = crossed.mean * (1 - crossed.mean) * (z / (crossed.high - crossed.mean)) ** 2
    return ErrorRate(crossed.mean, *wilson(crossed.mean, rows, crossed.confidence), crossed.confidence)


def _paired_gain(baseline: Wrong, winner: Wrong, noise: Mapping[str, Any], *, same: bool) -> Difference:
    gain = paired_mean_difference(baseline, winner, **noise)
    if same or gain.standard_error > 0:
        return gain
    # Every row of every pair gained the same, mostly nothing. Fresh rows may not, and how many can be told from none
    # of these; an arm beside itself is the exception.
    unseen = wilson(0.0, _independent(baseline, noise), gain.confidence)[1]
    return replace(gain, low=max(-1.0, gain.mean - unseen), high=min(1.0, gain.mean + unseen))


def _independent(wrong: Wrong, noise: Mapping[str, Any]) -> int:
    """Rows that were seen to be alike, and so tell nothing of how far rows of one group go together: as many as groups
    at least."""
    return wrong.shape[1] if noise["groups"] is None else len(np.unique(noise["groups"]))


def wilson(mean: float, rows: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a share, for a number of rows that need not be whole, as SciPy's must."""
    z = float(stats.norm.ppf(0.5 + confidence / 2))
    centre = (mean + z**2 / (2 * rows)) / (1 + z**2 / rows)
    reach = z / (1 + z**2 / rows) * math.sqrt(mean * (1 - mean) / rows + z**2 / (4 * rows**2))
    # At the ends of 0..1 rounding would leave the share itself outside by 1e-17.
    return (0.0 if mean == 0 else max(0.0, centre - reach)), (1.0 if mean == 1 else min(1.0, centre + reach))


# ---------------------------------------------------------------------------------------------- slices


def _names(
    texts: Sequence[str], ratings: Sequence[str], train_texts: Sequence[str], topics: int, least_rows: int, seed: int
) -> tuple[dict[str, list[str]], list[str]]:
    """For each kind, the slice of each row; and notes."""
    names = _seen(texts, ratings, least_rows)
    found = topics_of(texts, train_texts, topics, seed)
    if found is None:
        return names, ["topic: skipped, because the training texts hold too few words that occur in several of them."]
    return names | {"topic": found}, []


def _seen(texts: Sequence[str], ratings: Sequence[str], least_rows: int) -> dict[str, list[str]]:
    """For each kind that can be seen of a row alone, its slice."""
    scripts = _scripts(texts)
    return {
        "length": _lengths(texts, scripts, max(1, min(LENGTH_BINS, len(texts) // least_rows))),
        _kind_of_label(ratings): [_one_line(canonical(rating), NAME_CHARACTERS) or "(empty)" for rating in ratings],
        "script": scripts,
    }


def _kind_of_label(labels: Sequence[str]) -> str:
    """What to call slices by label: a rating is a number of stars; 0 and 1, or words, are not."""
    found = {canonical(label) for label in labels} - {""}
    stars = [int(label) for label in found if label.isascii() and label.isdecimal()]
    is_rating = len(stars) == len(found) and bool(stars) and min(stars) >= 1 and MOST_OF_TWO < max(stars) <= MOST_STARS
    return "rating" if is_rating else "label"


def _groups(names: Sequence[str], least_rows: int) -> tuple[dict[str, Integers], int]:
    """Rows of each slice, small ones pooled; and how many rows are left out."""
    found, of_row, sizes = np.unique(np.array(names, dtype=object), return_inverse=True, return_counts=True)
    groups = {str(found[k]): np.flatnonzero(of_row == k) for k in np.flatnonzero(sizes >= least_rows)}
    # A slice may itself be called "other", as letters of a rare script are: then small slices join it.
    pooled = np.union1d(np.flatnonzero(sizes[of_row] < least_rows), groups.get(OTHER, np.empty(0, dtype=np.int64)))
    if len(pooled) < least_rows:
        return groups, len(pooled)
    return groups | {OTHER: pooled}, 0


def _scripts(texts: Sequence[str]) -> list[str]:
    # It takes some 30 bytes a character, so not of all texts at once.
    return [name for start in range(0, len(texts), 500) for name in main_scripts(texts[start : start + 500])]


def _lengths(texts: Sequence[str], scripts: Sequence[str], bins: int) -> list[str]:
    """Bins of about equally many texts, each named by the shortest and the longest in it."""
    unit, lengths = "word", np.array([len(text.split()) for text in texts])
    if np.median(lengths) <= 2 or mostly_unspaced(scripts):
        unit, lengths = "character", np.array([len(text) for text in texts])
    shares = np.arange(1, bins) / bins
    edges = np.unique(np.quantile(lengths, shares, method="inverted_cdf"))
    bin_of = np.searchsorted(edges, lengths, side="left")
    names = {}
    for number in np.unique(bin_of):
        shortest, longest = lengths[bin_of == number].min(), lengths[bin_of == number].max()
        size = f"{shortest:,} to {longest:,}" if shortest < longest else f"{shortest:,}"
        names[number] = f"{size} {unit}" + ("s" if longest != 1 else "")
    return [names[number] for number in bin_of]


# ---------------------------------------------------------------------------------------------- rendering


_TITLE: Final = "Where baseline and winner go wrong on the sealed test: share of wrong rows in %, worst slices first"
_HEADER: Final = ("kind", "rows", "winner", "baseline", "gain (below 0 is better)", "slice")


def _cells(one: Slice) -> tuple[str, ...]:
    return one.kind, f"{one.rows:,}", _rate(one.winner), _rate(one.baseline), _gain(one.gain), one.name


def _rate(rate: ErrorRate) -> str:
    return f"{100 * rate.mean:.1f} ({100 * rate.low:.1f} to {100 * rate.high:.1f})"


def _gain(gain: Difference) -> str:
    return f"{100 * gain.mean:+.1f} ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"


def _ends(name: str, measured: ErrorRate | Difference) -> dict[str, float]:
    return {name: measured.mean, f"{name} low": measured.low, f"{name} high": measured.high}


def _example_lines(one: Slice, width: int) -> Iterable[str]:
    # A text in a script without spaces has no place to be broken at and is left to the terminal.
    for example in one.examples:
        said = f"      {example.label}, said {example.predicted}: {example.text}"
        yield from wrapped(said, indent=8, width=width)


def _one_line(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 3].rstrip() + "..."

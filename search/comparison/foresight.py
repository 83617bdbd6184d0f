"""What a comparison will be able to see, said before anything is trained, and what another plan would see for the same
hours."""

from dataclasses import astuple, dataclass
from typing import Final

import numpy as np

from search.comparison.decisions import searches_of
from search.comparison.ideas import BASELINE, CHOSEN, MOST_PAIRS
from search.comparison.setting import Setting
from search.statistics import Looks, Noise, paired_difference, score_error, sight
from sentiment.models.baselines import LINEAR
from sentiment.terminal import WIDTH, in_columns, wrapped

__all__ = ["Foresight", "Outlook", "foresee"]

PAIR_SD: Final = 0.009
ROW_SHARE: Final = 1 / 3
BOTH_SHARE: Final = 0.8
TYPICAL_MACRO_F1: Final = 0.6
"""Between networks that work, a pair's difference varied by so much in the studies of this repository; a row's part,
and its part in a single pair, as shares of the standard error of one score of .6 (medians of their last steps)."""
ALIKE: Final = 0.02
"""Correlation of rows of one group that is expected where groups are named and nothing has been measured."""
SEALED: Final = (0.25, 0.5, 0.7)
"""Shares that are tried as another plan."""


@dataclass(frozen=True)
class Outlook:
    """A plan and what it sees, in fractions of macro-F1."""

    name: str
    sealed: int
    pairs: int
    ideas: int
    reach: float
    """Half of the interval to expect."""
    found_alone: float
    """The smallest difference found in 80 %, of an idea that stands alone."""
    found_first: float
    """The same of the first one among so many ideas."""
    cost: float
    """In hours of the plan at hand."""


@dataclass(frozen=True)
class Foresight:
    """The plan at hand, and others."""

    outlooks: tuple[Outlook, ...]
    measured: bool
    """Whether its noise was measured by pairs that are there, or is that of other comparisons."""
    groups: int | None
    searches: int

    def render(self, width: int | None = None) -> str:
        """A table and what it rests on, for a terminal of so many columns if they are given."""
        header = (
            "points of macro-F1",
            "sealed",
            "pairs",
            "ideas",
            "interval",
            "alone",
            "among all",
            "hours",
        )
        rows = [
            (
                plan.name,
                f"{plan.sealed:,}",
                str(plan.pairs),
                str(plan.ideas),
                f"+-{_points(plan.reach)}",
                _points(plan.found_alone),
                _points(plan.found_first),
                f"{plan.cost:.1f}x",
            )
            for plan in self.outlooks
        ]
        source = (
            "as its pairs have measured so far"
            if self.measured
            else "as between networks that work in other comparisons; arms that collapse now and then see much less"
        )
        within = (
            f" Its sealed rows are {self.groups:,} groups, taken for correlated by {ALIKE:g} within."
            if self.groups is not None and not self.measured
            else ""
        )
        apart = (
            " Searches are taken to differ as single pairs do; how much they do is not known before the first look."
            if self.searches > 1 and not self.measured
            else ""
        )
        note = (
            "interval: to be expected around a difference. alone, among all: the smallest difference found with "
            f"a probability of 80 %, of one idea, and of the first of them all. Noise {source}.{within}{apart}"
        )
        table = in_columns(header, rows, right=range(1, 8), width=width, spare=("sealed", "ideas", "pairs"))
        return "\n".join([*table, *wrapped(note, width=min(width or WIDTH, WIDTH))])


def foresee(setting: Setting) -> Foresight:
    """What the comparison can see with its rows, groups and pairs."""
    comparison, dataset, looks = setting.comparison, setting.dataset, setting.looks
    groups, n_rows = dataset.groups("test"), len(dataset.split.test)
    per_group = 1.0 if groups is None else n_rows / len(np.unique(groups))
    measured = _measured(setting)
    noise = measured or _typical(dataset.class_sizes("test"), per_group)
    pairs, ideas = looks.pairs[-1], len(comparison.ideas)
    train, whole = len(dataset.split.train), len(dataset.reviews)
    hours = (comparison.trials * comparison.searches + pairs) * (1 + ideas) * train

    def outlook(name: str, sealed: int, planned: Looks, ideas: int, train: int) -> Outlook:
        independent, pairs = max(2, round(sealed / per_group)), planned.pairs[-1]
        alpha = 1 - planned.confidence(len(planned.pairs) - 1)
        alone, first = (
            sight(noise, pairs=pairs, rows=independent, searches=comparison.searches, alpha=alpha, ideas=among)
            for among in (1, ideas + len(comparison.family) - len(comparison.ideas))
        )
        cost = (comparison.trials * comparison.searches + pairs) * (1 + ideas) * train / hours
        return Outlook(name, sealed, pairs, ideas, alone.reach, alone.found, first.found, cost)

    def affordable(ideas: int, train: int) -> Looks:
        """One look, at the pairs that the hours of the plan at hand are enough for."""
        each = hours / (1 + ideas) / train
        pairs = min(int(each) - comparison.trials * comparison.searches, MOST_PAIRS)
        pairs -= pairs % comparison.searches  # each search needs equally many
        return Looks.at((max(2, comparison.searches, pairs),))

    found = [outlook("as planned", n_rows, looks, ideas, train)]
    if dataset.source.test_path is None:
        for share in SEALED:
            if abs(share - n_rows / whole) > 0.05:
                other = round(train * (1 - share) / (1 - n_rows / whole))
                sealed = round(share * whole)
                found.append(outlook(f"{share:.0%} sealed", sealed, affordable(ideas, other), ideas, other))
    twice = setting.looks_at((2 * pairs,))  # with what the looks that were taken left
    found.append(outlook("twice the pairs", n_rows, twice, ideas, train))
    if ideas > 1:
        half = ideas // 2
        found.append(outlook("half of the ideas", n_rows, affordable(half, train), half, train))
    n_groups = None if groups is None else len(np.unique(groups))
    return Foresight(tuple(found), measured is not None, n_groups, comparison.searches)


def _points(difference: float) -> str:
    return f"{100 * difference:.1f}" if difference <= 1 else "> 100"


def _typical(class_sizes: list[int], per_group: float) -> Noise:
    rows = sum(class_sizes)
    of_row = score_error(TYPICAL_MACRO_F1, class_sizes) * rows**0.5
    inside = (1 + (per_group - 1) * ALIKE) / per_group  # of a group's mean, in rows
    return Noise(PAIR_SD**2, (ROW_SHARE * of_row) ** 2 * inside, (BOTH_SHARE * of_row) ** 2 / per_group, PAIR_SD**2)


def _measured(setting: Setting) -> Noise | None:
    """The noise between arms as the looks that were taken have it; None before the first."""
    comparison, dataset = setting.comparison, setting.dataset
    taken = setting.looks_taken
    if taken is None:
        return None
    names = (LINEAR, *(arm.name for arm in comparison.arms))
    said = {name: setting.probabilities(name).argmax(axis=2) for name in names}
    found = []
    for idea, reference in comparison.family:
        if CHOSEN in (idea, reference) or (idea, reference) == (LINEAR, BASELINE):
            continue
        shared = max(pairs for pairs in taken.pairs if pairs <= min(len(said[idea]), len(said[reference])))
        before, after = said[reference][:shared], said[idea][:shared]
        groups = dataset.groups("test")
        searches = searches_of(shared, comparison.searches)
        found.append(
            Noise.of(
                paired_difference(
                    dataset.labels("test"), before, after, len(dataset.classes), groups=groups, searches=searches
                )
            )
        )
    return Noise(*(float(np.median(part)) for part in zip(*map(astuple, found), strict=True)))

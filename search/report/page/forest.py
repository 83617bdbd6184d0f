"""Differences on one axis: where each stands, in percent of it. How they are drawn is the template's matter."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from search.report.figures import MINUS, limits
from search.report.page.content import Badge, Forest, ForestRow, Tick
from search.report.page.messages import Say
from search.report.points import end
from search.statistics import NO_DIFFERENCE, Difference, Optimism

__all__ = ["Measured", "between", "ends", "forest", "interval", "signed", "verdict_badge"]

TICKS = 6
"""At most, about."""


@dataclass(frozen=True)
class Measured:
    """One line before it has a place; all but the name as fractions of macro-F1."""

    name: str
    mean: float = 0.0
    low: float = 0.0
    high: float = 0.0
    verdict: str = ""
    """None makes a heading of the line."""
    guess: float | None = None


def verdict_badge(verdict: str, say: Say) -> Badge:
    """The word for one of the four verdicts."""
    return Badge(say(f"verdict.{verdict}"), verdict)


def signed(fraction: float) -> str:
    """In points, with a minus as wide as the plus."""
    return f"{100 * fraction:+.1f}".replace("-", MINUS)


def between(low: float, high: float) -> str:
    """Ends of an interval, in points, with digits enough to tell on which side of zero they lie."""
    return f"{end(low)} … {end(high)}".replace("-", MINUS)


def ends(difference: Difference | Optimism) -> str:
    """Of its interval, in points."""
    return between(difference.low, difference.high)


def interval(difference: Difference | Optimism) -> str:
    """A difference and its interval, in points."""
    return f"{signed(difference.mean)} ({ends(difference)})"


def forest(
    caption: str, lines: Sequence[Measured], say: Say, *, explained: bool = True, words: str = "verdict"
) -> Forest:
    """All lines on one axis, which no wide interval may squash.

    Args:
        caption: of the table.
        lines: from above; one of them at least is no heading.
        say: the page's language.
        explained: say below what the region is.
        words: the messages that say a verdict; "alone" are of lines that are not corrected for their number.
    """
    measured = [line for line in lines if line.verdict]
    means, highs = [line.mean for line in measured], [line.high for line in measured]
    lows, guesses = [line.low for line in measured], [line.guess for line in measured if line.guess is not None]
    first, last = limits(means, lows, highs, guesses)

    def place(points: float) -> float:
        return round(100 * (min(max(points, first), last) - first) / (last - first), 2)

    rows = [
        ForestRow(line.name)
        if not line.verdict
        else ForestRow(
            name=line.name,
            mean=place(100 * line.mean),
            low=place(100 * line.low),
            high=place(100 * line.high),
            cut_low=100 * line.low < first,
            cut_high=100 * line.high > last,
            guess=None if line.guess is None else place(100 * line.guess),
            numbers=(signed(line.mean), between(line.low, line.high)),
            badge=Badge(say(f"{words}.{line.verdict}"), line.verdict),
        )
        for line in lines
    ]
    region = 100 * NO_DIFFERENCE
    header = tuple(say(f"forest.header.{name}") for name in ("name", "axis", "numbers", words))
    return Forest(
        caption,
        (header[0], header[1], header[2], header[3]),
        tuple(rows),
        tuple(Tick(text, place(at)) for text, at in _ticks(first, last)),
        zero=place(0.0),
        region=(place(-region), place(region)),
        legend_region=say("forest.region", region=f"{region:g}") if explained else "",
        legend_guess=say("forest.guess") if guesses else "",
    )


def _ticks(first: float, last: float) -> list[tuple[str, float]]:
    """Round numbers within the axis, in points."""
    rough = (last - first) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    numbers = [step * index for index in range(math.ceil(first / step), math.floor(last / step) + 1)]
    return [(f"{number:+g}".replace("-", MINUS) if round(number, 9) else "0", number) for number in numbers]

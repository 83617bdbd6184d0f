"""Differences of macro-F1 in points (1 point is .01), with as many digits as what is said of them needs."""

from typing import Final

__all__ = ["MOST_DIGITS", "between", "end", "points"]

MOST_DIGITS: Final = 6
"""Behind the point, of a number that is next to a bound."""


def points(fraction: float) -> str:
    """A difference of macro-F1."""
    return f"{100 * fraction:+.1f}"


def between(low: float, high: float) -> str:
    """The ends of an interval, in points: with as many digits as tell on which side of zero they lie, since that is
    what a verdict goes by."""
    return f"{end(low)} to {end(high)}"


def end(fraction: float) -> str:
    """One of them."""
    shown = points(fraction)
    for digits in range(2, MOST_DIGITS + 1):
        if fraction == 0 or float(shown) != 0:
            break
        shown = f"{100 * fraction:+.{digits}f}"
    return shown

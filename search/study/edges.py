"""Whether the best trial sits on the edge of what was searched, and where to look next.

A winner on an edge says that the range was drawn too narrow, unless the edge is a natural one: no dropout is no
dropout.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from sentiment.errors import InputError
from sentiment.models.registry import allowed_range

__all__ = ["Edge", "edges"]

NEAR: Final = 0.05
"""Of the range, logarithmic where the search is, that counts as its edge."""
FURTHER: Final = 3.0
"""The factor by which a logarithmic range is extended; a linear one grows by half its width."""


@dataclass(frozen=True)
class Edge:
    """One parameter of the best trial that may want a wider range."""

    parameter: str
    value: float
    side: str
    """lower or upper."""
    end: float
    """Of the range that was searched."""
    tried: float
    """The end to try instead."""
    entry: str = ""
    """What a study file says of a search that does; nothing of a parameter that none knows."""

    def __str__(self) -> str:
        return (
            f"{self.parameter} = {_number(self.value)} lies at the {self.side} end of what was searched "
            f"({_number(self.end)}); search on to {_number(self.tried)}"
            + (f", as another study: {self.entry} under [space] of a study file" if self.entry else "")
        )


def edges(params: Mapping[str, Any], distributions: Mapping[str, BaseDistribution]) -> tuple[Edge, ...]:
    """The parameters of a trial that lie at an end of their range beyond which a config would allow more.

    Args:
        params: of the trial.
        distributions: from which they were drawn. Choices count where they are numbers.
    """
    found = []
    for name, value in params.items():
        distribution = distributions[name]
        if isinstance(distribution, CategoricalDistribution):
            numbers = [choice for choice in distribution.choices if isinstance(choice, int | float)]
            if len(numbers) < len(distribution.choices) or any(isinstance(choice, bool) for choice in numbers):
                continue
            low, high, log, whole = min(numbers), max(numbers), min(numbers) > 0, isinstance(numbers[0], int)
            side = "lower" if value == low else "upper" if value == high else None
        elif isinstance(distribution, IntDistribution | FloatDistribution):
            low, high, log = distribution.low, distribution.high, distribution.log
            whole = isinstance(distribution, IntDistribution)
            place = _place(value, low, high, log)
            side = "lower" if place <= NEAR else "upper" if place >= 1 - NEAR else None
        else:
            continue
        if side is None or low == high:
            continue
        end, tried = low if side == "lower" else high, _further(name, side, low, high, log, whole)
        if tried != end:
            found.append(Edge(name, value, side, end, tried, _entry(name, distribution, side, tried)))
    return tuple(found)


def _entry(name: str, distribution: BaseDistribution, side: str, tried: float) -> str:
    """The range of a study file that goes on to `tried`."""
    try:
        allowed_range(name)
    except InputError:
        return ""
    if isinstance(distribution, CategoricalDistribution):
        numbers = {choice for choice in distribution.choices if isinstance(choice, int | float)}
        return f"{name} = [{', '.join(map(_number, sorted({*numbers, tried})))}]"
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    low, high = (tried, distribution.high) if side == "lower" else (distribution.low, tried)
    step = f", step = {distribution.step}" if distribution.step not in (None, 1) else ""
    log = ", log = true" if distribution.log else ""
    return f"{name} = {{ low = {_number(low)}, high = {_number(high)}{step}{log} }}"


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3g}"


def _place(value: float, low: float, high: float, log: bool) -> float:
    if low == high:
        return 0.5
    if log:
        value, low, high = math.log(value), math.log(low), math.log(high)
    return (value - low) / (high - low)


def _further(name: str, side: str, low: float, high: float, log: bool, whole: bool) -> float:
    """The next end to try, as far as a config allows one."""
    if log:
        end = low / FURTHER if side == "lower" else high * FURTHER
    else:
        end = low - (high - low) / 2 if side == "lower" else high + (high - low) / 2
    try:
        least, most = allowed_range(name)
    except InputError:  # a parameter of somebody's own objective
        least, most = -math.inf, math.inf
    clipped = min(max(end, least), most)
    return math.ceil(clipped) if whole else float(f"{clipped:.2g}")

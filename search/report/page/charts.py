"""Plots as inline SVG: Matplotlib draws them, and their inks become those of the page, light or dark."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from markupsafe import Markup

from search.report.drawing import GREY, INK, style, svg
from search.report.page.content import Picture
from search.report.page.messages import Say
from search.statistics import TuningCurve
from sentiment.foreign import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Line", "Point", "calibration", "costs", "curves", "tuning"]

SIZE: Final = (7.4, 3.7)
"""Inches."""
REMS: Final = 6.3
"""Of the page to an inch: letters are then about as large as those beneath the figure."""
HIDDEN_BEHIND: Final = 0.12
"""Macro-F1 below the best that is still shown: what failed would press the others together."""
BINS: Final = 10

# Of Okabe & Ito's palette, darkened where they would be pale as a line; markers say the same without colour.
SERIES: Final = (("#0072b2", "o"), ("#c04c00", "s"), ("#00835f", "^"), ("#b0558b", "D"), ("#b87400", "v"))
_INKS: Final = {INK: "ink", GREY: "soft", "#e6e6e6": "rule"}
_INKS_OF_SERIES: Final = dict(
    zip((colour for colour, _ in SERIES), ("blue", "red", "green", "pink", "orange"), strict=True)
)


@dataclass(frozen=True)
class Point:
    """A trial beside what an answer of it costs."""

    name: str
    family: str
    milliseconds: float
    macro_f1: float


@dataclass(frozen=True)
class Line:
    """A learning curve."""

    name: str
    """Empty for one that is only to be seen behind the others."""
    x: Sequence[float]
    y: Sequence[float]
    """Macro-F1 as fractions."""
    stopped: bool = False
    """By the pruner."""
    series: int = 0
    """Of `SERIES`, for one with a name."""


def costs(
    points: Sequence[Point], linear: float | None, together: tuple[int, float, float] | None, say: Say
) -> Picture:
    """Macro-F1 against milliseconds a text.

    Args:
        points: one or more, best first.
        linear: macro-F1 of the linear baseline.
        together: of the mean of several trials, how many, milliseconds and macro-F1.
        say: the page's language.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    with style():
        figure, axes = _figure()
        shown = [point for point in points if point.macro_f1 >= points[0].macro_f1 - HIDDEN_BEHIND]
        for number, family in enumerate(dict.fromkeys(point.family for point in points)):
            colour, marker = SERIES[number % len(SERIES)]
            own = [point for point in shown if point.family == family]
            if own:
                where = [point.milliseconds for point in own], [100 * point.macro_f1 for point in own]
                axes.plot(*where, marker=marker, color=colour, label=f"{visible(family)} ({len(own)})", **_DOTS)
                axes.annotate(own[0].name, (where[0][0], where[1][0]), **_ABOVE)
        if together is not None:
            label = say("cost.mean", count=together[0])
            axes.plot(
                [together[1]], [100 * together[2]], label=label, marker="*", color=INK, **_DOTS | {"markersize": 11}
            )
        if linear is not None:
            _across(axes, linear, say("cost.linear"))
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.margins(0.12, 0.14)
        axes.set(xlabel=say("cost.x"), ylabel=say("cost.y"))
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
        if hidden := len(points) - len(shown):
            left_out = say("cost.hidden", count=hidden, points=f"{100 * HIDDEN_BEHIND:g}")
            axes.set_title(left_out, size=8.5, color=GREY, loc="right")
        return _picture(figure, "costs", say("cost.caption"))


def curves(lines: Sequence[Line], linear: float | None, caption: str, say: Say) -> Picture:
    """Learning curves, those with a name before the others.

    Args:
        lines: one or more.
        linear: macro-F1 of the linear baseline.
        caption: of the figure.
        say: the page's language.
    """
    from matplotlib.ticker import MaxNLocator

    with style():
        figure, axes = _figure()
        told: set[str] = set()
        for line in sorted(lines, key=lambda one: bool(one.name)):
            colour, marker = SERIES[line.series % len(SERIES)] if line.name else (GREY, "")
            look: dict[str, Any] = (
                {"linewidth": 1.8, "markersize": 4.5} if line.name else {"linewidth": 0.9, "alpha": 0.45}
            )
            label = visible(line.name) if line.name not in told else None
            told.add(line.name)
            axes.plot(line.x, [100 * y for y in line.y], color=colour, marker=marker, label=label or None, **look)
            if line.stopped:
                axes.plot(line.x[-1:], [100 * line.y[-1]], color=colour, marker="x", markersize=5, alpha=0.7)
        if linear is not None:
            _across(axes, linear, say("cost.linear"))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel=say("curves.x"), ylabel=say("cost.y"))
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
        return _picture(figure, f"curves-{len(lines)}", caption)


def tuning(curve: TuningCurve, linear: float, say: Say) -> Picture:
    """Best validation score by number of random trials."""
    from matplotlib.ticker import MaxNLocator

    colour = SERIES[0][0]
    with style():
        figure, axes = _figure()
        axes.fill_between(curve.trials, 100 * curve.low, 100 * curve.high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(curve.trials, 100 * curve.median, color=colour, linewidth=2, marker="o", markersize=4)
        _across(axes, linear, say("cost.linear"))
        ends = [*(100 * curve.median).tolist(), 100 * linear]
        room = max(5.0, 0.2 * (max(ends) - min(ends)))
        axes.set_ylim(max(0.0, min(ends) - room), min(100.0, max(ends) + room))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel=say("tuning.x"), ylabel=say("cost.y"))
        return _picture(figure, "tuning", say("tuning.caption"))


def calibration(probabilities: np.ndarray, labels: np.ndarray, say: Say) -> Picture:
    """How often a model is right that is so sure.

    Args:
        probabilities: float [n, K].
        labels: int [n].
        say: the page's language.
    """
    sure = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    least = 100 / probabilities.shape[1]
    edges = np.linspace(least, 100, BINS + 1)
    of_row = np.clip(np.searchsorted(edges, 100 * sure, side="right") - 1, 0, BINS - 1)
    counts = np.bincount(of_row, minlength=BINS)
    there = counts > 0
    x = np.bincount(of_row, weights=100 * sure, minlength=BINS)[there] / counts[there]
    y = np.bincount(of_row, weights=100.0 * right, minlength=BINS)[there] / counts[there]
    with style():
        figure, axes = _figure((5.6, 3.9))
        axes.bar(
            (edges[:-1] + edges[1:]) / 2, 22 * counts / counts.max(), width=np.diff(edges) * 0.86, color=GREY, alpha=0.3
        )
        axes.plot([least, 100], [least, 100], color=GREY, linestyle="--", linewidth=1)
        axes.plot(x, y, color=SERIES[0][0], marker="o", linewidth=1.8, markersize=5)
        axes.set(xlim=(least, 101), ylim=(0, 103), xlabel=say("calibration.x"), ylabel=say("calibration.y"))
        return _picture(figure, "calibration", say("calibration.caption"))


_DOTS: Final[dict[str, Any]] = {"linestyle": "none", "markersize": 6.5, "markeredgewidth": 0, "alpha": 0.9}
_ABOVE: Final[dict[str, Any]] = {"xytext": (0, 7), "textcoords": "offset points", "ha": "center"}


def _figure(size: tuple[float, float] = SIZE) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    axes: Axes = figure.subplots()
    axes.patch.set_visible(False)
    return figure, axes


def _across(axes: "Axes", macro_f1: float, name: str) -> None:
    """The line of what all others stand beside."""
    axes.axhline(100 * macro_f1, color=GREY, linestyle="--", linewidth=1, zorder=0)
    where = axes.get_yaxis_transform()
    axes.text(1.0, 100 * macro_f1, name, transform=where, ha="right", va="bottom", color=GREY)


def _picture(figure: "Figure", name: str, caption: str) -> Picture:
    """The figure within the page: its ids are its own, its colours and letters the page's."""
    drawn = svg(figure, paper="none").decode()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r'\bid="', f'id="{name}-', drawn)
    drawn = re.sub(r"(url\(#|href=\"#)", rf"\g<1>{name}-", drawn)
    drawn = drawn.replace("xlink:href", "href")
    drawn = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font: \1px var(--sans)", drawn)
    for colour, ink in (_INKS | _INKS_OF_SERIES).items():
        drawn = drawn.replace(colour, f"var(--{ink})")
    size = re.search(r'viewBox="[^"]*"', drawn)
    assert size is not None
    room = f"max-width: {figure.get_figwidth() * REMS:.1f}rem"
    head = f'<svg {size[0]} style="{room}" role="img" aria-label="{escape(visible(caption))}">'
    return Picture(Markup(head + drawn[drawn.index(">") + 1 :]), caption)

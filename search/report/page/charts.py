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
from search.study.costs import HIDDEN_BEHIND, Costs
from sentiment.foreign import visible
from sentiment.metrics import reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Line", "calibration", "costs", "costs_drawn", "curves", "tuning"]

SIZE: Final = (7.4, 3.7)
"""Inches."""
REMS: Final = 6.3
"""Of the page to an inch: letters are then about as large as those beneath the figure."""

# Of Okabe & Ito's palette, darkened where they would be pale as a line; markers say the same without colour.
SERIES: Final = (("#0072b2", "o"), ("#c04c00", "s"), ("#00835f", "^"), ("#b0558b", "D"), ("#b87400", "v"))
_INKS: Final = {INK: "ink", GREY: "soft", "#e6e6e6": "rule"}
_INKS_OF_SERIES: Final = dict(
    zip((colour for colour, _ in SERIES), ("blue", "red", "green", "pink", "orange"), strict=True)
)


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


def costs(found: Costs, linear: float | None, say: Say) -> Picture:
    """Macro-F1 against milliseconds a text.

    Args:
        found: of a search.
        linear: macro-F1 of the linear baseline.
        say: the page's language.
    """
    with style():
        return _picture(costs_drawn(found, linear, say), "costs", say("cost.caption"))


def costs_drawn(found: Costs, linear: float | None, say: Say) -> "Figure":
    """The same as a figure of Matplotlib, drawn in the style that is set."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    figure, axes = _figure()
    for number, family in enumerate(found.families):
        colour, marker = SERIES[number % len(SERIES)]
        own = [entry for entry in found.shown if entry.family == family]
        if own:
            x, y = [entry.latency or 0.0 for entry in own], [100 * entry.macro_f1 for entry in own]
            axes.plot(x, y, marker=marker, color=colour, label=f"{visible(family)} ({len(own)})", **_DOTS)
            axes.annotate(say("board.trial", number=own[0].trial), (x[0], y[0]), **_ABOVE)
    if found.together is not None:
        count, milliseconds, macro_f1 = found.together
        look = _DOTS | {"marker": "*", "color": INK, "markersize": 11}
        axes.plot([milliseconds], [100 * macro_f1], label=say("cost.mean", count=count), **look)
    if linear is not None:
        _across(axes, linear, say("cost.linear"))
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(0.12, 0.14)
    axes.set(xlabel=say("cost.x"), ylabel=say("cost.y"))
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    if found.hidden:
        left_out = say("cost.hidden", count=found.hidden, points=f"{100 * HIDDEN_BEHIND:g}")
        axes.set_title(left_out, size=8.5, color=GREY, loc="right")
    return figure


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
    found = reliability(probabilities, labels)
    bins, least = len(found.rows), 100 / probabilities.shape[1]
    middles, there = 100 * (np.arange(bins) + 0.5) / bins, found.rows > 0
    x, y = (100 * sums[there] / found.rows[there] for sums in (found.confidence, found.right))
    with style():
        figure, axes = _figure((5.6, 3.9))
        axes.bar(middles, 22 * found.rows / found.rows.max(), width=86 / bins, color=GREY, alpha=0.3)
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

"""Every idea of a comparison: its difference from the baseline, its interval, its verdict, and what was guessed."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from search.comparison.ideas import BASELINE
from search.comparison.results import ArmScore, LinearScore, Results
from search.report.plotly_figures.style import GREY, INK, drawn, name, plotly
from search.report.points import between, points
from search.statistics import NO_DIFFERENCE, Difference

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["arms_figure", "forest_figure"]

MANY: Final = 16
REGION: Final = "#cfdbe6"
VERDICTS: Final = {
    "improves": ("#009e73", "triangle-up"),
    "worse": ("#d55e00", "triangle-down"),
    "no difference": ("#0072b2", "square"),
    "undecided": ("#767676", "circle"),
}
"""Colour and marker, as in the SVG of a report."""


@dataclass(frozen=True)
class _Row:
    name: str
    difference: Difference
    verdict: str
    guess: float | None = None


def forest_figure(found: Results) -> "Figure":
    """Ideas from the best to the worst, then the linear model, and below a rule what would be deployed."""
    ideas = [_Row(idea.name, idea.difference, idea.decision.verdict, idea.guess) for idea in found.ideas]
    ideas.sort(key=lambda row: -row.difference.mean)
    linear, best = found.linear, found.winner.against_linear
    rows = [*ideas, _Row(linear.name, linear.decision.difference, linear.decision.verdict)]
    beside = _Row(f"best {found.kind} minus linear model", best.difference, best.verdict)
    every = [*rows, beside]
    heights = {id(row): number + (0.6 if row is beside else 0.0) for number, row in enumerate(every)}
    scatter = plotly().Scatter
    traces: list[Any] = []
    for verdict, (colour, symbol) in VERDICTS.items():
        own = [row for row in every if row.verdict == verdict]
        if not own:
            continue
        traces.append(
            scatter(
                x=[_points(row.difference.mean) for row in own],
                y=[heights[id(row)] for row in own],
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [_points(row.difference.high - row.difference.mean) for row in own],
                    "arrayminus": [_points(row.difference.mean - row.difference.low) for row in own],
                    "color": colour,
                    "thickness": 2,
                    "width": 0,
                },
                text=[_told(row) for row in own],
                mode="markers",
                marker={"color": colour, "symbol": symbol, "size": 11},
                name=verdict,
                hovertemplate="%{text}<extra></extra>",
            )
        )
    guessed = [row for row in ideas if row.guess is not None]
    if guessed:
        traces.append(
            scatter(
                x=[_points(row.guess or 0.0) for row in guessed],
                y=[heights[id(row)] for row in guessed],
                mode="markers",
                marker={"color": INK, "symbol": "diamond-open", "size": 11},
                name="guess",
                hovertemplate="guessed %{x:+.1f}<extra></extra>",
            )
        )
    equal, lowest = 100 * NO_DIFFERENCE, heights[id(beside)]
    rule = lowest - 0.8
    return drawn(
        f"Every idea against the {BASELINE}\n"
        f"macro-F1 on sealed rows, points, 95 % interval; the band is within ±{equal:g}: practically equal",
        traces,
        x={"title": {"text": f"idea minus {BASELINE}, points"}, "range": _range(every)},
        y={
            "tickvals": [heights[id(row)] for row in every],
            "ticktext": [name(row.name) for row in every],
            "tickfont": _small(every),
            "range": [lowest + 0.6, -0.6],
            "showgrid": False,
            "ticks": "",
        },
        shapes=[
            _shape("rect", -equal, equal, 0, 1, {"fillcolor": REGION, "line": {"width": 0}, "yref": "paper"}),
            _shape("line", 0, 0, 0, 1, {"line": {"color": GREY, "width": 1}, "yref": "paper"}),
            _shape("line", 0, 1, rule, rule, {"line": {"color": GREY, "width": 1, "dash": "dot"}, "xref": "paper"}),
        ],
    )


def arms_figure(found: Results) -> "Figure":
    """Macro-F1 of every arm by itself, on sealed rows and on fresh validation rows, over the pairs that all have."""
    arms: list[ArmScore | LinearScore] = [found.baseline, *(idea.score for idea in found.ideas), found.linear]
    arms.sort(key=lambda arm: -arm.macro_f1)
    scatter = plotly().Scatter
    kinds = (
        ("sealed test", "macro_f1", INK, "circle"),
        ("fresh validation rows", "validation_macro_f1", GREY, "x-thin"),
    )
    traces = [
        scatter(
            x=[_points(getattr(arm, score)) for arm in arms],
            y=list(range(len(arms))),
            text=[name(arm.name) for arm in arms],
            mode="markers",
            marker={"color": colour, "symbol": symbol, "size": 10, "line": {"width": 2, "color": colour}},
            name=label,
            hovertemplate="%{text}: %{x:.1f}<extra>" + label + "</extra>",
        )
        for label, score, colour, symbol in kinds
    ]
    return drawn(
        f"Every arm by itself\nmean macro-F1 of the {found.shared_pairs} pairs that all arms have; choose by the "
        "verdicts, not by this",
        traces,
        x={"title": {"text": "macro-F1, points"}},
        y={
            "tickvals": list(range(len(arms))),
            "ticktext": [name(arm.name) for arm in arms],
            "tickfont": _small(arms),
            "range": [len(arms) - 0.5, -0.5],
            "ticks": "",
        },
    )


def _small(rows: Sequence[Any]) -> dict[str, int]:
    """The type of names beside an axis: of many, such that they do not touch."""
    return {"size": 12 if len(rows) <= MANY else 10}


def _told(row: _Row) -> str:
    difference = row.difference
    interval = f"{points(difference.mean)} ({between(difference.low, difference.high)})"
    return f"{name(row.name, 80)}: {interval}, {row.verdict}"


def _range(rows: Sequence[_Row]) -> list[float]:
    """Few pairs can leave an interval many times wider than the others; it is cut, lest it squash them."""
    shown = [-2 * NO_DIFFERENCE, 2 * NO_DIFFERENCE, *(row.difference.mean for row in rows)]
    shown += [row.guess for row in rows if row.guess is not None]
    first, last = min(shown), max(shown)
    reach = statistics.median(row.difference.high - row.difference.mean for row in rows)
    room = max(1.5 * reach, 0.3 * (last - first))
    low = max(min(first, *(row.difference.low for row in rows)), first - room)
    high = min(max(last, *(row.difference.high for row in rows)), last + room)
    pad = 0.04 * (high - low)
    return [_points(low - pad), _points(high + pad)]


def _points(fraction: float) -> float:
    return round(100 * fraction, 2)


def _shape(kind: str, x0: float, x1: float, y0: float, y1: float, more: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "x0": x0, "x1": x1, "y0": y0, "y1": y1, "layer": "below"} | more

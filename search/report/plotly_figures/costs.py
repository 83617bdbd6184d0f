"""What each trial scored, against what an answer of it costs, with the linear model as a line."""

from typing import TYPE_CHECKING, Any, Final

from search.report.plotly_figures.style import GREY, INK, PALETTE, drawn, name, plotly
from search.study.costs import HIDDEN_BEHIND, costs_of
from search.study.leaderboard import Leaderboard

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["costs_figure"]

TICKS: Final = tuple(digit * 10.0**power for power in range(-3, 5) for digit in (1, 2, 5))
"""Milliseconds."""


def costs_figure(board: Leaderboard) -> "Figure | None":
    """Macro-F1 against milliseconds a text, one point for each completed trial, families told apart by colour and
    marker; None where no trial says what an answer takes, as in studies of earlier versions."""
    found = costs_of(board)
    if found is None:
        return None
    scatter = plotly().Scatter
    traces: list[Any] = []
    for number, family in enumerate(found.families):
        colour, symbol = PALETTE[number % len(PALETTE)]
        own = [entry for entry in found.shown if entry.family == family]
        traces.append(
            scatter(
                x=[round(entry.latency or 0.0, 3) for entry in own],
                y=[round(100 * entry.macro_f1, 2) for entry in own],
                text=[f"trial {entry.trial}, {name(entry.architecture)}" for entry in own],
                mode="markers",
                marker={"color": colour, "symbol": symbol, "size": 9, "opacity": 0.8},
                name=f"{name(family)} ({len(own)})",
                hovertemplate="%{text}<br>%{y:.1f} points, %{x:.2g} ms<extra></extra>",
            )
        )
    if found.together is not None:
        count, milliseconds, macro_f1 = found.together
        traces.append(
            scatter(
                x=[milliseconds],
                y=[round(100 * macro_f1, 2)],
                mode="markers",
                marker={"color": INK, "symbol": "star", "size": 13},
                name=f"mean of {count} trials",
                hovertemplate="%{y:.1f} points, %{x:.2g} ms<extra></extra>",
            )
        )
    beside = "\nscores on the rows that chose the trials and the mean of them, not corrected for choosing"
    if found.hidden:
        beside += f"\n{found.hidden} trials more than {100 * HIDDEN_BEHIND:g} points behind are not shown"
    layout: dict[str, Any] = {}
    if board.linear is not None:
        height = round(100 * board.linear.macro_f1, 2)
        line = {"color": GREY, "dash": "dash", "width": 1.5}
        layout = {
            "shapes": [{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": height, "y1": height, "line": line}],
            "annotations": [
                {
                    "xref": "paper",
                    "x": 0.01,
                    "xanchor": "left",
                    "y": height,
                    "yanchor": "top",
                    "text": f"linear baseline {height:.1f}",
                    "showarrow": False,
                    "font": {"color": GREY},
                }
            ],
        }
    return drawn(
        f"Score against cost{beside}",
        traces,
        x={
            "type": "log",
            "title": {"text": "milliseconds for one text"},
            "tickvals": TICKS,
            "ticktext": [f"{tick:g}" for tick in TICKS],
        },
        y={"title": {"text": "macro-F1 on validation rows, points"}},
        **layout,
    )

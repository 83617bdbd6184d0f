"""What each trial of a search scored, against what an answer of it costs, as a figure."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from search.report.drawing import GREY, INK, TYPE, style, svg
from search.study.leaderboard import Leaderboard
from sentiment.writing import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["write_costs"]

SIZE: Final = (7.5, 4.2)
"""Inches."""
SHOWN: Final = 0.12
"""Macro-F1 below the best that is still shown: what failed would press the others together."""

# Of Okabe & Ito's palette, which colour-blind readers can tell apart; the marker says the same without colour.
_MARKS: Final = (("#0072b2", "o"), ("#d55e00", "s"), ("#009e73", "^"), ("#cc79a7", "D"), ("#e69f00", "v"))


def write_costs(board: Leaderboard, folder: Path) -> list[Path]:
    """Write `costs.svg`: macro-F1 against milliseconds a text, one point for each trial, families told apart.

    Args:
        board: of a search.
        folder: where a file of this name is replaced.

    Returns:
        The files written; none where no trial says what an answer takes, as in studies of earlier versions.

    Raises:
        InputError: the extra `figures` is missing. Nothing is written then.
    """
    if not any(entry.latency for entry in board.entries):
        return []
    with style():
        content = svg(_figure(board))
    path = folder / "costs.svg"
    write_whole(path, content)
    return [path]


def _figure(board: Leaderboard) -> "Figure":
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    points = [entry for entry in board.entries if entry.trial is not None and entry.latency]
    best = max(entry.macro_f1 for entry in points)
    shown = [entry for entry in points if entry.macro_f1 >= best - SHOWN]
    for number, family in enumerate(dict.fromkeys(entry.family for entry in points)):
        colour, marker = _MARKS[number % len(_MARKS)]
        own = [entry for entry in shown if entry.family == family]
        axes.plot(
            [entry.latency or 0.0 for entry in own],
            [100 * entry.macro_f1 for entry in own],
            linestyle="none",
            marker=marker,
            color=colour,
            alpha=0.75,
            markersize=6,
            markeredgewidth=0,
            label=f"{family} ({len(own)})",
        )
        if own:
            _name(axes, own[0].latency or 0.0, own[0].macro_f1, f"trial {own[0].trial}")
    latencies = {entry.trial: entry.latency or 0.0 for entry in points}
    if board.ensemble is not None and board.ensemble.weights.keys() <= latencies.keys():
        together = sum(latencies[number] for number in board.ensemble.weights)
        style_of: dict[str, Any] = {"linestyle": "none", "marker": "*", "color": INK, "markersize": 11}
        label = f"mean of {len(board.ensemble.weights)} trials"
        axes.plot([together], [100 * board.ensemble.macro_f1], label=label, **style_of)
    if board.linear is not None:
        axes.axhline(100 * board.linear.macro_f1, color=GREY, linestyle="--", linewidth=1, zorder=0)
        across = axes.get_yaxis_transform()
        axes.text(
            1.0, 100 * board.linear.macro_f1, "linear baseline", transform=across, ha="right", va="bottom", color=GREY
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(0.12, 0.12)
    axes.set_xlabel("milliseconds for one text")
    axes.set_ylabel("macro-F1 on the validation rows, in points")
    axes.legend(loc="best", frameon=False)
    left_out = len(points) - len(shown)
    if left_out:
        axes.set_title(
            f"{left_out} trials more than {100 * SHOWN:g} points behind are not shown",
            size=TYPE,
            color=GREY,
            loc="right",
        )
    return figure


def _name(axes: "Axes", x: float, macro_f1: float, name: str) -> None:
    offset: dict[str, Any] = {"xytext": (0, 6), "textcoords": "offset points", "ha": "center"}
    axes.annotate(name, (x, 100 * macro_f1), **offset)

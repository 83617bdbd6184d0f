"""The results of a comparison as figures: SVG files for a README, a note, or a slide.

It draws what `results` measured, in points (1 point is .01 of macro-F1), and computes nothing that is not about ink.
Matplotlib, the extra `figures`, is imported only where something is drawn.

Widths of names are measured in Matplotlib's DejaVu Sans, which is wider than what readers have instead. How things
are drawn, `drawing` says.
"""

import statistics
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from search.comparison.ideas import BASELINE
from search.comparison.results import CollapseShare, Results
from search.report.drawing import GREY, INK, TYPE, style, svg
from search.statistics import NO_DIFFERENCE, Difference, TuningCurve
from sentiment.foreign import visible
from sentiment.writing import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Transform

__all__ = ["MINUS", "limits", "write_figures"]

# Inches; sizes of type in points.
WIDTH: Final = 9.5
MARGIN: Final = 0.15
ROW: Final = 0.26
NAMES: Final = 3.4
"""For the names at the left, at most; what is longer is cut in its middle."""
NUMBERS: Final = 1.85
"""For a difference and its interval, at the right."""
TITLE: Final = 0.34
LEGEND: Final = 0.3
AXIS: Final = 0.55
"""Below the rows, for ticks and their label."""
GAP: Final = 0.15
"""Between panels."""
PLOT: Final = 3.2
"""Height of a plot without rows."""

RULE: Final = "#e6e6e6"
REGION: Final = "#cfdbe6"

# Of Okabe & Ito's palette, which colour-blind readers can tell apart; the marker says the same without colour.
_VERDICTS: Final = {
    "improves": ("#009e73", "^"),
    "worse": ("#d55e00", "v"),
    "no difference": ("#0072b2", "s"),
    "undecided": ("#767676", "o"),
}
_GUESS: Final[dict[str, Any]] = {
    "marker": "D",
    "markersize": 7,
    "markerfacecolor": "none",
    "linestyle": "none",
    "clip_on": False,
}
_OVER: Final[dict[str, Any]] = {"facecolor": "white", "edgecolor": "none", "pad": 0}
_BAR: Final = "#e69f00"

MINUS: Final = "\u2212"
"""As wide as the plus, and not overlooked as a hyphen is."""


def write_figures(found: Results, folder: Path) -> list[Path]:
    """Write `differences.svg`, `tuning.svg` and `collapse.svg`, each where there is something to show.

    Args:
        found: the results.
        folder: made if it is not there; files of these names in it are replaced.

    Returns:
        The files written.

    Raises:
        InputError: the extra `figures` is missing. Nothing is written then.
    """
    with style():
        drawn = {"differences": _differences(found)} if found.ideas else {}
        if found.curve is not None:
            drawn["tuning"] = _tuning(found.curve, found.linear_validation_macro_f1)
        trained = [share for share in found.collapse if share.trainings]
        if trained:
            drawn["collapse"] = _collapse(trained)
        files = {folder / f"{name}.svg": svg(figure) for name, figure in drawn.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        write_whole(path, content)
    return list(files)


# ---------------------------------------------------------------------------------------------- differences


@dataclass(frozen=True)
class _Row:
    """A line of a forest plot; one without a difference is a heading."""

    name: str
    difference: Difference | None = None
    verdict: str = ""
    guess: float | None = None


def _differences(found: Results) -> "Figure":
    ideas = [_Row(idea.name, idea.difference, idea.decision.verdict, idea.guess) for idea in found.ideas]
    panels = [(f"Every idea against the {BASELINE}", "idea minus baseline: points of macro-F1, 95 % interval", ideas)]
    label = "points of macro-F1, 95 % interval; on a scale of its own"
    if steps := _steps(found):
        panels.append(("What the last step alone brought", label, steps))
    linear, best = found.linear, found.winner.against_linear
    beside = [
        _Row(f"{linear.name}, against the {BASELINE}", linear.decision.difference, linear.decision.verdict),
        _Row(f"best {found.kind}, against {linear.name}", best.difference, best.verdict),
    ]
    panels.append(("Beside the linear model", label, beside))
    top = MARGIN + LEGEND + sum(TITLE + len(rows) * ROW + AXIS for _, _, rows in panels) + (len(panels) - 1) * GAP
    figure = _figure(top)
    names = _names_width([row.name for _, _, rows in panels for row in rows if row.difference])
    top -= MARGIN
    legend = top - TITLE
    for number, (title, label, rows) in enumerate(panels):
        _title(figure, title, top)
        top -= TITLE + len(rows) * ROW + (0 if number else LEGEND)
        axes = _panel(figure, left=names, right=MARGIN + NUMBERS, bottom=top, height=len(rows) * ROW)
        _forest(figure, axes, rows)
        axes.set_xlabel(label)
        top -= AXIS + GAP
    _forest_legend(figure, [row for _, _, rows in panels for row in rows], legend)
    return figure


def _steps(found: Results) -> list[_Row]:
    """Each under the idea that it is set against, which would else be repeated in every line."""
    rows = []
    for against in dict.fromkeys(idea.against for idea in found.ideas if idea.step is not None):
        rows.append(_Row(f"against {against}"))
        rows += [
            _Row(idea.name, idea.step.difference, idea.step.verdict)
            for idea in found.ideas
            if idea.step is not None and idea.against == against
        ]
    return rows


def _forest(figure: "Figure", axes: "Axes", rows: Sequence[_Row]) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    across = _across(figure, axes)
    measured = [row.difference for row in rows if row.difference is not None]
    guesses = [row.guess for row in rows if row.guess is not None]
    means, lows, highs = ([getattr(one, name) for one in measured] for name in ("mean", "low", "high"))
    ends = limits(means, lows, highs, guesses)
    axes.set(xlim=ends, ylim=(len(rows) - 0.5, -0.5), yticks=[])
    axes.spines.left.set_visible(False)
    axes.axvspan(-100 * NO_DIFFERENCE, 100 * NO_DIFFERENCE, color=REGION, linewidth=0, zorder=0.5)
    axes.axvline(0, color=GREY, linewidth=0.9, zorder=1)
    for y, row in enumerate(rows):
        _rule(figure, axes, y)
        if row.difference is None:
            heading = _clip(row.name, WIDTH - 2 * MARGIN)
            axes.text(MARGIN / WIDTH, y, heading, transform=across, va="center_baseline", color=GREY, bbox=_OVER)
            continue
        axes.text(MARGIN / WIDTH, y, _clip(row.name, NAMES), transform=across, va="center_baseline")
        _interval(axes, y, row.difference, row.verdict)
        if row.guess is not None:
            axes.plot(100 * row.guess, y, color=INK, zorder=4, **_GUESS)
        low, high = _points(row.difference.low, ""), _points(row.difference.high, "")
        end = WIDTH - MARGIN - NUMBERS + 0.6
        axes.text(end / WIDTH, y, _points(row.difference.mean), transform=across, va="center_baseline", ha="right")
        axes.text((end + 0.1) / WIDTH, y, f"[{low}, {high}]", transform=across, va="center_baseline", color=GREY)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:+g}".replace("-", MINUS) if x else "0"))


def _interval(axes: "Axes", y: float, difference: Difference, verdict: str) -> None:
    """The difference and its interval, with an arrow where that goes on beyond the axis."""
    colour, marker = _VERDICTS[verdict]
    left, right = axes.get_xlim()
    low, high = 100 * difference.low, 100 * difference.high
    axes.plot([max(low, left), min(high, right)], [y, y], color=colour, linewidth=1.8, zorder=2)
    for end, shown, arrow in ((low, max(low, left), "<"), (high, min(high, right), ">")):
        axes.plot(shown, y, marker="|" if end == shown else arrow, markersize=6, color=colour, clip_on=False)
    axes.plot(100 * difference.mean, y, marker=marker, markersize=7, markeredgewidth=0, color=colour, zorder=3)


def limits(
    means: Sequence[float], lows: Sequence[float], highs: Sequence[float], guesses: Sequence[float]
) -> tuple[float, float]:
    """Ends of an axis for differences and their intervals, in points.

    Few pairs can leave an interval many times wider than the others; it is cut, lest it squash them.

    Args:
        means: of the differences, as fractions.
        lows: low ends of their intervals.
        highs: high ends.
        guesses: of the same, as many as there are.
    """
    shown = [-2 * NO_DIFFERENCE, 2 * NO_DIFFERENCE, *means, *guesses]
    first, last = min(shown), max(shown)
    reach = statistics.median(high - mean for mean, high in zip(means, highs, strict=True))
    room = max(1.5 * reach, 0.3 * (last - first))
    low, high = max(min(first, *lows), first - room), min(max(last, *highs), last + room)
    pad = 0.02 * (high - low)
    return 100 * (low - pad), 100 * (high + pad)


def _forest_legend(figure: "Figure", rows: Sequence[_Row], top: float) -> None:
    axes = figure.axes[0]
    shown = {row.verdict for row in rows}
    for word, (colour, marker) in _VERDICTS.items():
        if word in shown:
            axes.plot([], [], color=colour, marker=marker, markersize=7, markeredgewidth=0, linewidth=1.8, label=word)
    if any(row.guess is not None for row in rows):
        axes.plot([], [], color=INK, label="guess", **_GUESS)
    axes.fill_between(
        [], [], color=REGION, linewidth=0, label=f"within ±{100 * NO_DIFFERENCE:g} points: practically equal"
    )
    _legend(figure, top=top, ncols=len(axes.get_legend_handles_labels()[0]), handlelength=2.0)


# ---------------------------------------------------------------------------------------------- tuning


def _tuning(curve: TuningCurve, linear: float) -> "Figure":
    from matplotlib.ticker import MaxNLocator

    height = MARGIN + TITLE + LEGEND + PLOT + AXIS
    figure = _figure(height)
    _title(figure, "Random search of the whole space: best validation score by number of trials", height - MARGIN)
    axes = _panel(figure, left=MARGIN + 0.45, right=MARGIN, bottom=AXIS, height=PLOT)
    colour = _VERDICTS["no difference"][0]
    trials, median, low, high = curve.trials, 100 * curve.median, 100 * curve.low, 100 * curve.high
    axes.fill_between(trials, low, high, color=colour, alpha=0.15, linewidth=0, label="95 % band")
    axes.plot(trials, median, color=colour, linewidth=2, marker="o", markersize=4, label="median")
    axes.axhline(100 * linear, color=INK, linestyle="--", linewidth=1.2, label="TF-IDF + logistic regression")
    ends = [*median.tolist(), 100 * linear]
    room = max(5.0, 0.2 * (max(ends) - min(ends)))
    axes.set_ylim(max(0.0, min(ends) - room), min(100.0, max(ends) + room))
    axes.set_xlim(0.5, len(trials) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("random trials (a band that reaches the top has no upper end yet)")
    axes.set_ylabel("macro-F1 on validation rows, in points")
    _legend(figure, top=height - MARGIN - TITLE, ncols=3, handlelength=2.6)
    return figure


# ---------------------------------------------------------------------------------------------- collapse


def _collapse(shares: Sequence[CollapseShare]) -> "Figure":
    from matplotlib.ticker import PercentFormatter

    height = MARGIN + TITLE + len(shares) * ROW + AXIS
    figure = _figure(height)
    _title(
        figure, "Trainings that ended in (almost) one class, by padding, architecture and optimizer", height - MARGIN
    )
    kinds = [
        f"padding {share.padding.replace('_', ' ')}, {share.architecture.replace('_', ' ')}, {share.optimizer}"
        for share in shares
    ]
    names = _names_width(kinds)
    axes = _panel(figure, left=names, right=MARGIN + 0.85, bottom=AXIS, height=len(shares) * ROW)
    axes.set(xlim=(0, 1), ylim=(len(shares) - 0.5, -0.5), yticks=[])
    across = _across(figure, axes)
    for y, (name, share) in enumerate(zip(kinds, shares, strict=True)):
        _rule(figure, axes, y)
        axes.text(MARGIN / WIDTH, y, _clip(name, NAMES), transform=across, va="center_baseline")
        axes.barh(y, share.collapsed / share.trainings, height=0.6, color=_BAR, zorder=2)
        axes.plot([share.low, share.high], [y, y], color=INK, linewidth=1.2, marker="|", markersize=6, zorder=3,
                  clip_on=False)  # fmt: skip
        count = f"{share.collapsed} of {share.trainings}"
        axes.text(1 - MARGIN / WIDTH, y, count, transform=across, va="center_baseline", ha="right")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.set_xlabel("share of trainings, with its 95 % interval")
    return figure


# ---------------------------------------------------------------------------------------------- layout, in inches


def _figure(height: float) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height))
    FigureCanvasAgg(figure)
    return figure


def _panel(figure: "Figure", *, left: float, right: float, bottom: float, height: float) -> "Axes":
    whole = figure.get_figheight()
    return figure.add_axes((left / WIDTH, bottom / whole, (WIDTH - left - right) / WIDTH, height / whole))


def _title(figure: "Figure", title: str, top: float) -> None:
    figure.text(MARGIN / WIDTH, top / figure.get_figheight(), title, va="top", size=TYPE + 1.5, weight="bold")


def _legend(figure: "Figure", *, top: float, ncols: int, handlelength: float) -> None:
    handles = [handle for axes in figure.axes for handle in axes.get_legend_handles_labels()[0]]
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(MARGIN / WIDTH, top / figure.get_figheight()),
        ncols=ncols,
        frameon=False,
        borderpad=0,
        borderaxespad=0,
        handlelength=handlelength,
        columnspacing=1.4,
    )


def _rule(figure: "Figure", axes: "Axes", y: float) -> None:
    """A hairline below a row, over the whole figure, that leads the eye from a name to its number."""
    ends = [MARGIN / WIDTH, 1 - MARGIN / WIDTH]
    axes.plot(ends, [y + 0.5] * 2, color=RULE, linewidth=0.6, transform=_across(figure, axes), zorder=0, clip_on=False)


def _across(figure: "Figure", axes: "Axes") -> "Transform":
    """x as a fraction of the figure, y in rows."""
    from matplotlib.transforms import blended_transform_factory

    return blended_transform_factory(figure.transFigure, axes.transData)


def _names_width(names: Sequence[str]) -> float:
    """Where a panel begins that leaves room for these names."""
    return MARGIN + min(NAMES, max(_width(visible(name)) for name in names)) + 0.2


def _clip(name: str, width: float) -> str:
    """A name no wider than this. Long names differ at their ends more often than in their middle, which is cut."""
    name = visible(name)
    if _width(name) <= width:
        return name
    kept = len(name) - 1
    while _width(shown := f"{name[: (kept + 1) // 2].rstrip()} … {name[-(kept // 2) :].lstrip()}") > width:
        kept -= 1
    return shown


def _width(text: str) -> float:
    """At most; a full-width character, which Matplotlib's own font lacks, is taken for a W."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    wide = "".join("W" if unicodedata.east_asian_width(c) in "WF" else c for c in text)
    return float(text_to_path.get_text_width_height_descent(wide, FontProperties(size=TYPE), ismath=False)[0]) / 72


def _points(fraction: float, sign: str = "+") -> str:
    return f"{100 * fraction:{sign}.1f}".replace("-", MINUS)

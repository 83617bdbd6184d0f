"""One training as figures, small enough to be made for each of a thousand trials: how it learned, what it takes for
what, and how far its probabilities can be believed.

How things are drawn, `drawing` says. What is drawn here is laid out by hand: Matplotlib's own layout takes most of the
time.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from search.report.drawing import GREY, INK, TYPE, style, svg
from search.study.outcome import Outcome
from sentiment.foreign import visible
from sentiment.metrics import confusion_matrix, expected_calibration_error
from sentiment.models.family import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figures"]

# Of Okabe & Ito's palette, which colour-blind readers can tell apart.
BLUE: Final = "#0072b2"
ORANGE: Final = "#d55e00"
GREEN: Final = "#009e73"

MOST_CLASSES: Final = 12
"""Whose confusion can be read."""
LONGEST: Final = 14
"""Characters of a class's name."""
LETTER: Final = 0.085
"""Inches, at most."""
FEW: Final = 3
"""Classes whose names stand side by side."""
BINS: Final = 10


def figures(outcome: Outcome, linear: float | None) -> dict[str, bytes]:
    """SVG files by their names; those that would show nothing are left out.

    Args:
        outcome: what came of a trial.
        linear: macro-F1 of the linear baseline, drawn as a line.

    Raises:
        InputError: the extra `figures` is missing.
    """
    made = {}
    with style():
        if len(outcome.reports) > 1:
            made["learning-curve.svg"] = svg(_curve(outcome.reports, linear))
        if outcome.trained is not None and outcome.trained.model is not None:
            said, labels = outcome.trained.probabilities, outcome.dataset.labels("validation")
            classes = [_short(name) for name in outcome.dataset.classes]
            if len(classes) <= MOST_CLASSES:
                made["confusion.svg"] = svg(_confusion(labels, said.argmax(axis=1), classes))
            made["calibration.svg"] = svg(_calibration(labels, said))
    return made


def _short(name: str) -> str:
    shown = visible(name)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def _curve(reports: Sequence[Report], linear: float | None) -> "Figure":
    figure = _figure(4.2, 4.2)
    scores, losses = figure.subplots(2, 1)
    figure.subplots_adjust(left=0.13, right=0.97, bottom=0.12, top=0.93, hspace=0.4)
    epochs = [report.epoch for report in reports]
    best = max(reports, key=lambda report: (report.macro_f1, -report.step))
    scores.plot(epochs, [report.macro_f1 for report in reports], color=BLUE, marker="o", markersize=3.5)
    scores.plot([best.epoch], [best.macro_f1], color=BLUE, marker="o", markersize=8, markerfacecolor="none")
    title = f"macro-F1: best {best.macro_f1:.4f}"
    if linear is not None:
        scores.axhline(linear, color=GREY, linestyle="--", linewidth=1, zorder=0)
        title += f", linear baseline {linear:.4f} (dashed)"
    scores.set_title(title, loc="left", size=TYPE)
    trained = [report.train_loss for report in reports]
    if np.isfinite(trained).any():
        losses.plot(epochs, trained, color=ORANGE, marker="s", markersize=3.5, label="training")
    losses.plot(epochs, [report.validation_loss for report in reports], color=GREEN, marker="^", markersize=3.5)
    losses.lines[-1].set_label("validation")
    losses.set_title("loss, nats", loc="left", size=TYPE)
    losses.legend(frameon=False)
    losses.set_xlabel("epochs")
    for axes in (scores, losses):
        axes.margins(x=0.04, y=0.12)
    return figure


def _confusion(labels: np.ndarray, said: np.ndarray, classes: Sequence[str]) -> "Figure":
    cells = confusion_matrix(labels, said, len(classes))
    shares = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1)
    name = 0.45 + LETTER * max(map(len, classes))  # what the names at the left take, and above if they lie askew
    across, above = 0.75 * len(classes), 0.55 if len(classes) <= FEW else name
    width, height = name + across + 0.15, above + 0.55 * len(classes) + 0.15
    figure = _figure(width, height)
    axes = figure.add_axes((name / width, 0.15 / height, across / width, 1 - (above + 0.15) / height))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    for (row, column), count in np.ndenumerate(cells):
        colour = "white" if shares[row, column] > 0.55 else INK
        share = f"{100 * shares[row, column]:.0f} %"
        axes.text(column, row, f"{count:,}\n{share}", ha="center", va="center", color=colour, size=8)
    places = range(len(classes))
    askew = {"rotation": 0, "ha": "center"} if len(classes) <= FEW else {"rotation": 45, "ha": "left"}
    axes.set_xticks(places, classes, **askew)
    axes.set_yticks(places, classes)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("predicted")
    axes.set_ylabel("label")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def _calibration(labels: np.ndarray, said: np.ndarray) -> "Figure":
    confidence, right = said.max(axis=1), said.argmax(axis=1) == labels
    bin_of = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    counts = np.bincount(bin_of, minlength=BINS)
    there = counts > 0
    trusted = np.bincount(bin_of, weights=confidence, minlength=BINS)[there] / counts[there]
    held = np.bincount(bin_of, weights=right, minlength=BINS)[there] / counts[there]
    figure = _figure(3.4, 3.2)
    axes: Axes = figure.add_axes((0.16, 0.14, 0.8, 0.77))
    axes.plot([0, 100], [0, 100], color=GREY, linestyle="--", linewidth=1)
    axes.plot(100 * trusted, 100 * held, color=BLUE, linewidth=1)
    axes.scatter(100 * trusted, 100 * held, s=12 + 120 * counts[there] / len(labels), color=BLUE, zorder=3)
    lowest = 100 / said.shape[1]
    axes.set_xlim(max(0.0, lowest - 10), 102)
    axes.set_ylim(min(max(0.0, lowest - 10), 100 * float(held.min()) - 4), 104)
    error = expected_calibration_error(said, labels)
    axes.set_title(f"calibration error {100 * error:.1f} points", loc="left", size=TYPE)
    axes.set_xlabel("probability of its answers, %")
    axes.set_ylabel("of them right, %")
    return figure

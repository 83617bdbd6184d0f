"""One training as figures, small enough to be made for each of a thousand trials: how it learned, what it takes for
what, and how far its probabilities can be believed.

How things are drawn, `drawing` says. What is drawn here is laid out by hand: Matplotlib's own layout takes most of the
time.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from search.report.drawing import GREY, INK, style, svg
from search.study.outcome import Outcome
from sentiment.foreign import visible
from sentiment.metrics import confusion_matrix, expected_calibration_error, reliability
from sentiment.models.family import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figures"]

# Inches. The dashboard shows an image in so much space and no larger, so letters must be read at this size.
WIDTH: Final = 2.8
HEIGHT: Final = 2.1
LETTERS: Final = 7.5
"""In points."""

# Of Okabe & Ito's palette, which colour-blind readers can tell apart.
BLUE: Final = "#0072b2"
ORANGE: Final = "#d55e00"
GREEN: Final = "#009e73"

MOST_CLASSES: Final = 12
"""Whose confusion can be read."""
FEW: Final = 3
"""Classes whose names stand side by side, and whose cells hold two lines."""
LONGEST: Final = 12
"""Characters of a class's name."""
LETTER: Final = 0.065
"""Inches that a letter takes, at most."""
FONT: Final = {"font.sans-serif": ["DejaVu Sans"]}
"""Each text of an SVG names all fonts that it may be set in: Matplotlib's ten would be a fifth of the file."""


def figures(outcome: Outcome, linear: float | None) -> dict[str, bytes]:
    """SVG files by their names; those that would show nothing are left out.

    Args:
        outcome: what came of a trial.
        linear: macro-F1 of the linear baseline, drawn as a line.

    Raises:
        InputError: the extra `figures` is missing.
    """
    drawn = {}
    with style(FONT):
        if len(outcome.reports) > 1:
            drawn["learning-curve.svg"] = svg(_scores(outcome.reports, linear))
            drawn["loss.svg"] = svg(_losses(outcome.reports))
        if outcome.trained is not None and outcome.trained.model is not None:
            said, labels = outcome.trained.probabilities, outcome.dataset.labels("validation")
            classes = [_short(name) for name in outcome.dataset.classes]
            if len(classes) <= MOST_CLASSES:
                drawn["confusion.svg"] = svg(_confusion(labels, said.argmax(axis=1), classes))
            drawn["calibration.svg"] = svg(_calibration(labels, said))
    return drawn


def _short(name: str) -> str:
    shown = visible(name)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


def _plot(title: str, across: str, up: str | None = None) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT))
    left = 0.17 if up is None else 0.19
    axes = figure.add_axes((left, 0.2, 0.97 - left, 0.66))
    axes.set_title(title, loc="left", size=LETTERS)
    axes.set_xlabel(across, size=LETTERS)
    if up is not None:
        axes.set_ylabel(up, size=LETTERS)
    axes.tick_params(labelsize=LETTERS, length=2.5, pad=2)
    axes.locator_params(nbins=5)
    axes.margins(x=0.05, y=0.12)
    return figure, axes


def _scores(reports: Sequence[Report], linear: float | None) -> "Figure":
    best = max(reports, key=lambda report: (report.macro_f1, -report.step))
    beside = "" if linear is None else ", dashed: linear"
    figure, axes = _plot(f"macro-F1, best {best.macro_f1:.4f}{beside}", "epochs")
    scores = [report.macro_f1 for report in reports]
    axes.plot([report.epoch for report in reports], scores, color=BLUE, marker="o", markersize=2.5, linewidth=1.2)
    axes.plot([best.epoch], [best.macro_f1], color=BLUE, marker="o", markersize=6, markerfacecolor="none")
    if linear is not None:
        axes.axhline(linear, color=GREY, linestyle="--", linewidth=1, zorder=0)
    return figure


def _losses(reports: Sequence[Report]) -> "Figure":
    figure, axes = _plot("loss, nats", "epochs")
    epochs = [report.epoch for report in reports]
    of_training = [report.train_loss for report in reports]
    if np.isfinite(of_training).any():
        axes.plot(epochs, of_training, color=ORANGE, marker="s", markersize=2.5, linewidth=1.2, label="training")
    of_validation = [report.validation_loss for report in reports]
    axes.plot(epochs, of_validation, color=GREEN, marker="^", markersize=2.5, linewidth=1.2, label="validation")
    axes.legend(frameon=False, fontsize=LETTERS, borderaxespad=0.2, handlelength=1.5)
    return figure


def _confusion(labels: np.ndarray, said: np.ndarray, classes: Sequence[str]) -> "Figure":
    from matplotlib.figure import Figure

    cells = confusion_matrix(labels, said, len(classes))
    shares = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(WIDTH, HEIGHT))
    beside = 0.28 + LETTER * max(map(len, classes))
    above = 0.4 if len(classes) <= FEW else 0.7 * beside + 0.1
    right = 0.97 if len(classes) <= FEW else 0.97 - 0.5 * LETTER * len(classes[-1]) / WIDTH  # the last name leans out
    axes = figure.add_axes((beside / WIDTH, 0.03, right - beside / WIDTH, 0.97 - above / HEIGHT))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    for (row, column), count in np.ndenumerate(cells):
        said_so = f"{count:,}\n{100 * shares[row, column]:.0f} %" if len(classes) <= FEW else f"{count}"
        colour = "white" if shares[row, column] > 0.55 else INK
        axes.text(column, row, said_so, ha="center", va="center", color=colour, size=LETTERS if len(classes) < 8 else 5)
    askew: dict[str, Any] = {} if len(classes) <= FEW else {"rotation": 45, "ha": "left"}
    axes.set_xticks(range(len(classes)), classes, **askew)
    axes.set_yticks(range(len(classes)), classes)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("predicted", size=LETTERS)
    axes.set_ylabel("label", size=LETTERS)
    axes.tick_params(labelsize=LETTERS, length=0, pad=2)
    axes.spines[:].set_visible(False)
    return figure


def _calibration(labels: np.ndarray, said: np.ndarray) -> "Figure":
    found = reliability(said, labels)
    there = found.rows > 0
    counts = found.rows[there]
    trusted, held = found.confidence[there] / counts, found.right[there] / counts
    error = expected_calibration_error(said, labels)
    title = f"calibration error {100 * error:.1f} points"
    figure, axes = _plot(title, "probability of its answers, %", "of them right, %")
    lowest = max(0.0, 100 / said.shape[1] - 10)
    axes.plot([0, 100], [0, 100], color=GREY, linestyle="--", linewidth=1)
    axes.plot(100 * trusted, 100 * held, color=BLUE, linewidth=1)
    axes.scatter(100 * trusted, 100 * held, s=6 + 60 * counts / len(labels), color=BLUE, zorder=3)
    axes.set_xlim(lowest, 102)
    axes.set_ylim(min(lowest, 100 * float(held.min()) - 4), 104)
    return figure

"""One model on rows whose labels are known: class by class, how sure it is, where it goes wrong."""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from search.comparison.slices import cut, wilson
from search.report.page import charts
from search.report.page.content import Block, Cell, Examples, Prose, Shade, Table
from search.report.page.messages import MESSAGES, Say
from search.storage.predictions import classes_of
from sentiment.metrics import accuracy, confusion_matrix, expected_calibration_error, macro_f1, per_class

__all__ = ["class_blocks", "error_blocks", "slice_name"]

WORST: Final = 8
"""Wrong answers that are shown with their texts."""
CHARACTERS: Final = 280
"""Of a text."""
_LENGTH: Final = re.compile(r"([\d,]+)(?: to ([\d,]+))? (word|character)s?")


def class_blocks(
    name: str, said: np.ndarray, labels: np.ndarray, classes: Sequence[str], say: Say, *, draw: bool
) -> list[Block]:
    """Figures of each class, the confusion matrix and, of probabilities, how right the sure answers are.

    Args:
        name: of the model.
        said: probabilities float [n, K], or classes int [n].
        labels: int [n].
        classes: the K names.
        say: the page's language.
        draw: whether figures can be drawn.
    """
    predicted, n_classes = classes_of(said), len(classes)
    figures, cells = per_class(labels, predicted, n_classes), confusion_matrix(labels, predicted, n_classes)
    score, right = macro_f1(labels, predicted, n_classes), accuracy(labels, predicted)
    blocks: list[Block] = [
        Prose(say("accuracy", accuracy=f"{100 * right:.1f}", macro=f"{score:.4f}", model=name)),
        Table(
            say("classes.caption"),
            (say("column.class"), say("column.precision"), say("column.recall"), "F1", say("column.support")),
            tuple(
                (
                    class_name,
                    *(f"{100 * values[number]:.1f}" for values in (figures.precision, figures.recall, figures.f1)),
                    f"{figures.support[number]:,}",
                )
                for number, class_name in enumerate(classes)
            ),
            numbers=frozenset((1, 2, 3, 4)),
        ),
        Table(
            say("confusion.caption"),
            (say("confusion.corner"), *classes),
            tuple(
                (class_name, *(Shade(f"{count:,}", count / max(1, row.sum())) for count in row))
                for class_name, row in zip(classes, cells, strict=True)
            ),
            numbers=frozenset(range(1, n_classes + 1)),
        ),
    ]
    if said.ndim == 2:
        error = 100 * expected_calibration_error(said, labels)
        blocks.append(Prose(say("calibration.words", error=f"{error:.1f}")))
        if draw:
            blocks.append(charts.calibration(said, labels, say))
    return blocks


def error_blocks(
    said: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    texts: Sequence[str],
    ratings: Sequence[str],
    say: Say,
    *,
    show_texts: bool,
) -> list[Block]:
    """Shares of wrong answers by slice and, with `show_texts`, the surest of the wrong answers.

    Args:
        said: as in `class_blocks`.
        labels: int [n].
        classes: the K names.
        texts: of the n rows.
        ratings: their raw label cells.
        say: the page's language.
        show_texts: whether texts of reviews may stand on the page.
    """
    predicted = classes_of(said)
    wrong = predicted != labels
    slices = [(kind, name, rows) for kind, found in cut(texts, ratings).items() for name, rows in found.items()]
    lines = [_slice(slice_name(kind, name, say), wrong[rows]) for kind, name, rows in slices]
    lines.sort(key=lambda line: -line[0])
    whole = _slice(say("slice.all"), wrong)
    header = tuple(say(f"column.{column}") for column in ("slice", "rows", "wrong", "interval"))
    table = Table(
        say("errors.caption"),
        header,
        tuple(cells for _, cells in (whole, *lines)),
        numbers=frozenset((1, 2, 3)),
    )
    if not show_texts:
        return [table, Prose(say("errors.no.texts"), is_note=True)]
    sure = said.max(axis=1) if said.ndim == 2 else np.ones(len(labels))
    worst = [int(row) for row in np.argsort(-sure, kind="stable") if wrong[row]][:WORST]
    if not worst:
        return [table]
    examples = tuple(
        (
            _shortened(texts[row]),
            say(
                "errors.example",
                label=classes[labels[row]],
                rating=ratings[row],
                said=classes[predicted[row]],
                sure=f"{100 * sure[row]:.0f}",
            ),
        )
        for row in worst
    )
    return [table, Prose(say("errors.worst")), Examples(examples)]


def slice_name(kind: str, name: str, say: Say) -> str:
    """Its kind and its name; what is no word of the data is said in the page's language."""
    if length := _LENGTH.fullmatch(name):
        size = length[1] if length[2] is None else say("slice.range", low=length[1], high=length[2])
        name = say(f"slice.{length[3]}s", size=size)
    elif kind not in ("rating", "label") and f"slice.{name}" in MESSAGES["en"]:
        name = say(f"slice.{name}")
    return f"{say(f'slice.{kind}')}: {name}"


def _shortened(text: str) -> str:
    """A text in one line, no longer than anybody reads of it here."""
    line = " ".join(text.split())
    return line if len(line) <= CHARACTERS else f"{line[: CHARACTERS - 1].rstrip()}…"


def _slice(name: str, wrong: np.ndarray) -> tuple[float, tuple[Cell, ...]]:
    """The low end of its interval, by which slices are ordered, and its cells."""
    share = float(wrong.mean())
    low, high = wilson(share, len(wrong))
    return low, (
        name,
        f"{len(wrong):,}",
        Shade(f"{100 * share:.1f} %", share),
        f"{100 * low:.1f} … {100 * high:.1f}",
    )

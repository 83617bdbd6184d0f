"""Lines for a terminal, in which a Korean or Chinese character takes two columns and a combining mark none.

Tables, cuts and line breaks are counted in columns; the standard library's textwrap counts characters. This room knows
nothing of what the lines say.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

__all__ = ["WIDTH", "aligned", "clip", "wrapped"]

WIDTH: Final = 100
"""Columns of a line at most."""


def aligned(header: tuple[str, ...], rows: Sequence[tuple[str, ...]], right: tuple[int, ...]) -> Iterable[str]:
    """Lines of a table, columns under their heads; nothing without rows.

    Args:
        header: what stands above each column.
        rows: cells; those that stand left are cut at 48 columns, except in the last column.
        right: numbers of the columns that stand right, as numbers should.
    """
    if not rows:
        return
    widths = [max(_width(line[column]) for line in (header, *rows)) for column in range(len(header))]
    widths = [min(width, 48) if column not in right else width for column, width in enumerate(widths)]
    widths[-1] = max(_width(line[-1]) for line in (header, *rows))
    for line in (header, *rows):
        cells = []
        for column, cell in enumerate(line):
            cell = clip(cell, widths[column])
            gap = " " * (widths[column] - _width(cell))
            cells.append(gap + cell if column in right else cell + gap)
        yield ("  " + "  ".join(cells)).rstrip()


def _width(text: str) -> int:
    """Terminal columns: East Asian wide characters take two, combining marks none."""
    columns = 0
    for character in text:
        if not unicodedata.combining(character):
            columns += 2 if unicodedata.east_asian_width(character) in "WF" else 1
    return columns


def clip(text: str, width: int) -> str:
    """`text` in one line of at most `width` columns, with an ellipsis where it was cut."""
    text = " ".join(text.splitlines()) if "\n" in text or "\r" in text else text
    if _width(text) <= width:
        return text
    while _width(text) > width - 3:
        text = text[:-1]
    return text + "..."


def wrapped(text: str, indent: int = 2) -> Iterable[str]:
    """Lines of at most `WIDTH` columns, broken at spaces; all but the first begin with `indent` spaces."""
    words = text.split(" ")
    line = words[0]
    for word in words[1:]:
        if _width(line) + 1 + _width(word) > WIDTH and line.strip():
            yield line
            line = " " * indent + word
        else:
            line += " " + word
    yield line

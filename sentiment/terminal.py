"""Lines for a terminal, in which a Korean or Chinese character takes two columns and a combining mark none.

Tables, cuts and line breaks are counted in columns; the standard library's textwrap counts characters. This room knows
nothing of what the lines say, but no text of a cell or a sentence can break its line or command the terminal.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from sentiment.foreign import visible

__all__ = ["WIDTH", "aligned", "clip", "in_columns", "ruled", "wrapped"]

WIDTH: Final = 100
"""Columns of a line at most."""


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int]) -> Iterable[str]:
    """Lines of a table, columns under their heads; nothing without rows.

    Args:
        header: what stands above each column.
        rows: cells; those that stand left are cut at 48 columns, except in the last column.
        right: numbers of the columns that stand right, as numbers should.
    """
    if not rows:
        return
    last = len(header) - 1
    cut = [[cell if c in (*right, last) else clip(cell, 48) for c, cell in enumerate(line)] for line in (header, *rows)]
    for line in in_columns(cut, right):
        yield f"  {line}"


def ruled(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> Iterable[str]:
    """The same at the left margin, with a rule under the heads and nothing cut."""
    rule = ["-" * width for width in _widths([header, *rows])]
    return in_columns([header, rule, *rows], right)


def in_columns(lines: Sequence[Sequence[str]], right: Sequence[int]) -> Iterable[str]:
    """Lines of cells under each other; columns stand left but for those that are numbered in `right`."""
    widths = _widths(lines)
    for line in lines:
        cells = []
        for column, cell in enumerate(map(visible, line)):
            gap = " " * (widths[column] - _width(cell))
            cells.append(gap + cell if column in right else cell + gap)
        yield "  ".join(cells).rstrip()


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    return [max(_width(visible(line[column])) for line in lines) for column in range(len(lines[0]))]


def _width(text: str) -> int:
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    """That a terminal gives it: two to an East Asian wide one, none to a combining mark or a joiner."""
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def clip(text: str, width: int) -> str:
    """`text` in one line of at most `width` columns, with an ellipsis where it was cut."""
    text, columns, kept = visible(text), 0, 0
    for place, character in enumerate(text, start=1):
        columns += _columns(character)
        if columns > width:
            return f"{text[:kept]}..."
        if columns <= width - 3:
            kept = place
    return text


def wrapped(text: str, indent: int = 2) -> Iterable[str]:
    """Lines of at most `WIDTH` columns, broken at spaces; all but the first begin with `indent` spaces."""
    words = visible(text).split(" ")
    line = words[0]
    for word in words[1:]:
        if _width(line) + 1 + _width(word) > WIDTH and line.strip():
            yield line
            line = " " * indent + word
        else:
            line += " " + word
    yield line

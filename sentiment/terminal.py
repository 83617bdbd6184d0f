"""Lines for a terminal, measured by `rich`: a Korean or Chinese character takes two columns, a combining mark none.

This room knows nothing of what the lines say, but no text of a cell or a sentence can break its line or command the
terminal. They are plain text, for files too, but for what `draw` adds.
"""

import os
import re
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from sentiment.foreign import visible

__all__ = ["WIDTH", "clip", "draw", "in_columns", "screen", "wrapped"]

WIDTH: Final = 100
"""Columns of a line at most; a table has as many as it needs."""

# With a height, since rich asks a dumb terminal for its width where only one of them is given.
_ENDLESS: Final = Console(width=10**9, height=25, force_jupyter=False)
_HEADS: Final = re.compile(r"^.+(?=\n-[- ]*$)", re.MULTILINE)


def in_columns(header: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Lines of a table, its columns under their heads and a rule; none without rows.

    Args:
        header: what stands above each column.
        rows: cells, none of which is cut.
        right: numbers of the columns that stand right, as numbers should.
    """
    if not rows:
        return []
    drawn = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for place, head in enumerate(header):
        drawn.add_column(Text(visible(head)), justify="right" if place in right else "left", no_wrap=True)
    drawn.add_row(*(Rule(characters="-") for _ in header))
    for row in rows:
        drawn.add_row(*(Text(visible(cell)) for cell in row))  # a Text: markup in a cell is a user's, and stays
    lines = _ENDLESS.render_lines(drawn, pad=False)
    return ["".join(segment.text for segment in line).rstrip() for line in lines]


def clip(text: str, width: int) -> str:
    """`text` in one line of at most `width` columns, with an ellipsis where it was cut."""
    shown = visible(text)
    return shown if cell_len(shown) <= width else f"{set_cell_size(shown, width - 3).rstrip()}..."


def wrapped(text: str, indent: int = 2) -> Iterator[str]:
    """Lines of at most `WIDTH` columns, broken at spaces; all but the first begin with `indent` spaces."""
    # By hand: rich cuts or breaks a word that is longer than a line, such as a path or a sentence in Chinese.
    line, *words = visible(text).split(" ")
    for word in words:
        if cell_len(line) + 1 + cell_len(word) > WIDTH and line.strip():
            yield line
            line = " " * indent + word
        else:
            line += " " + word
    yield line


@cache
def screen(*, stderr: bool) -> Console:
    """What draws on a terminal: one for each stream, so that a line is printed above the bars that it draws."""
    return Console(stderr=stderr, color_system=None if os.environ.get("NO_COLOR") else "auto", force_jupyter=False)


def draw(text: str, style: str, *, stderr: bool) -> None:
    """Print to a terminal, in a style of `rich`, heads of tables bold; lines stay whole, and no markup is obeyed."""
    styled = Text(text, style)
    styled.highlight_regex(_HEADS, "bold")
    screen(stderr=stderr).print(styled, soft_wrap=True)

"""Lines for a terminal, measured by `rich`: a Korean or Chinese character takes two columns, a combining mark none.

This room knows nothing of what the lines say, but no text of a cell or a sentence can break its line or command the
terminal. They are plain text, for files too, but for what `draw` adds. What is for a terminal of known width has no
line that is wider, words that are wider than a line excepted: a table goes without its least important columns, folds
one, or is stacked.
"""

import os
import re
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import Final, TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from sentiment.foreign import visible

__all__ = ["WIDTH", "clip", "columns_of", "draw", "fit", "fitted", "in_columns", "screen", "wrapped"]

WIDTH: Final = 100
"""Columns of a line at most where nobody knows the terminal's; a table has as many as it needs then."""
USUAL: Final = 80
"""Columns of a terminal that does not say how many it has."""
LEAST: Final = 20
"""A terminal that says it has fewer columns is taken for one of so many."""
NAMED: Final = 24
"""Columns that a column which may be folded has before others are left out for it."""
FOLDED: Final = 16
"""Columns that are left to it at least."""
MORE: Final = "a wider terminal, or --json, shows more"

# With a height, since rich asks a dumb terminal for its width where only one of them is given.
_ENDLESS: Final = Console(width=10**9, height=25, force_jupyter=False)
_HEADS: Final = re.compile(r"^.+(?=\n-[- ]*$)", re.MULTILINE)
_GAP: Final = 2
"""Columns between two of a table."""
_WORD: Final = re.compile(r"(?:[^ `]*`[^`]*`)*[^ ]*")
"""Of a sentence, which is broken between two of them; commands in backticks are whole, to be copied."""
_COMMAND: Final = re.compile(r"(?P<before>(?:.*: +)?\s*)(?P<command>sentiment-search .*)")
"""A line that is a command, or ends with one."""
_ARGUMENT: Final = re.compile(r"(?:[^\s'\"]|'[^']*'|\"[^\"]*\"|['\"])+")


def columns_of(stream: TextIO | None) -> int | None:
    """How many columns the terminal has that a stream writes to; None where it writes to none, and lines are as wide as
    they are. `COLUMNS` says another number."""
    if stream is None or not stream.isatty():
        return None
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said) > 0:
        return max(LEAST, int(said))
    try:
        return max(LEAST, os.get_terminal_size(stream.fileno()).columns or USUAL)
    except (OSError, ValueError):
        return USUAL


def in_columns(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Collection[int] = (),
    *,
    width: int | None = None,
    spare: Sequence[str] = (),
    folds: int = 0,
) -> list[str]:
    """Lines of a table, its columns under their heads and a rule; none without rows.

    Args:
        header: what stands above each column.
        rows: cells, none of which is cut.
        right: numbers of the columns that stand right, as numbers should.
        width: columns of the terminal; None: as many as it needs.
        spare: heads of columns that a narrow terminal goes without, the first of them first; a line below names them.
        folds: the number of the column whose cells take several lines where that is not enough. Where even that is not,
            each row becomes a block of lines.
    """
    if not rows:
        return []
    heads, cells = [visible(head) for head in header], [[visible(cell) for cell in row] for row in rows]
    widths = [max(cell_len(head), *(cell_len(row[n]) for row in cells)) for n, head in enumerate(heads)]
    shown, gone = list(range(len(heads))), list[int]()
    if width is not None and _taken(widths, shown) > width:
        filled = [place for place in shown if place == folds or any(row[place] for row in cells)]
        shown, gone = _chosen(widths, filled, width, [header.index(head) for head in spare], folds)
    told = () if width is None else _told_of([heads[place] for place in gone], width)
    over = 0 if width is None else max(0, _taken(widths, shown) - width)
    if width is not None and widths[folds] - over < FOLDED and over:
        return [*_stacked(heads, cells, shown, width), *told]
    drawn = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False)
    for place in shown:
        folded = over > 0 and place == folds
        drawn.add_column(
            Text(heads[place]),
            justify="right" if place in right else "left",
            no_wrap=not folded,
            overflow="fold",
            width=widths[place] - over if folded else None,
        )
    drawn.add_row(*(Rule(characters="-") for _ in shown))
    for row in cells:
        drawn.add_row(*(Text(row[place]) for place in shown))  # a Text: markup in a cell is a user's, and stays
    lines = _ENDLESS.render_lines(drawn, pad=False)
    return [*("".join(segment.text for segment in line).rstrip() for line in lines), *told]


def _taken(widths: Sequence[int], shown: Sequence[int]) -> int:
    return sum(widths[place] for place in shown) + _GAP * (len(shown) - 1)


def _chosen(
    widths: Sequence[int], places: Sequence[int], width: int, spare: Sequence[int], folds: int
) -> tuple[list[int], list[int]]:
    """The columns that are shown, and those of the spare ones that are not."""
    shown, gone = list(places), list[int]()
    of_name = max(0, widths[folds] - NAMED)  # which pushes no other column out
    for place in spare:
        if _taken(widths, shown) - of_name <= width:
            break
        if place in shown:
            shown.remove(place)
            gone.append(place)
    return shown, gone


def _told_of(gone: Sequence[str], width: int) -> Iterator[str]:
    if gone:
        yield from wrapped(f"{MORE}: {', '.join(gone)}", width=width)


def _stacked(heads: Sequence[str], cells: Sequence[Sequence[str]], shown: Sequence[int], width: int) -> Iterator[str]:
    first, *others = shown
    label = max((cell_len(heads[place]) for place in others), default=0)
    for row in cells:
        yield from wrapped(row[first] or "-", width=width)
        for place in others:
            if row[place]:
                named = set_cell_size(heads[place], label)
                yield from wrapped(f"  {named}  {row[place]}", indent=label + 4, width=width)


def fit(lines: Sequence[str], width: int | None) -> bool:
    """Whether no line is wider than that; always, where there is no width."""
    return width is None or all(cell_len(line) <= width for line in lines)


def clip(text: str, width: int) -> str:
    """`text` in one line of at most `width` columns, with an ellipsis where it was cut."""
    shown = visible(text)
    return shown if cell_len(shown) <= width else f"{set_cell_size(shown, width - 3).rstrip()}..."


def wrapped(text: str, indent: int = 2, width: int | None = WIDTH) -> Iterator[str]:
    """Lines of at most `width` columns, broken at spaces but not within backticks; all but the first begin with
    `indent` spaces. None is taken for `WIDTH`."""
    # By hand: rich cuts or breaks a word that is longer than a line, such as a path or a sentence in Chinese.
    width = width or WIDTH
    line, *words = _words(visible(text), width)
    for word in words:
        if cell_len(line) + 1 + cell_len(word) > width and line.strip():
            yield line
            line = " " * indent + word
        else:
            line += " " + word
    yield line


def _words(text: str, width: int) -> Iterator[str]:
    """What stands between single spaces, nothing where two of them meet."""
    place = 0
    while place <= len(text):
        found = _WORD.match(text, place)
        word = found[0] if found else ""
        place += len(word) + 1
        yield from [word] if cell_len(word) <= width else word.split(" ")


def fitted(text: str, width: int) -> str:
    """Lines of any width, for a terminal of `width` columns: no word is broken, and a command is one that a shell
    takes."""
    return "\n".join(part for line in text.expandtabs(8).split("\n") for part in _fitted(line, width))


def _fitted(line: str, width: int) -> Iterator[str]:
    """A line wider than the terminal, in several: a sentence is broken at spaces, a command as a shell takes it."""
    if cell_len(line) <= width:
        yield line
        return
    indent = len(line) - len(line.lstrip())
    found = _COMMAND.fullmatch(line)
    if found is None:
        yield from wrapped(line.rstrip(), indent + _GAP, width)
        return
    before, command = found["before"], found["command"]
    if before.strip() and cell_len(before) > FOLDED:
        yield from wrapped(before.rstrip(), indent + _GAP, width)
        before = " " * (indent + _GAP)
    if cell_len(before + command) <= width:
        yield before + command
        return
    arguments = _ARGUMENT.findall(command)
    line = before + arguments[0]
    for argument in arguments[1:]:
        if cell_len(line) + 1 + cell_len(argument) + len(" \\") > width:
            yield f"{line} \\"
            line = " " * (len(before) + _GAP) + argument
        else:
            line += " " + argument
    yield line


@cache
def screen(*, stderr: bool) -> Console:
    """What draws on a terminal: one for each stream, so that a line is printed above the bars that it draws."""
    return Console(stderr=stderr, color_system=None if os.environ.get("NO_COLOR") else "auto", force_jupyter=False)


def draw(text: str, style: str, *, stderr: bool, width: int) -> None:
    """Print to a terminal of `width` columns, in a style of `rich`, heads of tables bold; no word is broken, and no
    markup is obeyed."""
    styled = Text(fitted(text, width), style)
    styled.highlight_regex(_HEADS, "bold")
    screen(stderr=stderr).print(styled, soft_wrap=True)

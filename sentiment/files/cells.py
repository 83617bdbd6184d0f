"""What every reader of a format gives back: columns of strings, and a word on those that hold no strings.

Here are the limits that hold for all formats alike, so that a file is not refused in one and read in another. This room
knows nothing of how cells are stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sentiment.errors import InputError
from sentiment.files.unpacking import raise_the_limit

__all__ = ["CELL_SHARE", "Cells", "refuse_too_many", "without_long_cells"]

CELL_SHARE: Final = 16
"""One cell may take up this part of what the whole file may have: 16 MiB of 256."""
ROW_BYTES: Final = 64
"""Of what a file may have, that a row counts at least: in memory the shortest one takes several times as much."""
FREE_ROWS: Final = 1 << 20
"""That it may have all the same, however few bytes it may have."""


@dataclass(frozen=True)
class Cells:
    """The cells of a file as strings."""

    table: Any
    """`pyarrow.Table` of string columns, under the names that the file gives them; a missing value is null."""
    names: tuple[str, ...]
    """All column names of the file, those of columns that are not in `table` too."""
    unusable: Mapping[str, str] = field(default_factory=dict)
    """Why a column is not in `table` though it was asked for, in one line that names file and column."""


def refuse_too_many(rows: int, columns: int, path: str, max_bytes: int) -> None:
    """Refuses a table with more cells than bytes are allowed, since few bytes of JSON or Parquet can stand for many
    cells; and one of so many short rows that they would not fit where a file of so many bytes does.

    Raises:
        InputError: it has more.
    """
    as_bytes = rows * ROW_BYTES if rows > FREE_ROWS else 0
    if rows * columns > max_bytes:
        raise InputError(
            f"{path}: {rows:,} rows of {columns:,} columns are more cells than the {max_bytes:,} bytes allowed; "
            f"{raise_the_limit(2 * max(rows * columns, as_bytes))}"
        )
    if as_bytes > max_bytes:
        raise InputError(
            f"{path}: {rows:,} rows, more than {max(FREE_ROWS, max_bytes // ROW_BYTES):,}; in memory the shortest has "
            f"more than {ROW_BYTES} bytes, and {raise_the_limit(2 * as_bytes)}"
        )


def without_long_cells(cells: Cells, path: str, max_bytes: int) -> Cells:
    """The same without the columns that hold a cell of more than `max_bytes` / `CELL_SHARE` bytes of UTF-8."""
    import pyarrow.compute as pc

    unusable = dict(cells.unusable)
    for name in cells.table.column_names:
        lengths = pc.binary_length(cells.table.column(name))
        longest = pc.max(lengths).as_py() or 0
        if longest > max_bytes // CELL_SHARE:
            row = pc.index(lengths, longest).as_py() + 1
            unusable[name] = (
                f"{path}, row {row}, column {name!r}: one cell of {longest:,} bytes, more than "
                f"{max_bytes // CELL_SHARE:,}; {raise_the_limit(longest * CELL_SHARE)}"
            )
    kept = [name for name in cells.table.column_names if name not in unusable]
    return Cells(cells.table.select(kept), cells.names, unusable)

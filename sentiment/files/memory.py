"""Values that a program holds become a table, as the cells of a file do."""

import numbers
from collections.abc import Iterable, Mapping
from typing import Any

from sentiment.checked import shown
from sentiment.errors import InputError
from sentiment.files.reader import Table

__all__ = ["table_of"]


def table_of(columns: Mapping[str, Iterable[Any]], name: str) -> Table:
    """A table of columns called "text", "label" and so on.

    Args:
        columns: values by the column's name, all of one length. Those of "text" are strings; others may be numbers and
            truth values too, written as a file would have them. None and NaN are empty cells.
        name: of the table, in messages.

    Raises:
        InputError: a column is no list of such values, is empty, or is of another length than the first.
    """
    import pyarrow as pa

    cells = {column: _cells(column, values) for column, values in columns.items()}
    (first, expected), *others = ((column, len(found)) for column, found in cells.items())
    for column, length in others:
        if length != expected:
            raise InputError(f"there are {expected:,} {first}s and {length:,} {column}s; give as many of each")
    if not expected:
        raise InputError(f"there are no {first}s; give some")
    data = pa.table({column: pa.chunked_array([pa.array(found, pa.string())]) for column, found in cells.items()})
    return Table(data, name, "memory", "none", "utf-8", "", tuple(cells))


def _cells(column: str, values: Iterable[Any]) -> list[str | None]:
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable) or getattr(values, "ndim", 1) != 1:
        kind = type(values).__name__
        raise InputError(f"{column}s is a {kind}; give a list of them, or one column of a data frame")
    return [_cell(column, place, value) for place, value in enumerate(values)]


def _cell(column: str, place: int, value: Any) -> str | None:
    if value is None or value != value or type(value).__name__ in ("NAType", "NaTType"):  # pandas has its own
        return None
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:  # half a surrogate pair could not be written anywhere
            raise InputError(f"{column} {place} holds what is no character: {shown(value)}; replace it") from None
        return str(value)
    if column != "text":
        if isinstance(value, bool) or type(value).__name__ == "bool":  # numpy's is no bool
            return "true" if value else "false"
        if isinstance(value, numbers.Real):
            return str(value)
    advice = "give strings" if column == "text" else "give strings or numbers"
    raise InputError(f"{column} {place} (counted from 0) is {shown(value)}; {advice}")

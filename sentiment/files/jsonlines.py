"""JSON Lines, in UTF-8, become columns of strings, or are refused with the line.

By `json`, not by pyarrow: a score that is 5 in one row and "5" in the next is no error here, numbers keep the digits
they were written with, and an error knows its line. This room knows nothing of files, compressions or encodings.
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from io import BytesIO
from typing import Any, Final

from sentiment.errors import InputError
from sentiment.files.cells import Cells, refuse_too_many
from sentiment.files.columns import match_columns, refuse_repeated, refuse_too_wide

__all__ = ["read_json_lines"]

_BLOCK_CELLS: Final = 1 << 16
_LONG_GAP: Final = 1 << 8


def read_json_lines(data: bytes, columns: Sequence[str] | None, path: str, max_bytes: int) -> Cells:
    """Reads one object a line; a name in any line is a column, and a line without it has no value there.

    Args:
        data: UTF-8 without a byte order mark.
        columns: the columns wanted, in any Unicode normal form; None for all.
        path: what an error calls the file.
        max_bytes: no more cells than this are made.

    Raises:
        InputError: a line is no JSON object, or a column name cannot be used.
    """
    import pyarrow as pa

    wanted = None if columns is None else {unicodedata.normalize("NFC", name) for name in columns}
    names: dict[str, None] = {}
    kept: dict[str, _Column] = {}
    rows = 0
    for number, line in enumerate(BytesIO(data), start=1):
        if line.isspace():
            continue
        for name, value in _object(line, number, path).items():
            if name not in names:
                names[name] = None
                refuse_too_wide(len(names), path)
                if name and (wanted is None or unicodedata.normalize("NFC", name) in wanted):
                    kept[name] = _Column(f"column {name!r}", path)
            if value is not None and name in kept:
                kept[name].add(value, rows, number)
        rows += 1
        refuse_too_many(rows, len(kept), path, max_bytes)
    refuse_repeated(tuple(names), path)
    match_columns(columns, tuple(names), path)
    arrays = {name: column.finished(rows) for name, column in kept.items()}
    unusable = {name: column.unusable for name, column in kept.items() if column.unusable is not None}
    usable = {name: array for name, array in arrays.items() if name not in unusable}
    return Cells(pa.table(usable), tuple(names), unusable)


class _Column:
    """The cells of one name as they come, packed by the block: as Python's strings they take ten times as much."""

    def __init__(self, name: str, path: str) -> None:
        self._name, self._path = name, path
        self._chunks: list[Any] = []
        self._cells: list[str | None] = []
        self._lines: list[int] = []
        self._packed = 0
        self.unusable: str | None = None
        """Why this column holds no strings, in one line."""

    def add(self, value: Any, row: int, line: int) -> None:
        """The cell of a row (from 0), which is not null; rows since the last one had none."""
        if self.unusable is not None:
            return
        if isinstance(value, list | dict):
            kind = "list" if isinstance(value, list) else "object"
            self._refuse(line, f"a nested {kind}; it must be a text or a number")
            return
        missing = row - self._packed - len(self._cells)
        if missing > _LONG_GAP:
            self._fill(row)
            missing = 0
        self._cells += [*[None] * missing, _text(value)]
        self._lines += [*[0] * missing, line]
        if len(self._cells) >= _BLOCK_CELLS:
            self._pack()

    def finished(self, rows: int) -> Any:
        """The `pyarrow.ChunkedArray` of so many cells."""
        import pyarrow as pa

        self._fill(rows)
        return pa.chunked_array(self._chunks, pa.string())

    def _fill(self, rows: int) -> None:
        import pyarrow as pa

        self._pack()
        self._chunks.append(pa.nulls(rows - self._packed, pa.string()))
        self._packed = rows

    def _pack(self) -> None:
        import pyarrow as pa

        try:
            self._chunks.append(pa.array(self._cells, pa.string()))
        except UnicodeEncodeError:
            line = next(line for line, cell in zip(self._lines, self._cells, strict=True) if _is_half(cell))
            self._refuse(line, "half of a surrogate pair; the text was cut inside a character")
        self._packed += len(self._cells)
        self._cells, self._lines = [], []

    def _refuse(self, line: int, reason: str) -> None:
        self.unusable = f"{self._path}, line {line}, {self._name}: {reason}"


def _object(line: bytes, number: int, path: str) -> dict[str, Any]:
    try:
        row = json.loads(line, parse_float=str, parse_int=str)
    except (ValueError, RecursionError) as error:
        if number == 1 and line.lstrip().startswith(b"["):
            raise InputError(f"{path}, line 1: a JSON array; write one object a line (JSON Lines)") from None
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise InputError(
            f"{path}, line {number}: not a JSON object ({reason}); each line must hold one whole object"
        ) from None
    if not isinstance(row, dict):
        kind = "array" if isinstance(row, list) else "value"
        raise InputError(f"{path}, line {number}: a JSON {kind} where an object is needed; write one object a line")
    return row


def _text(value: str | bool | float) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else None  # NaN and the infinities, which parse_float does not see


def _is_half(cell: str | None) -> bool:
    return cell is not None and re.search("[\ud800-\udfff]", cell) is not None

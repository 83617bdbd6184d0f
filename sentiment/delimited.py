"""CSV and TSV, in UTF-8, become a table of strings, or are refused with the row and the line.

pyarrow does the parsing. What is added here is what it leaves to guesswork: which delimiter, whether a quote quotes,
and where exactly a row went wrong. This room knows nothing of files, compressions or encodings.
"""

import csv
import re
from collections.abc import Sequence
from typing import Any, Final

from sentiment.columns import match_columns, refuse_repeated
from sentiment.encodings import line_of
from sentiment.errors import InputError

__all__ = ["read_delimited"]

_DELIMITERS: Final = {",": "comma", "\t": "tab", ";": "semicolon"}
_BLOCK_BYTES: Final = 16 << 20


def read_delimited(
    data: bytes, columns: Sequence[str] | None, path: str, kind: str
) -> tuple[Any, tuple[str, ...], str]:
    """Reads `data`, whose first line that is not blank names the columns.

    The delimiter is the one that the header holds most of. Tab-separated text is read without quoting (a quote is then
    a character like any other) unless every cell that opens with a quote also closes with one.

    Args:
        data: UTF-8 without a byte order mark.
        columns: the columns wanted, in any Unicode normal form; None for all.
        path: what an error calls the file.
        kind: csv or tsv, whose delimiter wins where the header decides nothing.

    Returns:
        A `pyarrow.Table` of string columns, under the names they were asked for; all column names, as the file writes
        them; comma, tab or semicolon.

    Raises:
        InputError: a row has too many or too few cells, a quote is never closed, or a column name cannot be used.
    """
    first = _first_record(data)
    delimiter = _sniff_delimiter(first, "\t" if kind == "tsv" else ",")
    if delimiter != "\t":
        header = next(csv.reader([first], delimiter=delimiter))
        cells = _parse_delimited(data, columns, path, delimiter, header, quoting=True)
    else:
        cells, header = _read_tab_separated(data, columns, path, first)
    return cells, tuple(header), _DELIMITERS[delimiter]


def _read_tab_separated(data: bytes, columns: Sequence[str] | None, path: str, first: str) -> tuple[Any, list[str]]:
    quoted_header = next(csv.reader([first], delimiter="\t"))
    if b'\t"' not in data and b'\n"' not in data and not data.startswith(b'"'):
        return _parse_delimited(data, columns, path, "\t", quoted_header, quoting=False), quoted_header
    plain_header = first.rstrip("\r\n").split("\n")[0].rstrip("\r").split("\t")
    try:
        # All columns, because one badly quoted cell in any of them shows that no writer quoted this file.
        plain = _parse_delimited(data, None, path, "\t", plain_header, quoting=False)
    except InputError as unquoted_error:
        try:  # a tab or line break inside a cell: possible only where cells are quoted
            return _parse_delimited(data, columns, path, "\t", quoted_header, quoting=True), quoted_header
        except InputError:
            raise unquoted_error from None
    if _properly_quoted(plain):
        return _parse_delimited(data, columns, path, "\t", quoted_header, quoting=True), quoted_header
    return _select(plain, columns, path), plain_header


def _properly_quoted(table: Any) -> bool:
    import pyarrow.compute as pc

    for column in table.columns:
        quoted = column.filter(pc.starts_with(column, '"'))
        if not pc.all(pc.match_substring_regex(quoted, r'(?s)^"(?:[^"]|"")*"$')).as_py() and len(quoted):
            return False
    return True


def _first_record(data: bytes) -> str:
    """The header line, longer than a line only where a quoted column name holds a line break."""
    text = data[: 1 << 20].decode("utf-8", errors="ignore").lstrip("\r\n")
    record = ""
    for line in text.splitlines(keepends=True):
        record += line
        if record.count('"') % 2 == 0:
            return record
    return text.splitlines()[0]


def _sniff_delimiter(header: str, default: str) -> str:
    unquoted = re.sub(r'"(?:[^"]|"")*"', "", header)
    counts = {delimiter: unquoted.count(delimiter) for delimiter in _DELIMITERS}
    best = max(counts, key=lambda delimiter: (counts[delimiter], delimiter == default))
    return best if counts[best] else default


def _parse_delimited(
    data: bytes, columns: Sequence[str] | None, path: str, delimiter: str, header: list[str], quoting: bool
) -> Any:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    refuse_repeated(header, path)
    names = match_columns(columns, header, path)
    if re.search(rb"[\r\n]\s*\S", data.lstrip() if data[:1].isspace() else data) is None:
        raise InputError(f"{path}: the file has a header but no rows")
    convert = arrow_csv.ConvertOptions(
        column_types={name: pa.string() for name in header},
        include_columns=None if columns is None else names,
        strings_can_be_null=False,
    )
    refused: list[Any] = []

    def refuse(row: Any) -> str:
        refused.append(row)
        return "error"

    def parse(block_bytes: int) -> Any:
        return arrow_csv.read_csv(
            pa.BufferReader(data),
            # One thread numbers the rows; and after several, a process that ends soon can abort (apache/arrow#34314).
            arrow_csv.ReadOptions(block_size=block_bytes, use_threads=False),
            arrow_csv.ParseOptions(
                delimiter=delimiter,
                quote_char='"' if quoting else False,
                newlines_in_values=quoting,
                invalid_row_handler=refuse,
            ),
            convert,
        )

    try:
        try:
            table = parse(_BLOCK_BYTES)
        except pa.ArrowInvalid as error:
            # A cell longer than a block is legal, only rare; one block then holds the file.
            if "straddl" not in str(error) or len(data) >= 2**31 - 1:
                raise
            table = parse(len(data) + 1)
    except pa.ArrowInvalid as error:
        if refused:
            refused.clear()
            try:
                parse(min(len(data) + 1, 2**31 - 1))
            except pa.ArrowInvalid:
                raise _ragged(refused[0], data, path, quoting) from None
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: cannot be read as {_DELIMITERS[delimiter]}-separated text ({reason})") from None
    if quoting:
        _refuse_open_quote(table, data, path)
    return table if columns is None else table.rename_columns(list(columns))


def _ragged(row: Any, data: bytes, path: str, quoting: bool) -> InputError:
    found = re.search(rb"(?:^|(?<=[\r\n]))" + re.escape(row.text.encode()) + rb"(?=[\r\n]|$)", data)
    line = f" (line {line_of(found.start(), data)})" if found else ""
    advice = 'put a cell that holds the delimiter or a line break in "quotes"' if quoting else "remove the extra tab"
    if row.actual_columns < row.expected_columns:
        advice = (
            "a cell is missing, or a quote is never closed" if quoting else "a cell is missing, or holds a line break"
        )
    return InputError(
        f"{path}, row {row.number - 1}{line}: {_cells(row.actual_columns)} where the header has "
        f"{row.expected_columns}; {advice}"
    )


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def _refuse_open_quote(table: Any, data: bytes, path: str) -> None:
    # pyarrow takes the end of the file for the closing quote: all rows after the quote would be lost in one cell.
    if not table.num_rows or data.rstrip(b"\r\n").endswith(b'"'):
        return
    if any("\n" in (column[-1].as_py() or "") for column in table.columns):
        last = max((column[-1].as_py() for column in table.columns), key=len)
        if data.rstrip(b"\r\n").endswith(last.rstrip("\r\n").encode()):
            start = len(data.rstrip(b"\r\n")) - len(last.rstrip("\r\n").encode())
            line = line_of(start, data)
            raise InputError(
                f"{path}, row {table.num_rows} (line {line}): a quote is opened and never closed; close or double it"
            )


def _select(table: Any, columns: Sequence[str] | None, path: str) -> Any:
    if columns is None:
        return table
    return table.select(match_columns(columns, table.column_names, path)).rename_columns(list(columns))

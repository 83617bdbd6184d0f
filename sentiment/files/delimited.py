"""CSV and TSV, in UTF-8, become a table of strings, or are refused with the row and the line.

pyarrow does the parsing. What is added here is what it leaves to guesswork: which delimiter, whether a quote quotes,
and where exactly a row went wrong. This room knows nothing of files, compressions or encodings.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from sentiment.errors import InputError
from sentiment.files.cells import Cells
from sentiment.files.columns import match_columns, refuse_repeated, refuse_too_wide
from sentiment.files.encodings import line_of

__all__ = ["read_delimited"]

_DELIMITERS: Final = {",": "comma", "\t": "tab", ";": "semicolon"}
_QUOTED_TABLE: Final = re.compile(rb'(?:(?:"(?:[^"]|"")*+"|[^"\t\r\n]*+)(?:\t|\r\n|\r|\n|\Z))*+')
_BLOCK_BYTES: Final = 16 << 20
_HEADER_BYTES: Final = 1 << 20


def read_delimited(data: bytes, columns: Sequence[str] | None, path: str, kind: str) -> tuple[Cells, str]:
    """Reads `data`, whose first line that is not blank names the columns.

    The delimiter is the one that the header holds most of. Tab-separated text is read without quoting (a quote is then
    a character like any other) unless every cell that opens with a quote also closes with one, or every column name
    stands in quotes and no quote is out of place.

    Args:
        data: UTF-8 without a byte order mark.
        columns: the columns that must be there, in any Unicode normal form; None for any.
        path: what an error calls the file.
        kind: csv or tsv, whose delimiter wins where the header decides nothing.

    Returns:
        The cells of all columns that have a name, and comma, tab or semicolon.

    Raises:
        InputError: a row has too many or too few cells, a quote is never closed, or a column name cannot be used.
    """
    delimiter = _sniff_delimiter(_first_record(data), "\t" if kind == "tsv" else ",")
    if delimiter != "\t":
        table = _parse_delimited(data, columns, path, delimiter, quoting=True)
    else:
        table = _read_tab_separated(data, columns, path)
    names = tuple(table.column_names)
    return Cells(table.select([number for number, name in enumerate(names) if name]), names), _DELIMITERS[delimiter]


def _read_tab_separated(data: bytes, columns: Sequence[str] | None, path: str) -> Any:
    if b'\t"' not in data and b'\n"' not in data and not data.startswith(b'"'):
        return _parse_delimited(data, columns, path, "\t", quoting=False)
    try:
        plain = _parse_delimited(data, None, path, "\t", quoting=False)
    except InputError as unquoted_error:
        try:  # a tab or line break inside a cell: possible only where cells are quoted
            return _parse_delimited(data, columns, path, "\t", quoting=True)
        except InputError:
            raise unquoted_error from None
    names_quoted = all(re.fullmatch('".*"', name, re.DOTALL) for name in plain.column_names)
    if _properly_quoted(plain) or (names_quoted and _QUOTED_TABLE.fullmatch(data)):
        return _parse_delimited(data, columns, path, "\t", quoting=True)
    match_columns(columns, plain.column_names, path)
    return plain


def _properly_quoted(table: Any) -> bool:
    import pyarrow.compute as pc

    for column in table.columns:
        quoted = column.filter(pc.starts_with(column, '"'))
        if not pc.all(pc.match_substring_regex(quoted, r'(?s)^"(?:[^"]|"")*"$')).as_py() and len(quoted):
            return False
    return True


def _first_record(data: bytes) -> str:
    """The header line, longer than a line only where a quoted column name holds a line break."""
    text = data[:_HEADER_BYTES].decode("utf-8", errors="ignore").lstrip("\r\n")
    lines: list[str] = re.findall(r"[^\r\n]*(?:\r\n|\r|\n|$)", text)
    quotes = 0
    for number, line in enumerate(lines, start=1):
        quotes += line.count('"')
        if quotes % 2 == 0:
            return "".join(lines[:number])
    return lines[0]


def _sniff_delimiter(header: str, default: str) -> str:
    unquoted = re.sub(r'"(?:[^"]|"")*"', "", header)
    counts = {delimiter: unquoted.count(delimiter) for delimiter in _DELIMITERS}
    best = max(counts, key=lambda delimiter: (counts[delimiter], delimiter == default))
    return best if counts[best] else default


def _header(data: bytes, path: str, delimiter: str, quoting: bool) -> list[str]:
    """The column names, as the parser of the rows will read them."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    start = data[:_HEADER_BYTES].decode("utf-8", errors="ignore").lstrip("\r\n").encode()  # no half character
    end = re.search(rb"[\r\n]", start)
    if end is None:
        if len(data) > _HEADER_BYTES:
            raise InputError(f"{path}, line 1: a header of more than {_HEADER_BYTES:,} bytes; is this a table?")
        raise InputError(f"{path}: the file has a header but no rows")
    refuse_too_wide(start.count(delimiter.encode(), 0, end.start()) + 1, path)
    try:
        # Not `open_csv`, which goes on reading in a thread of its own: see _parse_delimited.
        table = arrow_csv.read_csv(
            pa.BufferReader(start),
            arrow_csv.ReadOptions(block_size=len(start) + 1, use_threads=False),
            arrow_csv.ParseOptions(
                delimiter=delimiter,
                quote_char='"' if quoting else False,
                newlines_in_values=quoting,
                invalid_row_handler=lambda row: "skip",
            ),
        )
    except pa.ArrowInvalid:  # it ends within quotes
        raise InputError(
            f"{path}, line 1: a quote in the header is opened and never closed; close or double it"
        ) from None
    names: list[str] = table.column_names
    return names


def _parse_delimited(data: bytes, columns: Sequence[str] | None, path: str, delimiter: str, quoting: bool) -> Any:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    header = _header(data, path, delimiter, quoting)
    refuse_repeated(header, path)
    match_columns(columns, header, path)
    # All columns, whichever are wanted: a quote that is never closed shows in one of them.
    convert = arrow_csv.ConvertOptions(column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False)
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
    return table


def _ragged(row: Any, data: bytes, path: str, quoting: bool) -> InputError:
    found = _start_of_record(row.text.encode(), data)
    line = f" (line {line_of(found, data)})" if found > 0 else ""
    advice = 'put a cell that holds the delimiter or a line break in "quotes"' if quoting else "remove the extra tab"
    if row.actual_columns < row.expected_columns:
        advice = (
            "a cell is missing, or a quote is never closed" if quoting else "a cell is missing, or holds a line break"
        )
    return InputError(
        f"{path}, row {row.number - 1}{line}: {_cells(row.actual_columns)} where the header has "
        f"{row.expected_columns}; {advice}"
    )


def _start_of_record(text: bytes, data: bytes) -> int:
    """Where a record stands first, from the start of a line to the end of one; 0 if it is not found."""
    places = [data.find(before + text + after) + 1 for before in (b"\n", b"\r") for after in (b"\n", b"\r")]
    if data.endswith((b"\n" + text, b"\r" + text)):
        places.append(len(data) - len(text))
    return min(filter(None, places), default=0)


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def _refuse_open_quote(table: Any, data: bytes, path: str) -> None:
    # pyarrow takes the end of the file for the closing quote: all rows after the quote would be lost in one cell.
    ended = data.rstrip(b"\r\n")
    if not table.num_rows or ended.endswith(b'"'):
        return
    cells = [column[-1].as_py() or "" for column in table.columns]
    if any("\n" in cell or "\r" in cell for cell in cells):
        last = max(cells, key=len).rstrip("\r\n").encode()
        if ended.endswith(last):
            line = line_of(len(ended) - len(last), data)
            raise InputError(
                f"{path}, row {table.num_rows} (line {line}): a quote is opened and never closed; close or double it"
            )

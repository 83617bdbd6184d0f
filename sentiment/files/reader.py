"""A file becomes a table of text cells, or is refused in one line.

Formats, compressions and encodings end in this room: whoever asks gets Unicode strings in named columns and need not
know how they were stored. It knows nothing of what the columns mean.

Row numbers count data rows from 1, without the header and without blank lines; line numbers count lines of the file
from 1, as an editor does.
"""

import codecs
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from sentiment.errors import InputError
from sentiment.files.cells import refuse_too_many, without_long_cells
from sentiment.files.columns import match_column
from sentiment.files.delimited import read_delimited
from sentiment.files.demo import PREFIX, SOURCE, demo_reviews, demo_source
from sentiment.files.encodings import as_utf8, refuse_nul
from sentiment.files.jsonlines import read_json_lines
from sentiment.files.parquet import read_parquet
from sentiment.files.unpacking import MAX_BYTES, raise_the_limit, read_unpacked

__all__ = ["Table", "joined", "read_table"]

_SUFFIX_FORMATS: Final = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_SAMPLE_BYTES: Final = 1 << 16
LINE_BYTES: Final = 8
"""Of what a file may have, that a line counts at least."""
FREE_LINES: Final = 1 << 23
"""That it may have all the same."""


@dataclass(frozen=True)
class Table:
    """The cells of a file as strings, and how the file was found to be written."""

    data: Any
    """`pyarrow.Table` of string columns, under the names they were asked for; a missing value is null."""
    path: str
    format: str
    """csv, tsv, jsonl or parquet; or memory."""
    compression: str
    """none, gzip, xz or zstd."""
    encoding: str
    """A Python codec name; for parquet, utf-8."""
    delimiter: str
    """comma, tab or semicolon; empty for jsonl and parquet."""
    columns: tuple[str, ...]
    """All column names of the file, as the file writes them."""
    recognised: bool = False
    """Whether the encoding was guessed from the bytes, which can be wrong: worth showing to the user."""
    unusable: Mapping[str, str] = field(default_factory=dict)
    """Columns that are not in `data`, because they hold neither texts nor numbers: name to the reason, in one line."""

    @property
    def num_rows(self) -> int:
        """Number of data rows."""
        return int(self.data.num_rows)

    def column(self, name: str) -> Any:
        """The `pyarrow.ChunkedArray` of strings under `name`.

        Raises:
            InputError: the column holds what is neither a text nor a number, or a cell that is too long.
        """
        if name in self.unusable:
            raise InputError(self.unusable[name])
        return self.data.column(name)


def read_table(
    path: str | Path, columns: Sequence[str] | None = None, encoding: str | None = None, max_bytes: int = MAX_BYTES
) -> Table:
    """Reads CSV, TSV, JSON Lines or Parquet, plain or compressed (.gz, .xz, .zst).

    The format is told by the suffix, else by the content; how encodings and delimiters are found, `as_utf8` and
    `read_delimited` say.

    Args:
        path: the file.
        columns: the columns wanted, in any Unicode normal form; None for all that have a name.
        encoding: a Python codec name that overrides what the file looks like.
        max_bytes: how large the file may be after unpacking; see `sentiment.files.cells` for what follows for cells.

    Raises:
        InputError: the file, a row of it or a column that is wanted cannot be used; the message says where and what to
            do.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    name = str(path)
    if (source := demo_source(name)) is not None and SOURCE not in (columns or [SOURCE]):
        columns = [*(columns or ()), SOURCE]
    located = demo_reviews(name) if name.startswith(PREFIX) else Path(path)
    data, compression, inner_name = read_unpacked(located, max_bytes)
    kind = _SUFFIX_FORMATS.get(Path(inner_name).suffix.lower()) or _sniff_format(data)
    found, recognised, delimiter = "utf-8", False, ""
    if kind == "parquet":
        cells = read_parquet(data, columns, name, max_bytes)
    else:
        if data.startswith((b"PK\x03\x04", b"PAR1", b"SQLite format 3", b"%PDF")):
            raise InputError(
                f"{name}: this is not a text table but a binary file; save it as CSV, JSON Lines or Parquet"
            )
        data, found, recognised = as_utf8(data, encoding, name)
        if not data or data.isspace():
            raise InputError(f"{name}: the file is empty; it needs a header with column names, and rows")
        refuse_nul(data, name)
        _refuse_too_many_lines(data, name, max_bytes)
        if kind == "jsonl":
            cells = read_json_lines(data, columns, name, max_bytes)
        else:
            cells, delimiter = read_delimited(data, columns, name, kind)
            kind = "tsv" if delimiter == "tab" else "csv"
    del data
    if not any(cells.names):
        raise InputError(f"{name}: no column has a name; the first line that is not blank must give names")
    refuse_too_many(cells.table.num_rows, 1, name, max_bytes)
    cells = without_long_cells(cells, name, max_bytes)
    if not cells.table.num_rows and not cells.unusable:
        raise InputError(f"{name}: the file has a header but no rows")
    own = {wanted: match_column(wanted, cells.names, name) for wanted in columns or filter(None, cells.names)}
    table = Table(
        data=pa.table(
            {wanted: cells.table.column(column) for wanted, column in own.items() if column not in cells.unusable}
        ),
        path=name,
        format=kind,
        compression=compression,
        encoding=found,
        delimiter=delimiter,
        columns=cells.names,
        recognised=recognised,
        unusable={wanted: cells.unusable[column] for wanted, column in own.items() if column in cells.unusable},
    )
    for wanted in columns or ():
        table.column(wanted)  # refused here, where it was asked for
    if source is not None:
        table = replace(table, data=table.data.filter(pc.equal(table.column(SOURCE), source)))
    return table


def joined(tables: Sequence[Table]) -> Table:
    """Files of the same columns as one table; its rows are numbered on from each file to the next."""
    import pyarrow as pa

    if len(tables) == 1:
        return tables[0]
    return replace(
        tables[0],
        data=pa.concat_tables([table.data for table in tables]),
        path=" + ".join(table.path for table in tables),
        recognised=any(table.recognised for table in tables),
    )


def _refuse_too_many_lines(data: bytes, name: str, max_bytes: int) -> None:
    """Before they are parsed. Texts in quotes may have many lines, so these are far more than there may be rows."""
    lines = max(data.count(b"\n"), data.count(b"\r"))
    if lines > max(FREE_LINES, max_bytes // LINE_BYTES):
        raise InputError(f"{name}: {lines:,} lines are more than a table has; {raise_the_limit(LINE_BYTES * lines)}")


def _sniff_format(data: bytes) -> str:
    if data.startswith(b"PAR1"):
        return "parquet"
    start = data[:_SAMPLE_BYTES].lstrip(codecs.BOM_UTF8).lstrip()
    return "jsonl" if start.startswith(b"{") else "csv"

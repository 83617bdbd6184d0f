"""A file becomes a table of text cells, or is refused in one line.

Formats, compressions and encodings end in this room: whoever asks gets Unicode strings in named columns and need not
know how they were stored. It knows nothing of what the columns mean.

Row numbers count data rows from 1, without the header and without blank lines; line numbers count lines of the file
from 1, as an editor does.
"""

import codecs
import gzip
import json
import lzma
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from sentiment.columns import match_columns, refuse_repeated
from sentiment.delimited import read_delimited
from sentiment.demo import PREFIX, demo_reviews
from sentiment.encodings import as_utf8, refuse_nul
from sentiment.errors import InputError

__all__ = ["Table", "joined", "read_table"]

_SUFFIX_COMPRESSIONS: Final = {".gz": "gzip", ".xz": "xz", ".zst": "zstd"}
_MAGIC: Final = {"gzip": b"\x1f\x8b", "xz": b"\xfd7zXZ\x00", "zstd": b"\x28\xb5\x2f\xfd"}
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


@dataclass(frozen=True)
class Table:
    """The cells of a file as strings, and how the file was found to be written."""

    data: Any
    """`pyarrow.Table` of string columns, under the names they were asked for; a missing value is null."""
    path: str
    format: str
    """csv, tsv, jsonl or parquet."""
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

    @property
    def num_rows(self) -> int:
        """Number of data rows."""
        return int(self.data.num_rows)

    def column(self, name: str) -> Any:
        """The `pyarrow.ChunkedArray` of strings under `name`."""
        return self.data.column(name)


def read_table(path: str | Path, columns: Sequence[str] | None = None, encoding: str | None = None) -> Table:
    """Reads CSV, TSV, JSON Lines or Parquet, plain or compressed (.gz, .xz, .zst).

    The format is told by the suffix, else by the content; how encodings and delimiters are found, `as_utf8` and
    `read_delimited` say.

    Args:
        path: the file.
        columns: the columns wanted, in any Unicode normal form; None for all.
        encoding: a Python codec name that overrides what the file looks like.

    Raises:
        InputError: the file, a row of it or a column name cannot be used; the message says where and what to do.
    """
    name = str(path)
    located = demo_reviews(name) if name.startswith(PREFIX) else Path(path)
    data, compression, inner_name = _read_bytes(located)
    kind = _SUFFIX_FORMATS.get(Path(inner_name).suffix.lower()) or _sniff_format(data)
    if kind == "parquet":
        cells, names = _read_parquet(data, columns, name)
        return Table(cells, name, kind, compression, "utf-8", "", names)
    if data.startswith((b"PK\x03\x04", b"PAR1", b"SQLite format 3", b"%PDF")):
        raise InputError(f"{name}: this is not a text table but a binary file; save it as CSV, JSON Lines or Parquet")
    data, found, recognised = as_utf8(data, encoding, name)
    if not data.strip():
        raise InputError(f"{name}: the file is empty; it needs a header with column names, and rows")
    refuse_nul(data, name)
    delimiter = ""
    if kind == "jsonl":
        cells, names = _read_json_lines(data, columns, name)
    else:
        cells, names, delimiter = read_delimited(data, columns, name, kind)
        kind = "tsv" if delimiter == "tab" else "csv"
    if not cells.num_rows:
        raise InputError(f"{name}: the file has a header but no rows")
    return Table(cells, name, kind, compression, found, delimiter, names, recognised)


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


def _read_bytes(path: Path) -> tuple[bytes, str, str]:
    """Decompressed content, name of the compression, file name without the compression's suffix."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: this is a directory; give the file in it") from None
    except PermissionError:
        raise InputError(f"{path}: no permission to read this file; chmod it, or copy it to where you may") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    if not data:
        raise InputError(f"{path}: the file is empty (0 bytes)")
    named = _SUFFIX_COMPRESSIONS.get(path.suffix.lower(), "none")
    compression = next((kind for kind, magic in _MAGIC.items() if data.startswith(magic)), "none")
    if named != "none" and compression == "none":
        raise InputError(f"{path}: ends in {path.suffix} but is not {named} data; rename the file or compress it again")
    if compression != "none":
        data = _decompress(data, compression, path)
    return data, compression, path.stem if named != "none" else path.name


def _decompress(data: bytes, compression: str, path: Path) -> bytes:
    import zstandard

    decompress: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.decompress,
        "xz": lzma.decompress,
        "zstd": _decompress_zstd,
    }
    try:
        return decompress[compression](data)
    except (EOFError, OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
        reason = str(error).rstrip(".")
        raise InputError(
            f"{path}: the {compression} data is truncated or damaged ({reason}); copy or download the file again"
        ) from None


def _decompress_zstd(data: bytes) -> bytes:
    import zstandard

    parts = []
    while data:  # a file may hold several frames, one after the other
        frame = zstandard.ZstdDecompressor().decompressobj()
        parts.append(frame.decompress(data))
        if not frame.eof:
            raise EOFError("the last frame ends too early")
        data = frame.unused_data
    return b"".join(parts)


def _sniff_format(data: bytes) -> str:
    if data.startswith(b"PAR1"):
        return "parquet"
    start = data[:_SAMPLE_BYTES].lstrip(codecs.BOM_UTF8).lstrip()
    return "jsonl" if start.startswith(b"{") else "csv"


# JSON Lines


def _read_json_lines(data: bytes, columns: Sequence[str] | None, path: str) -> tuple[Any, tuple[str, ...]]:
    """Reads one object per line.

    By `json`, not by pyarrow: a score that is 5 in one row and "5" in the next is no error here, numbers keep the
    digits they were written with, and an error knows its line.
    """
    import pyarrow as pa

    rows: list[tuple[int, dict[str, Any]]] = []
    names: dict[str, None] = {}
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line or line.isspace():
            continue
        row = _json_object(line, number, path)
        names.update(dict.fromkeys(row))
        rows.append((number, row))
    listed = tuple(names)
    refuse_repeated(listed, path)
    wanted = match_columns(columns, listed, path)
    arrays = []
    for name in wanted:
        cells = [_json_cell(row.get(name), columns is not None, number, name, path) for number, row in rows]
        try:
            arrays.append(pa.chunked_array([pa.array(cells, pa.string())]))
        except UnicodeEncodeError:
            number = next(number for (number, _), cell in zip(rows, cells, strict=True) if _is_half(cell))
            raise InputError(
                f"{path}, line {number}, column {name!r}: half of a surrogate pair; the text was cut inside a character"
            ) from None
    return pa.table(arrays, names=wanted if columns is None else list(columns)), listed


def _json_object(line: bytes, number: int, path: str) -> dict[str, Any]:
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


def _json_cell(value: Any, strict: bool, number: int, name: str, path: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):  # NaN and the infinities, which parse_float does not see
        return None
    if strict:
        raise InputError(
            f"{path}, line {number}, column {name!r}: a nested {'list' if isinstance(value, list) else 'object'}; "
            "it must be a text or a number"
        )
    return json.dumps(value, ensure_ascii=False)


def _is_half(cell: str | None) -> bool:
    return cell is not None and re.search("[\ud800-\udfff]", cell) is not None


# Parquet


def _read_parquet(data: bytes, columns: Sequence[str] | None, path: str) -> tuple[Any, tuple[str, ...]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        names = tuple(file.schema_arrow.names)
        refuse_repeated(names, path)
        wanted = match_columns(columns, names, path)
        table = file.read(columns=wanted)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise InputError(f"{path}: cannot be read as Parquet ({reason}); write or download it again") from None
    if not table.num_rows:
        raise InputError(f"{path}: the file has columns but no rows")
    arrays = [_as_strings(table.column(name), name, columns is not None, path) for name in wanted]
    return pa.table(arrays, names=wanted if columns is None else list(columns)), names


def _as_strings(column: Any, name: str, strict: bool, path: str) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_nested(kind):
        if strict:
            raise InputError(f"{path}, column {name!r}: nested values ({kind}); it must hold texts or numbers")
        return pa.chunked_array([pa.array([None if cell is None else str(cell) for cell in column.to_pylist()])])
    if pa.types.is_floating(kind):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, kind), column)
    try:
        return column.cast(pa.string())
    except pa.ArrowException:
        raise InputError(f"{path}, column {name!r}: values of type {kind}; it must hold texts or numbers") from None

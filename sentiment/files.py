"""A file becomes a table of text cells, or is refused in one line.

Formats, compressions and encodings end in this room: whoever asks gets Unicode strings in named columns and need not
know how they were stored. It knows nothing of what the columns mean.

Row numbers count data rows from 1, without the header and without blank lines; line numbers count lines of the file
from 1, as an editor does.
"""

import codecs
import csv
import difflib
import gzip
import json
import lzma
import re
import unicodedata
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sentiment.demo import PREFIX, demo_reviews
from sentiment.errors import InputError

__all__ = ["Table", "match_column", "read_table"]

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
_DELIMITERS: Final = {",": "comma", "\t": "tab", ";": "semicolon"}

# A UTF-32 mark begins with the UTF-16 one, so it must be asked for first.
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What a review file without a mark is written in when it is not UTF-8. Left to all of its hundred encodings,
# charset-normalizer finds EBCDIC and DOS code pages in short files.
_LEGACY_ENCODINGS: Final = (
    "cp949",
    "cp932",
    "euc_jp",
    "gb18030",
    "big5",
    "tis_620",
    "cp1252",
    "cp1250",
    "cp1251",
    "koi8_r",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
)
_BLOCK_BYTES: Final = 16 << 20
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

    The format is told by the suffix, else by the content; the delimiter by the header. A TSV is read without quoting
    (a quote is then a character like any other) unless every cell that opens with a quote also closes with one.

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
    data, found, recognised = _as_utf8(data, encoding, name)
    if not data.strip():
        raise InputError(f"{name}: the file is empty; it needs a header with column names, and rows")
    _refuse_nul(data, name)
    delimiter = ""
    if kind == "jsonl":
        cells, names = _read_json_lines(data, columns, name)
    else:
        cells, names, delimiter = _read_delimited(data, columns, name, kind)
        kind = "tsv" if delimiter == "tab" else "csv"
    if not cells.num_rows:
        raise InputError(f"{name}: the file has a header but no rows")
    return Table(cells, name, kind, compression, found, delimiter, names, recognised)


def match_column(wanted: str, names: Sequence[str], path: str) -> str:
    """The name in `names` that equals `wanted` up to Unicode normal form.

    Raises:
        InputError: there is none; the message lists the names and the nearest one.
    """
    key = unicodedata.normalize("NFC", wanted)
    normal = {unicodedata.normalize("NFC", name): name for name in names}
    if key in normal:
        return normal[key]
    folded = {name.strip().casefold(): original for name, original in normal.items()}
    near = difflib.get_close_matches(key.strip().casefold(), folded, n=1)
    hint = f"; did you mean {folded[near[0]]!r}?" if near else ""
    listed = ", ".join(repr(name) for name in list(names)[:20]) + (", ..." if len(names) > 20 else "")
    raise InputError(f"{path}: there is no column {wanted!r}; the columns are {listed}{hint}")


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


def _line_of(position: int, data: bytes) -> int:
    """The line, counted from 1, that holds the byte at `position`."""
    end = b"\n" if b"\n" in data[:_SAMPLE_BYTES] else b"\r"
    return data.count(end, 0, position) + 1


def _sniff_format(data: bytes) -> str:
    if data.startswith(b"PAR1"):
        return "parquet"
    start = data[:_SAMPLE_BYTES].lstrip(codecs.BOM_UTF8).lstrip()
    return "jsonl" if start.startswith(b"{") else "csv"


# Encodings


def _as_utf8(data: bytes, encoding: str | None, path: str) -> tuple[bytes, str, bool]:
    """The content in UTF-8, the encoding it was in, and whether that was guessed."""
    if encoding is not None:
        return _recode(data, _known_codec(encoding), path), encoding, False
    for mark, codec in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            if codec == "utf-8-sig":
                return _checked_utf8(data[len(mark) :], path, shift=len(mark)), codec, False
            return _recode(data, codec, path), codec, False
    _refuse_nul(data, path)
    if _is_utf8(data):
        return data, "utf-8", False
    if _is_almost_utf8(data):
        return _checked_utf8(data, path), "utf-8", False
    for codec in _likely_encodings(data):
        try:
            return data.decode(codec).encode("utf-8"), codec, True
        except UnicodeDecodeError:
            continue
    return _checked_utf8(data, path), "utf-8", False


def _known_codec(encoding: str) -> str:
    try:
        codec = codecs.lookup(encoding)
        "".encode(codec.name)
    except (LookupError, ValueError):
        raise InputError(
            f"encoding {encoding!r} is not known; give one such as utf-8, cp949, cp1252, gb18030"
        ) from None
    # A mark at the start belongs to the encoding, not to the name of the first column.
    return "utf-8-sig" if codec.name == "utf-8" else codec.name


def _recode(data: bytes, codec: str, path: str) -> bytes:
    try:
        return data.decode(codec).encode("utf-8")
    except UnicodeDecodeError as error:
        line = _line_of(error.start, data)
        raise InputError(
            f"{path}, line {line}: byte 0x{data[error.start]:02x} is not {codec.removesuffix('-sig')}; "
            "repair that line, or pass another --encoding"
        ) from None
    except UnicodeEncodeError:  # utf-7 and its like can carry half of a surrogate pair
        raise InputError(f"{path}: the text in {codec} holds half characters; pass another --encoding") from None


def _is_utf8(data: bytes) -> bool:
    """Checked by pyarrow, which needs no decoded copy of the file."""
    import pyarrow as pa

    offsets = pa.py_buffer(len(data).to_bytes(8, "little").rjust(16, b"\0"))
    text = pa.LargeStringArray.from_buffers(1, offsets, pa.py_buffer(data))
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _checked_utf8(data: bytes, path: str, shift: int = 0) -> bytes:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = _line_of(error.start, data)
        raise InputError(
            f"{path}, line {line}: byte 0x{data[error.start]:02x} (at offset {error.start + shift}) is not UTF-8; "
            "repair that line, or pass --encoding (cp949, cp1252, ...) if the whole file is in another one"
        ) from None
    return data


def _is_almost_utf8(data: bytes) -> bool:
    """Whether well-formed UTF-8 characters outnumber broken bytes.

    In a legacy encoding some neighbouring bytes form UTF-8 by chance, for ten broken bytes about two characters in
    Korean (CP949), three in Thai (TIS-620) and up to five in Chinese (GB 18030), measured on reviews; so
    a file where most do was written as UTF-8 and then damaged. Guessing an encoding would turn all of it to noise.
    """
    decoded = data.decode("utf-8", errors="replace")
    broken = decoded.count("\ufffd")
    well_formed = sum(map(len, re.findall(r"[^\x00-\x7f\ufffd]+", decoded)))
    return well_formed > broken


def _likely_encodings(data: bytes) -> list[str]:
    """Codec names, likeliest first, judged by the lines that are not ASCII."""
    import charset_normalizer

    lines = [line for line in data.splitlines(keepends=True) if not line.isascii()]
    sample = b""
    for line in lines:
        sample += line
        if len(sample) > _SAMPLE_BYTES:
            break
    matches = charset_normalizer.from_bytes(sample, cp_isolation=list(_LEGACY_ENCODINGS), enable_fallback=False)
    names = [match.encoding for match in matches]
    if names[:1] == ["cp1250"] and _as_likely("cp1252", matches):
        names = ["cp1252", *names]
    if names[:1] == ["cp949"] and not _is_everyday_korean(sample):
        names = [*names[1:], "cp949"]
    return names


def _as_likely(encoding: str, matches: Any) -> bool:
    """Whether `encoding` gives the same text as the best match, or one that scores as well."""
    best = next(iter(matches))
    if encoding in best.could_be_from_charset:
        return True
    rivals = [match for match in matches if match.encoding == encoding]
    return any(bool(rival.chaos <= best.chaos and rival.coherence >= best.coherence) for rival in rivals)


def _is_everyday_korean(sample: bytes) -> bool:
    """Whether nearly all Hangul is among the 2,350 syllables of KS X 1001, as in any Korean text.

    CP949 gives the other 8,822, which are hardly used, to byte pairs that in Shift JIS are everyday Japanese.
    """
    hangul: list[str] = re.findall("[가-힣]", sample.decode("cp949", errors="ignore"))
    rare = sum(min(syllable.encode("cp949")) < 0xA1 for syllable in hangul)
    return rare <= len(hangul) / 5


def _refuse_nul(data: bytes, path: str) -> None:
    position = data.find(b"\0")
    if position >= 0:
        line = _line_of(position, data)
        raise InputError(
            f"{path}, line {line}: a NUL byte; remove it, or pass --encoding utf-16-le if this is UTF-16 without a mark"
        )


# Delimited text


def _read_delimited(
    data: bytes, columns: Sequence[str] | None, path: str, kind: str
) -> tuple[Any, tuple[str, ...], str]:
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

    _refuse_repeated(header, path)
    names = _wanted(columns, header, path)
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

    def parse(block_bytes: int, threads: bool) -> Any:
        return arrow_csv.read_csv(
            pa.BufferReader(data),
            arrow_csv.ReadOptions(block_size=block_bytes, use_threads=threads),
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
            table = parse(_BLOCK_BYTES, threads=True)
        except pa.ArrowInvalid as error:
            # A cell longer than a block is legal, only rare; one block then holds the file.
            if "straddl" not in str(error) or len(data) >= 2**31 - 1:
                raise
            table = parse(len(data) + 1, threads=True)
    except pa.ArrowInvalid as error:
        if refused:
            refused.clear()
            try:
                parse(min(len(data) + 1, 2**31 - 1), threads=False)  # only one thread can number the rows
            except pa.ArrowInvalid:
                raise _ragged(refused[0], data, path, quoting) from None
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: cannot be read as {_DELIMITERS[delimiter]}-separated text ({reason})") from None
    if quoting:
        _refuse_open_quote(table, data, path)
    return table if columns is None else table.rename_columns(list(columns))


def _ragged(row: Any, data: bytes, path: str, quoting: bool) -> InputError:
    found = re.search(rb"(?:^|(?<=[\r\n]))" + re.escape(row.text.encode()) + rb"(?=[\r\n]|$)", data)
    line = f" (line {_line_of(found.start(), data)})" if found else ""
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
            line = _line_of(start, data)
            raise InputError(
                f"{path}, row {table.num_rows} (line {line}): a quote is opened and never closed; close or double it"
            )


def _refuse_repeated(names: Sequence[str], path: str) -> None:
    seen: set[str] = set()
    for name in names:
        key = unicodedata.normalize("NFC", name)
        if key and key in seen:
            raise InputError(f"{path}, line 1: two columns are named {name!r}; rename one of them")
        seen.add(key)


def _wanted(columns: Sequence[str] | None, names: Sequence[str], path: str) -> list[str]:
    return list(names) if columns is None else [match_column(column, names, path) for column in columns]


def _select(table: Any, columns: Sequence[str] | None, path: str) -> Any:
    if columns is None:
        return table
    return table.select(_wanted(columns, table.column_names, path)).rename_columns(list(columns))


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
    _refuse_repeated(listed, path)
    wanted = _wanted(columns, listed, path)
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
        _refuse_repeated(names, path)
        wanted = _wanted(columns, names, path)
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

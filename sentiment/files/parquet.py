"""Parquet becomes columns of strings, a few thousand rows at a time, or is refused.

A file of 50 kB may say one text a million times over, so texts stay in the dictionary that they are stored in until it
is known how long they all are together. This room knows nothing of files or compressions.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sentiment.errors import InputError
from sentiment.files.cells import Cells, refuse_too_many
from sentiment.files.columns import match_columns, refuse_repeated, refuse_too_wide
from sentiment.files.unpacking import raise_the_limit

__all__ = ["read_parquet"]

_BATCH_ROWS: Final = 1 << 12
_EXPANDED_ROWS: Final = 1 << 4
"""Of texts that are stored as what each adds to the one before: pyarrow has no dictionary for them."""


def read_parquet(data: bytes, columns: Sequence[str] | None, path: str, max_bytes: int) -> Cells:
    """Reads texts, numbers, dates and truth values; columns of other types, and damaged ones, are unusable.

    Args:
        data: the file.
        columns: the columns wanted, in any Unicode normal form; None for all.
        path: what an error calls the file.
        max_bytes: all that is read may have so many bytes as text, and so many cells.

    Raises:
        InputError: it is no Parquet, has no rows, a column name cannot be used, or it holds more than `max_bytes`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        schema = file.schema_arrow
        texts = {chunk.path_in_schema for chunk in _chunks(file) if chunk.physical_type == "BYTE_ARRAY"}
        expanded = {chunk.path_in_schema for chunk in _chunks(file) if "DELTA" in "".join(chunk.encodings)} & texts
        file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=sorted(texts - expanded))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as Parquet ({_reason(error)}); write or download it again") from None
    names = tuple(schema.names)
    refuse_too_wide(len(names), path)
    refuse_repeated(names, path)
    wanted = [name for name in dict.fromkeys(match_columns(columns, names, path)) if name]
    if not file.metadata.num_rows:
        raise InputError(f"{path}: the file has columns but no rows")
    refuse_too_many(file.metadata.num_rows, len(wanted), path, max_bytes)
    arrays, unusable, left = {}, {}, max_bytes
    for name in wanted:
        kind = schema.field(name).type
        if pa.types.is_nested(kind) or pa.types.is_fixed_size_binary(kind):
            nested = "nested values" if pa.types.is_nested(kind) else "values"
            unusable[name] = f"{path}, column {name!r}: {nested} of type {kind}; it must hold texts or numbers"
            continue
        if _size(file, name) > left:
            raise _too_large(path, max_bytes)
        try:
            arrays[name] = _column(file, name, _EXPANDED_ROWS if name in expanded else _BATCH_ROWS, left)
        except (pa.ArrowException, OSError, ValueError) as error:
            unusable[name] = (
                f"{path}, column {name!r}: values of type {kind} that cannot be read as text ({_reason(error)}); "
                "it must hold texts or numbers"
            )
            continue
        if arrays[name] is None:
            raise _too_large(path, max_bytes)
        left -= arrays[name].nbytes
    return Cells(pa.table(arrays), names, unusable)


def _chunks(file: Any) -> Iterator[Any]:
    """What the file says of each column in each of its groups of rows."""
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        yield from (group.column(column) for column in range(group.num_columns))


def _size(file: Any, name: str) -> int:
    """Bytes of a column, as the file says, before its dictionary is looked up."""
    return sum(chunk.total_uncompressed_size for chunk in _chunks(file) if chunk.path_in_schema == name)


def _column(file: Any, name: str, rows: int, most: int) -> Any:
    """The `pyarrow.ChunkedArray` of strings, read so many rows at a time; None if they have more than `most` bytes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    chunks, total = [], 0
    for batch in file.iter_batches(rows, columns=[name], use_threads=False):
        cells = batch.column(0)
        if pa.types.is_dictionary(cells.type):
            words = cells.dictionary.cast(pa.string())
            total += pc.sum(pc.binary_length(words).take(cells.indices)).as_py() or 0
            if total > most:
                return None
            cells = words.take(cells.indices)
        else:
            if pa.types.is_floating(cells.type):
                cells = pc.if_else(pc.is_nan(cells), pa.scalar(None, cells.type), cells)
            cells = cells.cast(pa.string())
            total += cells.nbytes
            if total > most:
                return None
        cells.validate(full=True)  # nobody else looks whether it is UTF-8
        chunks.append(cells)
    return pa.chunked_array(chunks, pa.string())


def _too_large(path: str, max_bytes: int) -> InputError:
    return InputError(f"{path}: more than {max_bytes:,} bytes once unpacked; {raise_the_limit(2 * max_bytes)}")


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")

"""The bytes of a file, unpacked, and never more of them than was asked for.

A megabyte of gzip may hold a gigabyte of zeros, and a pipe may never end. Here is decided how much is read, before
anything is made of it. This room knows nothing of tables, encodings or rows.
"""

import gzip
import lzma
import stat
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any, Final

from sentiment.errors import InputError

__all__ = ["MAX_BYTES", "raise_the_limit", "read_unpacked", "refuse_irregular"]

MAX_BYTES: Final = 256 << 20
"""How large a file may be after unpacking, if nobody says otherwise. In memory it takes several times as much."""

_SUFFIXES: Final = {".gz": "gzip", ".xz": "xz", ".zst": "zstd"}
_MAGIC: Final = {"gzip": b"\x1f\x8b", "xz": b"\xfd7zXZ\x00", "zstd": b"\x28\xb5\x2f\xfd"}
_CHUNK_BYTES: Final = 1 << 20
_ZSTD_INPUT_BYTES: Final = 1 << 10
"""Four bytes of zstd can stand for 128 KiB, so this much for 32 MiB."""


def read_unpacked(path: Path, max_bytes: int = MAX_BYTES) -> tuple[bytes, str, str]:
    """The content of a file, the compression that was undone (none, gzip, xz or zstd), and its name without its suffix.

    The compression is told by the content. No more than `max_bytes` are ever held.

    Raises:
        InputError: the file cannot be read, is not a regular one, is empty or damaged, or holds more than `max_bytes`.
    """
    try:
        refuse_irregular(path)
        size = path.stat().st_size
        with path.open("rb") as file:
            return _read(file, path, size, max_bytes)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: there is no such file") from None
    except PermissionError:
        raise InputError(f"{path}: no permission to read this file; chmod it, or copy it to where you may") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def refuse_irregular(path: Path) -> None:
    """Refuses what has no size and may have no end: a study is read again by each worker and on each day it goes on.

    Raises:
        InputError: there is something at `path`, and it is not a file.
        OSError: there is nothing, or it cannot be looked at.
    """
    try:
        mode = path.stat().st_mode
    except ValueError:  # a NUL in the name
        raise InputError(f"{path}: there is no such file") from None
    if stat.S_ISDIR(mode):
        raise InputError(f"{path}: this is a directory; give the file in it")
    if not stat.S_ISREG(mode):
        kind = "a pipe" if stat.S_ISFIFO(mode) else "a device" if stat.S_ISCHR(mode) else "not a regular file"
        raise InputError(f"{path}: this is {kind}, which cannot be read twice; save what it gives to a file first")
    if any(path.resolve().is_relative_to(made_up) for made_up in ("/proc", "/sys")):  # memory, or what has no end
        raise InputError(f"{path}: this is no file on a disk; save what it gives to a file first")


def raise_the_limit(needed: int) -> str:
    """What to do about something that would need a limit of so many bytes: the end of an error message."""
    return f"if that is meant, raise the limit: --max-bytes {needed}, or max_bytes = {needed} in [data]"


def _read(file: BufferedReader, path: Path, size: int, max_bytes: int) -> tuple[bytes, str, str]:
    if not size:
        raise InputError(f"{path}: the file is empty (0 bytes)")
    if size > max_bytes:
        raise InputError(f"{path}: {size:,} bytes, more than {max_bytes:,}; {raise_the_limit(size)}")
    start = file.read(max(map(len, _MAGIC.values())))
    file.seek(0)
    named = _SUFFIXES.get(path.suffix.lower(), "none")
    compression = next((kind for kind, magic in _MAGIC.items() if start.startswith(magic)), "none")
    if named != "none" and compression == "none":
        raise InputError(f"{path}: ends in {path.suffix} but is not {named} data; rename the file or compress it again")
    name = path.stem if named != "none" else path.name
    chunks: list[bytes] = []
    total = 0
    for chunk in _unpacked(file, compression, path):
        total += len(chunk)
        if total > max_bytes:
            unpacked = "" if compression == "none" else " once unpacked"
            raise InputError(f"{path}: more than {max_bytes:,} bytes{unpacked}; {raise_the_limit(2 * max_bytes)}")
        chunks.append(chunk)
    return b"".join(chunks), compression, name


def _unpacked(file: BufferedReader, compression: str, path: Path) -> Iterator[bytes]:
    import zstandard

    try:
        if compression == "zstd":
            yield from _unpacked_zstd(file)
        elif compression == "gzip":
            yield from _chunks(gzip.GzipFile(fileobj=file))
        elif compression == "xz":
            yield from _chunks(lzma.LZMAFile(file))  # noqa: SIM115, it is `file` that is opened and closed
        else:
            yield from _chunks(file)
    except (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
        reason = str(error).rstrip(".")
        raise InputError(
            f"{path}: the {compression} data is truncated or damaged ({reason}); copy or download the file again"
        ) from None


def _chunks(stream: BufferedReader | gzip.GzipFile | lzma.LZMAFile) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK_BYTES):
        yield chunk


def _unpacked_zstd(file: BufferedReader) -> Iterator[bytes]:
    import zstandard

    frame: Any = None
    while data := file.read(_ZSTD_INPUT_BYTES):
        while data:  # a file may hold several frames, one after the other
            frame = frame or zstandard.ZstdDecompressor().decompressobj()
            yield frame.decompress(data)
            data, frame = (frame.unused_data, None) if frame.eof else (b"", frame)
    if frame is not None:
        raise EOFError("the last frame ends too early")

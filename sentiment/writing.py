"""Files that are there whole, or not at all, also after a power cut."""

import os
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

__all__ = ["publish", "replaced", "write_through", "write_whole", "write_whole_from"]

CHUNK_BYTES: Final = 1 << 20

_TEMPORARY: Final = ".building"
_STALE_SECONDS: Final = 86_400


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write a file beside its name and rename it there: a reader, or a full disk, never meets half of it.

    Raises:
        OSError: it cannot be written; the error names the file, and nothing of it is left.
    """
    with replaced(path) as temporary:
        write_through(temporary, content)


def write_whole_from(path: Path, content: BinaryIO) -> None:
    """The same of what is read from `content`, which may be more than memory can hold.

    Raises:
        OSError: as `write_whole`.
    """
    with replaced(path) as temporary, open(temporary, "wb") as file:
        shutil.copyfileobj(content, file, CHUNK_BYTES)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Gives a name to write to, and renames it to `path` then: killed, a process leaves what was there. Whoever writes
    there without `write_through` must find out by itself whether a power cut left all of it.

    Raises:
        OSError: it cannot be written; the error names the file, and nothing of it is left.
    """
    # In two containers that share the folder, processes have the same number.
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(8)}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:  # one that came of writing does not say what was written
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_through(path: Path, content: bytes | memoryview) -> None:
    """Write a file to the disk itself, in a folder that nobody reads yet."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def publish(directory: Path, write: Callable[[Path], None], whole: Callable[[], bool]) -> None:
    """Write a folder beside its final name and rename it there, whole; any number of processes may do so at once.

    Args:
        directory: the final name. What is there is kept if it is whole, and replaced if it is not.
        write: fills the folder that it is given.
        whole: whether what has the final name is as it should be.

    Raises:
        OSError: it cannot be written; nothing of it is left.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    _clean_leftovers(directory.parent)
    temporary = _temporary_path(directory.parent)
    try:
        temporary.mkdir()
        write(temporary)
        for _ in range(3):
            try:
                temporary.rename(directory)  # fails if another process was first
                break
            except OSError:
                if whole():
                    break
                discarded = _temporary_path(directory.parent)
                with suppress(FileNotFoundError):
                    directory.rename(discarded)
                shutil.rmtree(discarded, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _temporary_path(cache: Path) -> Path:
    return cache / f"{_TEMPORARY}~{socket.gethostname()}~{os.getpid()}~{secrets.token_hex(4)}"


def _clean_leftovers(cache: Path) -> None:
    """Remove what processes that died while building have left behind."""
    for path in cache.glob(f"{_TEMPORARY}~*"):
        with suppress(OSError):
            if not _is_being_built(path):
                shutil.rmtree(path)


def _is_being_built(path: Path) -> bool:
    if time.time() - path.stat().st_mtime > _STALE_SECONDS:
        return False
    _, host, process, _ = path.name.split("~")
    # A process of another machine cannot be asked, and on Windows to ask is to kill.
    if host != socket.gethostname() or os.name != "posix":
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

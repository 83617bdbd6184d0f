"""Files that are there whole, or not at all, also after a power cut."""

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["write_through", "write_whole"]


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write a file beside its name and rename it there: a reader, or a full disk, never meets half of it.

    Raises:
        OSError: it cannot be written; the error names the file, and nothing of it is left.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write_through(temporary, content)
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

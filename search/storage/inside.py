"""Names that others have written become paths in one folder, and never anywhere else.

A study's name and what a trial recorded stand in a database, which may come from anywhere, and so may a folder of
artifacts. Whoever makes a path of such a name asks here first: it is one file or folder in the folder that it belongs
to, or it is refused.
"""

from pathlib import Path
from typing import Final

from sentiment.checked import shown
from sentiment.errors import InputError

__all__ = ["inside", "is_plain"]

LONGEST: Final = 255
"""Bytes of a name that a file system takes."""


def is_plain(name: object) -> bool:
    """Whether a name is that of one file or folder, on any system: no path, no way up, nothing that ends a name.

    A drive or a stream is after a colon on Windows; but the studies of a comparison have one in their names.
    """
    if not isinstance(name, str) or not name or name in (".", "..") or any(mark in name for mark in "/\\\0"):
        return False
    return len(name.encode("utf-8", "surrogatepass")) <= LONGEST


def inside(folder: Path, name: object) -> Path:
    """What is called `name` in `folder`.

    Raises:
        InputError: such a name would lead out of it, or into a folder below.
    """
    if not is_plain(name):
        raise InputError(
            f"the database names {shown(name)} in {folder}, which is no name of a file there: nothing is read, written "
            "or removed by it; do not use a database that you do not trust"
        )
    return folder / str(name)

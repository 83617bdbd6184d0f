"""What is made of a dataset's texts, kept in a folder that every process may share.

It is checked against its checksums when opened, and its arrays are memory-mapped.
"""

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from sentiment.writing import publish, write_through

__all__ = ["Parts", "kept"]

Parts = Mapping[str, np.ndarray | str]
"""By file name: arrays, or JSON."""

Made = TypeVar("Made")

_MANIFEST: Final = "manifest.json"


def kept(
    cache: Path, name: str, wanted: dict[str, Any], build: Callable[[], Parts], make: Callable[[Parts], Made]
) -> Made:
    """What `make` makes of the parts that `build` builds, from the cache if they are there and whole, else put there.

    What is found is checked against its checksums before it is used; damaged, it is built anew. Any number of
    processes may ask at once: each builds in a directory of its own, and the first to finish gives it the final
    name. If the cache cannot be written (read-only, disk full), a one-line warning says so and what was built stays in
    this process's memory.

    Args:
        cache: a directory, made if missing.
        name: begins the name of its folder there.
        wanted: plain values that all of it follows from.
        build: gives the parts.
        make: makes something of parts; a KeyError or ValueError says that they are not those that were built.
    """
    key = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:32]
    directory = cache / f"{name}-{key}"
    existed = directory.exists()  # asked first: another process may put it there at any moment
    found = _open(directory, wanted, make)
    if found is not None:
        return found
    if existed:
        warnings.warn(f"{directory} is damaged or cannot be read; it is built anew", stacklevel=3)
    built = build()
    try:
        publish(directory, partial(_write, built, wanted), lambda: _open(directory, wanted, make) is not None)
    except OSError as error:
        reason = error.strerror or str(error)
        warnings.warn(f"{directory} cannot be written ({reason}); the corpus stays in memory", stacklevel=3)
    found = _open(directory, wanted, make)
    return make(built) if found is None else found


def _open(directory: Path, wanted: dict[str, Any], make: Callable[[Parts], Made]) -> Made | None:
    """What is made of a cache directory; None unless every byte is what was written."""
    try:
        manifest = json.loads((directory / _MANIFEST).read_bytes())
        files = manifest.pop("files")
        if manifest != wanted or any(_checksum(directory, name) != recorded for name, recorded in files.items()):
            return None
        return make({name: _read(directory / name) for name in files})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _read(path: Path) -> np.ndarray | str:
    if path.suffix != ".npy":
        return path.read_text(encoding="utf-8")
    # As a plain array: it keeps the mapping, without the cost of np.memmap's own __getitem__.
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def _checksum(directory: Path, name: str) -> dict[str, Any]:
    path = directory / name
    if path.parent != directory or not path.is_file():  # a manifest may come from anywhere, and a device has no end
        raise ValueError(f"{name} is no file of {directory}")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"sha256": digest, "bytes": file.tell()}


def _write(parts: Parts, wanted: dict[str, Any], directory: Path) -> None:
    for name, part in parts.items():
        if isinstance(part, str):
            write_through(directory / name, part.encode())
            continue
        with (directory / name).open("wb") as file:
            np.save(file, part, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
    files = {name: _checksum(directory, name) for name in parts}
    write_through(directory / _MANIFEST, json.dumps(wanted | {"files": files}, indent=1).encode())

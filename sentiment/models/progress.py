"""The state of an unfinished training, in one file: killed, it goes on from its last scoring, and ends with the bits of
one that nobody killed.

What is kept is numbers, as safetensors, and JSON in their header. A file says what it belongs to, which is all that
decides the bits; of another training, another machine or with a byte that is not what was written, it is removed, and
the training begins from its start. It is never an error, and neither is a full disk: that is told, once.

Whoever names the file removes it, when what came of the training is recorded: until then a training that has ended
keeps what it ended with here, and is not made a second time.

This room does not know what a training is.
"""

import hashlib
import json
import time
import warnings
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import safetensors
import safetensors.numpy
import torch
from torch import Tensor

from sentiment.writing import replaced

__all__ = ["Progress", "State", "digest_of", "member_progress", "remove_progress"]

FORMAT: Final = 1
"""Raise it with any change to what a state means, and to what a training computes: older files are not gone on from."""
LEAST_SECONDS: Final = 1.0
"""Between two states, and before the first: a trial of 50 ms never pays for one, and a second is soon made again."""
SHARE: Final = 10
"""So many times as long as its last state took to write, a training goes on before it writes another: where a disk is
slow and scorings are frequent, states cost a tenth of the time."""

_BELONGS, _VALUES, _CHECKSUM = "belongs to", "values", "checksum"


@dataclass(frozen=True)
class State:
    """All that a training needs to go on."""

    tensors: Mapping[str, Tensor]
    """Dense, on any device."""
    values: Mapping[str, Any]
    """Ready for JSON; what is not finite may be among them."""


class Progress:
    """The file of one training: its last state, unless that is less than a second old."""

    def __init__(self, path: Path, belongs_to: Callable[[], Mapping[str, Any]]) -> None:
        """Args:
        path: of the file.
        belongs_to: all that decides the bits of the training, ready for JSON. It is asked once a state is read or
            written, which most trainings are too short for.
        """
        self._path = path
        self._belongs_to = belongs_to
        self._belongs: str | None = None
        self._wrote = time.monotonic()
        self._wait = LEAST_SECONDS
        self._refused = False

    def read(self) -> State | None:
        """The last state of this training, on the CPU; None if there is none, and then no other is left there."""
        if not self._path.exists():
            return None
        try:
            found = self._read()
        except (OSError, safetensors.SafetensorError, ValueError, KeyError, TypeError, RecursionError):
            found = None
        if found is None:
            remove_progress(self._path)
        return found

    def write(self, state: Callable[[], State]) -> None:
        """Keep what `state` gives in place of what was kept, whole, if it is time to. That it cannot be written is
        told once, and no more is tried."""
        began = time.monotonic()
        if self._refused or began - self._wrote < self._wait:
            return
        try:
            self._write(state())
        except (OSError, safetensors.SafetensorError) as error:
            self._refused = True
            reason = getattr(error, "strerror", None) or str(error)
            warnings.warn(
                f"{self._path} cannot be written ({reason}); the training goes on, but killed it would begin "
                "from its last state that could be, or from its start",
                stacklevel=3,
            )
        self._wrote = time.monotonic()
        self._wait = max(LEAST_SECONDS, SHARE * (self._wrote - began))

    def _owner(self) -> str:
        if self._belongs is None:
            self._belongs = json.dumps({"format": FORMAT, **self._belongs_to()}, sort_keys=True)
        return self._belongs

    def _read(self) -> State | None:
        with safetensors.safe_open(self._path, "pt") as file:
            metadata = file.metadata() or {}
            if metadata.get(_BELONGS) != self._owner():
                return None
            # Copies: what is trained on must not be the file.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118  it is no dict
        if metadata[_CHECKSUM] != _checksum(tensors, metadata[_VALUES]):
            return None
        return State(tensors, json.loads(metadata[_VALUES]))

    def _write(self, state: State) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        tensors = {name: value.detach().cpu().contiguous() for name, value in state.tensors.items()}
        values = json.dumps(state.values)
        metadata = {_BELONGS: self._owner(), _VALUES: values, _CHECKSUM: _checksum(tensors, values)}
        with replaced(self._path) as temporary:
            # Of NumPy, since torch's own refuses tensors that share their memory, as tied weights do.
            safetensors.numpy.save_file({name: value.numpy() for name, value in tensors.items()}, temporary, metadata)


def member_progress(path: Path | None, number: int) -> Path | None:
    """Where a part of a training that is made of several keeps its own state."""
    return None if path is None else path.with_name(f"{path.stem}-member-{number:03d}{path.suffix}")


def remove_progress(path: Path) -> None:
    """Remove the state of a training, of its members, and what a process that was killed had half written."""
    for name in (path.name, f"{path.stem}-member-*{path.suffix}"):
        for pattern in (name, f".{name}.*.tmp"):
            for left in path.parent.glob(pattern):
                with suppress(OSError):
                    left.unlink()


def digest_of(parts: Iterable[np.ndarray | str]) -> str:
    """SHA-256 in hex of arrays, their types and shapes, and of texts, in their order."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            digest.update(f"text {len(part)}\n{part}".encode())
        else:
            digest.update(f"{part.dtype.str} {part.shape}\n".encode())
            digest.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _checksum(tensors: Mapping[str, Tensor], values: str) -> str:
    """CRC-32 of names, numbers and values: against accidents. It takes half of the time of a SHA-256, and an encoder's
    state is more than a gigabyte."""
    found = zlib.crc32(values.encode())
    for name, value in sorted(tensors.items()):
        found = zlib.crc32(value.reshape(-1).view(torch.uint8).numpy().data, zlib.crc32(name.encode(), found))
    return f"{found:08x}"

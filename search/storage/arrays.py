"""An array from the bytes of a .npy file, which may be anything; nothing is unpickled, and no more memory is asked for
than the file has bytes."""

import io
import math
from typing import Any, Final

import numpy as np

__all__ = ["array_of"]

MOST_DIMENSIONS: Final = 3
"""Checkpoints, rows, classes."""


def array_of(content: bytes) -> np.ndarray:
    """The numbers in a .npy file.

    Raises:
        ValueError: it is none, it holds something else than numbers, or not as many as it says.
    """
    stream = io.BytesIO(content)
    versions: dict[tuple[int, int], Any] = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    version = np.lib.format.read_magic(stream)
    if version not in versions:
        raise ValueError(f"a .npy file of version {version}")
    try:
        shape, by_columns, kind = versions[version](stream)
    except Exception:  # whatever its header makes of two parsers of Python
        raise ValueError("a .npy file with a damaged header") from None
    if kind.kind not in "fiu" or by_columns or len(shape) > MOST_DIMENSIONS:
        raise ValueError(f"an array of {len(shape)} dimensions and type {kind}")
    if any(type(size) is not int or size < 0 for size in shape):
        raise ValueError("an array of no size")
    numbers = memoryview(content)[stream.tell() :]
    if math.prod(shape) * kind.itemsize != len(numbers):
        raise ValueError(f"an array of shape {shape} in {len(numbers):,} bytes")
    return np.frombuffer(numbers, kind).reshape(shape).copy()

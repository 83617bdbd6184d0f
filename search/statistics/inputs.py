"""What every function of this room asks of its input first: finite numbers, and classes that there are.

What is no number goes on silently through sums and comparisons, and ends as an interval of nothing or as the complaint
of a root finder. Here it has a name.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["NotFiniteError", "check_classes", "finite"]

LARGEST: Final = 1e100
"""Sums of squares of larger numbers may be none."""


class NotFiniteError(ValueError):
    """A score, a probability or a p-value is no number: nothing can be said of it."""


def finite(name: str, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """`values` as float64.

    Raises:
        NotFiniteError: one of them is infinite, not a number, or above 1e100 in size.
    """
    array = np.asarray(values, dtype=np.float64)
    wrong = array[~(np.abs(array) <= LARGEST)]
    if wrong.size:
        raise NotFiniteError(f"{name} must be finite numbers, but {wrong.size} of {array.size} are not: {wrong[0]:g}")
    return array


def check_classes(n_classes: int, **named: npt.NDArray[np.integer]) -> None:
    """Whether all class numbers lie in 0..K-1.

    Raises:
        ValueError: one does not.
    """
    for name, values in named.items():
        if values.size and (values.min() < 0 or values.max() >= n_classes):
            raise ValueError(f"{name} must lie in 0..{n_classes - 1}, but got {values.min()}..{values.max()}")

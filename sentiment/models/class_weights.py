"""How much a review of each class counts in the loss."""

from typing import Final, Literal

import numpy as np

__all__ = ["ClassWeights", "class_weights"]

ClassWeights = Literal["none", "square_root", "three_quarters", "balanced"]
"""Each class weighs n / (K * n_class), with n rows and K classes, to the power 0, 1/2, 3/4 or 1.

With balanced weights a linear model, which fits rare classes no better than frequent ones, has its best macro-F1; what
fits them closely finds too many of them then (`docs/families.md`)."""

_POWERS: Final[dict[str, float]] = {"none": 0.0, "square_root": 0.5, "three_quarters": 0.75, "balanced": 1.0}


def class_weights(name: str, counts: np.ndarray) -> np.ndarray | None:
    """Of a row of each class, [K]; None where all count alike.

    Args:
        name: see `ClassWeights`.
        counts: training rows of each class, [K].
    """
    if name == "none":
        return None
    balanced: np.ndarray = counts.sum() / (len(counts) * np.maximum(counts, 1))
    return balanced ** _POWERS[name]

"""Which rows are trained on, which choose the model, and which no search ever scores.

All draws are stratified by class and follow from a seed alone. This room sees class indices, never a text; what the
rows are, and from which file, it need not know.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from sentiment.errors import InputError

__all__ = ["PARTS", "Indices", "Split", "draw", "draw_again", "draw_sample", "refuse_small_class", "shares_to_draw"]

Indices: TypeAlias = npt.NDArray[np.int64]

PARTS: Final = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Which reviews are trained on, which choose the model, and which no search ever scores.

    Ascending int64 indices into `Reviews`; together they name each review exactly once.
    """

    train: Indices
    validation: Indices
    test: Indices


def shares_to_draw(fractions: Sequence[float], sizes: Mapping[str, int]) -> dict[str, float]:
    """What share of the training file each part gets that has no file of its own; they add up to 1.

    Args:
        fractions: shares of train, validation and test if all came from one file.
        sizes: number of rows by part, for the parts that have a file; train always has one.
    """
    shares = dict(zip(PARTS, fractions, strict=True))
    drawn = {part: share for part, share in shares.items() if part == "train" or part not in sizes}
    total = sum(drawn.values())
    return {part: share / total for part, share in drawn.items()}


def draw(labels: Indices, sizes: Mapping[str, int], shares: Mapping[str, float], seed: int) -> Split:
    """Splits the rows of the training file; parts with a file of their own stay as they are.

    Args:
        labels: class indices, shape (n,), of the files one after the other, in the order of `sizes`.
        sizes: number of rows by part, for the parts that have a file.
        shares: of `shares_to_draw`.
        seed: the same seed and labels always give the same split.
    """
    given: dict[str, Indices] = {}
    start = 0
    for part, size in sizes.items():
        given[part] = np.arange(start, start + size, dtype=np.int64)
        start += size
    n_rows = len(given["train"])
    for part in ("test", "validation"):
        if part in shares:
            given["train"], given[part] = _hold_out(given["train"], labels, _ceil(shares[part] * n_rows), seed)
    return Split(given["train"], given["validation"], given["test"])


def draw_again(split: Split, labels: Indices, seed: int) -> Split:
    """Train and validation drawn anew from both together, of the same sizes; the sealed test set stays as it is."""
    pool = np.sort(np.concatenate([split.train, split.validation]))
    train, validation = _hold_out(pool, labels, len(split.validation), seed)
    return Split(train, validation, split.test)


def draw_sample(labels: Indices, size: int, seed: int) -> npt.NDArray[np.bool_]:
    """Which rows are in a sample of `size`, shape (n,); stratified unless it is too small to hold every class."""
    n_classes = len(np.unique(labels))
    if size < n_classes or len(labels) - size < n_classes:
        rng = np.random.default_rng(seed)
        chosen = rng.choice(len(labels), size=size, replace=False)
    else:
        _, chosen = _hold_out(np.arange(len(labels)), labels, size, seed)
    kept = np.zeros(len(labels), dtype=bool)
    kept[chosen] = True
    return kept


def refuse_small_class(
    labels: Indices, classes: Sequence[str], shares: Mapping[str, float], path: str, max_rows: int | None
) -> None:
    """Refuses a class that would be missing from a part.

    NOTE: of n rows of a class, a stratified draw of the share f takes floor(fn) or one more. The test draw takes 1 if
    n >= 1/f. At most fn + 1 are then gone, so validation gets 1 if n >= 1/v + 1/(1 - f), and training if what both
    may take at most leaves 1: n >= 3/t.

    Args:
        labels: class indices of the rows that are drawn from.
        classes: class names.
        shares: of `shares_to_draw`.
        path: the file that the rows are from.
        max_rows: the size of the sample that the rows are, if they are one.

    Raises:
        InputError: a class has too few rows; the message says how many are needed.
    """
    needed = 1
    if "test" in shares:
        needed = max(needed, _ceil(1 / shares["test"]))
    if "validation" in shares:
        needed = max(needed, _ceil(1 / shares["validation"] + ("test" in shares) / (1 - shares.get("test", 0.0))))
    if len(shares) > 1:
        needed = max(needed, _ceil(3 / shares["train"]))
    sizes = np.bincount(labels, minlength=len(classes))
    for name, size in zip(classes, sizes, strict=True):
        if size < needed:
            sampled = f" in the sample of max_rows = {max_rows}" if max_rows is not None else ""
            advice = "raise max_rows," if sampled else "add rows,"
            raise InputError(
                f"{path}: class {name!r} has {size} usable rows{sampled}, but {needed} are needed to split "
                f"them into {', '.join(shares)}; {advice} merge the class with another, or leave it out"
            )


def _hold_out(indices: Indices, labels: Indices, size: int, seed: int) -> tuple[Indices, Indices]:
    from sklearn.model_selection import train_test_split

    rest, held = train_test_split(indices, test_size=size, stratify=labels[indices], random_state=seed)
    return np.sort(rest), np.sort(held)


def _ceil(value: float) -> int:
    return math.ceil(value - 1e-9)  # 0.1 * 30 is a little above 3

"""Which rows are trained on, which choose the model, and which no search ever scores.

All draws are stratified by class and follow from a seed alone; rows of one group are never split apart. This room sees
class indices and the numbers of groups, never a text; what the rows are, and from which file, it need not know.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from sentiment.errors import InputError

__all__ = [
    "PARTS",
    "Indices",
    "Split",
    "draw",
    "draw_again",
    "draw_folds",
    "draw_sample",
    "refuse_few_groups",
    "refuse_small_class",
    "shares_to_draw",
]

Indices: TypeAlias = npt.NDArray[np.int64]

PARTS: Final = ("train", "validation", "test")
ORDERS: Final = 20
"""Random orders of the groups among which the best is taken."""
LEAST_ORDERS: Final = 3
GROUPS_FOR_AN_ORDER: Final = 5
"""A fresh draw tries an order for each so many groups, but LEAST_ORDERS at least and ORDERS at most: of few groups the
same ones would be the best of many orders whatever the seed, and fresh draws shall differ."""
MOST_ORDERS: Final = 1000
"""How many are tried if none of those leaves every class in every part, as happens where a class is in few groups."""


@dataclass(frozen=True)
class Split:
    """Which reviews are trained on, which choose the model, and which no search ever scores.

    Ascending int64 indices into `Reviews`; together they name each review exactly once.
    """

    train: Indices
    validation: Indices
    test: Indices

    def __repr__(self) -> str:
        train, validation, test = len(self.train), len(self.validation), len(self.test)
        return f"Split({train:,} training, {validation:,} validation, {test:,} test rows)"


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


def draw(
    labels: Indices, sizes: Mapping[str, int], shares: Mapping[str, float], seed: int, groups: Indices | None = None
) -> Split:
    """Splits the rows of the training file; parts with a file of their own stay as they are.

    With groups the sizes of the parts, and of each class in them, are only about the shares; and a class that is in few
    groups may be missing from a part, if no order of the groups was found that puts it into each.

    Args:
        labels: class indices, shape (n,), of the files one after the other, in the order of `sizes`.
        sizes: number of rows by part, for the parts that have a file.
        shares: of `shares_to_draw`.
        seed: the same seed, labels and groups always give the same split.
        groups: number of each row's group, shape (n,), not refused by `refuse_few_groups`; rows of one group are never
            in two parts. None: each row may go anywhere.
    """
    given: dict[str, Indices] = {}
    start = 0
    for part, size in sizes.items():
        given[part] = np.arange(start, start + size, dtype=np.int64)
        start += size
    n_rows, parts = len(given["train"]), len(shares)
    for part in ("test", "validation"):
        if part in shares:
            parts -= 1
            size = _ceil(shares[part] * n_rows)
            given["train"], given[part] = _hold_out(given["train"], labels, size, seed, groups, parts)
    return Split(given["train"], given["validation"], given["test"])


def draw_again(split: Split, labels: Indices, seed: int, groups: Indices | None = None) -> Split:
    """Train and validation drawn anew from both together, of the same sizes; the sealed test set stays as it is.

    With groups, as in `draw`, the sizes are only about the same; with few of them less nearly so, since few orders are
    tried.
    """
    pool = np.sort(np.concatenate([split.train, split.validation]))
    n_groups = 0 if groups is None else len(np.unique(groups[pool]))
    orders = int(np.clip(n_groups // GROUPS_FOR_AN_ORDER, LEAST_ORDERS, ORDERS))
    train, validation = _hold_out(pool, labels, len(split.validation), seed, groups, orders=orders)
    return Split(train, validation, split.test)


def draw_folds(split: Split, labels: Indices, number: int, seed: int, groups: Indices | None = None) -> list[Split]:
    """Train and validation together, cut into `number` parts, stratified; each is the validation of one split, and the
    training rows of that split are the others. The sealed test set stays as it is.

    Args:
        split: what has been drawn.
        labels: class indices of all rows, shape (n,).
        number: 2 or more.
        seed: the same seed always gives the same parts.
        groups: as in `draw`; the sizes of the parts are then only about the same.

    Raises:
        InputError: a class has fewer rows, or groups, than there are parts, or no draw of whole groups was found that
            leaves every class in each.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    pool = np.sort(np.concatenate([split.train, split.validation]))
    _, own = np.unique(labels[pool], return_inverse=True)
    whole = np.arange(len(pool)) if groups is None else groups[pool]
    what = "rows" if groups is None else "groups of rows"
    fewest = int(np.bincount(np.unique(np.stack([own, whole]), axis=1)[0]).min())
    if fewest < number:
        raise InputError(f"a class has {fewest} {what} that are not sealed, too few for {number} folds; give fewer")
    rng = np.random.default_rng(seed)
    for _ in range(1 if groups is None else ORDERS):
        kind = StratifiedKFold if groups is None else StratifiedGroupKFold
        cut = kind(number, shuffle=True, random_state=int(rng.integers(1 << 31)))
        folds = list(cut.split(pool, own, None if groups is None else whole))
        if all(len(np.unique(own[part])) == own.max() + 1 for fold in folds for part in fold):
            return [Split(pool[train], pool[validation], split.test) for train, validation in folds]
    raise InputError(f"no draw of whole groups was found that leaves every class in each of {number} folds; give fewer")


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


def refuse_few_groups(
    labels: Indices, groups: Indices, classes: Sequence[str], shares: Mapping[str, float], where: str
) -> None:
    """Refuses a class that is in fewer groups than there are parts to draw, and so any data with fewer groups.

    Args:
        labels: class indices of the rows that are drawn from, shape (n,).
        groups: numbers of their groups, shape (n,).
        classes: class names.
        shares: of `shares_to_draw`.
        where: the file that the rows are from, and its column with the groups.

    Raises:
        InputError: such a class; the message says how many groups are needed.
    """
    pairs = np.unique(groups * len(classes) + labels)
    for name, count in zip(classes, np.bincount(pairs % len(classes), minlength=len(classes)), strict=True):
        if count < len(shares):
            raise InputError(
                f"{where}: class {name!r} is in {count} of {len(np.unique(groups))} groups, but {len(shares)} are "
                f"needed to split them into {', '.join(shares)}; name a column with more groups, merge the class with "
                "another, or leave it out"
            )


def _hold_out(
    indices: Indices,
    labels: Indices,
    size: int,
    seed: int,
    groups: Indices | None = None,
    parts: int = 1,
    orders: int = ORDERS,
) -> tuple[Indices, Indices]:
    """The rest, which is still to fill so many `parts`, and `size` of the rows; of whole groups, about so many."""
    if groups is not None:
        _, group_of_row = np.unique(groups[indices], return_inverse=True)
        _, class_of_row = np.unique(labels[indices], return_inverse=True)
        held_row = _held_groups(group_of_row, class_of_row, size, seed, parts, orders)[group_of_row]
        return indices[~held_row], indices[held_row]
    from sklearn.model_selection import train_test_split

    rest, held = train_test_split(indices, test_size=size, stratify=labels[indices], random_state=seed)
    return np.sort(rest), np.sort(held)


def _held_groups(
    group_of_row: Indices, class_of_row: Indices, size: int, seed: int, parts: int, orders: int
) -> npt.NDArray[np.bool_]:
    """Which groups are held out, by number: the first of a random order, of many the one nearest to each class's share.

    NOTE: a class that is in few groups is easily missing from a small part, so orders are tried until it is not. The
    rest must have as many groups of each class as `parts`, or a later draw would find none.
    """
    sizes, n_classes = np.bincount(group_of_row), int(class_of_row.max()) + 1
    # A pair is one group with one class; there are never more of them than rows, however many groups and classes.
    pairs, rows_of_pair = np.unique(group_of_row * n_classes + class_of_row, return_counts=True)
    group_of_pair, class_of_pair = pairs // n_classes, pairs % n_classes
    class_groups, class_rows = np.bincount(class_of_pair), np.bincount(class_of_row)
    rng = np.random.default_rng(seed)
    best, best_held = (n_classes + 1, math.inf), np.zeros(0, dtype=bool)
    for number in range(MOST_ORDERS):
        if number >= orders and best[0] == 0:
            break
        order = rng.permutation(len(sizes))
        first = 1 + int(np.abs(np.cumsum(sizes[order])[: len(sizes) - parts] - size).argmin())
        held = np.zeros(len(sizes), dtype=bool)
        held[order[:first]] = True
        taken = held[group_of_pair]
        held_groups = np.bincount(class_of_pair[taken], minlength=n_classes)
        held_rows = np.bincount(class_of_pair[taken], rows_of_pair[taken], n_classes)
        missing = int(((held_groups < 1) | (class_groups - held_groups < parts)).sum())
        distance = float(np.abs(held_rows / class_rows - size / len(group_of_row)).sum())
        if (missing, distance) < best:
            best, best_held = (missing, distance), held
    return best_held


def _ceil(value: float) -> int:
    return math.ceil(value - 1e-9)  # 0.1 * 30 is a little above 3

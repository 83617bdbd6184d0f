"""Which rows of a file are used: every row left out is counted and named with a reason.

The rules, in this order. Texts are trimmed. Left out are: rows without a text; rows without a label; rows whose label
the rule puts in no class; of rows with equal text and class all but the first; of rows with equal text and different
classes all but the first row of the class given most often, and on a tie all. Only then a sample is drawn, if one was
asked for, and the split. So no text stands in two parts of a split; nor does a group, where a column names them.
"""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sentiment.errors import InputError
from sentiment.files.reader import Table
from sentiment.reviews.labels import LabelRule, canonical, rule_advice
from sentiment.reviews.splits import (
    Indices,
)

__all__ = ["NOT_SAMPLED", "Cleaned", "LeftOut", "clean", "some_of", "trimmed", "without_overlap"]

EMPTY_TEXT: Final = "empty text"
NO_LABEL: Final = "no label"
NOT_IN_RULE: Final = "label not in the rule"
DUPLICATE: Final = "duplicate of an earlier row"
OUTVOTED: Final = "same text, label given less often"
TIE: Final = "same text, different labels equally often"
NOT_SAMPLED: Final = "not in the sample"


@dataclass(frozen=True)
class LeftOut:
    """Rows of one file that are not used, and why."""

    reason: str
    path: str
    rows: Indices
    """1-based data-row numbers in `path`, ascending."""

    def __str__(self) -> str:
        first = ", ".join(str(row) for row in self.rows[:5]) + (", ..." if len(self.rows) > 5 else "")
        return f"{len(self.rows)} left out: {self.reason} (rows {first} of {self.path})"


@dataclass(frozen=True)
class Cleaned:
    """The rows of one file that may be used. The texts are still a `pyarrow` array, to stay small and fast."""

    path: str
    texts: Any
    """`pyarrow.LargeStringArray`, shape (n,)."""
    labels: Indices
    ratings: Any
    """`pyarrow.LargeStringArray` of raw label cells, shape (n,)."""
    rows: Indices
    left_out: tuple[LeftOut, ...]
    groups: Any = None
    """`pyarrow.LargeStringArray` of trimmed group cells, shape (n,); None if no column names them."""

    def keep(self, kept: npt.NDArray[np.bool_], reason: str) -> "Cleaned":
        """Only the rows where `kept` is true; the others are left out for `reason`."""
        if kept.all():
            return self
        where = np.flatnonzero(kept)
        return dataclasses.replace(
            self,
            texts=self.texts.take(where),
            labels=self.labels[where],
            ratings=self.ratings.take(where),
            rows=self.rows[where],
            left_out=(*self.left_out, LeftOut(reason, self.path, self.rows[~kept])),
            groups=None if self.groups is None else self.groups.take(where),
        )


def clean(
    table: Table, text: str, label: str | None = None, rule: LabelRule | None = None, group: str | None = None
) -> Cleaned:
    """Leaves out, by the rules at the top of this file, what cannot be learned from.

    Without a label column only empty texts and repeated texts are left out, and all labels are 0.

    Raises:
        InputError: a rating lies outside the scale of a ready rule, or no row is left.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = trimmed(table.column(text))
    if label is None or rule is None:
        ratings = pa.array([""], pa.large_string()).take(np.zeros(len(texts), dtype=np.int64))
        labels, labelled = np.zeros(len(texts), dtype=np.int64), np.ones(len(texts), dtype=bool)
    else:
        ratings = trimmed(table.column(label))
        labels, labelled = _classes(ratings, rule, f"{table.path}, column {label!r}")
    rows = np.arange(1, len(texts) + 1, dtype=np.int64)
    groups = None if group is None else trimmed(table.column(group))
    file = Cleaned(table.path, texts, labels, ratings, rows, (), groups)
    has_text = pc.not_equal(texts, "").to_numpy(zero_copy_only=False)
    file = file.keep(has_text, EMPTY_TEXT)
    file = file.keep(labelled[has_text], NO_LABEL)
    file = file.keep(file.labels >= 0, NOT_IN_RULE)
    file = _without_duplicates(file)
    if not len(file.rows):
        reasons = "; ".join(f"{len(group.rows)} {group.reason}" for group in file.left_out)
        raise InputError(f"{table.path}: no row is left to use ({reasons}); check the text and label columns")
    return file


def trimmed(column: Any) -> Any:
    """A column of texts in one array, without blanks around them; a missing one is empty."""
    import pyarrow as pa
    import pyarrow.compute as pc

    # Large strings: one array may pass 2 GiB of text.
    array = pa.chunked_array(column.chunks, type=pa.string()).cast(pa.large_string()).combine_chunks()
    return pc.fill_null(pc.utf8_trim_whitespace(array), "")


def _classes(ratings: Any, rule: LabelRule, where: str) -> tuple[Indices, npt.NDArray[np.bool_]]:
    """Class index of each raw label (-1: in no class), and whether there is a label at all."""
    encoded = ratings.dictionary_encode()
    codes = encoded.indices.to_numpy().astype(np.int64)
    values: list[str] = encoded.dictionary.to_pylist()
    for code, value in enumerate(values):
        if rule.scale is not None and rule.out_of_scale(value):
            row = int(np.flatnonzero(codes == code)[0]) + 1
            counts = dict(zip(values, np.bincount(codes).tolist(), strict=True))
            raise InputError(
                f"{where}, row {row}: rating {value!r} lies outside the scale of rule {rule.name!r}, which is "
                f"{rule.scale[0]} to {rule.scale[1]}; {rule_advice(counts)}"
            )
    class_of_value = np.array([rule.class_of(value) for value in values], dtype=np.int64)
    if (class_of_value < 0).all():
        counts = dict(zip(values, np.bincount(codes).tolist(), strict=True))
        raise InputError(
            f"{where}: rule {rule.name!r} knows none of the values {some_of(counts)}; {rule_advice(counts)}"
        )
    has_label = np.array([value != "" for value in values], dtype=bool)
    return class_of_value[codes], has_label[codes]


def _without_duplicates(file: Cleaned) -> Cleaned:
    if not len(file.rows):
        return file
    n_classes = int(file.labels.max()) + 1
    text_codes = file.texts.dictionary_encode().indices.to_numpy().astype(np.int64)
    # A pair is one text with one class. np.unique gives each pair's first row, which is the one to keep.
    pairs, first, pair_of_row, votes = np.unique(
        text_codes * n_classes + file.labels, return_index=True, return_inverse=True, return_counts=True
    )
    text_of_pair = pairs // n_classes
    most = np.zeros(int(text_codes.max()) + 1, dtype=np.int64)
    np.maximum.at(most, text_of_pair, votes)
    leads = votes == most[text_of_pair]
    leaders = np.bincount(text_of_pair[leads], minlength=len(most))
    tied = leads & (leaders[text_of_pair] > 1)
    is_first = np.zeros(len(file.rows), dtype=bool)
    is_first[first] = True
    row_tied = tied[pair_of_row]
    row_leads = leads[pair_of_row]
    kept = file.keep(~row_tied, TIE)
    kept = kept.keep(row_leads[~row_tied], OUTVOTED)
    return kept.keep(is_first[~row_tied & row_leads], DUPLICATE)


def without_overlap(files: dict[str, Cleaned]) -> dict[str, Cleaned]:
    """Without training rows whose text or group is also in validation or test, and validation rows whose is in test."""
    import pyarrow.compute as pc

    def shared(cells: Any, others: Any) -> npt.NDArray[np.bool_]:
        found = pc.and_(pc.is_in(cells, value_set=others), pc.not_equal(cells, ""))
        return np.asarray(found.to_numpy(zero_copy_only=False))

    kept = dict(files)
    for part, later in (("validation", ("test",)), ("train", ("test", "validation"))):
        for other in later:
            if part not in kept or other not in kept:
                continue
            for what in ("text", "group"):
                if (cells := getattr(kept[part], f"{what}s")) is None:
                    continue
                also = shared(cells, getattr(kept[other], f"{what}s"))
                kept[part] = kept[part].keep(~also, f"{what} is also in the {other} file")
                if also.all():
                    raise InputError(
                        f"{kept[part].path}: every {what} is also in the {other} file {kept[other].path}; "
                        "give files that differ"
                    )
    return kept


def some_of(values: Iterable[str]) -> str:
    """At most twelve of the values, numbers in order."""
    present = sorted({canonical(value) for value in values} - {""}, key=lambda value: (len(value), value))
    return ", ".join(present[:12]) + (", ..." if len(present) > 12 else "")

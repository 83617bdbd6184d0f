"""A file becomes reviews: cleaned, labelled, split once, and fingerprinted.

Everything that decides which rows are trained on and which are scored happens here, before anything is learned, and
every row left out is counted and named with a reason. This room knows nothing of tokens, models or torch.
"""

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

import numpy as np

from sentiment.errors import InputError
from sentiment.files.memory import table_of
from sentiment.files.reader import Table, joined, read_table
from sentiment.foreign import visible
from sentiment.reviews.cleaning import NOT_SAMPLED, Cleaned, LeftOut, clean, some_of, trimmed, without_overlap
from sentiment.reviews.labels import MAPPING, LabelRule, canonical, label_rule, look_alikes, rule_advice
from sentiment.reviews.source import DataSource
from sentiment.reviews.splits import (
    PARTS,
    Indices,
    Split,
    draw,
    draw_again,
    draw_folds,
    draw_sample,
    refuse_few_groups,
    refuse_small_class,
    shares_to_draw,
)

__all__ = [
    "Dataset",
    "Reviews",
    "dataset_of",
    "fingerprint_of",
    "folds",
    "guessed",
    "headless",
    "load_dataset",
    "redraw",
    "rule_for",
]

IN_MEMORY: Final = "texts in memory"
"""The path of what came from no file."""
LEAST_WORDS: Final = 5
"""In the name of a column that looks like a review."""
MOST_NAMED: Final = 8
"""Classes in a `repr`."""


@dataclass(frozen=True)
class Reviews:
    """Cleaned reviews, one entry per kept row, files one after the other: train, validation, test."""

    texts: list[str]
    labels: Indices
    """Class indices, shape (n,)."""
    classes: tuple[str, ...]
    ratings: list[str]
    """The raw label cells."""
    rows: Indices
    """1-based data-row number of each review in its file, shape (n,)."""
    left_out: tuple[LeftOut, ...]
    groups: Indices | None = None
    """Numbers of the groups from 0, in the order of their first rows, shape (n,); None if no column names them.

    Equal values, trimmed, are one group, in whichever file; a row without a value is a group of its own.
    """

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        # Of a dataclass it would be every text.
        return f"Reviews({len(self):,} of classes {_some_classes(self.classes)})"


@dataclass(frozen=True)
class Dataset:
    """Reviews with their split and the fingerprint of both."""

    source: DataSource
    reviews: Reviews
    split: Split
    fingerprint: str
    """See `fingerprint_of`."""
    notes: tuple[str, ...] = ()
    """What was guessed while reading, and labels that look alike, in sentences; no part of the fingerprint."""

    def __repr__(self) -> str:
        names = ", ".join(visible(PurePath(path).name) for path in self.source.paths[:3])
        more = ", ..." if len(self.source.paths) > 3 else ""
        train, validation, test = (len(self.indices(part)) for part in PARTS)
        return (
            f"Dataset({names}{more}: {train:,} training, {validation:,} validation, {test:,} test rows; "
            f"classes {_some_classes(self.classes)})"
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the label indices."""
        return self.reviews.classes

    def indices(self, part: str) -> Indices:
        """Indices of "train", "validation" or "test"."""
        if part not in PARTS:
            raise ValueError(f"a dataset has the parts {', '.join(PARTS)}, but got {part=}")
        indices: Indices = getattr(self.split, part)
        return indices

    def texts(self, part: str) -> list[str]:
        """Texts of one part, in the order of its indices."""
        return [self.reviews.texts[index] for index in self.indices(part)]

    def labels(self, part: str) -> Indices:
        """Class indices of one part, shape (n,)."""
        return self.reviews.labels[self.indices(part)]

    def groups(self, part: str) -> Indices | None:
        """Numbers of the groups of one part's rows, in the order of its indices, shape (n,); None if there are none."""
        groups = self.reviews.groups
        return None if groups is None else groups[self.indices(part)]

    def class_sizes(self, part: str) -> list[int]:
        """How many rows of one part each class has."""
        sizes: list[int] = np.bincount(self.labels(part), minlength=len(self.classes)).tolist()
        return sizes


def _some_classes(classes: tuple[str, ...]) -> str:
    return ", ".join(map(visible, classes[:MOST_NAMED])) + (", ..." if len(classes) > MOST_NAMED else "")


def load_dataset(source: DataSource, tables: Mapping[str, Table] | None = None) -> Dataset:
    """Reads, cleans, labels and splits; the same source and files always give the same dataset.

    Args:
        source: what to read.
        tables: tables by path that were read already, with the columns of `source`.

    Raises:
        InputError: a file, a label, a class size or too few groups make training impossible.
    """
    import pyarrow as pa

    def read(path: str) -> Table:
        return (tables or {}).get(path) or read_table(path, source.columns, source.encoding, source.max_bytes)

    own = {"validation": source.validation_path, "test": source.test_path}
    found = {"train": joined([read(path) for path in source.paths])}
    found |= {part: read(path) for part, path in own.items() if path is not None}
    rule = rule_for(source, found.values())
    files = {part: clean(table, source.text, source.label, rule, source.group) for part, table in found.items()}
    _refuse_empty_class(files["train"], found["train"], rule, source)
    files = without_overlap(files)
    if source.max_rows is not None and source.max_rows < len(files["train"].rows):
        kept = draw_sample(files["train"].labels, source.max_rows, source.split_seed)
        files["train"] = files["train"].keep(kept, f"{NOT_SAMPLED} of max_rows = {source.max_rows}")
    for part, file in files.items():
        _refuse_missing_class(file, part, rule)
    reviews = _joined(list(files.values()), rule)
    sizes = {part: len(file.rows) for part, file in files.items()}
    shares = shares_to_draw(source.fractions, sizes)
    refuse_small_class(files["train"].labels, rule.classes, shares, found["train"].path, source.max_rows)
    if reviews.groups is not None:
        groups = reviews.groups[: sizes["train"]]
        refuse_few_groups(files["train"].labels, groups, rule.classes, shares, _where(source, source.group))
    split = draw(reviews.labels, sizes, shares, source.split_seed, reviews.groups)
    _refuse_lost_class(reviews, split, source)
    notes = (
        *(guessed(table) for table in found.values() if table.recognised),
        *(note for table in found.values() for note in headless(table, source.text, source.label)),
        *look_alikes(rule.index, _raw_labels(source, found.values())),
    )
    del files, found
    pa.default_memory_pool().release_unused()  # a worker that lives for hours would hold the tables' memory all along
    return Dataset(source, reviews, split, fingerprint_of(reviews, split), notes)


def dataset_of(
    texts: Iterable[Any],
    labels: Iterable[Any],
    *,
    classes: str | Mapping[str, Any] = "as-is",
    groups: Iterable[Any] | None = None,
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1),
    seed: int = 0,
) -> Dataset:
    """What `load_dataset` would make of a file with these columns; the same reviews have the same fingerprint.

    Args:
        texts: strings, n of them, in a list, an array or a column of a data frame. What is missing (None, NaN) is left
            out and counted, as an empty cell is.
        labels: strings, numbers or truth values, n of them.
        classes: a label rule, as in `DataSource`.
        groups: what tells which rows belong together, n of it.
        fractions: shares of train, validation and test.
        seed: of the split.

    Raises:
        InputError: a value is of no use, the lengths differ, or training is impossible, as of a file.
    """
    columns = {"text": texts, "label": labels} | ({} if groups is None else {"group": groups})
    source = DataSource(
        path=IN_MEMORY,
        text="text",
        label="label",
        group=None if groups is None else "group",
        classes=classes if isinstance(classes, str) else dict(classes),
        fractions=fractions,
        split_seed=seed,
    )
    return load_dataset(source, {IN_MEMORY: table_of(columns, IN_MEMORY)})


def guessed(table: Table) -> str:
    """The sentence on a file whose encoding was guessed."""
    return (
        f"{table.path} was read as {table.encoding}, which was guessed from its bytes; "
        "if texts look wrong, pass --encoding"
    )


def headless(table: Table, text: str, label: str | None) -> tuple[str, ...]:
    """A sentence on a file whose columns are called as if the first row were a review and its label."""
    if table.format not in ("csv", "tsv"):
        return ()
    names = [text] if len(text.split()) >= LEAST_WORDS else []
    if label is not None:
        values = trimmed(table.column(label)).unique().to_pylist()
        names += [label] if canonical(label) in map(canonical, values) else []
    if not names:
        return ()
    return (
        f"{table.path}: the first row looks like data, not like a header (a column is called {names[0][:40]!r}); if it "
        "is a review, put a line with names above it, such as text,label",
    )


def rule_for(source: DataSource, tables: Iterable[Table]) -> LabelRule:
    """The label rule of `source`, with as-is classes taken from all of the user's files together."""
    counts = _raw_labels(source, tables)
    where = _where(source, source.label)
    if not counts:
        raise InputError(f"{where}: not one row has a label; name another column")
    return label_rule(source.classes, tuple(counts), sum(counts.values()), where)


def _where(source: DataSource, column: str | None) -> str:
    return f"{' + '.join(source.paths)}, column {column!r}"


def _raw_labels(source: DataSource, tables: Iterable[Table]) -> dict[str, int]:
    """{raw label, trimmed: number of rows}, in the order in which they come; rows without one do not count."""
    counts: Counter[str] = Counter()
    for table in tables:
        entries = trimmed(table.column(source.label)).value_counts().to_pylist()
        counts.update({entry["values"]: entry["counts"] for entry in entries if entry["values"]})
    return counts


def _refuse_empty_class(file: Cleaned, table: Table, rule: LabelRule, source: DataSource) -> None:
    sizes = np.bincount(file.labels, minlength=len(rule.classes))
    if (sizes > 0).all():
        return
    name = rule.classes[int(np.argmin(sizes > 0))]
    wanted = [value for value, number in rule.index.items() if rule.classes[number] == name]
    counts = _raw_labels(source, [table])
    where = f"{file.path}, column {source.label!r}: class {name!r}"
    if rule.name == "as-is":
        raise InputError(f"{where} has no row to train on; leave it out by giving {MAPPING}")
    raise InputError(
        f"{where} (values {', '.join(wanted)}) has no rows under rule {rule.name!r}; "
        f"the values that occur are {some_of(counts)}: {rule_advice(counts)}"
    )


def _refuse_missing_class(file: Cleaned, part: str, rule: LabelRule) -> None:
    sizes = np.bincount(file.labels, minlength=len(rule.classes))
    if not (sizes > 0).all():
        name = rule.classes[int(np.argmin(sizes > 0))]
        raise InputError(
            f"{file.path}: class {name!r} has no row left for {part}, but 1 is needed; add rows, or leave the class out"
        )


def _refuse_lost_class(reviews: Reviews, split: Split, source: DataSource) -> None:
    """Of whole groups not every draw can be stratified."""
    if reviews.groups is None:
        return
    for part in PARTS:
        sizes = np.bincount(reviews.labels[getattr(split, part)], minlength=len(reviews.classes))
        if not (sizes > 0).all():
            raise InputError(
                f"{_where(source, source.group)}: no draw of whole groups leaves class "
                f"{reviews.classes[int(np.argmin(sizes > 0))]!r} a row in {part}; give another split_seed or other "
                "fractions, merge the class with another, or leave it out"
            )


def _joined(files: list[Cleaned], rule: LabelRule) -> Reviews:
    return Reviews(
        texts=[text for file in files for text in file.texts.to_pylist()],
        labels=np.concatenate([file.labels for file in files]),
        classes=rule.classes,
        ratings=[rating for file in files for rating in file.ratings.dictionary_encode().to_pylist()],
        rows=np.concatenate([file.rows for file in files]),
        left_out=tuple(group for file in files for group in file.left_out),
        groups=None if files[0].groups is None else _numbered([file.groups for file in files]),
    )


def _numbered(groups: list[Any]) -> Indices:
    """Number of each row's group, counted by first rows, so that it depends on no name."""
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = pa.concat_arrays(groups)
    _, first, codes = np.unique(cells.dictionary_encode().indices.to_numpy(), return_index=True, return_inverse=True)
    is_empty = pc.equal(cells, "").to_numpy(zero_copy_only=False)
    _, numbers = np.unique(np.where(is_empty, np.arange(len(codes)), first[codes]), return_inverse=True)
    return numbers.astype(np.int64)


def redraw(dataset: Dataset, seed: int) -> Dataset:
    """The same reviews with train and validation drawn anew, stratified and of the same sizes.

    The sealed test set stays exactly as it is. A validation set that came from the user's own file takes part. Groups
    stay whole; the sizes are then only about the same.

    Raises:
        InputError: no draw of whole groups was found that leaves every class in both.
    """
    split = draw_again(dataset.split, dataset.reviews.labels, seed, dataset.reviews.groups)
    _refuse_lost_class(dataset.reviews, split, dataset.source)
    return _drawn(dataset, split)


def folds(dataset: Dataset, number: int, seed: int) -> list[Dataset]:
    """The same reviews `number` times: every row that is not sealed is in one of their validation sets, and is trained
    on in all others. Stratified; groups stay whole.

    Raises:
        InputError: see `draw_folds`.
    """
    splits = draw_folds(dataset.split, dataset.reviews.labels, number, seed, dataset.reviews.groups)
    return [_drawn(dataset, split) for split in splits]


def _drawn(dataset: Dataset, split: Split) -> Dataset:
    return dataclasses.replace(dataset, split=split, fingerprint=fingerprint_of(dataset.reviews, split))


def fingerprint_of(reviews: Reviews, split: Split) -> str:
    """SHA-256, in hex, over what training and scoring can see of the data.

    In this order: a format name; the class names as JSON; for every review, the UTF-8 length of its text
    (little-endian int64) and then all texts; the class indices (little-endian int64); the part of each review (one
    byte: 0 train, 1 validation, 2 test); and, if there are groups, the number of each review's (little-endian int64).
    File names, columns and rows left out do not enter: the same reviews from another file are the same data. Nothing
    depends on the machine or on how Python holds the values.
    """
    digest = hashlib.sha256(b"sentiment-search dataset 1\n")
    digest.update(json.dumps(list(reviews.classes), ensure_ascii=False).encode() + b"\n")
    step = 1 << 16
    for start in range(0, len(reviews), step):
        encoded = [text.encode() for text in reviews.texts[start : start + step]]
        digest.update(np.array([len(text) for text in encoded], dtype="<i8").tobytes())
        digest.update(b"".join(encoded))
    digest.update(reviews.labels.astype("<i8").tobytes())
    membership = np.zeros(len(reviews), dtype=np.uint8)
    for number, indices in enumerate((split.train, split.validation, split.test)):
        membership[indices] = number
    digest.update(membership.tobytes())
    if reviews.groups is not None:
        digest.update(reviews.groups.astype("<i8").tobytes())
    return digest.hexdigest()

"""A file becomes reviews: cleaned, labelled, split once, and fingerprinted.

Everything that decides which rows are trained on and which are scored happens here, before anything is learned, and
every row left out is counted and named with a reason. This room knows nothing of tokens, models or torch.

The rules, in this order. Texts are trimmed. Left out are: rows without a text; rows without a label; rows whose label
the rule puts in no class; of rows with equal text and class all but the first; of rows with equal text and different
classes all but the first row of the class given most often, and on a tie all. Only then a sample is drawn, if one was
asked for, and the split. So no text stands in two parts of a split; nor does a group, where a column names them.
"""

import dataclasses
import hashlib
import itertools
import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Interval, MinLen, Predicate

from sentiment.checked import check, read, shown
from sentiment.errors import InputError
from sentiment.files.reader import Table, joined, read_table
from sentiment.files.unpacking import MAX_BYTES
from sentiment.reviews.labels import LabelRule, canonical, label_rule, look_alikes, rule_advice
from sentiment.reviews.splits import (
    PARTS,
    Indices,
    Split,
    draw,
    draw_again,
    draw_sample,
    refuse_few_groups,
    refuse_small_class,
    shares_to_draw,
)

__all__ = [
    "DataSource",
    "Dataset",
    "LeftOut",
    "Reviews",
    "clean",
    "fingerprint_of",
    "guessed",
    "load_dataset",
    "redraw",
]

EMPTY_TEXT: Final = "empty text"
NO_LABEL: Final = "no label"
NOT_IN_RULE: Final = "label not in the rule"
DUPLICATE: Final = "duplicate of an earlier row"
OUTVOTED: Final = "same text, label given less often"
TIE: Final = "same text, different labels equally often"
NOT_SAMPLED: Final = "not in the sample"

_Name = Annotated[str, Predicate(bool)]  # a length would refuse a file's name that is no UTF-8
_Share = Annotated[float, Interval(gt=0, lt=1)]


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """Where the reviews are and how they are to be read; stored in the study, so that resuming reads the same.

    Raises:
        InputError: a value cannot be meant.
    """

    path: Annotated[
        _Name | Annotated[tuple[_Name, ...], MinLen(1)],
        'write path = "reviews.csv", or several: ["june.csv", "september.csv"]',
    ]
    """The file; or several with the same columns, whose rows are numbered on from each to the next."""
    text: Annotated[_Name, 'write text = "review"']
    """Name of the column with the review."""
    label: Annotated[_Name, 'write label = "stars"']
    """Name of the column with the label or rating."""
    group: Annotated[_Name | None, 'write group = "app"'] = None
    """Name of the column that says which rows belong together (an app, an author): they are never split apart."""
    classes: Annotated[
        str | dict[str, Any], 'write classes = "stars-3", or { negative = [1, 2], positive = [4, 5] }'
    ] = "as-is"
    """A label rule: as-is, a ready rule (see `sentiment.reviews.labels`), or {class: raw values}."""
    encoding: Annotated[_Name | None, 'write encoding = "cp949"'] = None
    """Overrides what the file looks like."""
    validation_path: Annotated[_Name | None, 'write validation = "validation.csv"'] = None
    test_path: Annotated[_Name | None, 'write test = "test.csv"'] = None
    fractions: Annotated[
        tuple[_Share, _Share, _Share], "write fractions = [0.8, 0.1, 0.1], three shares above 0 that add up to 1"
    ] = (0.8, 0.1, 0.1)
    """Shares of train, validation and test; of a part that comes from its own file the share is not used."""
    split_seed: Annotated[int, Interval(ge=0, le=2**32 - 1), "it must be a whole number, 0 or more"] = 0
    max_rows: Annotated[int | None, Ge(1), "write max_rows = 10000, or another whole number, 1 or more"] = None
    """Train on a stratified sample of this many cleaned rows of `path`; drawn by `split_seed`.

    It is a sample of rows, with groups too: of a group it may hold a few, and these stay together in the split.
    """
    max_bytes: Annotated[int, Ge(1)] = MAX_BYTES
    """How large each file may be after unpacking."""

    def __post_init__(self) -> None:
        check(self)
        if len(self.paths) == 1:
            object.__setattr__(self, "path", self.paths[0])
        if len(set(self.paths)) < len(self.paths):
            raise InputError(f"path names a file twice: {', '.join(self.paths)}; name each once")
        for one, other in itertools.combinations(("text", "label", "group"), 2):
            column, again = getattr(self, one), getattr(self, other) or ""
            if unicodedata.normalize("NFC", column) == unicodedata.normalize("NFC", again):
                raise InputError(f"{one} and {other} are both column {column!r}; name two columns")
        label_rule(self.classes, ("0", "1"), 2, self.label)  # refuses what is no rule before a file is read
        if isinstance(self.classes, dict):
            as_strings = {name: [canonical(value) for value in values] for name, values in self.classes.items()}
            object.__setattr__(self, "classes", as_strings)
        if abs(sum(self.fractions) - 1) > 1e-6:
            raise InputError(f"fractions is {shown(self.fractions)}; give three shares above 0 that add up to 1")

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        return [self.text, self.label, *([] if self.group is None else [self.group])]

    @property
    def paths(self) -> tuple[str, ...]:
        """The file or files of `path`."""
        return self.path if isinstance(self.path, tuple) else (self.path,)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; `DataSource.from_dict` makes an equal source of them."""
        values = dataclasses.asdict(self)
        values["fractions"] = list(self.fractions)
        if isinstance(self.path, tuple):
            values["path"] = list(self.path)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "DataSource":
        """The source of a parsed JSON or TOML table.

        Raises:
            InputError: a name is unknown or missing, or a value is refused.
        """
        return read(cls, values, "[data] ")


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
    files = _without_overlap(files)
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
        *look_alikes(rule.index, _raw_labels(source, found.values())),
    )
    del files, found
    pa.default_memory_pool().release_unused()  # a worker that lives for hours would hold the tables' memory all along
    return Dataset(source, reviews, split, fingerprint_of(reviews, split), notes)


def guessed(table: Table) -> str:
    """The sentence on a file whose encoding was guessed."""
    return (
        f"{table.path} was read as {table.encoding}, which was guessed from its bytes; "
        "if texts look wrong, pass --encoding"
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
        entries = _trimmed(table.column(source.label)).value_counts().to_pylist()
        counts.update({entry["values"]: entry["counts"] for entry in entries if entry["values"]})
    return counts


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

    texts = _trimmed(table.column(text))
    if label is None or rule is None:
        ratings = pa.array([""], pa.large_string()).take(np.zeros(len(texts), dtype=np.int64))
        labels, labelled = np.zeros(len(texts), dtype=np.int64), np.ones(len(texts), dtype=bool)
    else:
        ratings = _trimmed(table.column(label))
        labels, labelled = _classes(ratings, rule, f"{table.path}, column {label!r}")
    rows = np.arange(1, len(texts) + 1, dtype=np.int64)
    groups = None if group is None else _trimmed(table.column(group))
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


def _trimmed(column: Any) -> Any:
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
        raise InputError(f"{where}: rule {rule.name!r} knows none of the values {_some(counts)}; {rule_advice(counts)}")
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


def _without_overlap(files: dict[str, Cleaned]) -> dict[str, Cleaned]:
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


def _refuse_empty_class(file: Cleaned, table: Table, rule: LabelRule, source: DataSource) -> None:
    sizes = np.bincount(file.labels, minlength=len(rule.classes))
    if (sizes > 0).all():
        return
    name = rule.classes[int(np.argmin(sizes > 0))]
    wanted = [value for value, number in rule.index.items() if rule.classes[number] == name]
    counts = _raw_labels(source, [table])
    where = f"{file.path}, column {source.label!r}: class {name!r}"
    if rule.name == "as-is":
        raise InputError(f"{where} has no row to train on; leave it out by giving classes as {{class: [values]}}")
    raise InputError(
        f"{where} (values {', '.join(wanted)}) has no rows under rule {rule.name!r}; "
        f"the values that occur are {_some(counts)}: {rule_advice(counts)}"
    )


def _some(values: Iterable[str]) -> str:
    """At most twelve of the values, numbers in order."""
    present = sorted({canonical(value) for value in values} - {""}, key=lambda value: (len(value), value))
    return ", ".join(present[:12]) + (", ..." if len(present) > 12 else "")


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

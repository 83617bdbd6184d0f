"""Where reviews are and how they are to be read: what a study file says under [data]."""

import dataclasses
import itertools
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from annotated_types import Ge, Interval, MinLen, Predicate

from sentiment.checked import check, read, shown
from sentiment.errors import InputError
from sentiment.files.unpacking import MAX_BYTES
from sentiment.reviews.labels import canonical, label_rule

__all__ = ["DataSource"]

_Name = Annotated[str, Predicate(bool)]  # a length would refuse a file's name that is no UTF-8
_Share = Annotated[float, Interval(gt=0, lt=1)]


MOST_FILES: Final = 1000
"""More of them are taken for texts."""


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
    unlabelled: Annotated[
        _Name | Annotated[tuple[_Name, ...], MinLen(1)] | None,
        'write unlabelled = "more.csv", or several: ["a.csv", "b.csv"]',
    ] = None
    """Files with more texts, in a column of the same name, that a network may learn from (`export --distill`)."""
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
        _refuse_values(self.path, self.text, self.label)
        check(self)
        if len(self.paths) == 1:
            object.__setattr__(self, "path", self.paths[0])
        if isinstance(self.unlabelled, str):
            object.__setattr__(self, "unlabelled", (self.unlabelled,))
        if len(set(self.paths)) < len(self.paths):
            twice = next(path for place, path in enumerate(self.paths) if path in self.paths[:place])
            raise InputError(f"path names {shown(twice)} twice; name each file once")
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
        if self.unlabelled is not None:
            values["unlabelled"] = list(self.unlabelled)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "DataSource":
        """The source of a parsed JSON or TOML table.

        Raises:
            InputError: a name is unknown or missing, or a value is refused.
        """
        return read(cls, values, "[data] ")


def _refuse_values(path: Any, text: Any, label: Any) -> None:
    """A newcomer may give the reviews themselves: a message must not print them."""
    texts_for_files = isinstance(path, list | tuple) and (
        len(path) > MOST_FILES or any(isinstance(one, str) and (len(one) > 4096 or "\n" in one) for one in path)
    )
    given = {"path": path, "text": text, "label": label}
    tables = {name: value for name, value in given.items() if hasattr(value, "shape") or hasattr(value, "columns")}
    columns = {name: value for name, value in given.items() if name != "path" and isinstance(value, list | tuple)}
    wrong = tables | columns | ({"path": path} if texts_for_files else {})
    for name, value in wrong.items():
        size = f" of {len(value):,}" if hasattr(value, "__len__") else ""
        where = "a file" if name == "path" else "a column of the file"
        raise InputError(
            f"{name} is a {type(value).__name__}{size}; it names {where}: for texts that are in memory there is "
            "sentiment.dataset_of(texts, labels)"
        )

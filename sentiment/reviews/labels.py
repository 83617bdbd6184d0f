"""A raw label cell becomes a class, by a stated rule.

A rule is one of: `as-is` (each value is a class), a mapping {class: values}, or a ready rule for stars and ten-point
scales. Raw values are compared as people read them: "5", " 5 ", "5.0" and 5 are one value. This room knows nothing of
files or texts; row numbers reach it only to be named in a message.

Ready rules. `stars-2` and `ten-2` leave the middle of the scale out, as SST-2 and aclImdb do (aclImdb: 4 or less is
negative, 7 or more positive); `stars-3` and `ten-3` call that same middle neutral.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np

from sentiment.errors import InputError

__all__ = [
    "MAPPING",
    "MAX_CLASSES",
    "READY_RULES",
    "LabelRule",
    "RulePreview",
    "canonical",
    "label_rule",
    "look_alikes",
    "preview_rules",
    "rule_advice",
]

MAX_CLASSES: Final = 50
"""More distinct values than this are taken for a wrong column."""

MAPPING: Final = '--classes "name=value,value name=value" (in a study file [data] classes)'
"""How a person writes a rule of his own."""

LONGEST_LABEL: Final = 200
"""Characters; what is longer is taken for a text."""

READY_RULES: Final[dict[str, dict[str, tuple[int, ...]]]] = {
    "stars-2": {"negative": (1, 2), "positive": (4, 5)},
    "stars-3": {"negative": (1, 2), "neutral": (3,), "positive": (4, 5)},
    "stars-5": {"1 star": (1,), "2 stars": (2,), "3 stars": (3,), "4 stars": (4,), "5 stars": (5,)},
    "ten-2": {"negative": (1, 2, 3, 4), "positive": (7, 8, 9, 10)},
    "ten-3": {"negative": (1, 2, 3, 4), "neutral": (5, 6), "positive": (7, 8, 9, 10)},
    "ten-5": {"1-2": (1, 2), "3-4": (3, 4), "5-6": (5, 6), "7-8": (7, 8), "9-10": (9, 10)},
}

_NUMBER: Final = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]*))?")
# Unicode's Default_Ignorable_Code_Point, and the control characters that are no blanks.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)


def canonical(value: Any) -> str:
    """The form in which raw label values are compared: trimmed, NFC, a number without trailing zeros."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = unicodedata.normalize("NFC", str(value)).strip()
    number = _NUMBER.fullmatch(text)
    if number is None:
        return text
    # Digits, however many there are: int() stops at 4,300 of them, and Decimal rounds at 28.
    sign, whole, fraction = number[1], number[2].lstrip("0") or "0", (number[3] or "").rstrip("0")
    digits = f"{whole}.{fraction}" if fraction else whole
    return f"-{digits}" if sign == "-" and digits != "0" else digits


def _look(label: str) -> str:
    """What a person sees of it: without case, without characters of no width, and with one kind of blank."""
    return " ".join(_UNSEEN.sub("", unicodedata.normalize("NFKC", label)).casefold().split())


@dataclass(frozen=True)
class LabelRule:
    """Which raw value belongs to which class.

    `classes` are in order: negative to positive in a ready rule, as written in a mapping, by number or alphabet as-is.
    """

    name: str
    """as-is, mapping, or the name of a ready rule."""
    classes: tuple[str, ...]
    index: Mapping[str, int]
    """canonical raw value: class index"""
    scale: tuple[int, int] | None = None
    """Lowest and highest number that a ready rule can meet."""

    def class_of(self, value: str) -> int:
        """The class index of a raw value; -1 if the rule names no class for it."""
        return self.index.get(canonical(value), -1)

    def out_of_scale(self, value: str) -> bool:
        """Whether a ready rule meets a number that its scale does not have."""
        text = canonical(value)
        if self.scale is None or not _NUMBER.fullmatch(text):
            return False
        return not self.scale[0] <= Decimal(text) <= self.scale[1]


def label_rule(classes: str | Mapping[str, Sequence[Any]], values: Sequence[str], n_rows: int, where: str) -> LabelRule:
    """The rule that `classes` asks for.

    Args:
        classes: "as-is", the name of a ready rule, or {class: raw values}.
        values: the distinct raw values of the column; only `as-is` needs them.
        n_rows: how many labelled rows the column has, to tell a label from an identifier.
        where: file and column, for messages.

    Raises:
        InputError: no such rule; a mapping that contradicts itself; a column that can be no label as it is.
    """
    if isinstance(classes, str):
        if classes == "as-is":
            return _as_is(values, n_rows, where)
        if classes not in READY_RULES:
            raise InputError(
                f"classes: there is no label rule {classes!r}; choose as-is, {', '.join(READY_RULES)}, or {MAPPING}"
            )
        parts = READY_RULES[classes]
        return _from_parts(classes, parts, scale=(1, 5) if classes.startswith("stars") else (1, 10))
    if not isinstance(classes, Mapping):
        raise InputError(f"classes is {classes!r}; give the name of a rule, or {MAPPING}")
    return _mapping(classes)


def _from_parts(name: str, parts: Mapping[str, Sequence[Any]], scale: tuple[int, int] | None = None) -> LabelRule:
    index = {canonical(value): number for number, values in enumerate(parts.values()) for value in values}
    return LabelRule(name, tuple(parts), index, scale)


def _mapping(classes: Mapping[str, Sequence[Any]]) -> LabelRule:
    owner: dict[str, str] = {}
    for name, values in classes.items():
        if not isinstance(name, str) or not name.strip():
            raise InputError("classes: a class has an empty name; give it one")
        if len(name) > LONGEST_LABEL:
            raise InputError(f"classes: a class has a name of {len(name):,} characters; give it a shorter one")
        if isinstance(values, str) or not isinstance(values, Sequence):
            raise InputError(f"classes: {name!r} is {values!r}; give a list of raw values, such as [{values!r}]")
        if not values:
            raise InputError(f"classes: {name!r} has no raw values; list some, or remove the class")
        for value in values:
            if not isinstance(value, str | int | float):
                raise InputError(f"classes: {name!r} has the value {value!r}; a raw value is a text or a number")
            key = canonical(value)
            if owner.setdefault(key, name) != name:
                raise InputError(f"classes: value {key!r} stands in both {owner[key]!r} and {name!r}; keep it in one")
    if len(classes) < 2:
        raise InputError(f"classes: {len(classes)} class given; a classifier needs two or more")
    return _from_parts("mapping", classes)


def _as_is(values: Sequence[str], n_rows: int, where: str) -> LabelRule:
    names = {canonical(value) for value in values}
    longest = max(names, key=len, default="")
    if len(longest) > LONGEST_LABEL:
        raise InputError(
            f"{where}: a value of {len(longest):,} characters ({longest[:20]!r}...); that is hardly a label: "
            f"name another column, or give {MAPPING}"
        )
    if MAX_CLASSES < len(names) <= n_rows / 2:
        raise InputError(
            f"{where}: {len(names)} different values are too many classes (at most {MAX_CLASSES}); merge them with "
            f"{MAPPING}, or name another column"
        )
    if len(names) > MAX_CLASSES or (n_rows >= 20 and len(names) > n_rows / 2):
        raise InputError(
            f"{where}: {len(names)} different values in {n_rows} rows; that is hardly a label: "
            f"name another column, or give {MAPPING}"
        )
    if len(names) < 2:
        only = f"only the value {next(iter(names))!r}" if names else "no value at all"
        raise InputError(f"{where}: {only}; a classifier needs two or more classes")
    numeric = all(_NUMBER.fullmatch(name) for name in names)
    ordered = sorted(names, key=Decimal) if numeric else sorted(names)
    return LabelRule("as-is", tuple(ordered), {name: number for number, name in enumerate(ordered)})


def look_alikes(index: Mapping[str, int], values: Iterable[str]) -> tuple[str, ...]:
    """A sentence on each group of raw values that a person may take for one and the rule does not.

    Args:
        index: canonical raw value to class index, of a rule.
        values: raw values of the column.
    """
    groups: dict[str, dict[str, None]] = {}
    for value in (*index, *map(canonical, values)):
        groups.setdefault(_look(value), {})[value] = None
    return tuple(
        f"the labels {_some(group)} differ only in case or in characters that are hardly seen, and are not one class; "
        f"if they are meant to be, give {MAPPING}"
        for group in groups.values()
        if len({index.get(value, -1) for value in group}) > 1
    )


def _some(values: Iterable[str]) -> str:
    """At most eight of them, each cut at forty characters, in quotes that show what is hardly seen."""
    listed = sorted(values)
    return ", ".join(repr(value[:40]) for value in listed[:8]) + (", ..." if len(listed) > 8 else "")


@dataclass(frozen=True)
class RulePreview:
    """What a rule would make of a column."""

    name: str
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    left_out: int
    """Rows with a label that the rule puts in no class."""


def preview_rules(counts: Mapping[str, int]) -> tuple[RulePreview, ...]:
    """The rules that apply to a column with these raw values, with the class sizes that each would give.

    Args:
        counts: {raw value: number of rows}.
    """
    present = {value: count for value, count in counts.items() if value.strip()}
    previews = []
    for name in ("as-is", *READY_RULES):
        try:
            rule = label_rule(name, tuple(present), sum(present.values()), "")
        except InputError:
            continue
        if any(rule.out_of_scale(value) for value in present):
            continue
        sizes = np.zeros(len(rule.classes), dtype=np.int64)
        left_out = 0
        for value, count in present.items():
            number = rule.class_of(value)
            if number >= 0:
                sizes[number] += count
            else:
                left_out += count
        if (sizes > 0).all():
            previews.append(RulePreview(name, rule.classes, tuple(int(size) for size in sizes), left_out))
    return tuple(previews)


def rule_advice(counts: Mapping[str, int]) -> str:
    """What to do about a rule that does not fit a column with these raw values: the end of an error message."""
    fitting = [preview.name for preview in preview_rules(counts)]
    return f"use {' or '.join(fitting)}" if fitting else f"give {MAPPING}"

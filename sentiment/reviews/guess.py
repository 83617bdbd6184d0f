"""Which column holds the reviews, which the labels, and by which rule they are read, where nobody said.

A guess is made where one answer is plain, by the names that such columns have and by what stands in them. Where several
would do, or none, it is refused, and the candidates are named: nobody's search shall train on a column that he did not
mean. It reads cells and decides nothing else.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sentiment.errors import InputError
from sentiment.files.reader import Table
from sentiment.foreign import visible
from sentiment.reviews.labels import READY_RULES, canonical, preview_rules

__all__ = [
    "LABEL_NAMES",
    "TEXT_NAMES",
    "Columns",
    "guess_columns",
    "guess_label",
    "guess_rule",
    "guess_text",
    "label_counts",
    "named",
]

TEXT_NAMES: Final = (
    *("text", "review", "content", "document", "comment", "sentence", "body"),
    *("리뷰", "후기", "상품평", "한줄평", "내용", "본문", "댓글", "문장", "텍스트"),
)
LABEL_NAMES: Final = (
    *("label", "sentiment", "class", "rating", "score", "stars", "star", "polarity"),
    *("라벨", "감성", "감정", "평점", "별점", "점수"),
)

CELLS: Final = 2000
"""The first so many of a column are looked at."""
LEAST_WORDS: Final = 3
"""On average, of a column of texts that no name gives away."""
DISTINCT: Final = 0.5
"""Of the cells of such a column, the share that is different at least."""
MUCH_LONGER: Final = 3.0
"""So many times as long as the next, a column of texts is the reviews: the other is their titles."""
FEWEST_ROWS: Final = 20
"""Of a file whose labels are told by their number alone."""
MOST_CLASSES: Final = 20
"""Different values that are classes as they are."""
FEW: Final = 3
"""Different numbers that are classes as they are; of more of them, a scale."""
LEAST_ON_SCALE: Final = 0.95
"""Of the labels, the share that lies on a scale at least; the others are none, and are left out."""


@dataclass(frozen=True)
class Columns:
    """How a file is read."""

    text: str
    label: str
    classes: str
    """The name of a rule."""
    sizes: Mapping[str, int]
    """Rows with each class, the classes in their order; those left out are not counted."""

    @property
    def rule(self) -> str:
        """The rule, and what it makes of the labels."""
        names = ", ".join(map(visible, list(self.sizes)[:5])) + (", ..." if len(self.sizes) > 5 else "")
        return f"{self.classes} ({names if self.classes == 'as-is' else _in_words(self.classes)})"


def guess_columns(table: Table, text: str | None = None, label: str | None = None) -> Columns:
    """What is not given of a file's columns, and the rule by which its labels are read.

    Raises:
        InputError: it is not plain; the message names what could be meant.
    """
    text = guess_text(table, other=label) if text is None else text
    label = guess_label(table, text) if label is None else label
    counts = label_counts(table, label)
    classes = guess_rule(counts, f"{table.path}, column {label!r}")
    rule = next(preview for preview in preview_rules(counts) if preview.name == classes)
    return Columns(text, label, classes, dict(zip(rule.classes, rule.counts, strict=True)))


def guess_text(table: Table, other: str | None = None) -> str:
    """The column with the reviews; `other` is the one with the labels.

    Raises:
        InputError: none is plainly that.
    """
    usable = _usable(table, other)
    best = _ranked({name: _rank(name, TEXT_NAMES) for name in usable})
    if not best or best[0][1] > 0:  # none is called so: those that read like texts
        read_so = [name for name in usable if _reads_like_texts(_cells(table, name))]
        best = _ranked({name: _rank(name, TEXT_NAMES) for name in read_so})
    # Of short texts the only ones that there are.
    names = [name for name, _ in best] or [name for name in usable if _holds_words(_cells(table, name))]
    if len(names) > 1:
        lengths = sorted(((_mean_length(_cells(table, name)), name) for name in names), reverse=True)
        if lengths[0][0] >= MUCH_LONGER * lengths[1][0]:
            return lengths[0][1]
    return _only(names, table, "reviews", "--text", usable)


def guess_label(table: Table, text: str) -> str:
    """The column with the labels, where the reviews are in column `text`.

    Raises:
        InputError: none is plainly that.
    """
    usable = _usable(table, text)
    distinct = {name: len({canonical(cell) for cell in _cells(table, name)}) for name in usable}
    few = [name for name in usable if 2 <= distinct[name] <= MOST_CLASSES]
    best = [name for name, rank in _ranked({name: _rank(name, LABEL_NAMES) for name in few}) if rank < 2]
    # One that is called so is meant, whatever it holds: then that is what is wrong.
    best = best or [name for name in usable if _rank(name, LABEL_NAMES) == 0]
    if not best and table.num_rows >= FEWEST_ROWS:
        best = few
    return _only(best, table, "labels", "--label", usable)


def guess_rule(counts: Mapping[str, int], where: str) -> str:
    """The rule for a column with these raw labels: words are classes as they are, and so are up to three numbers; 1 to
    5 are stars, 1 to 10 are points.

    Args:
        counts: {raw label: rows}.
        where: file and column, for messages.

    Raises:
        InputError: none is plain.
    """
    fitting = [preview.name for preview in preview_rules(counts)]
    numbers = {value: count for value, count in counts.items() if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", value)}
    on_scale = sum(numbers.values()) >= LEAST_ON_SCALE * sum(counts.values())
    if len(numbers) > FEW and on_scale:
        for rule in ("stars-3", "ten-3"):
            if rule in fitting:
                return rule
    elif len(counts) <= MOST_CLASSES and "as-is" in fitting:
        return "as-is"
    if len(counts) < 2:
        only = f"only the value {next(iter(counts))!r}" if counts else "no value at all"
        raise InputError(f"{where}: {only}; a classifier needs two or more classes: name another --label")
    some = ", ".join(repr(value[:40]) for value in sorted(counts, key=lambda one: (len(one), one))[:8])
    told = f"{' or '.join(fitting)}, or" if fitting else "such as"
    raise InputError(
        f"{where}: {len(counts)} different values ({some}{', ...' if len(counts) > 8 else ''}), whose classes are not "
        f'plain; give --classes {told} "negative=1,2 positive=4,5"'
    )


def _in_words(rule: str) -> str:
    """Which numbers a ready rule makes a class of, such as "1-2 negative, 3 neutral, 4-5 positive"."""
    parts = READY_RULES[rule].items()
    return ", ".join(
        name if name[0].isdigit() else f"{values[0]}-{values[-1]} {name}" if len(values) > 1 else f"{values[0]} {name}"
        for name, values in parts
    )


def label_counts(table: Table, label: str) -> dict[str, int]:
    """Rows with each label of a column, as labels are compared; those without one do not count."""
    counts: dict[str, int] = {}
    for entry in table.column(label).drop_null().value_counts().to_pylist():
        value = canonical(entry["values"])
        if value:
            counts[value] = counts.get(value, 0) + entry["counts"]
    return counts


def named(table: Table, names: Sequence[str]) -> str | None:
    """The column that is called by one of the names, the first of them that there is."""
    columns = {_folded(name): name for name in table.columns}
    return next((columns[name] for name in names if name in columns), None)


def _rank(name: str, names: Sequence[str]) -> int:
    """0: it is called so; 1: a word of its name is; 2: nothing says so."""
    if _folded(name) in names:
        return 0
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFC", name))
    return 1 if set(re.split(r"[\W_]+", spaced.casefold())) & set(names) else 2


def _ranked(ranks: Mapping[str, int]) -> list[tuple[str, int]]:
    """Those of the best rank that there is."""
    best = min(ranks.values(), default=2)
    return [(name, rank) for name, rank in ranks.items() if rank == best]


def _only(names: Sequence[str], table: Table, what: str, flag: str, usable: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    if not names:
        among = f" among {_listed(usable)}" if usable else ""
        raise InputError(f"{table.path}: no column is plainly the one with the {what}{among}; give {flag} COLUMN")
    raise InputError(f"{table.path}: {_listed(names, ' or ')} may be the column with the {what}; give {flag} COLUMN")


def _listed(names: Sequence[str], last: str = ", ") -> str:
    shown = [repr(name[:40]) for name in names[:8]] + (["..."] if len(names) > 8 else [])
    return last.join(shown) if len(shown) < 3 else ", ".join(shown)


def _usable(table: Table, other: str | None) -> list[str]:
    usable = [name for name in table.columns if name and name not in table.unusable]
    if not usable:
        raise InputError(next(iter(table.unusable.values())))
    return [name for name in usable if name != other]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip().casefold()


def _cells(table: Table, name: str) -> list[str]:
    """The first ones that are not empty."""
    return [cell for cell in table.column(name).slice(0, CELLS).to_pylist() if cell and cell.strip()]


def _mean_length(cells: Sequence[Any]) -> float:
    return sum(map(len, cells)) / max(1, len(cells))


def _reads_like_texts(cells: Sequence[str]) -> bool:
    words = sum(len(re.findall(r"[^\W\d_]{2,}", cell)) for cell in cells)
    spaces = sum(" " in cell.strip() for cell in cells)
    return words >= LEAST_WORDS * len(cells) > 0 and 2 * spaces > len(cells) and len(set(cells)) > DISTINCT * len(cells)


def _holds_words(cells: Sequence[str]) -> bool:
    """Whether more is written there than numbers, dates and names without a blank; in Korean one word may be a
    review."""
    words = sum(bool(re.search(r"[^\W\d_]\S* +\S|[^\W\d_a-zA-Z]", cell)) for cell in cells)
    return 2 * words > len(cells) and len(set(cells)) > DISTINCT * len(cells)

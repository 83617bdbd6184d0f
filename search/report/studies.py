"""What a storage holds as a table: a line for each search and each comparison."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from search.comparison.stored import Stored
from sentiment.terminal import clip, in_columns

__all__ = ["studies_table"]

HEADER: Final = ("name", "kind", "trials", "runs", "pairs", "best", "linear", "active")
RIGHT: Final = (3, 5, 6)
SPARE: Final = ("linear", "runs", "active")
"""What a narrow terminal goes without, the first of them first."""
WIDTH: Final = 80
SHORTEST_NAME: Final = 12
"""Columns that it has at least."""


def studies_table(found: Sequence[Stored], now: datetime, columns: int | None = None) -> str:
    """Lines for a terminal of so many columns; `best` and `linear` are macro-F1 on validation rows. A long name is cut
    where a line would have more, or more than 80 where they are not known; what no line has, has no column."""
    rows = [
        (
            one.kind,
            _of(one.done, one.total),
            _runs(one.running, one.lost),
            _of(one.pairs, one.most_pairs) if one.kind == "comparison" else "",
            "" if one.best is None else f"{one.best:.4f}",
            "" if one.linear is None else f"{one.linear:.4f}",
            "" if one.active is None else _ago(now - one.active, one.active),
        )
        for one in found
    ]
    kept = [place for place in range(len(HEADER) - 1) if any(row[place] for row in rows)]
    width = sum(2 + max(len(HEADER[place + 1]), *(len(row[place]) for row in rows)) for place in kept)
    names = [clip(one.name, max(SHORTEST_NAME, (columns or WIDTH) - width)) for one in found]
    header = ("name", *(HEADER[place + 1] for place in kept))
    cells = [(name, *(row[place] for place in kept)) for name, row in zip(names, rows, strict=True)]
    right = [header.index(HEADER[place]) for place in RIGHT if HEADER[place] in header]
    return "\n".join(in_columns(header, cells, right, width=columns, spare=[head for head in SPARE if head in header]))


def _runs(running: int, lost: int) -> str:
    return ", ".join([f"{running:,}"] * (running > 0) + [f"lost {lost:,}"] * (lost > 0))


def _of(done: int, total: int | None) -> str:
    return f"{done:,}" if total is None else f"{done:,} of {total:,}"


def _ago(age: timedelta, when: datetime) -> str:
    minutes = int(age.total_seconds() // 60)
    if minutes < 1:
        return "now"
    if minutes < 60:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 24 * 60 else f"{when:%Y-%m-%d}"

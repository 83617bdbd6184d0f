"""What a storage holds as a table: a line for each search and each comparison."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from search.comparison.stored import COMPARISON, Stored
from sentiment.terminal import clip, in_columns

__all__ = ["studies_table"]

HEADER: Final = ("name", "kind", "done", "best", "linear", "last active")
LONGEST_NAME: Final = 28
"""Columns; with the others that makes 80."""


def studies_table(found: Sequence[Stored], now: datetime) -> str:
    """Lines for a terminal; `best` and `linear` are macro-F1 on validation rows."""
    rows = [
        (
            clip(one.name, LONGEST_NAME),
            one.kind,
            _done(one),
            "" if one.best is None else f"{one.best:.4f}",
            "" if one.linear is None else f"{one.linear:.4f}",
            "" if one.active is None else _ago(now - one.active, one.active),
        )
        for one in found
    ]
    return "\n".join(in_columns(HEADER, rows, right=(3, 4)))


def _done(one: Stored) -> str:
    done = f"{one.done:,}" + ("" if one.total is None else f" of {one.total:,}") + " trials"
    if one.kind == COMPARISON and one.pairs:
        done += f", {one.pairs} pairs" if one.most_pairs is None else f", {one.pairs} of {one.most_pairs} pairs"
    return done + (f", {one.running} run" if one.running else "")


def _ago(age: timedelta, when: datetime) -> str:
    minutes = int(age.total_seconds() // 60)
    if minutes < 1:
        return "now"
    if minutes < 60:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 24 * 60 else f"{when:%Y-%m-%d}"

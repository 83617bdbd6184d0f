"""Which column of a file is meant by a name, for every format alike.

Names are compared in Unicode normal form, because one system writes "리뷰" composed and another decomposed. This room
sees names only, never a cell.
"""

import difflib
import unicodedata
from collections.abc import Sequence
from typing import Final

from sentiment.errors import InputError

__all__ = ["MAX_COLUMNS", "match_column", "match_columns", "refuse_repeated", "refuse_too_wide"]

MAX_COLUMNS: Final = 16_384
"""As in a spreadsheet; each takes memory, however few rows there are."""


def match_column(wanted: str, names: Sequence[str], path: str) -> str:
    """The name in `names` that equals `wanted` up to Unicode normal form; a column without a name is never meant.

    Raises:
        InputError: there is none; the message lists the names and the nearest one.
    """
    key = unicodedata.normalize("NFC", wanted)
    names = [name for name in names if name]
    normal = {unicodedata.normalize("NFC", name): name for name in names}
    if key in normal:
        return normal[key]
    folded = {name.strip().casefold(): original for name, original in normal.items()}
    near = difflib.get_close_matches(key.strip().casefold(), folded, n=1)
    hint = f"; did you mean {folded[near[0]]!r}?" if near else ""
    listed = ", ".join(repr(name) for name in names[:20]) + (", ..." if len(names) > 20 else "")
    raise InputError(f"{path}: there is no column {wanted!r}; the columns are {listed}{hint}")


def match_columns(wanted: Sequence[str] | None, names: Sequence[str], path: str) -> list[str]:
    """The names in `names` that equal those in `wanted`, in their order; all if `wanted` is None.

    Raises:
        InputError: one of them is not there.
    """
    return list(names) if wanted is None else [match_column(name, names, path) for name in wanted]


def refuse_too_wide(count: int, path: str) -> None:
    """Refuses a file with more than `MAX_COLUMNS` columns.

    Raises:
        InputError: it has more.
    """
    if count > MAX_COLUMNS:
        raise InputError(f"{path}: more than {MAX_COLUMNS:,} columns; save the text and the label alone")


def refuse_repeated(names: Sequence[str], path: str) -> None:
    """Refuses a file two of whose columns cannot be told apart; columns without a name may be many.

    Raises:
        InputError: two names are equal up to Unicode normal form.
    """
    seen: set[str] = set()
    for name in names:
        key = unicodedata.normalize("NFC", name)
        if key and key in seen:
            raise InputError(f"{path}, line 1: two columns are named {name!r}; rename one of them")
        seen.add(key)

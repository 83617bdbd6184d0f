"""Names of studies: how they are listed, and which are not the same but some disk would put into the same folder."""

import unicodedata
from collections.abc import Iterable
from typing import Final

import optuna
from optuna.storages import BaseStorage

from sentiment.errors import InputError

__all__ = ["folded", "is_device", "listed", "refuse_shared_folder"]

LISTED: Final = 8
"""Names that are shown where all of a storage would be too many."""

_DEVICES: Final = frozenset(
    {
        "con",
        "prn",
        "aux",
        "nul",
        "conin$",
        "conout$",
        *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³"),
    }
)
"""What Windows opens in place of a file that is called so, whatever stands behind a dot."""


def listed(names: Iterable[str]) -> str:
    """For a sentence that says what there is; in quotes, since a name may be empty, or look like a list."""
    found = sorted(names)
    return ", ".join(map(repr, found[:LISTED])) + (", ..." if len(found) > LISTED else "")


def folded(name: str) -> str:
    """The same for all names that some disk takes for one: without regard to case, to the way in which an accent is
    written, and to dots and blanks at the end.
    """
    composed = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
    return composed.rstrip(". ")


def is_device(name: str) -> bool:
    """Whether a name is that of a device of Windows, which no file can have there."""
    return folded(name).split(".")[0].rstrip() in _DEVICES


def refuse_shared_folder(name: str, storage: BaseStorage) -> None:
    """Refuse the name of a new study, or of a new comparison, whose files would lie among another one's.

    Studies that are there already are left alone, under whatever names.

    Raises:
        InputError: there is one whose name differs in nothing that every disk tells apart.
    """
    others = {other.split(": ")[0] for other in optuna.get_all_study_names(storage)}  # NAME: ... of a comparison
    if name in others:
        return
    for other in sorted(others):
        if folded(other) == folded(name):
            raise InputError(
                f"there is a study {other!r} already, and some disks would put the files of {name!r} into its folder; "
                "write the name as it is there to go on with it, or give another"
            )

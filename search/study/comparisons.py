"""Which studies are a comparison's, for commands that take the name of any study: a comparison is the study of its name
and those that are called `NAME: ...`.

It knows names and the mark on record, and nothing of arms.
"""

from typing import Final

import optuna
from optuna.storages import BaseStorage
from optuna.study._frozen import FrozenStudy

from search.storage.databases import OLDER_PAIRS, no_search
from search.study.records import COMPARISON, told_of_study
from sentiment.errors import InputError

__all__ = ["is_comparison", "parts_of", "refuse_comparison", "refuse_name_of_comparison"]

BESIDE: Final = ": "
"""Between the name of a comparison and that of one of its other studies; no search has it in its name."""


def is_comparison(study: optuna.Study | FrozenStudy) -> bool:
    """Whether a study is a comparison itself: what it found stands in it. One that tunes an arm is not."""
    recorded = told_of_study(study).get(COMPARISON)
    return isinstance(recorded, dict) and "baseline" in recorded


def parts_of(name: str, storage: BaseStorage) -> list[str]:
    """The names of all studies of comparison `name`, the comparison itself first; none if there is no such comparison.

    In an older one that is `NAME: pairs`, and `NAME` may be a search.
    """
    there = sorted(optuna.get_all_study_names(storage))
    main = next((one for one in (name + OLDER_PAIRS, name) if one in there), None)
    if main is None or not is_comparison(optuna.load_study(study_name=main, storage=storage)):
        return []
    return [main, *(one for one in there if one.startswith(name + BESIDE) and one != main)]


def refuse_comparison(study: optuna.Study) -> None:
    """Refuse a comparison where a search is asked for.

    Raises:
        InputError: it is one; the message says what to do.
    """
    if is_comparison(study):
        raise no_search(study.study_name.removesuffix(OLDER_PAIRS))


def refuse_name_of_comparison(name: str, storage: BaseStorage) -> None:
    """Refuse a search, before it is made, that is called as a comparison is: of both there would be one study.

    Raises:
        InputError: there is such a comparison.
    """
    parts = parts_of(name, storage)
    # An older comparison may share its name with a search, which then goes on.
    if parts and (parts[0] == name or name not in optuna.get_all_study_names(storage)):
        raise InputError(f"there is a comparison {name!r} already; give the search another name")

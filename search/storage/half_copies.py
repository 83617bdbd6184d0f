"""A study that is being copied here says so until all of it is here and checked; nobody takes it for whole before."""

from typing import Final

import optuna

from sentiment.errors import InputError

__all__ = ["UNDER_WAY", "refuse_half_copied"]

UNDER_WAY: Final = "copy under way"
"""The system attribute of such a study: what the study that it is a copy of is known by (`copying`)."""


def refuse_half_copied(study: optuna.Study) -> None:
    """Refuse to read or go on with what is half a study.

    Raises:
        InputError: it is.
    """
    if UNDER_WAY in study._storage.get_study_system_attrs(study._study_id):
        raise InputError(
            f"study {study.study_name!r} is the copy of a study that is not all here: `sentiment-search storage copy` "
            "was ended, or is at work; give that command again"
        )

"""A trial becomes a bundle that stands on its own."""

from pathlib import Path
from typing import Any

import optuna

from search.storage.artifacts import TrialArtifacts
from search.study.leaderboard import leaderboard
from search.study.records import BASELINES
from sentiment.bundle.folder import copy_bundle
from sentiment.errors import InputError

__all__ = ["export"]


def export(study: optuna.Study, artifacts: Path, trial: str, directory: Path) -> dict[str, Any]:
    """Write the kept weights of a trial ("best" or its number) to `directory`, with what the study knows on the card.

    Returns:
        the trial's number, its macro-F1 and the folder.

    Raises:
        InputError: there is no such trial, its weights were not kept or are damaged, or `directory` is not empty.
    """
    board = leaderboard(study, artifacts)
    if trial == "best":
        if board.best is None or board.best.trial is None:
            raise InputError(f"study {study.study_name!r} has no completed trial yet; let it run longer")
        number = board.best.trial
    else:
        number = _number(trial)
    entry = next((entry for entry in board.entries if entry.trial == number), None)
    if entry is None:
        raise InputError(f"study {study.study_name!r} has no completed trial {number}; see `sentiment-search report`")
    folder = TrialArtifacts(artifacts / study.study_name).folder(number)
    if not entry.kept:
        there = ", ".join(str(other.trial) for other in board.entries if other.kept) or "none"
        raise InputError(
            f"the weights of trial {number} are not in {folder.parent} (kept there: {there}); "
            f"give the --artifacts folder of the search, or a --trial whose weights are there"
        )
    scores = {
        f"validation macro-F1 of {name}": round(measured["macro_f1"], 6)
        for name, measured in study.user_attrs.get(BASELINES, {}).items()
    }
    copy_bundle(folder, directory, {"trials of the search": sum(board.counts.values())} | scores)
    return {"trial": number, "macro_f1": entry.macro_f1, "folder": str(directory)}


def _number(trial: str) -> int:
    try:
        return int(trial)
    except ValueError:
        raise InputError(f"--trial is {trial!r}; give best or a trial's number") from None

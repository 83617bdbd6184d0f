"""Where the trials of a study that are not over keep the state of their training, and when it is removed.

A file is of a position, not of a trial: the trial that stands in for a lost one goes on from what that one left
(`sentiment.models.progress`). It stays until what came of the position is in the database.
"""

from pathlib import Path

import optuna

from search.study.claims import pending_positions
from sentiment.models.progress import remove_progress

__all__ = ["progress_file", "remove_settled"]


def progress_file(folder: Path, position: int) -> Path:
    """Where in `folder` the trial at `position` keeps its state."""
    return folder / f"position-{position:05d}.safetensors"


def remove_settled(study: optuna.Study, folder: Path | None) -> None:
    """Remove the states of trials that are over, and will not be begun again.

    Args:
        study: whose trials they are.
        folder: of their files; None: there are none.
    """
    if folder is None or not (files := list(folder.glob("*"))):
        return  # so it is for short trials, and they do not pay for a look at all others
    pending = {progress_file(folder, position) for position in pending_positions(study.get_trials(deepcopy=False))}
    for path in files:  # a member's state, and what is half written, goes with that of its trial
        whose = path.name.removeprefix(".").partition(".")[0].partition("-member-")[0]
        if (file := folder / f"{whose}.safetensors") not in pending:
            remove_progress(file)

"""What a training said of each row, kept beside the study, so that every later question is answered without training
or scoring anything again.

A file is complete and its checksum known before a trial says that it has one; a damaged one is refused.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from sentiment.errors import InputError

__all__ = ["keep_predictions", "kept_predictions"]


def keep_predictions(path: Path, predictions: np.ndarray) -> dict[str, str]:
    """Write an array and return what the trial should record: {"file", "sha256"}."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with open(temporary, "wb") as file:
        np.save(file, predictions, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())
    digest = hashlib.sha256(temporary.read_bytes()).hexdigest()
    temporary.replace(path)
    return {"file": path.name, "sha256": digest}


def kept_predictions(folder: Path, record: dict[str, Any]) -> np.ndarray:
    """Read the array that a trial recorded.

    Raises:
        InputError: the file is gone or is not what was written.
    """
    path = folder / record["file"]
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != record["sha256"]:
        raise InputError(f"{path} is missing or damaged; give the --artifacts folder it was written to")
    predictions: np.ndarray = np.load(path, allow_pickle=False)
    return predictions

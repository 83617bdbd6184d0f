"""What a training said of each row, kept beside the study, so that every later question is answered without training
or scoring anything again.

A file is complete and its checksum known before a trial says that it has one; a damaged one is refused.
"""

import hashlib
import io
from typing import Any

import numpy as np

from search.storage.paths import ArtifactPath, Artifacts
from sentiment.errors import InputError
from sentiment.writing import write_whole

__all__ = ["classes_of", "keep_predictions", "kept_classes", "kept_predictions"]


def keep_predictions(path: Artifacts, predictions: np.ndarray, *, by_content: bool = False) -> dict[str, str]:
    """Write an array and return what the trial should record: {"file", "sha256"}.

    Args:
        path: of the file.
        predictions: to write.
        by_content: add to the file's name what its content is known by, so that two processes which come to different
            numbers do not replace each other's.

    Raises:
        OSError: it cannot be written, here or in the bucket; the error names the file, and nothing of it is left.
    """
    content = io.BytesIO()
    np.save(content, predictions, allow_pickle=False)
    sha256 = hashlib.sha256(content.getbuffer()).hexdigest()
    place = ArtifactPath.of(path)
    if by_content:
        place = place.with_stem(f"{place.local.stem}-{sha256[:8]}")
    place.local.parent.mkdir(parents=True, exist_ok=True)
    write_whole(place.local, content.getbuffer())
    place.publish()
    return {"file": place.name, "sha256": sha256}


def kept_predictions(folder: Artifacts, record: dict[str, Any]) -> np.ndarray:
    """Read the array that a trial recorded.

    Raises:
        InputError: the file is gone or is not what was written.
    """
    place = ArtifactPath.of(folder) / record["file"]
    place.fetch_file(record["sha256"])
    path = place.local
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != record["sha256"]:
        raise InputError(f"{place} is missing or damaged; give the --artifacts folder it was written to")
    predictions: np.ndarray = np.load(path, allow_pickle=False)
    return predictions


def kept_classes(folder: Artifacts, record: dict[str, Any]) -> np.ndarray:
    """The most probable classes, int16 [n], of probabilities [n, K] that a trial recorded; older ones recorded classes.

    Raises:
        InputError: as `kept_predictions`.
    """
    return classes_of(kept_predictions(folder, record))


def classes_of(predictions: np.ndarray) -> np.ndarray:
    """The most probable classes, int16 [n], of probabilities [n, K]; or what are classes already."""
    return predictions if predictions.ndim == 1 else predictions.argmax(axis=1).astype(np.int16)

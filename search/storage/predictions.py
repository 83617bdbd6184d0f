"""What a training said of each row, kept beside the study, so that every later question is answered without training
or scoring anything again.

A file is complete and its checksum known before a trial says that it has one; a damaged one is refused.
"""

import hashlib
import io
from typing import Any, Final

import numpy as np

from search.storage.arrays import array_of
from search.storage.inside import inside
from search.storage.paths import ArtifactPath, Artifacts
from sentiment.errors import InputError
from sentiment.writing import write_whole

__all__ = ["classes_of", "keep_predictions", "kept_classes", "kept_predictions", "recorded_file"]

MOST_BYTES: Final = 1 << 32
"""Of a file: two hundred million probabilities and more."""


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
        InputError: the file is gone or is not what was written, or what was recorded names none in `folder`.
    """
    place = recorded_file(folder, record)
    place.fetch_file(str(record.get("sha256")))
    path = place.local
    damaged = InputError(f"{place} is missing or damaged; give the --artifacts folder it was written to")
    if not path.is_file() or path.stat().st_size > MOST_BYTES:
        raise damaged
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != record.get("sha256"):
        raise damaged
    try:
        return array_of(content)
    except ValueError as error:
        raise InputError(f"{place} is {error}, not what a training said of each row") from None


def recorded_file(folder: Artifacts, record: Any) -> ArtifactPath:
    """The file in `folder` that a trial recorded.

    Raises:
        InputError: what was recorded names none there.
    """
    place = ArtifactPath.of(folder)
    return place / inside(place.local, record.get("file") if isinstance(record, dict) else None).name


def kept_classes(folder: Artifacts, record: dict[str, Any]) -> np.ndarray:
    """The most probable classes, int16 [n], of probabilities [n, K] that a trial recorded; older ones recorded classes.

    Raises:
        InputError: as `kept_predictions`.
    """
    return classes_of(kept_predictions(folder, record))


def classes_of(predictions: np.ndarray) -> np.ndarray:
    """The most probable classes, int16 [n], of probabilities [n, K]; or what are classes already."""
    return predictions if predictions.ndim == 1 else predictions.argmax(axis=1).astype(np.int16)

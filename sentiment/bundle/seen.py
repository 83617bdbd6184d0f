"""Which texts a model has seen, as hashes: enough to tell whether a given text was among them.

NOTE: of a text's SHA-256 the first 8 bytes are kept. Of a million texts asked about, beside a million seen, one that
was not seen is taken for one that was with a chance of 1e12 / 2**64, or 5e-8: nothing in the figures shows it. Nobody
can read a text out of its hash, but whoever has a text can ask for it: the hashes keep no guessable text secret.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from sentiment.errors import InputError

__all__ = ["BYTES_PER_TEXT", "SeenTexts"]

BYTES_PER_TEXT: Final = 8

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class SeenTexts:
    """What a model learned from, and what chose its checkpoint."""

    training: Hashes
    """Of the texts that it was trained on; little-endian, ascending, each once."""
    validation: Hashes
    """Of the texts whose score chose the checkpoint, in the same way."""

    @classmethod
    def of(cls, training: Iterable[str], validation: Iterable[str]) -> "SeenTexts":
        """The hashes of these texts."""
        return cls(np.unique(_hashed(training)), np.unique(_hashed(validation)))

    @property
    def sizes(self) -> dict[str, int]:
        """How many hashes there are of each; with them `from_bytes` reads what `to_bytes` wrote."""
        return {"training": len(self.training), "validation": len(self.validation)}

    def to_bytes(self) -> bytes:
        """All hashes, those of training first."""
        return self.training.tobytes() + self.validation.tobytes()

    @classmethod
    def from_bytes(cls, content: bytes, sizes: dict[str, int]) -> "SeenTexts":
        """Read what `to_bytes` wrote.

        Raises:
            InputError: there are not so many hashes.
        """
        if len(content) != BYTES_PER_TEXT * sum(sizes.values()):
            raise InputError(f"{len(content):,} bytes are not the hashes of {sum(sizes.values()):,} texts")
        hashes = np.frombuffer(content, dtype="<u8")
        return cls(hashes[: sizes["training"]], hashes[sizes["training"] :])

    def among(self, texts: Iterable[str]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Of each text whether it was trained on, and whether (if it was not) it chose the checkpoint."""
        hashes = _hashed(texts)
        trained = np.isin(hashes, self.training)
        return trained, np.isin(hashes, self.validation) & ~trained


def _hashed(texts: Iterable[str]) -> Hashes:
    # Stripped, as whoever read the training texts stripped them; half a surrogate pair is in no file, but may be asked.
    digests = (hashlib.sha256(text.strip().encode("utf-8", "surrogatepass")).digest() for text in texts)
    return np.frombuffer(b"".join(digest[:BYTES_PER_TEXT] for digest in digests), dtype="<u8")

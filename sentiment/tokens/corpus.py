"""All reviews of a dataset in token ids.

The encoded corpus is flat: all ids behind one another, and where each text begins. It is kept in a cache directory,
checked against its checksums when opened, and memory-mapped by every process that uses it.
"""

import hashlib
import json
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import tokenizers

from sentiment.tokens.pretrained import Limits, encode_pretrained, read_pretrained
from sentiment.tokens.tokenizers import EncodedTexts, encode, fit_tokenizer
from sentiment.writing import publish, write_through

if TYPE_CHECKING:  # it brings pyarrow, which whoever only encodes does not need
    from sentiment.reviews.dataset import Dataset

__all__ = ["Corpus", "load_corpus", "load_pretrained_corpus"]

FORMAT: Final = 1
"""Of the cache. Raise it with any change to what a tokenizer or an encoded corpus is, and old caches rest."""

_IDS, _OFFSETS, _TOKENIZER, _MANIFEST = "ids.npy", "offsets.npy", "tokenizer.json", "manifest.json"


@dataclass(frozen=True)
class Corpus:
    """All reviews of a dataset as token ids, with the tokenizer that made them."""

    encoded: EncodedTexts
    """Every row of `dataset.reviews`, in order; read-only and memory-mapped if it comes from a cache."""
    tokenizer_json: str
    vocabulary_size: int
    """Entries the tokenizer has, `<pad>` and `<unk>` included; at most what was asked for."""


def load_corpus(dataset: "Dataset", unit: str, vocabulary_size: int, cache: Path) -> Corpus:
    """The dataset in token ids, from the cache if it is there and whole, else built and put there.

    What is found is checked against its checksums before it is used; damaged, it is built anew. Any number of
    processes may ask at once: each builds in a directory of its own, and the first to finish gives it the final
    name. If the cache cannot be written (read-only, disk full), a one-line warning says so and the corpus stays in
    this process's memory.

    Args:
        dataset: the tokenizer is fitted on its training rows, and all its rows are encoded.
        unit: word, char, subword or jamo.
        vocabulary_size: most entries that the tokenizer may have.
        cache: a directory, made if missing.

    Raises:
        InputError: see `fit_tokenizer`.
    """
    wanted = {
        "format": FORMAT,
        "tokenizers": tokenizers.__version__,
        "fingerprint": dataset.fingerprint,
        "unit": unit,
        "vocabulary_size": vocabulary_size,
    }

    def build() -> Corpus:
        texts = dataset.reviews.texts
        tokenizer = fit_tokenizer([texts[row] for row in dataset.split.train], unit, vocabulary_size)
        return Corpus(encode(tokenizer, texts), tokenizer.to_str(), tokenizer.get_vocab_size())

    return _cached(cache, f"{unit}-{vocabulary_size}", wanted, len(dataset.reviews.texts), build)


def load_pretrained_corpus(dataset: "Dataset", tokenizer_json: str, limits: Limits, cache: Path) -> Corpus:
    """The dataset in the ids of a tokenizer that comes with a pretrained model; kept as `load_corpus` does.

    Args:
        dataset: all its rows are encoded.
        tokenizer_json: what the tokenizer's file holds.
        limits: see `read_pretrained`.
        cache: a directory, made if missing.

    Raises:
        InputError: see `read_pretrained`.
    """
    tokenizer = read_pretrained(tokenizer_json, limits)
    wanted = {
        "format": FORMAT,
        "tokenizers": tokenizers.__version__,
        "fingerprint": dataset.fingerprint,
        "tokenizer": hashlib.sha256(tokenizer_json.encode()).hexdigest(),
        "max_tokens": limits.tokens,
    }

    def build() -> Corpus:
        encoded = encode_pretrained(tokenizer, dataset.reviews.texts)
        return Corpus(encoded, tokenizer_json, tokenizer.get_vocab_size())

    return _cached(cache, f"pretrained-{limits.tokens}", wanted, len(dataset.reviews.texts), build)


def _cached(cache: Path, name: str, wanted: dict[str, Any], rows: int, build: Callable[[], Corpus]) -> Corpus:
    key = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:32]
    directory = cache / f"{name}-{key}"
    existed = directory.exists()  # asked first: another process may put it there at any moment
    found = _open(directory, wanted, rows)
    if found is not None:
        return found
    if existed:
        warnings.warn(f"{directory} is damaged or cannot be read; it is built anew", stacklevel=3)
    built = build()
    try:
        publish(directory, partial(_write, built, wanted), lambda: _open(directory, wanted, rows) is not None)
    except OSError as error:
        reason = error.strerror or str(error)
        warnings.warn(f"{directory} cannot be written ({reason}); the corpus stays in memory", stacklevel=3)
    return _open(directory, wanted, rows) or built


def _open(directory: Path, wanted: dict[str, Any], rows: int) -> Corpus | None:
    """The corpus in a cache directory; None unless every byte is what was written."""
    try:
        manifest = json.loads((directory / _MANIFEST).read_bytes())
        files = manifest.pop("files")
        if manifest != wanted:
            return None
        for name in (_IDS, _OFFSETS, _TOKENIZER):
            if _checksum(directory / name) != files[name]:
                return None
        # As plain arrays: they keep the mapping, without the cost of np.memmap's own __getitem__.
        ids, offsets = (
            np.asarray(np.load(directory / name, mmap_mode="r", allow_pickle=False)) for name in (_IDS, _OFFSETS)
        )
        tokenizer_json = (directory / _TOKENIZER).read_text(encoding="utf-8")
        vocabulary_size = len(json.loads(tokenizer_json)["model"]["vocab"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if len(offsets) != rows + 1:
        return None
    return Corpus(EncodedTexts(ids, offsets), tokenizer_json, vocabulary_size)


def _checksum(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"sha256": digest, "bytes": file.tell()}


def _write(corpus: Corpus, wanted: dict[str, Any], directory: Path) -> None:
    for name, array in ((_IDS, corpus.encoded.ids), (_OFFSETS, corpus.encoded.offsets)):
        with (directory / name).open("wb") as file:
            np.save(file, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
    write_through(directory / _TOKENIZER, corpus.tokenizer_json.encode())
    files = {name: _checksum(directory / name) for name in (_IDS, _OFFSETS, _TOKENIZER)}
    write_through(directory / _MANIFEST, json.dumps(wanted | {"files": files}, indent=1).encode())

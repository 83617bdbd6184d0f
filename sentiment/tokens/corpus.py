"""All reviews of a dataset in token ids.

The encoded corpus is flat: all ids behind one another, and where each text begins. It is kept in a cache directory,
checked against its checksums when opened, and memory-mapped by every process that uses it.
"""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import socket
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import tokenizers

from sentiment.tokens.tokenizers import EncodedTexts, encode, fit_tokenizer
from sentiment.writing import write_through

if TYPE_CHECKING:  # it brings pyarrow, which whoever only encodes does not need
    from sentiment.reviews.dataset import Dataset

__all__ = ["Corpus", "load_corpus"]

FORMAT: Final = 1
"""Of the cache. Raise it with any change to what a tokenizer or an encoded corpus is, and old caches rest."""

_TEMPORARY: Final = ".building"
_STALE_SECONDS: Final = 86_400
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
    key = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:32]
    directory = cache / f"{unit}-{vocabulary_size}-{key}"
    rows = len(dataset.reviews.texts)
    existed = directory.exists()  # asked first: another process may put it there at any moment
    found = _open(directory, wanted, rows)
    if found is not None:
        return found
    if existed:
        warnings.warn(f"{directory} is damaged or cannot be read; it is built anew", stacklevel=2)
    texts = dataset.reviews.texts
    tokenizer = fit_tokenizer([texts[row] for row in dataset.split.train], unit, vocabulary_size)
    built = Corpus(encode(tokenizer, texts), tokenizer.to_str(), tokenizer.get_vocab_size())
    try:
        _publish(built, directory, wanted, rows)
    except OSError as error:
        reason = error.strerror or str(error)
        warnings.warn(f"{directory} cannot be written ({reason}); the corpus stays in memory", stacklevel=2)
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


def _publish(corpus: Corpus, directory: Path, wanted: dict[str, Any], rows: int) -> None:
    """Write a corpus beside its final name and rename it there, whole."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    _clean_leftovers(directory.parent)
    temporary = _temporary_path(directory.parent)
    try:
        temporary.mkdir()
        _write(corpus, temporary, wanted)
        for _ in range(3):
            try:
                temporary.rename(directory)  # fails if another process was first
                break
            except OSError:
                if _open(directory, wanted, rows) is not None:
                    break
                discarded = _temporary_path(directory.parent)
                with contextlib.suppress(FileNotFoundError):
                    directory.rename(discarded)
                shutil.rmtree(discarded, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(corpus: Corpus, directory: Path, wanted: dict[str, Any]) -> None:
    for name, array in ((_IDS, corpus.encoded.ids), (_OFFSETS, corpus.encoded.offsets)):
        with (directory / name).open("wb") as file:
            np.save(file, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
    write_through(directory / _TOKENIZER, corpus.tokenizer_json.encode())
    files = {name: _checksum(directory / name) for name in (_IDS, _OFFSETS, _TOKENIZER)}
    write_through(directory / _MANIFEST, json.dumps(wanted | {"files": files}, indent=1).encode())


def _temporary_path(cache: Path) -> Path:
    return cache / f"{_TEMPORARY}~{socket.gethostname()}~{os.getpid()}~{secrets.token_hex(4)}"


def _clean_leftovers(cache: Path) -> None:
    """Remove what processes that died while building have left behind."""
    for path in cache.glob(f"{_TEMPORARY}~*"):
        with contextlib.suppress(OSError):
            if not _is_being_built(path):
                shutil.rmtree(path)


def _is_being_built(path: Path) -> bool:
    if time.time() - path.stat().st_mtime > _STALE_SECONDS:
        return False
    _, host, process, _ = path.name.split("~")
    # A process of another machine cannot be asked, and on Windows to ask is to kill.
    if host != socket.gethostname() or os.name != "posix":
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

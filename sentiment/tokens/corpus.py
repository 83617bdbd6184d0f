"""All reviews of a dataset in token ids.

The encoded corpus is flat: all ids behind one another, and where each text begins. It is kept in a cache directory.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import tokenizers

from sentiment.tokens.cache import Parts, kept
from sentiment.tokens.pretrained import Limits, encode_pretrained, read_pretrained
from sentiment.tokens.tokenizers import EncodedTexts, encode, fit_tokenizer

if TYPE_CHECKING:  # it brings pyarrow, which whoever only encodes does not need
    from sentiment.reviews.dataset import Dataset

__all__ = ["Corpus", "load_corpus", "load_pretrained_corpus"]

FORMAT: Final = 1
"""Of the cache. Raise it with any change to what a tokenizer or an encoded corpus is, and old caches rest."""

_IDS, _OFFSETS, _TOKENIZER = "ids.npy", "offsets.npy", "tokenizer.json"


@dataclass(frozen=True)
class Corpus:
    """All reviews of a dataset as token ids, with the tokenizer that made them."""

    encoded: EncodedTexts
    """Every row of `dataset.reviews`, in order; read-only and memory-mapped if it comes from a cache."""
    tokenizer_json: str
    vocabulary_size: int
    """Entries the tokenizer has, `<pad>` and `<unk>` included; at most what was asked for."""


def load_corpus(dataset: "Dataset", unit: str, vocabulary_size: int, cache: Path) -> Corpus:
    """The dataset in token ids, from the cache if it is there and whole (`sentiment.tokens.cache`).

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

    texts = dataset.reviews.texts

    def build() -> Parts:
        tokenizer = fit_tokenizer([texts[row] for row in dataset.split.train], unit, vocabulary_size)
        return _parts(encode(tokenizer, texts), tokenizer.to_str())

    return kept(cache, f"{unit}-{vocabulary_size}", wanted, build, partial(_made, rows=len(texts)))


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

    texts = dataset.reviews.texts

    def build() -> Parts:
        return _parts(encode_pretrained(tokenizer, texts), tokenizer_json)

    return kept(cache, f"pretrained-{limits.tokens}", wanted, build, partial(_made, rows=len(texts)))


def _parts(encoded: EncodedTexts, tokenizer_json: str) -> Parts:
    return {_IDS: encoded.ids, _OFFSETS: encoded.offsets, _TOKENIZER: tokenizer_json}


def _made(parts: Parts, rows: int) -> Corpus:
    ids, offsets, tokenizer_json = parts[_IDS], parts[_OFFSETS], parts[_TOKENIZER]
    if not isinstance(ids, np.ndarray) or not isinstance(offsets, np.ndarray) or len(offsets) != rows + 1:
        raise ValueError("these are other rows")
    tokenizer_json = str(tokenizer_json)
    return Corpus(EncodedTexts(ids, offsets), tokenizer_json, len(json.loads(tokenizer_json)["model"]["vocab"]))

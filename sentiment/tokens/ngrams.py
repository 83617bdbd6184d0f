"""Texts in n-grams of words and of characters within words, each known by a hash.

The n-grams are those of the linear model, and scikit-learn finds and hashes them (MurmurHash3, 31 bits, the same on
every machine). Of the hashes only those are kept that occur in two training texts or more: a model has weights for them
alone, and they take the place of a list of n-grams. Of a million n-grams one in a few thousand shares its hash.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sentiment.tokens.cache import Parts, kept
from sentiment.tokens.tokenizers import in_segments

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from sentiment.reviews.dataset import Dataset

__all__ = ["HASHES", "NGRAM_TOKEN", "Bags", "NgramCorpus", "Ngrams", "fit_ngrams", "load_ngrams"]

FORMAT: Final = 1
"""Of the cache. Raise it with any change to what n-grams and bags are, and old caches rest."""

# Words of any length and single marks: scikit-learn's own pattern drops "좀", "a" and every "!" and emoji.
NGRAM_TOKEN: Final = r"\w+|[^\w\s]"
_BITS: Final = 31
HASHES: Final = 2 << _BITS
"""A hash is below: those of words come first, then those of characters."""

_FILES: Final = ("hashes.npy", "idf.npy", "ids.npy", "weights.npy", "offsets.npy")
_CHUNK: Final = 4096
"""Texts that are hashed at a time, to bound memory."""
_FEW_ROWS: Final = 1000
"""Below this, an n-gram that occurs in one text is kept: there would be too little left."""


@dataclass(frozen=True)
class Bags:
    """Texts as weighted n-grams, one behind the other."""

    ids: np.ndarray
    """int32 [all n-grams]: positions in `Ngrams.hashes`; of each text in ascending order, each once."""
    weights: np.ndarray
    """float32 [all n-grams]: TF-IDF. The squares of a text's weights add up to 1."""
    offsets: np.ndarray
    """int64 [n + 1]: text i is `ids[offsets[i]:offsets[i + 1]]`, which may be empty."""

    def __len__(self) -> int:
        return len(self.offsets) - 1


@dataclass(frozen=True)
class Ngrams:
    """The n-grams of training texts that are kept."""

    words: int
    """Words in a row that are counted together, at most; 0 for no words."""
    characters: int
    """Characters of a word in a row that are counted together, at most; 0 for none."""
    hashes: np.ndarray
    """int64 [V], ascending."""
    idf: np.ndarray
    """float32 [V]: 1 + ln((1 + texts) / (1 + texts with it))."""

    def __len__(self) -> int:
        return len(self.hashes)

    def bags(self, texts: Sequence[str]) -> Bags:
        """What is known of each text; alone it gives what it gives among others.

        An n-gram that occurs c times weighs (1 + ln c) idf, over the length of all of the text's weights. Of a text of
        more than 65,536 characters only the first so many are read.
        """
        ids, weights = [np.empty(0, dtype=np.int32)], [np.empty(0, dtype=np.float32)]
        lengths = [np.empty(0, dtype=np.int64)]
        for counts in _counts(texts, self.words, self.characters):
            rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
            places = np.searchsorted(self.hashes, counts.indices)
            known = places < len(self.hashes)
            known[known] = self.hashes[places[known]] == counts.indices[known]
            rows, places, count = rows[known], places[known], counts.data[known]
            values = (1 + np.log(count)) * self.idf[places]
            norms = np.sqrt(np.bincount(rows, values**2, minlength=counts.shape[0]))
            ids.append(places.astype(np.int32))
            weights.append((values / norms[rows]).astype(np.float32))
            lengths.append(np.bincount(rows, minlength=counts.shape[0]))
        offsets = np.concatenate(([0], np.cumsum(np.concatenate(lengths), dtype=np.int64)))
        return Bags(np.concatenate(ids), np.concatenate(weights), offsets)


@dataclass(frozen=True)
class NgramCorpus:
    """All reviews of a dataset as bags, with the n-grams of its training rows."""

    ngrams: Ngrams
    bags: Bags
    """Every row of `dataset.reviews`, in order; read-only and memory-mapped if it comes from a cache."""


def load_ngrams(dataset: "Dataset", words: int, characters: int, most: int, cache: Path) -> NgramCorpus:
    """The dataset in n-grams, from the cache if it is there and whole (`sentiment.tokens.cache`).

    Args:
        dataset: the n-grams are chosen from its training rows, and all its rows become bags.
        words: see `Ngrams`.
        characters: see `Ngrams`.
        most: see `fit_ngrams`.
        cache: a directory, made if missing.
    """
    import sklearn

    texts = dataset.reviews.texts

    def build() -> Parts:
        ngrams = fit_ngrams([texts[row] for row in dataset.split.train], words, characters, most)
        bags = ngrams.bags(texts)
        arrays = (ngrams.hashes, ngrams.idf, bags.ids, bags.weights, bags.offsets)
        return dict(zip(_FILES, arrays, strict=True))

    def make(parts: Parts) -> NgramCorpus:
        hashes, idf, ids, weights, offsets = (np.asarray(parts[name]) for name in _FILES)
        if len(offsets) != len(texts) + 1:
            raise ValueError("these are other rows")
        return NgramCorpus(Ngrams(words, characters, hashes, idf), Bags(ids, weights, offsets))

    wanted = {
        "format": FORMAT,
        "scikit-learn": sklearn.__version__,
        "fingerprint": dataset.fingerprint,
        "words": words,
        "characters": characters,
        "most": most,
    }
    return kept(cache, f"ngrams-{words}-{characters}-{most}", wanted, build, make)


def fit_ngrams(texts: Sequence[str], words: int, characters: int, most: int) -> Ngrams:
    """Choose the n-grams that occur in two of the training texts or more; of too many, the most frequent.

    Args:
        texts: training rows only.
        words: see `Ngrams`.
        characters: see `Ngrams`.
        most: how many are kept at most; of equally frequent ones those of the smaller hash.
    """
    found, frequency = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    for counts in _counts(texts, words, characters):
        both, place = np.unique(np.concatenate([found, counts.indices]), return_inverse=True)
        times = np.concatenate([frequency, np.ones(len(counts.indices), dtype=np.int64)])
        found, frequency = both, np.bincount(place, times, minlength=len(both)).astype(np.int64)
    kept = np.flatnonzero(frequency >= (2 if len(texts) >= _FEW_ROWS else 1))
    kept = np.sort(kept[np.argsort(-frequency[kept], kind="stable")[:most]])
    idf = 1 + np.log((1 + len(texts)) / (1 + frequency[kept]))
    return Ngrams(words, characters, found[kept], idf.astype(np.float32))


def _counts(texts: Sequence[str], words: int, characters: int) -> Iterator["csr_array"]:
    """How often each text has each hash, chunk by chunk; within a row the hashes ascend."""
    import scipy.sparse

    vectorizers = _vectorizers(words, characters)
    for start in range(0, len(texts), _CHUNK):
        chunk = [next(in_segments(text)) for text in texts[start : start + _CHUNK]]
        parts = [None if vectorizer is None else vectorizer.transform(chunk) for vectorizer in vectorizers]
        width = (1 << _BITS) - 1
        blocks = [scipy.sparse.csr_array((len(chunk), width)) if part is None else part for part in parts]
        counts = scipy.sparse.csr_array(scipy.sparse.hstack(blocks, format="csr"))
        counts.sort_indices()
        yield counts


def _vectorizers(words: int, characters: int) -> list[Any]:
    from sklearn.feature_extraction.text import HashingVectorizer

    plain: dict[str, Any] = {"n_features": (1 << _BITS) - 1, "norm": None, "alternate_sign": False, "dtype": np.float32}
    of_words = HashingVectorizer(token_pattern=NGRAM_TOKEN, ngram_range=(1, words), **plain) if words else None
    within = HashingVectorizer(analyzer="char_wb", ngram_range=(1, characters), **plain) if characters else None
    return [of_words, within]

"""Tokenizers: fitted on texts, read from their JSON, and texts in their ids.

Every unit is a Hugging Face tokenizer, one JSON file that other programs read too:

    word      lower-cased words, with inner apostrophes, and single punctuation marks or emoji
    char      Unicode characters after NFC, in their case, spaces included
    subword   BPE over lower-cased words and runs of punctuation; `▁` marks where a space stood
    jamo      the same after NFD, which takes Hangul syllables apart into conjoining jamo

A word or character that occurs once in the training rows is left out of the vocabulary: it would teach nothing, and
this way `<unk>` is met, and learned, in training. `<pad>` and `<unk>` are entries of the vocabulary but not "added
tokens", which a tokenizer looks for in the text itself: a review that says "<pad>" holds three ordinary tokens.
"""

import itertools
import json
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from sentiment.errors import InputError

__all__ = ["PAD", "UNITS", "UNKNOWN", "EncodedTexts", "encode", "fit_tokenizer", "in_segments", "read_tokenizer"]

PAD: Final = 0
"""Fills batches up; never an id of an encoded text."""
UNKNOWN: Final = 1
"""What is not in the vocabulary, and the only token of a text that has none."""
UNITS: Final = ("word", "char", "subword", "jamo")

_SPECIAL: Final = ("<pad>", "<unk>")
_LEAST_OCCURRENCES: Final = 2
_WORD: Final = r"\w+(?:['’]\w+)*"
# Words never share a piece with `<` or `>`, so no learned merge can spell a special token.
_WORD_OR_MARK: Final = rf"{_WORD}|[^\w\s]\p{{M}}*"
_WORD_OR_MARKS: Final = rf"▁?(?:{_WORD}|[^\w▁](?:[^\w▁]|\p{{M}})*)|▁"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_SEGMENT_CHARACTERS: Final = 1 << 16
_CHUNK_CHARACTERS: Final = 1 << 18


@dataclass(frozen=True)
class EncodedTexts:
    """Token ids of n texts, one behind the other; no text is empty and none holds `PAD`."""

    ids: np.ndarray
    """uint16, or int32 where ids may be 65,536 and more [all tokens]."""
    offsets: np.ndarray
    """int64 [n + 1]: text i is `ids[offsets[i]:offsets[i + 1]]`."""

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each text, int64 [n]."""
        return np.diff(self.offsets)


def fit_tokenizer(texts: Sequence[str], unit: str, vocabulary_size: int) -> Tokenizer:
    """Learn a vocabulary from training texts.

    The same texts give the same JSON, byte for byte, with any number of threads. BPE: Sennrich et al. 2016; its
    alphabet is the most frequent characters, at most half of the vocabulary, so that merges find room beside
    thousands of Hangul syllables or Chinese characters.

    Args:
        texts: training rows only.
        unit: word, char, subword or jamo.
        vocabulary_size: most entries, `<pad>` and `<unk>` included.

    Raises:
        InputError: the unit is unknown, or the vocabulary has no room for a token.
    """
    if unit not in UNITS:
        raise InputError(f"token_unit is {unit!r}; choose one of {', '.join(UNITS)}")
    if vocabulary_size < len(_SPECIAL) + 2:
        raise InputError(f"vocabulary_size is {vocabulary_size}; it must be at least {len(_SPECIAL) + 2}")
    trainer: trainers.WordLevelTrainer | trainers.BpeTrainer
    if unit in ("word", "char"):
        trainer = trainers.WordLevelTrainer(
            vocab_size=vocabulary_size,
            min_frequency=_LEAST_OCCURRENCES,
            special_tokens=list(_SPECIAL),
            show_progress=False,
        )
    else:
        alphabet = _alphabet(texts, unit, (vocabulary_size - len(_SPECIAL)) // 2)
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary_size,
            min_frequency=_LEAST_OCCURRENCES,
            special_tokens=list(_SPECIAL),
            # The trainer's own choice among equally frequent characters differs from run to run.
            initial_alphabet=alphabet,
            limit_alphabet=len(alphabet),
            show_progress=False,
        )
    tokenizer = _tokenizer(unit, {}, [])
    tokenizer.train_from_iterator((segment for text in texts for segment in in_segments(text)), trainer)
    described = json.loads(tokenizer.to_str())
    described["added_tokens"] = []
    return Tokenizer.from_str(json.dumps(described, ensure_ascii=False))


def read_tokenizer(text: str, unit: str, vocabulary_size: int) -> Tokenizer:
    """A tokenizer from the JSON that `fit_tokenizer` gives.

    The file has a say in the vocabulary and the merges alone. All else in it must be what this package writes for the
    unit: a tokenizer of another origin may bring a regular expression that never ends, or pad to any length.

    Raises:
        InputError: it was not written by this package for `unit`, its ids are not 0 to `vocabulary_size` - 1, or its
            merges make what is not in its vocabulary.
        ValueError: it is no JSON.
    """
    written, ours = json.loads(text), json.loads(_tokenizer(unit, {}, []).to_str())
    if not _agrees(written, ours | {"model": {**ours["model"], "vocab": ..., "merges": ...}}):
        raise InputError(f"the tokenizer is not one that this package writes for token_unit {unit!r}")
    vocabulary, merges = written["model"].get("vocab"), written["model"].get("merges", [])
    if not isinstance(vocabulary, dict) or [vocabulary.get(token) for token in _SPECIAL] != [PAD, UNKNOWN]:
        raise InputError(f"the tokenizer's vocabulary must begin with {' and '.join(_SPECIAL)}")
    ids = list(vocabulary.values())
    if set(map(type, ids)) != {int} or sorted(ids) != list(range(vocabulary_size)):
        raise InputError(f"the tokenizer's ids must be 0 to {vocabulary_size - 1}, each once")
    if not isinstance(merges, list) or not all(_merges(pair, vocabulary) for pair in merges):
        raise InputError("each of the tokenizer's merges must be two entries of its vocabulary that make a third")
    return _tokenizer(unit, vocabulary, [tuple(pair) for pair in merges])


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> EncodedTexts:
    """Turn texts into ids, uncut; a text without any token becomes one `UNKNOWN`.

    Texts are read in bounded chunks. One of more than 65,536 characters goes in segments, cut at a space where
    there is one; elsewhere a token that would span the cut becomes two. Half a surrogate pair, which is no
    character, is read as U+FFFD.
    """
    dtype = np.uint16 if tokenizer.get_vocab_size() <= 1 << 16 else np.int32
    lengths = np.zeros(len(texts), dtype=np.int64)
    chunks: list[np.ndarray] = [np.empty(0, dtype=dtype)]
    for rows, segments in _chunks(texts):
        lists = [encoding.ids for encoding in tokenizer.encode_batch_fast(segments, add_special_tokens=False)]
        counts = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
        np.add.at(lengths, rows, counts)
        chunks.append(np.fromiter(itertools.chain.from_iterable(lists), dtype=dtype, count=int(counts.sum())))
    ids = np.concatenate(chunks)
    empty = lengths == 0
    if empty.any():
        ids = np.insert(ids, (np.cumsum(lengths) - lengths)[empty], UNKNOWN)
        lengths[empty] = 1
    return EncodedTexts(ids, np.concatenate(([0], np.cumsum(lengths))))


def _tokenizer(unit: str, vocabulary: dict[str, int], merges: list[Any]) -> Tokenizer:
    unknown = _SPECIAL[UNKNOWN]
    if unit in ("word", "char"):
        tokenizer = Tokenizer(models.WordLevel(vocabulary, unknown))
    else:
        tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token=unknown))
    tokenizer.normalizer = _normalizer(unit)
    tokenizer.pre_tokenizer = _pre_tokenizer(unit)
    return tokenizer


def _agrees(written: Any, ours: Any) -> bool:
    """Whether a JSON value says no more than ours does; `...` in ours is anything.

    Versions of the library differ in the fields that they write: one may be missing, or be there and say nothing.
    """
    if isinstance(ours, dict):
        return isinstance(written, dict) and all(
            _agrees(value, ours[name]) if name in ours else not value for name, value in written.items()
        )
    if isinstance(ours, list):
        return isinstance(written, list) and len(written) == len(ours) and all(map(_agrees, written, ours))
    return bool(ours is ... or written == ours)


def _merges(pair: Any, vocabulary: dict[str, int]) -> bool:
    """Whether a pair of the merges is one: the library ends the program over some that are not."""
    if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(part, str) for part in pair):
        return False
    return all(entry in vocabulary for entry in (*pair, "".join(pair)))


def _normalizer(unit: str) -> Any:
    if unit == "char":
        return normalizers.NFC()
    form = normalizers.NFD() if unit == "jamo" else normalizers.NFC()
    return normalizers.Sequence([form, normalizers.Lowercase()])


def _pre_tokenizer(unit: str) -> Any:
    if unit == "char":
        return pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    if unit == "word":
        return pre_tokenizers.Split(Regex(_WORD_OR_MARK), "removed", invert=True)
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Metaspace(prepend_scheme="always"),
            pre_tokenizers.Split(Regex(_WORD_OR_MARKS), "isolated"),
        ]
    )


def _alphabet(texts: Sequence[str], unit: str, limit: int) -> list[str]:
    """The most frequent characters of normalized texts, by code point where equally frequent; `▁` is one of them."""
    form: Literal["NFC", "NFD"] = "NFD" if unit == "jamo" else "NFC"
    raw = np.zeros(0x110000, dtype=np.int64)
    for _, segments in _chunks(texts):
        points = np.frombuffer(unicodedata.normalize(form, "\n".join(segments)).encode("utf-32-le"), dtype=np.uint32)
        raw += np.bincount(points, minlength=len(raw))
    normalizer = _normalizer(unit)
    counts: dict[str, int] = {}
    for point in np.flatnonzero(raw):
        for character in normalizer.normalize_str(chr(point)):
            counts[character] = counts.get(character, 0) + int(raw[point])
    kept = [c for c, count in counts.items() if count >= _LEAST_OCCURRENCES and not c.isspace() and c != "▁"]
    kept.sort(key=lambda character: (-counts[character], character))
    return sorted(["▁", *kept[: limit - 1]])


def in_segments(text: str) -> Iterator[str]:
    """A text in pieces of bounded length that UTF-8 can hold, cut before a space where there is one."""
    if not text.isascii():
        text = _SURROGATE.sub("\ufffd", text)
    start = 0
    while len(text) - start > _SEGMENT_CHARACTERS:
        end = start + _SEGMENT_CHARACTERS
        space = text.rfind(" ", start + 1, end)
        end = space if space > 0 else end
        yield text[start:end]
        start = end
    yield text[start:]


def _chunks(texts: Sequence[str]) -> Iterator[tuple[list[int], list[str]]]:
    """Segments of all texts, with the row that each comes from, a bounded number of characters at a time."""
    rows: list[int] = []
    segments: list[str] = []
    characters = 0
    for row, text in enumerate(texts):
        for segment in in_segments(text):
            rows.append(row)
            segments.append(segment)
            characters += len(segment)
            if characters >= _CHUNK_CHARACTERS:
                yield rows, segments
                rows, segments, characters = [], [], 0
    if rows:
        yield rows, segments


def _before_fork() -> None:
    if "TOKENIZERS_PARALLELISM" not in os.environ:
        _set_for_fork.append(True)
        os.environ["TOKENIZERS_PARALLELISM"] = "false"


def _after_fork_in_parent() -> None:
    if _set_for_fork:
        _set_for_fork.clear()
        os.environ.pop("TOKENIZERS_PARALLELISM", None)


# A forked child (say of a DataLoader) has none of the tokenizers' threads and must not wait for them. The library
# sees to that itself, but prints a warning into every child unless the environment has the say.
_set_for_fork: list[bool] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent)

"""The tokenizer that comes with a pretrained model: read from its tokenizer.json, and texts in its ids.

Its file may come from anywhere, as that of a bundle may. What it is made of must be among the parts that pretrained
encoders have, and no regular expression in it may be one that nobody knows: it might never end.
"""

import base64
import itertools
import json
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from tokenizers import Tokenizer

from sentiment.errors import InputError
from sentiment.tokens.tokenizers import EncodedTexts, in_segments

__all__ = ["Limits", "encode_pretrained", "read_pretrained"]

_MODELS: Final = ("WordPiece", "BPE", "Unigram", "WordLevel")
_PARTS: Final = {
    "normalizer": (
        *("Sequence", "BertNormalizer", "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Strip", "Nmt"),
        *("Precompiled", "Replace", "Prepend"),
    ),
    "pre_tokenizer": (
        *("Sequence", "BertPreTokenizer", "Whitespace", "WhitespaceSplit", "Metaspace", "ByteLevel", "Digits", "Split"),
        *("Punctuation", "UnicodeScripts", "CharDelimiterSplit"),
    ),
    "post_processor": ("Sequence", "BertProcessing", "RobertaProcessing", "TemplateProcessing", "ByteLevel"),
}
_PATTERNS: Final = (
    " {2,}",  # converters of SentencePiece: runs of blanks
    # Llama 3, which EuroBERT has too
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
)
_PROBES: Final = ("", "a", "A good film, 한국어 ภาษาไทย 👍\n")
_MOST_MARKS: Final = 16
"""Tokens such as [CLS] and [SEP] that may stand around a text."""
_LONGEST_WORD: Final = 1000
_ONCE: Final = ("Precompiled", "BertNormalizer", "Metaspace", "ByteLevel")
"""Each makes some texts longer by a few times, and would again what it has made."""
_MOST_PARTS: Final = 16
"""Of a kind: each may put a blank before a text."""
_LONGEST_ENTRY: Final = 64
"""Bytes that a character may become by a charsmap; by that of NFKC one becomes 33."""
_CHUNK: Final = 1024


@dataclass(frozen=True)
class Limits:
    """What the model can read."""

    vocabulary: int
    """Ids must be below."""
    tokens: int
    """In each text, those around it included; a longer one is cut."""


def read_pretrained(text: str, limits: Limits) -> Tokenizer:
    """A tokenizer that `encode_pretrained` can use, from its JSON.

    What spells a special token in a text ("[SEP]") is read as ordinary characters.

    Raises:
        InputError: it is none, has parts that are not known to be harmless, ids that the model has not, or `limits`
            leave no room for a text.
    """
    with _refused("is damaged"):
        described = json.loads(text)
        _refuse_unknown_parts(described)
        # How the file would pad and cut is somebody else's business, and nothing is ever decoded.
        kept = described | {"truncation": None, "padding": None, "decoder": None}
        tokenizer = Tokenizer.from_str(json.dumps(kept, ensure_ascii=False))
        tokenizer.encode_special_tokens = True
        marks = tokenizer.num_special_tokens_to_add(False)
        if not marks < limits.tokens or marks > _MOST_MARKS:
            raise InputError(
                f"max_tokens is {limits.tokens}, and the tokenizer puts {marks} around each text; raise it"
            )
        tokenizer.enable_truncation(limits.tokens)
        ids = itertools.chain(*(tokenizer.encode(probe).ids for probe in _PROBES))
        largest = max(itertools.chain(tokenizer.get_vocab(with_added_tokens=True).values(), ids))
    if largest >= limits.vocabulary:
        raise InputError(f"tokenizer.json has the id {largest:,}, but the model knows {limits.vocabulary:,} tokens")
    return tokenizer


def encode_pretrained(tokenizer: Tokenizer, texts: Sequence[str]) -> EncodedTexts:
    """Turn texts into ids, cut to the length that `read_pretrained` was given.

    Of a text of more than 65,536 characters only the first so many are read. A text without any token becomes the
    first entry of the vocabulary.

    Raises:
        InputError: the tokenizer fails over one of the texts.
    """
    lengths: list[int] = []
    chunks: list[np.ndarray] = [np.empty(0, dtype=np.int32)]
    for start in range(0, len(texts), _CHUNK):
        first = [next(in_segments(text)) for text in texts[start : start + _CHUNK]]
        with _refused("fails over a text"):
            lists = [encoding.ids or [0] for encoding in tokenizer.encode_batch_fast(first)]
        lengths += map(len, lists)
        chunks.append(np.fromiter(itertools.chain.from_iterable(lists), np.int32, count=sum(map(len, lists))))
    ids = np.concatenate(chunks)
    if ids.max(initial=0) < 1 << 16:  # a vocabulary says nothing of it: its ids may have gaps
        ids = ids.astype(np.uint16)
    return EncodedTexts(ids, np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))))


@contextmanager
def _refused(why: str) -> Iterator[None]:
    try:
        yield
    except (InputError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # where the library's Rust panics, it raises no Exception
        raise InputError(f"tokenizer.json {why} ({type(error).__name__}: {str(error)[:200]})") from None


def _refuse_unknown_parts(described: Any) -> None:
    model = described["model"]
    if model.get("type") not in _MODELS:
        raise InputError(f"tokenizer.json has a model {model.get('type')!r}; known are {', '.join(_MODELS)}")
    _refuse_wrong_model(model)
    for kind, known in _PARTS.items():
        parts = list(itertools.islice(_parts(described.get(kind)), _MOST_PARTS + 1))
        if len(parts) > _MOST_PARTS:
            raise InputError(f"tokenizer.json has a {kind} of more than {_MOST_PARTS} parts")
        for part in parts:
            if part.get("type") not in known:
                raise InputError(f"tokenizer.json has a {kind} {part.get('type')!r}; known are {', '.join(known)}")
            pattern = part.get("pattern") or {}
            expression, string = pattern.get("Regex"), pattern.get("String")
            if expression is not None and expression not in _PATTERNS:
                raise InputError(
                    f"tokenizer.json has the regular expression {expression!r}, which is not known to be harmless"
                )
            if string == "":
                raise InputError(f"tokenizer.json has a {part['type']} that looks for a text of no characters")
            if part["type"] in ("Replace", "Prepend") and len(
                _decomposed(part.get("content") or part.get("prepend") or "")
            ) > len(string or "▁"):
                raise InputError(f"tokenizer.json has a {part['type']} that makes texts longer")
            if part["type"] == "Precompiled":
                _refuse_long_entries(part["precompiled_charsmap"])
            if part["type"] == "TemplateProcessing" and sum("Sequence" in piece for piece in part["single"]) != 1:
                raise InputError("tokenizer.json has a template that does not hold the text once")
        for name, times in Counter(part["type"] for part in parts).items():
            if name in _ONCE and times > 1:
                raise InputError(f"tokenizer.json has {times} times a {kind} {name!r}: each makes texts longer")


def _refuse_long_entries(charsmap: str) -> None:
    """A charsmap is the size of a trie in bytes, the trie, and what characters become, each ended by a NUL."""
    content = base64.b64decode(charsmap)
    trie = int.from_bytes(content[:4], "little") // 4 * 4
    longest = max(map(len, _decomposed(content[4 + trie :].decode(errors="replace")).encode().split(b"\0")))
    if longest > _LONGEST_ENTRY:
        raise InputError(
            f"tokenizer.json has a Precompiled that makes {longest:,} bytes of a character, more than {_LONGEST_ENTRY}"
        )


def _decomposed(text: str) -> str:
    """As long as any of the normal forms that may follow makes it."""
    return unicodedata.normalize("NFKD", text)


def _parts(part: Any) -> Iterator[dict[str, Any]]:
    if part is None:
        return
    yield part
    for inner in ("normalizers", "pretokenizers", "processors"):
        for one in part.get(inner) or ():
            yield from _parts(one)


def _refuse_wrong_model(model: dict[str, Any]) -> None:
    """Refuses what the library would fail over only at some text, or end the program."""
    vocabulary = model["vocab"]
    if model.get("dropout"):
        raise InputError(f"tokenizer.json draws by chance (dropout {model['dropout']}); set it to null")
    if model["type"] == "Unigram":
        if type(model.get("unk_id")) is not int or not 0 <= model["unk_id"] < len(vocabulary):
            raise InputError("tokenizer.json has no entry for what is unknown (unk_id)")
        return
    unknown = model.get("unk_token")
    if unknown not in vocabulary and not (unknown is None and model["type"] == "BPE"):
        raise InputError(f"tokenizer.json has no entry {unknown!r} for what is unknown")
    if model.get("max_input_chars_per_word", 0) > _LONGEST_WORD:
        raise InputError(f"tokenizer.json takes words apart of more than {_LONGEST_WORD} characters")
    prefix = len(model.get("continuing_subword_prefix") or "")
    for merge in model.get("merges", ()):
        pair = merge.split(" ") if isinstance(merge, str) else merge
        if len(pair) != 2 or not all(entry in vocabulary for entry in (*pair, pair[0] + pair[1][prefix:])):
            raise InputError("each of the merges in tokenizer.json must be two entries of its vocabulary, and make one")

"""The bytes of a text file become UTF-8, whatever they were written in, or are refused with the line.

What a file declares (a byte order mark) or the user says is believed; what looks like UTF-8 is UTF-8; only then the
bytes are guessed at, and the caller is told so. This room knows nothing of tables, columns or rows.
"""

import codecs
import re
from typing import Any, Final

from sentiment.errors import InputError

__all__ = ["as_utf8", "known_codec", "line_of", "refuse_nul"]

# A UTF-32 mark begins with the UTF-16 one, so it must be asked for first.
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What a review file without a mark is written in when it is not UTF-8. Left to all of its hundred encodings,
# charset-normalizer finds EBCDIC and DOS code pages in short files.
_LEGACY_ENCODINGS: Final = (
    "cp949",
    "cp932",
    "euc_jp",
    "gb18030",
    "big5",
    "tis_620",
    "cp1252",
    "cp1250",
    "cp1251",
    "koi8_r",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
)
_FOR_PROGRAMS: Final = ("idna", "punycode", "unicode-escape", "raw-unicode-escape")
"""Codecs that Python has for the names of hosts and for its own literals: no file of reviews is written in them."""
_SAMPLE_BYTES: Final = 1 << 16
_NOT_ASCII: Final = re.compile(rb"[\x80-\xff]")
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")


def as_utf8(data: bytes, encoding: str | None, path: str) -> tuple[bytes, str, bool]:
    """The content in UTF-8 without a mark, the encoding it was in, and whether that was guessed.

    Args:
        data: the bytes of the file.
        encoding: a Python codec name that overrides what the bytes look like; None to look at them.
        path: what an error calls the file.

    Raises:
        InputError: `encoding` is not known, or some bytes do not fit; the message names the line.
    """
    if encoding is not None:
        return _recode(data, known_codec(encoding), path), encoding, False
    for mark, codec in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            if codec == "utf-8-sig":
                return _checked_utf8(data[len(mark) :], path, shift=len(mark)), codec, False
            return _recode(data, codec, path), codec, False
    refuse_nul(data, path)
    if _is_utf8(data):
        return data, "utf-8", False
    if _is_almost_utf8(data):
        return _checked_utf8(data, path), "utf-8", False
    for codec in _likely_encodings(data):
        try:
            return data.decode(codec).encode("utf-8"), codec, True
        except UnicodeDecodeError:
            continue
    return _checked_utf8(data, path), "utf-8", False


def known_codec(encoding: str) -> str:
    """The Python codec of that name, for text; a mark at its start is no text.

    Raises:
        InputError: there is none.
    """
    try:
        codec = codecs.lookup(encoding)
        "".encode(codec.name)
        if codec.name in _FOR_PROGRAMS:
            raise LookupError
    except (LookupError, ValueError):
        raise InputError(
            f"encoding {encoding!r} is not known; give one such as utf-8, cp949, cp1252, gb18030"
        ) from None
    # A mark at the start belongs to the encoding, not to the name of the first column.
    return "utf-8-sig" if codec.name == "utf-8" else codec.name


def _recode(data: bytes, codec: str, path: str) -> bytes:
    try:
        return data.decode(codec).encode("utf-8")
    except UnicodeDecodeError as error:
        line = line_of(error.start, data)
        raise InputError(
            f"{path}, line {line}: byte 0x{data[error.start]:02x} is not {codec.removesuffix('-sig')}; "
            "repair that line, or pass another --encoding"
        ) from None
    except UnicodeEncodeError:  # utf-7 and its like can carry half of a surrogate pair
        raise InputError(f"{path}: the text in {codec} holds half characters; pass another --encoding") from None


def _is_utf8(data: bytes) -> bool:
    """Checked by pyarrow, which needs no decoded copy of the file."""
    import pyarrow as pa

    offsets = pa.py_buffer(len(data).to_bytes(8, "little").rjust(16, b"\0"))
    text = pa.LargeStringArray.from_buffers(1, offsets, pa.py_buffer(data))
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _checked_utf8(data: bytes, path: str, shift: int = 0) -> bytes:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = line_of(error.start, data)
        raise InputError(
            f"{path}, line {line}: byte 0x{data[error.start]:02x} (at offset {error.start + shift}) is not UTF-8; "
            "repair that line, or pass --encoding (cp949, cp1252, ...) if the whole file is in another one"
        ) from None
    return data


def _is_almost_utf8(data: bytes) -> bool:
    """Whether well-formed UTF-8 characters outnumber broken bytes.

    In a legacy encoding some neighbouring bytes form UTF-8 by chance, for ten broken bytes about two characters in
    Korean (CP949), three in Thai (TIS-620) and up to five in Chinese (GB 18030), measured on reviews; so
    a file where most do was written as UTF-8 and then damaged. Guessing an encoding would turn all of it to noise.
    """
    decoded = data.decode("utf-8", errors="replace")
    broken = decoded.count("\ufffd")
    ascii_characters = len(data.translate(None, delete=bytes(range(0x80, 0x100))))
    return len(decoded) - ascii_characters - broken > broken


def _likely_encodings(data: bytes) -> list[str]:
    """Codec names, likeliest first, judged by the lines that are not ASCII."""
    import charset_normalizer

    sample, place = b"", 0
    while len(sample) <= _SAMPLE_BYTES and (found := _NOT_ASCII.search(data, place)):
        start = max(data.rfind(end, place, found.start()) + 1 or place for end in (b"\n", b"\r"))
        ended = _LINE_END.search(data, found.end())
        place = ended.end() if ended else len(data)
        sample += data[max(start, found.start() - _SAMPLE_BYTES) : min(place, found.end() + _SAMPLE_BYTES)]
    matches = charset_normalizer.from_bytes(sample, cp_isolation=list(_LEGACY_ENCODINGS), enable_fallback=False)
    names = [match.encoding for match in matches]
    if names[:1] == ["cp1250"] and _as_likely("cp1252", matches):
        names = ["cp1252", *names]
    if names[:1] == ["cp949"] and not _is_everyday_korean(sample):
        names = [*names[1:], "cp949"]
    return names


def _as_likely(encoding: str, matches: Any) -> bool:
    """Whether `encoding` gives the same text as the best match, or one that scores as well."""
    best = next(iter(matches))
    if encoding in best.could_be_from_charset:
        return True
    rivals = [match for match in matches if match.encoding == encoding]
    return any(bool(rival.chaos <= best.chaos and rival.coherence >= best.coherence) for rival in rivals)


def _is_everyday_korean(sample: bytes) -> bool:
    """Whether nearly all Hangul is among the 2,350 syllables of KS X 1001, as in any Korean text.

    CP949 gives the other 8,822, which are hardly used, to byte pairs that in Shift JIS are everyday Japanese.
    """
    hangul: list[str] = re.findall("[가-힣]", sample.decode("cp949", errors="ignore"))
    rare = sum(min(syllable.encode("cp949")) < 0xA1 for syllable in hangul)
    return rare <= len(hangul) / 5


def refuse_nul(data: bytes, path: str) -> None:
    """Refuses content with a NUL byte, which no text has: UTF-16 without a mark, or a binary file.

    Raises:
        InputError: there is one; the message names the line.
    """
    position = data.find(b"\0")
    if position >= 0:
        line = line_of(position, data)
        raise InputError(
            f"{path}, line {line}: a NUL byte; remove it, or pass --encoding utf-16-le if this is UTF-16 without a mark"
        )


def line_of(position: int, data: bytes) -> int:
    """The line, counted from 1, that holds the byte at `position`."""
    end = b"\n" if b"\n" in data[:_SAMPLE_BYTES] else b"\r"
    return data.count(end, 0, position) + 1

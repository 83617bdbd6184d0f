"""Which script a text is written in, told by the code points of its letters.

Reviews of one file may be in several languages, and the script is what can be told of them without a model. This room
knows nothing of files or tokens.
"""

import functools
import unicodedata
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["UNSPACED", "letter_shares", "main_scripts"]

# First and last code point. Unicode's own Scripts.txt is not in the standard library; these are the blocks in which
# reviews are written, and letters outside them count as "other".
_SCRIPTS: Final[dict[str, tuple[tuple[int, int], ...]]] = {
    "Latin": (
        (0x41, 0x5A),
        (0x61, 0x7A),
        (0xC0, 0xD6),
        (0xD8, 0xF6),
        (0xF8, 0x24F),
        (0x1E00, 0x1EFF),
        (0xFF21, 0xFF5A),
    ),
    "Hangul": ((0x1100, 0x11FF), (0x3130, 0x318F), (0xA960, 0xA97F), (0xAC00, 0xD7FF)),
    "Han": ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF)),
    "Kana": ((0x3041, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F)),
    "Thai": ((0x0E01, 0x0E3A), (0x0E40, 0x0E4E)),
    "Lao": ((0x0E81, 0x0ECD), (0x0EDC, 0x0EDF)),
    "Myanmar": ((0x1000, 0x103F), (0x1050, 0x108F), (0x109A, 0x109D)),
    "Khmer": ((0x1780, 0x17D3), (0x17D7, 0x17D7), (0x17DC, 0x17DD)),
    "Cyrillic": ((0x0400, 0x052F), (0x1C80, 0x1C8F)),
    "Arabic": (
        (0x0620, 0x065F),
        (0x066E, 0x06D3),
        (0x06D5, 0x06EF),
        (0x06FA, 0x06FF),
        (0x0750, 0x077F),
        (0xFB50, 0xFEFC),
    ),
    "Devanagari": ((0x0900, 0x0963), (0x0970, 0x097F)),
    "Greek": ((0x0370, 0x03FF), (0x1F00, 0x1FFF)),
    "Hebrew": ((0x0591, 0x05F4),),
    "Bengali": ((0x0980, 0x09E3),),
    "Tamil": ((0x0B80, 0x0BE5),),
}
_NO_LETTERS: Final = "no letters"
_SCRIPT_NAMES: Final = (_NO_LETTERS, *_SCRIPTS, "other")

UNSPACED: Final = frozenset({"Han", "Kana", "Thai", "Lao", "Myanmar", "Khmer"})
"""Scripts written without spaces between words."""


def main_scripts(texts: Sequence[str]) -> list[str]:
    """The script that most letters of each text are of; "no letters" for texts of digits, signs or emoji only."""
    n_scripts = len(_SCRIPT_NAMES)
    row = np.repeat(np.arange(len(texts)), np.array([len(text) for text in texts], dtype=np.int64))
    letters = np.bincount(row * n_scripts + _script_numbers("".join(texts)), minlength=len(texts) * n_scripts)
    letters = letters.reshape(len(texts), n_scripts)
    letters[:, 0] = 0  # signs and digits say nothing, unless there is nothing else: argmax of zeros is 0
    return [_SCRIPT_NAMES[number] for number in letters.argmax(axis=1)]


def letter_shares(texts: Sequence[str]) -> dict[str, float]:
    """What share of the letters of all texts together is of each script; empty if there are no letters."""
    letters = np.zeros(len(_SCRIPT_NAMES), dtype=np.int64)
    for text in texts:
        letters += np.bincount(_script_numbers(text), minlength=len(letters))
    letters[0] = 0
    total = letters.sum()
    return {name: float(count / total) for name, count in zip(_SCRIPT_NAMES, letters, strict=True) if count}


def _script_numbers(text: str) -> npt.NDArray[np.int64]:
    """Index into `_SCRIPT_NAMES` of each character, shape (len(text),)."""
    # A lone surrogate is no letter, but must not stop the count.
    points = np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype="<u4")
    return _script_table().take(points)


@functools.cache
def _script_table() -> npt.NDArray[np.int64]:
    """Index into `_SCRIPT_NAMES` for each code point."""
    table = np.zeros(0x110000, dtype=np.int64)
    for number, ranges in enumerate(_SCRIPTS.values(), start=1):
        for first, last in ranges:
            table[first : last + 1] = number
    for point in range(0x250, 0x1F000):
        if table[point] == 0 and unicodedata.category(chr(point)) in ("Ll", "Lu", "Lo"):
            table[point] = len(_SCRIPT_NAMES) - 1
    return table

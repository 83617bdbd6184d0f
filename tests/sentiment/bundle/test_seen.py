import hashlib
import sys

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from sentiment.bundle.seen import SeenTexts
from sentiment.errors import InputError


def test_a_text_is_known_again_also_with_blanks_around_it() -> None:
    seen = SeenTexts.of(["a fine film", "좋은 영화"], ["dull"])
    trained, chose = seen.among([" a fine film\n", "좋은 영화\u3000", "dull ", "a  fine film", "A fine film", ""])
    assert trained.tolist() == [True, True, False, False, False, False]
    assert chose.tolist() == [False, False, True, False, False, False]


def test_blanks_are_those_that_the_reader_strips() -> None:
    characters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    stripped = pc.utf8_trim_whitespace(pa.array(characters)).to_pylist()
    assert stripped == [character.strip() for character in characters]


def test_a_text_that_did_both_was_trained_on() -> None:
    trained, chose = SeenTexts.of(["both"], ["both"]).among(["both"])
    assert (trained.tolist(), chose.tolist()) == ([True], [False])


def test_nothing_seen_and_nothing_asked_are_answered_too() -> None:
    assert SeenTexts.of([], []).to_bytes() == b""
    assert not SeenTexts.of([], []).among(["x", "\ud800"])[0].any()
    assert len(SeenTexts.of(["x"], []).among([])[0]) == 0


def test_hashes_are_ascending_each_once_and_the_first_bytes_of_sha256_in_little_endian() -> None:
    seen = SeenTexts.of(["b", "a", " b "], ["c"])
    expected = sorted(int.from_bytes(hashlib.sha256(text).digest()[:8], "little") for text in (b"a", b"b"))
    assert seen.training.tolist() == expected
    assert seen.sizes == {"training": 2, "validation": 1}
    assert seen.to_bytes() == b"".join(
        number.to_bytes(8, "little") for number in [*expected, *seen.validation.tolist()]
    )


def test_what_is_written_is_read_again_and_nothing_else() -> None:
    seen = SeenTexts.of(["a", "b"], ["c"])
    again = SeenTexts.from_bytes(seen.to_bytes(), seen.sizes)
    np.testing.assert_array_equal(again.training, seen.training)
    np.testing.assert_array_equal(again.validation, seen.validation)
    for content in (b"", seen.to_bytes()[:-1], seen.to_bytes() + bytes(8)):
        with pytest.raises(InputError, match="bytes are not the hashes of 3 texts"):
            SeenTexts.from_bytes(content, seen.sizes)

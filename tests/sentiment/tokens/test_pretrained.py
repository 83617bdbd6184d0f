import base64
import json
import struct
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from sentiment.errors import InputError
from sentiment.tokens.pretrained import Limits, encode_pretrained, read_pretrained
from tests.support.encoders import tokenizer_json

LIMITS = Limits(vocabulary=100, tokens=8)


def read(described: Any, limits: Limits = LIMITS) -> Tokenizer:
    return read_pretrained(json.dumps(described), limits)


def tokens(tokenizer: Tokenizer, text: str) -> list[str]:
    found = encode_pretrained(tokenizer, [text])
    names = {number: name for name, number in tokenizer.get_vocab().items()}
    return [names[int(number)] for number in found.ids]


def bpe(**changes: Any) -> dict[str, Any]:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    tokenizer.train_from_iterator(["a film a film"], trainers.BpeTrainer(vocab_size=60, show_progress=False))
    described: dict[str, Any] = json.loads(tokenizer.to_str())
    described["model"] |= changes
    return described


def charsmap(becomes: str, damaged: str = "") -> dict[str, Any]:
    """A normalizer that knows "e" and what it becomes, and at `damaged` looks where there is nothing."""
    leaf, inside, outside = 1 << 8, 256, 1 << 20
    units = [0] * 512
    units[ord("e")] = ord("e") | leaf | inside << 10
    for character in damaged:
        units[ord(character)] = ord(character) | leaf | outside << 10
    content = struct.pack("<I512I", 4 * 512, *units) + becomes.encode() + b"\0"
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(content).decode()}


def replaced(string: str, content: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": {"String": string}, "content": content}


def normalized(*parts: dict[str, Any]) -> dict[str, Any]:
    return tokenizer_json() | {"normalizer": {"type": "Sequence", "normalizers": list(parts)}}


class TestEncoding:
    def test_puts_the_marks_around_a_text_and_cuts_it_between_them(self) -> None:
        tokenizer = read(tokenizer_json())
        assert tokens(tokenizer, "a film") == ["[CLS]", "a", "film", "[SEP]"]
        assert tokens(tokenizer, "a film of the music and people in town") == [
            *("[CLS]", "a", "film", "of", "the", "music", "and", "[SEP]")
        ]
        assert tokens(tokenizer, "") == ["[CLS]", "[SEP]"]

    def test_reads_a_mark_that_a_text_spells_as_characters(self) -> None:
        assert tokens(read(tokenizer_json()), "[SEP]") == ["[CLS]", "[", "sep", "]", "[SEP]"]

    def test_keeps_texts_in_order_however_many_there_are(self) -> None:
        tokenizer = read(tokenizer_json())
        texts = ["a film" if row % 3 else "" for row in range(2500)]
        found = encode_pretrained(tokenizer, texts)
        assert found.lengths.tolist() == [4 if row % 3 else 2 for row in range(2500)]
        assert found.ids.dtype == np.uint16

    def test_keeps_ids_that_have_gaps_between_them(self) -> None:
        model = {"type": "WordLevel", "vocab": {"[UNK]": 0, "film": 70_000}, "unk_token": "[UNK]"}
        tokenizer = read(
            tokenizer_json() | {"model": model, "added_tokens": [], "post_processor": None}, Limits(10**5, 8)
        )
        assert encode_pretrained(tokenizer, ["a film"]).ids.tolist() == [0, 70_000]
        with pytest.raises(InputError, match="has the id 70,000, but the model knows 70,000 tokens"):
            read_pretrained(tokenizer.to_str(), Limits(70_000, 8))

    def test_gives_each_text_a_token(self) -> None:
        tokenizer = read(tokenizer_json() | {"post_processor": None})
        assert encode_pretrained(tokenizer, ["", "a"]).lengths.tolist() == [1, 1]

    def test_reads_what_is_no_character_and_what_is_very_long(self) -> None:
        found = encode_pretrained(read(tokenizer_json()), ["\ud800", "a " * 100_000, "a" * 100_000])
        assert found.lengths.tolist() == [2, 8, 3]

    def test_that_ends_in_a_panic_of_the_library_is_refused(self) -> None:
        tokenizer = read(normalized(charsmap("a", damaged="z")))
        assert len(encode_pretrained(tokenizer, ["film"])) == 1
        with pytest.raises(
            InputError, match=r"tokenizer\.json fails over a text \(PanicException: index out of bounds"
        ):
            encode_pretrained(tokenizer, ["film", "jazz"])


class TestAFile:
    @pytest.mark.parametrize(
        ("described", "message"),
        [
            ({}, "damaged"),
            ([], "damaged"),
            (tokenizer_json() | {"model": {"type": "Evil", "vocab": {}}}, "a model 'Evil'"),
            (tokenizer_json() | {"pre_tokenizer": {"type": "Evil"}}, "a pre_tokenizer 'Evil'"),
            (tokenizer_json() | {"post_processor": {"type": "Evil"}}, "a post_processor 'Evil'"),
            (tokenizer_json() | {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Evil"}]}}, "'Evil'"),
            (
                tokenizer_json()
                | {
                    "pre_tokenizer": {
                        "type": "Split",
                        "pattern": {"Regex": "(a+)+b"},
                        "behavior": "Isolated",
                        "invert": False,
                    }
                },
                "the regular expression '(a+)+b', which is not known to be harmless",
            ),
            (
                tokenizer_json()
                | {"normalizer": {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 1000}},
                "a Replace that makes texts longer",
            ),
            (
                tokenizer_json() | {"normalizer": {"type": "Prepend", "prepend": "a" * 1000}},
                "a Prepend that makes texts longer",
            ),
            (normalized(replaced("", "a")), "a Replace that looks for a text of no characters"),
            (normalized(replaced("a", "\ufdfa"), {"type": "NFKC"}), "a Replace that makes texts longer"),
            (normalized(charsmap("a" * 65)), "a Precompiled that makes 65 bytes of a character, more than 64"),
            (normalized(charsmap("a" * 100_000)), "a Precompiled that makes 100,000 bytes of a character"),
            (normalized(charsmap("\ufdfa" * 2)), "a Precompiled that makes 66 bytes of a character"),
            (normalized(*[charsmap("ee")] * 2), "2 times a normalizer 'Precompiled': each makes texts longer"),
            (normalized(*[{"type": "Prepend", "prepend": "a"}] * 16), "a normalizer of more than 16 parts"),
            (
                tokenizer_json()
                | {
                    "pre_tokenizer": {
                        "type": "Sequence",
                        "pretokenizers": [{"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True}] * 9,
                    }
                },
                "9 times a pre_tokenizer 'ByteLevel': each makes texts longer",
            ),
            (bpe(dropout=0.5), "draws by chance"),
            (bpe(merges=[["never", "there"]]), "each of the merges"),
            (bpe(merges=["a"]), "each of the merges"),
            (bpe(merges=[["a", "f"]]), "each of the merges"),
            (bpe(unk_token="[none]"), "no entry '[none]' for what is unknown"),
        ],
    )
    def test_that_is_no_known_tokenizer_is_refused(self, described: Any, message: str) -> None:
        with pytest.raises(InputError) as refused:
            read(described)
        assert message in str(refused.value)

    def test_is_refused_where_words_are_taken_apart_for_ever(self) -> None:
        described = tokenizer_json()
        described["model"]["max_input_chars_per_word"] = 10**9
        with pytest.raises(InputError, match="more than 1000 characters"):
            read(described)

    def test_is_refused_if_a_text_would_stand_in_it_twice(self) -> None:
        described = tokenizer_json()
        described["post_processor"]["single"] *= 2
        with pytest.raises(InputError, match="does not hold the text once"):
            read(described)

    def test_is_refused_if_the_model_lacks_an_id(self) -> None:
        described = tokenizer_json()
        described["post_processor"]["special_tokens"]["[CLS]"]["ids"] = [4000]
        with pytest.raises(InputError, match="has the id 4,000, but the model knows 100 tokens"):
            read(described)
        with pytest.raises(InputError, match="has the id 58, but the model knows 58 tokens"):
            read(tokenizer_json(), Limits(58, 8))

    def test_is_refused_if_nothing_of_a_text_would_be_left(self) -> None:
        with pytest.raises(InputError, match="max_tokens is 2, and the tokenizer puts 2 around each text"):
            read(tokenizer_json(), Limits(100, 2))

    def test_with_a_charsmap_as_encoders_have_is_read(self) -> None:
        tokenizer = read(normalized(replaced("``", '"'), {"type": "NFKD"}, charsmap("a" * 64)))
        assert tokenizer.normalizer.normalize_str("``e") == '"' + "a" * 64

    def test_of_byte_pairs_is_read(self) -> None:
        assert tokens(read(bpe(), Limits(1000, 8)), "film")

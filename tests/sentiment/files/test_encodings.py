import codecs

import pytest

from sentiment.errors import InputError
from sentiment.files.encodings import as_utf8


def refusal(data: bytes, encoding: str | None = None) -> str:
    with pytest.raises(InputError) as caught:
        as_utf8(data, encoding, "r.csv")
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_believed_and_taken_off(encoding: str) -> None:
    assert as_utf8("좋다\n".encode(encoding), None, "r.csv") == ("좋다\n".encode(), encoding, False)


def test_a_mark_of_either_byte_order_is_known() -> None:
    for mark, codec in ((codecs.BOM_UTF16_BE, "utf-16-be"), (codecs.BOM_UTF32_BE, "utf-32-be")):
        assert as_utf8(mark + "좋다".encode(codec), None, "r.csv")[0].decode() == "좋다"


@pytest.mark.parametrize("repeats", [1, 40])
@pytest.mark.parametrize(
    ("encoding", "found", "texts"),
    [
        ("cp949", "cp949", ("이 영화 정말 재미있어요", "최악의 영화 돈이 아깝다", "그냥 그래요 볼만합니다")),
        ("shift_jis", "cp932", ("この映画はとても面白かった", "最悪でした。お金の無駄", "まあまあです、普通")),
        ("euc_jp", "euc_jp", ("この映画はとても面白かった", "最悪でした。お金の無駄", "まあまあです、普通")),
        ("gb18030", "gb18030", ("这部电影非常好看", "太差了，浪费时间", "一般般吧，还可以")),
        ("big5", "big5", ("這部電影非常好看", "太差了，浪費時間", "還可以啦，普通")),
        ("tis-620", "tis_620", ("หนังเรื่องนี้สนุกมาก", "แย่มาก เสียเวลา", "ก็โอเคนะ ธรรมดา")),
        ("latin-1", "cp1252", ("très bon film, à voir", "déçu, ça ne vaut rien", "café et thé à côté")),
        ("cp1252", "cp1252", ("schöner Film für Groß und Klein", "“über” alles enttäuscht", "müde Größe")),
        ("cp1251", "cp1251", ("отличный фильм", "ужасно, деньги на ветер", "так себе")),
    ],
)
def test_a_legacy_encoding_is_recognised_and_reported(
    encoding: str, found: str, texts: tuple[str, ...], repeats: int
) -> None:
    text = "\n".join(["text,label", *(f'"{text}",{number}' for number, text in enumerate(texts))] * repeats)
    assert as_utf8(text.encode(encoding), None, "r.csv") == (text.encode(), found, True)


def test_one_accent_in_an_english_file_is_found() -> None:
    text = "plain words,1\n" * 3000 + "the café was good,0\n"
    assert as_utf8(text.encode("latin-1"), None, "r.csv")[0].decode() == text


def test_utf_8_with_a_few_broken_bytes_is_refused_with_the_line_and_the_byte() -> None:
    message = refusal(b"text,label\n" + "정말 좋아요,1\n".encode() * 5 + b"bad \xff byte,1\n")
    assert "r.csv, line 7: byte 0xff" in message
    assert "--encoding" in message


def test_utf_16_without_a_mark_is_refused_with_the_encoding_to_give() -> None:
    assert "r.csv, line 1: a NUL byte" in refusal("text,label\n".encode("utf-16-le"))
    assert "--encoding utf-16-le" in refusal("text,label\n".encode("utf-16-le"))


def test_the_encoding_given_overrides_what_the_bytes_look_like() -> None:
    assert as_utf8("жуть".encode("koi8-r"), "koi8-r", "r.csv") == ("жуть".encode(), "koi8-r", False)
    assert as_utf8("\ufeffжуть".encode(), "utf-8", "r.csv") == ("жуть".encode(), "utf-8", False)


def test_an_encoding_that_does_not_fit_is_refused_with_the_line() -> None:
    message = refusal("text,label\nok,1\n좋다,5\n".encode("cp949"), "utf-8")
    assert "r.csv, line 3: byte 0xc1 is not utf-8; repair that line, or pass another --encoding" in message


@pytest.mark.parametrize("encoding", ["klingon", "rot13", "base64", ""])
def test_an_unknown_encoding_is_refused(encoding: str) -> None:
    assert f"encoding {encoding!r} is not known" in refusal(b"a\n1", encoding)

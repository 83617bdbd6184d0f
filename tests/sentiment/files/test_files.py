import gzip
import json
import lzma
import unicodedata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from sentiment.errors import InputError
from sentiment.files.reader import read_table
from sentiment.files.unpacking import MAX_BYTES

COLUMNS = ("text", "label")
KOREAN = ("이 영화 정말 재미있어요", "최악의 영화 돈이 아깝다", "그냥 그래요 볼만합니다")


def write(path: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def rows(path: Path, encoding: str | None = None) -> list[tuple[str, str]]:
    table = read_table(path, COLUMNS, encoding)
    return list(zip(table.column("text").to_pylist(), table.column("label").to_pylist(), strict=True))


def refusal(path: Path, columns: tuple[str, ...] | None = COLUMNS, encoding: str | None = None) -> str:
    with pytest.raises(InputError) as caught:
        read_table(path, columns, encoding)
    message = str(caught.value)
    assert "\n" not in message
    return message


# Formats and compressions


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("r.csv", 'id,text,label\n7,"good, really",5\n8,bad,1\n', "csv"),
        ("r.tsv", "id\ttext\tlabel\n7\tgood, really\t5\n8\tbad\t1\n", "tsv"),
        ("r.txt", 'id;text;label\n7;"good, really";5\n8;bad;1\n', "csv"),
        ("r.csv", "id;text;label\n7;good, really;5\n8;bad;1\n", "csv"),
        ("r", "id\ttext\tlabel\n7\tgood, really\t5\n8\tbad\t1\n", "tsv"),
        ("r.jsonl", '{"text":"good, really","label":5,"id":[7]}\n\n{"label":"1","text":"bad"}\n', "jsonl"),
        ("r", '{"text":"good, really","label":5}\n{"label":1,"text":"bad"}', "jsonl"),
    ],
)
def test_each_text_format_gives_the_same_rows(tmp_path: Path, name: str, content: str, kind: str) -> None:
    path = write(tmp_path / name, content)
    assert rows(path) == [("good, really", "5"), ("bad", "1")]
    assert read_table(path, COLUMNS).format == kind


@pytest.mark.parametrize("name", ["r.parquet", "r"])
def test_parquet_cells_are_read_as_strings_and_missing_ones_as_null(tmp_path: Path, name: str) -> None:
    table = pa.table({"text": ["good", None, "bad"], "label": [5.0, float("nan"), None], "other": [[1], [2], [3]]})
    pq.write_table(table, tmp_path / name)
    assert rows(tmp_path / name) == [("good", "5"), (None, None), ("bad", None)]


@pytest.mark.parametrize(
    ("suffix", "compress", "named"),
    [
        (".gz", gzip.compress, "gzip"),
        (".xz", lzma.compress, "xz"),
        (".zst", zstandard.compress, "zstd"),
        ("", gzip.compress, "gzip"),
    ],
)
def test_compressed_files_are_read_by_their_content(tmp_path: Path, suffix: str, compress, named: str) -> None:
    path = write(tmp_path / f"r.csv{suffix}", compress(b"text,label\ngood,5\n"))
    assert rows(path) == [("good", "5")]
    assert read_table(path, COLUMNS).compression == named


def test_several_zstandard_frames_are_one_file(tmp_path: Path) -> None:
    frames = zstandard.compress(b"text,label\na,1\n") + zstandard.compress(b"b,2\n")
    assert rows(write(tmp_path / "r.csv.zst", frames)) == [("a", "1"), ("b", "2")]


def test_a_quoted_cell_keeps_line_breaks_delimiters_and_doubled_quotes(tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv", 'text,label\r\n"two\nlines, ""so""",5\r\nplain,1\r\n')
    assert rows(path) == [('two\nlines, "so"', "5"), ("plain", "1")]


def test_words_that_look_like_missing_values_stay_words(tmp_path: Path) -> None:
    assert rows(write(tmp_path / "r.csv", "text,label\nNA,1\nnull,2\n007,3\n")) == [
        ("NA", "1"),
        ("null", "2"),
        ("007", "3"),
    ]


def test_old_mac_line_ends_are_line_ends(tmp_path: Path) -> None:
    assert rows(write(tmp_path / "r.csv", "text,label\ra,1\rb,2\r")) == [("a", "1"), ("b", "2")]


@pytest.mark.parametrize(("megabytes", "limit"), [(10, MAX_BYTES), (40, 4 * MAX_BYTES)])
def test_a_cell_of_many_megabytes_is_read(tmp_path: Path, megabytes: int, limit: int) -> None:
    cell = "word " * (megabytes * 200_000)
    path = write(tmp_path / "r.csv", f'text,label\nshort,1\n"{cell}\n",2\nlast,3\n')
    table = read_table(path, COLUMNS, max_bytes=limit)
    assert [len(text) for text in table.column("text").to_pylist()] == [5, len(cell) + 1, 4]


def test_a_tsv_with_stray_quotes_is_read_without_quoting(tmp_path: Path) -> None:
    path = write(tmp_path / "r.tsv", 'text\tlabel\n"great" film\t1\n"never closed\t0\nfine\t1\n')
    assert rows(path) == [('"great" film', "1"), ('"never closed', "0"), ("fine", "1")]


def test_a_tsv_whose_column_names_are_quoted_is_unquoted_though_a_cell_begins_with_a_line_break(tmp_path: Path) -> None:
    # Read without quoting each line has two cells as well, and one of them opens a quote that nothing closes.
    path = write(tmp_path / "r.tsv", '"text"\t"label"\n""\t"\n\t"\n')
    assert read_table(path, ("text", "label")).column("label").to_pylist() == ["\n\t"]


def test_a_tsv_whose_column_names_are_quoted_loses_no_rows_within_a_quote_that_is_never_closed(tmp_path: Path) -> None:
    path = write(tmp_path / "r.tsv", '"text"\t"label"\n"Never closed\t0\ngood\t1\nfine "really"\t1\n')
    with pytest.raises(InputError, match="there is no column 'text'"):
        read_table(path, ("text", "label"))


def test_a_tsv_whose_cells_are_properly_quoted_is_unquoted(tmp_path: Path) -> None:
    path = write(tmp_path / "r.tsv", '"text"\t"label"\n"a ""so"" film"\t"1"\n')
    assert rows(path) == [('a "so" film', "1")]
    path = write(tmp_path / "r.tsv", 'text\tlabel\n"a\ttab"\t1\n"two\nlines"\t0\n')
    assert rows(path) == [("a\ttab", "1"), ("two\nlines", "0")]


@pytest.mark.parametrize("character", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_only_carriage_return_and_line_feed_end_a_line(tmp_path: Path, character: str) -> None:
    path = write(tmp_path / "r.csv", f"text,label,a{character}b\nfine{character},1,\n")
    assert rows(path) == [(f"fine{character}", "1")]
    assert read_table(path).columns == ("text", "label", f"a{character}b")


def test_columns_without_a_name_are_left_aside_however_many_they_are(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "r.csv", ",text,label,\n0,good,5,x\n"))
    assert table.data.to_pylist() == [{"text": "good", "label": "5"}]


# Encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_no_part_of_the_first_column_name(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "r.csv", "text,label\n좋다,5\n", encoding)
    assert rows(path) == [("좋다", "5")]
    table = read_table(path, COLUMNS)
    assert (table.encoding, table.recognised) == (encoding, False)


def test_that_an_encoding_was_guessed_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv", "\n".join(["text,label", *(f"{text},1" for text in KOREAN)]), "cp949")
    assert [text for text, _ in rows(path)] == list(KOREAN)
    table = read_table(path, COLUMNS)
    assert (table.encoding, table.recognised) == ("cp949", True)


@pytest.mark.parametrize("encoding", ["idna", "punycode", "unicode_escape", "undefined", "hex", ""])
def test_a_codec_that_is_no_encoding_of_files_is_refused(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "r.csv", b"text,label\n\\ \xff.,1\n")
    assert "is not known; give one such as" in refusal(path, encoding=encoding)


def test_the_encoding_given_overrides_what_the_bytes_look_like(tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv", "text,label\n좋다,5\n", "utf-16-le")
    assert rows(path, "utf-16-le") == [("좋다", "5")]


# Columns


def test_a_column_name_in_another_normal_form_is_found_and_named_as_asked(tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv", "리뷰,별점\n좋다,5\n")
    asked = unicodedata.normalize("NFD", "리뷰")
    table = read_table(path, (asked, "별점"))
    assert table.column(asked).to_pylist() == ["좋다"]
    assert table.columns == ("리뷰", "별점")


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl", "r.parquet"])
def test_a_wrong_column_is_answered_with_the_columns_and_the_nearest(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("parquet"):
        pq.write_table(pa.table({"Text": ["a"], "label": ["1"]}), path)
    else:
        write(path, "Text,label\na,1\n" if name.endswith("csv") else '{"Text":"a","label":1}')
    message = refusal(path)
    assert name in message
    assert "no column 'text'; the columns are 'Text', 'label'; did you mean 'Text'?" in message


def test_without_columns_all_are_read_but_one_that_run_would_refuse_is_refused_when_it_is_asked_for(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "r.jsonl", '{"text":"a","tags":["x"]}\n\n{"text":"b","label":1.50}\n')
    table = read_table(path)
    assert table.columns == ("text", "tags", "label")
    assert table.data.to_pylist() == [{"text": "a", "label": None}, {"text": "b", "label": "1.50"}]
    with pytest.raises(InputError) as caught:
        table.column("tags")
    assert str(caught.value) == refusal(path, ("tags",))


# Refusals


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("r.csv", b"", ("empty",)),
        ("r.csv", b"\n \n", ("empty", "header")),
        ("r.csv", b"text,label\n", ("header but no rows",)),
        ("r.jsonl", b"\n", ("empty",)),
        ("r.csv", b"text,text,label\na,b,1\n", ("line 1", "two columns are named 'text'", "rename")),
        ("r.csv", b"text,label\na,1\nb\0c,2\n", ("line 3", "NUL", "--encoding utf-16-le")),
        ("r.csv", b'text,label\n"x\ny",1\na,2,3\n', ("row 2 (line 4)", "3 cells", "2", "quotes")),
        ("r.csv", b"text,label\na,1\n\nb\n", ("row 2 (line 4)", "1 cell where", "missing")),
        ("r.tsv", b"text\tlabel\na\t1\nb\tc\t2\n", ("row 2 (line 3)", "3 cells", "tab")),
        ("r.csv", b'text,label\na,1\nb,"2\nc,3\nd,4\n', ("row 2 (line 3)", "never closed")),
        ("r.csv", b'text,label\na,1\n"b,2\nc,3\nd,4\n', ("row 2 (line 3)", "never closed")),
        ("r.csv", b'text,label,why\na,1,x\nb,2,"y\nc,3,z\n', ("row 2 (line 3)", "never closed")),
        ("r.csv", b"text,label\n" + b"\n" * 300_000, ("header but no rows",)),
        ("r.csv", b'"text,label\na,1\nb,2\n', ("line 1", "a quote in the header", "never closed")),
        ("r.csv", b"x" * (2 << 20), ("line 1", "a header of more than 1,048,576 bytes")),
        ("r.csv", b",\na,1\n", ("no column",)),
        ("r.csv", b"text,label\na,1\n" + b'"b,2,3\n' * 300_000, ("row 2 (line 3)", "cell")),
        ("r.csv", b"PK\x03\x04...", ("binary", "save it as CSV")),
        ("r.csv.gz", b"text,label\na,1\n", ("ends in .gz but is not gzip", "rename")),
        ("r.csv.gz", gzip.compress(b"text,label\na,1\n" * 99, mtime=0)[:-9], ("gzip", "truncated", "again")),
        ("r.csv.xz", lzma.compress(b"text,label\na,1\n" * 99)[:-9], ("xz", "truncated", "again")),
        ("r.csv.zst", zstandard.compress(b"text,label\na,1\n" * 99)[:-3], ("zstd", "truncated", "again")),
        ("r.parquet", b"text,label\na,1\n", ("Parquet", "again")),
        ("r.jsonl", b'{"text":"a","label":1}\n{"text":\n', ("line 2", "not a JSON object", "whole object")),
        ("r.jsonl", b'{"text":"a","label":1}\n[1]\n', ("line 2", "array", "object a line")),
        ("r.json", b'[\n{"text":"a","label":1}\n]', ("line 1", "array", "object a line")),
        ("r.jsonl", b'{"text":"a","label":1}\n{"text":{"en":"a"},"label":1}', ("line 2", "'text'", "nested object")),
        ("r.jsonl", b'{"text":"a\\ud83d","label":1}', ("line 1", "'text'", "surrogate")),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes, parts: tuple[str, ...]
) -> None:
    message = refusal(write(tmp_path / name, content))
    for part in (name, *parts):
        assert part in message


def test_missing_files_and_directories_are_refused(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "missing.csv")
    assert "directory" in refusal(tmp_path)


def test_a_file_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    write(tmp_path / "r.csv", "text,label\na,1\n")

    # Tests may run as root, whom no file mode stops.
    monkeypatch.setattr(Path, "open", denied)
    assert "no permission" in refusal(tmp_path / "r.csv")


def test_nested_and_binary_parquet_columns_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": [["a"]], "label": [b"\xff"]}), tmp_path / "r.parquet")
    assert "column 'text': nested values" in refusal(tmp_path / "r.parquet", ("text",))
    assert "column 'label': values of type binary" in refusal(tmp_path / "r.parquet", ("label",))


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"], "label": ["1"]}), tmp_path / "r.parquet")
    data = (tmp_path / "r.parquet").read_bytes()
    assert "Parquet" in refusal(write(tmp_path / "r.parquet", data[:-9]))


def test_numbers_in_json_keep_the_digits_they_were_written_with(tmp_path: Path) -> None:
    content = "\n".join(json.dumps({"text": "a", "label": label}) for label in (5, "5", 4.5, True, None))
    assert [label for _, label in rows(write(tmp_path / "r.jsonl", content))] == ["5", "5", "4.5", "true", None]


def test_a_header_is_read_where_what_is_read_for_it_ends_within_a_character(tmp_path: Path) -> None:
    # 11 bytes and characters of 3: the first mebibyte ends after two bytes of one, in a row without its second cell.
    content = "text,label\n" + "가" * 349_600 + ",1\n좋다,0\n"
    assert [label for _, label in rows(write(tmp_path / "r.csv", content))] == ["1", "0"]

"""A file may hold anything: it becomes reviews whose counts add up, or is refused in one line; `inspect` agrees."""

import csv
import gzip
import io
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from sentiment.errors import InputError
from sentiment.files.reader import read_table
from sentiment.files.unpacking import MAX_BYTES
from sentiment.foreign import visible
from sentiment.inspection import Inspection, inspect
from sentiment.reviews.dataset import Dataset, load_dataset
from sentiment.reviews.source import DataSource

COLUMNS = ("text", "label")
ROWS = [(f"a {word} film, number {n}", str(n % 2)) for n, word in enumerate(["fine", "dull", "정말", 'so "so"'] * 15)]


def as_csv(rows: list[tuple[str, str]], delimiter: str = ",") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([COLUMNS, *rows])
    return out.getvalue().encode()


def as_tsv(rows: list[tuple[str, str]]) -> bytes:
    return as_csv(rows, "\t")


def as_json_lines(rows: list[tuple[str, str]]) -> bytes:
    return "".join(json.dumps(dict(zip(COLUMNS, row, strict=True))) + "\n" for row in rows).encode()


def as_parquet(rows: list[tuple[str, str]]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({name: [row[n] for row in rows] for n, name in enumerate(COLUMNS)}), out)
    return out.getvalue()


FORMATS: dict[str, Callable[[list[tuple[str, str]]], bytes]] = {
    "csv": as_csv,
    "tsv": as_tsv,
    "jsonl": as_json_lines,
    "parquet": as_parquet,
}
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.compress,
}
PIECES = [
    *(b'"', b'""', b",", b"\t", b";", b"\n", b"\r", b"\r\n", b"\0", b" ", b"{", b"}", b"[", b"]", b":", b"\\", b"PAR1"),
    *("\ufeff".encode(), b"\xff\xfe", b"\x80", "\u2028".encode(), b"\x0c", b"\x1c", b"\\ud800", b"NaN", b"null", b"-1"),
    *(b"text", b"label", b"\x1f\x8b", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"9" * 5000, b"\xec\xa0\x95", b"\xc1\xa4"),
]
NAMES = st.sampled_from(["r", *(f"r.{kind}" for kind in FORMATS), "r.txt", "r.csv.gz", "r.tsv.xz", "r.jsonl.zst"])
RULES = st.sampled_from(["as-is", "stars-2", "stars-3", "ten-2", {"negative": ["0"], "positive": ["1"]}])
ENCODINGS = st.sampled_from(
    [None, None, None, "utf-8", "utf-16", "cp949", "latin-1", "utf-7", "idna", "unicode_escape"]
)
LIMITS = st.sampled_from([MAX_BYTES, MAX_BYTES, MAX_BYTES, 3000, 100, 1])
# Of each kind of character that means something to one of the parsers, and of all the others.
CHARACTERS = st.one_of(st.sampled_from('",;\t\n\r\\ \u200b\xa0\u2028\x1c\x850aA'), st.characters(codec="utf-8"))
CELLS = st.text(CHARACTERS, max_size=12)
LABELS = st.one_of(CELLS, st.sampled_from(["1", "1.0", "5", "A", "a", "a\u200b", "", "9" * 5000]))
PARQUET_COLUMNS = [
    *(["a", "b", None], [1, 2, None], [1.5, float("nan"), None], [True, False, None], [b"a", b"\xff", None]),
    *([[1], [2], None], [{"a": 1}, {"a": None}, None], [None, None, None]),
    *(pa.array(["x", "y", None]).dictionary_encode(), pa.array([1, 2, None], pa.timestamp("us"))),
    *(pa.array([1, 2, None], pa.decimal128(9, 2)), pa.array([b"ab", b"cd", None], pa.binary(2))),
    *(pa.array(["x", "y", None], pa.large_string()), pa.array([1, 2, None], pa.date32())),
    *(pa.array([np.float16(1), None, None], pa.float16()), pa.array([1, 2, None], pa.duration("s"))),
]


def read(path: Path, content: bytes, **settings: Any) -> None:
    """Reads `content` in every way, and checks what all ways have in common."""
    path.write_bytes(content)
    limit = settings.get("max_bytes", MAX_BYTES)
    columns = {"text": settings.pop("text", "text"), "label": settings.pop("label", "label")}
    found = refusal_or(lambda: load_dataset(DataSource(path=str(path), **columns, **settings)))
    if isinstance(found, Dataset):
        rows = read_table(path, tuple(columns.values()), settings.get("encoding"), limit).num_rows
        check_counts(found, rows)
    described = refusal_or(lambda: inspect(str(path), **columns, **settings))
    if isinstance(described, Inspection):
        assert described.kept + sum(len(group.rows) for group in described.left_out) == described.rows
        assert described.refusal == (found if isinstance(found, str) else None)
        assert described.render().isascii() or described.render()
        if isinstance(found, Dataset):
            assert (described.fingerprint, described.kept) == (found.fingerprint, len(found.reviews))
    else:
        assert isinstance(found, str), f"training reads what inspect refuses: {described}"
    refusal_or(lambda: inspect(str(path), encoding=settings.get("encoding"), max_bytes=limit))


def refusal_or(work: Callable[[], Any]) -> Any:
    """What the work returns, or why it was refused."""
    try:
        return work()
    except InputError as error:
        assert visible(str(error)) == str(error)
        return str(error)


def check_counts(dataset: Dataset, rows: int) -> None:
    reviews = dataset.reviews
    named = np.concatenate([reviews.rows, *(group.rows for group in reviews.left_out)])
    assert np.sort(named).tolist() == list(range(1, rows + 1))
    assert len(reviews) == len(reviews.labels) == len(reviews.ratings) == len(reviews.rows)
    assert len(set(reviews.texts)) == len(reviews)
    assert all(text and text == text.strip() for text in reviews.texts)
    parts = [dataset.split.train, dataset.split.validation, dataset.split.test]
    assert np.sort(np.concatenate(parts)).tolist() == list(range(len(reviews)))
    assert all(size > 0 for part in ("train", "validation", "test") for size in dataset.class_sizes(part))


@given(name=NAMES, content=st.binary(max_size=400), encoding=ENCODINGS)
def test_any_bytes(tmp_path: Path, name: str, content: bytes, encoding: str | None) -> None:
    read(tmp_path / name, content, encoding=encoding)


@given(name=NAMES, pieces=st.lists(st.sampled_from(PIECES), max_size=60), encoding=ENCODINGS, max_bytes=LIMITS)
def test_pieces_of_files_in_any_order(
    tmp_path: Path, name: str, pieces: list[bytes], encoding: str | None, max_bytes: int
) -> None:
    read(tmp_path / name, b"text,label\n" + b"".join(pieces), encoding=encoding, max_bytes=max_bytes)


@given(data=st.data(), kind=st.sampled_from(sorted(FORMATS)), classes=RULES, max_bytes=LIMITS)
def test_a_valid_file_with_some_of_it_replaced(
    tmp_path: Path, data: st.DataObject, kind: str, classes: Any, max_bytes: int
) -> None:
    content = mutated(data, FORMATS[kind](ROWS))
    suffix = data.draw(st.sampled_from(sorted(COMPRESSIONS)))
    read(tmp_path / f"r.{kind}{suffix}", COMPRESSIONS[suffix](content), classes=classes, max_bytes=max_bytes)


@given(data=st.data(), kind=st.sampled_from(sorted(FORMATS)), suffix=st.sampled_from(sorted(COMPRESSIONS)[1:]))
def test_a_compressed_file_with_some_of_it_replaced(
    tmp_path: Path, data: st.DataObject, kind: str, suffix: str
) -> None:
    packed = COMPRESSIONS[suffix](FORMATS[kind](ROWS))
    again = COMPRESSIONS[suffix](FORMATS[kind](ROWS[:3])) if data.draw(st.booleans()) else b""
    read(tmp_path / f"r.{kind}{suffix}", mutated(data, packed) + again)


@given(data=st.data(), kind=st.sampled_from(sorted(FORMATS)), classes=RULES)
def test_any_labels(tmp_path: Path, data: st.DataObject, kind: str, classes: Any) -> None:
    pool = data.draw(st.lists(LABELS, min_size=1))
    labels = data.draw(st.lists(st.sampled_from(pool), min_size=30, max_size=60))
    rows = [(f"review {n}", label) for n, label in enumerate(labels)]
    read(tmp_path / f"r.{kind}", FORMATS[kind](rows), classes=classes, fractions=(0.4, 0.3, 0.3))


@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8), kind=st.sampled_from(sorted(FORMATS)))
def test_cells_are_read_as_they_were_written(tmp_path: Path, rows: list[tuple[str, str]], kind: str) -> None:
    path = tmp_path / f"r.{kind}"
    path.write_bytes(FORMATS[kind](rows))
    table = refusal_or(lambda: read_table(path, COLUMNS, "utf-8"))
    if isinstance(table, str):
        assert "NUL" in table
        return
    assert list(zip(*(table.column(name).to_pylist() for name in COLUMNS), strict=True)) == rows


@given(
    columns=st.dictionaries(
        st.one_of(st.sampled_from(["text", "label", "text.x", ""]), CELLS),
        st.sampled_from(PARQUET_COLUMNS),
        max_size=5,
    ),
    rows=st.sampled_from([0, 3, 60]),
)
def test_parquet_columns_of_any_type(tmp_path: Path, columns: dict[str, Any], rows: int) -> None:
    arrays = {name: pa.array(values).take(np.arange(rows) % 3) for name, values in columns.items()}
    out = io.BytesIO()
    pq.write_table(pa.table(arrays), out)
    read(tmp_path / "r.parquet", out.getvalue())


def mutated(data: st.DataObject, content: bytes) -> bytes:
    for _ in range(data.draw(st.integers(0, 4))):
        start = data.draw(st.integers(0, len(content)))
        end = min(len(content), start + data.draw(st.integers(0, 40)))
        piece = data.draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=6), st.just(content[start : end + 30])))
        content = content[:start] + piece + content[end:]
    return content

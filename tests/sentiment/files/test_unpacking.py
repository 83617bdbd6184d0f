"""Few bytes that stand for many, and what has no end: refused early, and with little in memory."""

import gzip
import io
import json
import lzma
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from search.study.definition import read_toml
from sentiment.errors import InputError
from sentiment.files.cells import CELL_SHARE
from sentiment.files.columns import MAX_COLUMNS
from sentiment.files.reader import read_table
from sentiment.files.unpacking import read_unpacked
from sentiment.foreign import visible

MEGABYTE = 1 << 20
ROOT = Path(__file__).parents[3]
COMPRESSIONS = [(".gz", gzip.compress), (".xz", lzma.compress), (".zst", zstandard.compress)]


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def parquet(columns: dict[str, Any], **settings: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, **settings)
    return out.getvalue()


def refusal(path: Path, columns: tuple[str, ...] | None = None, **settings: Any) -> str:
    with pytest.raises(InputError) as caught:
        read_table(path, columns, **settings)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert visible(message) == message
    return message


class TestAFileThatIsLargerThanAllowed:
    @pytest.mark.parametrize(("suffix", "compress"), COMPRESSIONS)
    def test_is_refused_before_it_is_unpacked_whole(
        self, tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes]
    ) -> None:
        path = write(tmp_path / f"r.csv{suffix}", compress(bytes(64 * MEGABYTE)))
        tracemalloc.start()
        try:
            message = refusal(path, max_bytes=MEGABYTE)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert (
            "more than 1,048,576 bytes once unpacked; if that is meant, raise the limit: --max-bytes 2097152" in message
        )
        assert peak < 48 * MEGABYTE

    @pytest.mark.parametrize(("suffix", "compress"), [("", bytes), *COMPRESSIONS])
    def test_is_read_where_the_limit_is_raised_to_its_size(
        self, tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes]
    ) -> None:
        content = b"text,label\n" + os.urandom(50_000).hex().encode() + b",1\n"
        path = write(tmp_path / f"r.csv{suffix}", compress(content))
        assert read_unpacked(path, len(content))[0] == content
        with pytest.raises(InputError, match="--max-bytes"):
            read_unpacked(path, len(content) - 1)

    def test_names_the_limit_that_would_do_where_its_size_is_known(self, tmp_path: Path) -> None:
        path = write(tmp_path / "r.csv", b"text,label\na,1\n")
        assert "--max-bytes 15, or max_bytes = 15 in [data]" in refusal(path, max_bytes=14)


class TestACellThatIsTooLong:
    @pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
    def test_is_refused_in_the_column_that_is_wanted_and_in_no_other(self, tmp_path: Path, kind: str) -> None:
        long = "word " * 200
        names = ("text", "label", "other")
        rows = [("fine", "1", ""), ("dull", "0", long)] + [("and so on, for a while", "1", "")] * 100
        content = {
            "csv": "".join(",".join(f'"{cell}"' for cell in row) + "\n" for row in [names, *rows]),
            "tsv": "".join("\t".join(row) + "\n" for row in [names, *rows]),
            "jsonl": "".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows),
        }.get(kind, "")
        data = content.encode() or parquet({name: [row[n] for row in rows] for n, name in enumerate(names)})
        path, limit = write(tmp_path / f"r.{kind}", data), len(long) * CELL_SHARE
        message = refusal(path, ("other",), max_bytes=limit - 1)
        assert "row 2, column 'other': one cell of 1,000 bytes" in message
        assert f"--max-bytes {limit}" in message
        assert read_table(path, ("other",), max_bytes=limit).column("other").to_pylist()[1] == long
        assert read_table(path, ("text", "label"), max_bytes=limit - 1).num_rows == 102


BOMBS: dict[str, tuple[str, bytes, bytes, int]] = {
    "ten gibibytes of zeros in gzip": ("r.csv.gz", b"", gzip.compress(bytes(64 * MEGABYTE)), 160),
    "ten gibibytes of zeros in xz": ("r.csv.xz", b"", lzma.compress(bytes(64 * MEGABYTE)), 160),
    "ten gibibytes of zeros in zstd": ("r.csv.zst", b"", zstandard.compress(bytes(64 * MEGABYTE)), 160),
    "a hundred million rows": ("r.csv.gz", b"text,label\n", gzip.compress(b",\n" * (4 * MEGABYTE)), 31),
    "sixty million rows": ("r.csv.gz", b"text,label\n", gzip.compress(b"a,1\n" * (2 * MEGABYTE)), 31),
    "a hundred million rows with other ends": ("r.csv.gz", b"text,label\r", gzip.compress(b",\r" * (4 * MEGABYTE)), 31),
    "eighty million objects": ("r.jsonl.gz", b"", gzip.compress(b"{}\n" * (2 * MEGABYTE)), 41),
}
PEAK = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, done.returncode, (done.stdout + done.stderr).strip())
"""


class TestAFileThatStandsForMuchMore:
    @pytest.mark.parametrize("bomb", BOMBS)
    def test_is_refused_by_the_program_in_one_line_and_within_bounds(self, tmp_path: Path, bomb: str) -> None:
        name, head, packed, times = BOMBS[bomb]
        begun = {"gz": gzip, "xz": lzma}.get(name[-2:])
        path = write(tmp_path / name, (begun.compress(head) if begun else b"") + packed * times)
        assert path.stat().st_size < 11 * MEGABYTE
        order = [sys.executable, "-m", "search", "inspect", str(path), "--text", "text", "--label", "label"]
        # In a process between, since the peak of children is that of all there ever were.
        done = subprocess.run(
            [sys.executable, "-c", PEAK, *order], capture_output=True, text=True, check=True, cwd=ROOT
        )
        kilobytes, status, told = done.stdout.split(" ", 2)
        assert (status, len(told.splitlines())) == ("2", 1) and "if that is meant, raise the limit" in told
        assert int(kilobytes) < 1024 * 1500

    def test_of_rows_may_have_a_million_however_short(self, tmp_path: Path) -> None:
        path = write(tmp_path / "r.csv", b"text,label\n" + b"a,1\n" * (1 << 20))
        assert read_table(path, max_bytes=8 * MEGABYTE).num_rows == 1 << 20
        with path.open("ab") as file:
            file.write(b"a,1\n")
        assert "1,048,577 rows, more than 1,048,576" in refusal(path, max_bytes=8 * MEGABYTE)
        assert read_table(path, max_bytes=128 * MEGABYTE).num_rows == (1 << 20) + 1


class TestParquet:
    def test_of_one_long_text_said_a_thousand_times_is_refused(self, tmp_path: Path) -> None:
        path = write(tmp_path / "r.parquet", parquet({"text": pa.array(["x" * MEGABYTE] * 100), "label": ["1"] * 100}))
        assert "more than 67,108,864 bytes once unpacked" in refusal(path, ("text", "label"), max_bytes=64 * MEGABYTE)

    def test_that_says_how_large_it_is_is_believed(self, tmp_path: Path) -> None:
        data = parquet({"text": ["x" * (20 * MEGABYTE)]}, use_dictionary=False, compression="zstd")
        path = write(tmp_path / "r.parquet", data)
        assert path.stat().st_size < MEGABYTE
        assert "more than 1,048,576 bytes once unpacked" in refusal(path, max_bytes=MEGABYTE)

    def test_of_more_cells_than_bytes_allowed_is_refused(self, tmp_path: Path) -> None:
        path = write(tmp_path / "r.parquet", parquet({"text": pa.nulls(3_000_000, pa.string())}))
        assert path.stat().st_size < MEGABYTE
        assert "3,000,000 rows of 1 columns are more cells" in refusal(path, max_bytes=MEGABYTE)

    def test_may_hold_texts_in_any_of_its_types(self, tmp_path: Path) -> None:
        texts = pa.array(["fine", None, "dull"])
        types = [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.dictionary(pa.int32(), pa.string())]
        path = write(tmp_path / "r.parquet", parquet({f"c{n}": texts.cast(kind) for n, kind in enumerate(types)}))
        table = read_table(path)
        assert [table.column(name).to_pylist() for name in table.columns] == [["fine", None, "dull"]] * len(types)

    @pytest.mark.parametrize("encoding", ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"])
    def test_may_store_its_texts_without_a_dictionary(self, tmp_path: Path, encoding: str) -> None:
        texts = [f"{'x' * 10_000}{number}" for number in range(500)]
        settings = {"use_dictionary": False, "column_encoding": encoding}
        path = write(tmp_path / "r.parquet", parquet({"text": texts}, **settings))
        assert read_table(path, ("text",)).column("text").to_pylist() == texts
        assert "once unpacked" in refusal(path, ("text",), max_bytes=MEGABYTE)

    def test_that_holds_no_utf_8_where_it_says_so_is_refused(self, tmp_path: Path) -> None:
        broken = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff"]).buffers())
        path = write(tmp_path / "r.parquet", parquet({"text": broken}))
        assert "column 'text': values of type string that cannot be read as text" in refusal(path, ("text",))


class TestATableThatIsTooWide:
    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("r.csv", b"," * MAX_COLUMNS + b"\n" + b"," * MAX_COLUMNS),
            ("r.jsonl", b"".join(b'{"k%d":1}\n' % n for n in range(MAX_COLUMNS + 1))),
        ],
    )
    def test_is_refused(self, tmp_path: Path, name: str, content: bytes) -> None:
        assert "more than 16,384 columns" in refusal(write(tmp_path / name, content))

    def test_of_json_lines_with_ever_other_names_is_refused(self, tmp_path: Path) -> None:
        lines = b"".join(b'{"k%d":1}\n' % (n % 1000) for n in range(2000))
        assert "1,000 columns are more cells" in refusal(write(tmp_path / "r.jsonl", lines), max_bytes=MEGABYTE)


class TestWhatIsNoFile:
    @pytest.mark.parametrize("reader", [read_table, read_toml])
    def test_is_refused_without_waiting_for_its_end(self, tmp_path: Path, reader: Callable[[Path], Any]) -> None:
        os.mkfifo(tmp_path / "pipe")
        for path, kind in ((tmp_path / "pipe", "a pipe"), (Path("/dev/zero"), "a device"), (tmp_path, "a directory")):
            with pytest.raises(InputError, match=f"^{path}: this is {kind}"):
                reader(path)

    @pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "file/under"])
    def test_is_not_there(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(InputError):
            read_table(tmp_path / name)

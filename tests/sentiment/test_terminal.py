import os
import subprocess
import sys
import unicodedata

import pytest

from sentiment.terminal import WIDTH, clip, in_columns, wrapped

HOSTILE = "\x1b[31mred\nsecond\u202e"
SHOWN = r"\x1b[31mred\nsecond\u202e"


class TestATable:
    def test_stands_under_its_heads_whatever_its_cells_hold(self) -> None:
        lines = in_columns(("name", "rows"), [(HOSTILE, "1"), ("한글", "20"), ("x", "300")], right=(1,))
        assert lines[0].startswith("name ")
        assert lines[2] == f"{SHOWN}     1"
        assert lines[3] == "한글" + " " * (len(SHOWN) - 4) + "    20"
        assert lines[1] == "-" * len(SHOWN) + "  ----"

    def test_gives_each_text_the_columns_that_a_terminal_does(self) -> None:
        family, decomposed, jamo, thai = "👩\u200d👩\u200d👧", "cafe\u0301", unicodedata.normalize("NFD", "한글"), "เก็บ"
        lines = in_columns(("", "end"), [(text, "|") for text in (family, decomposed, jamo, "日本", thai, "123456")])
        assert lines[2:] == [
            *(f"{family}      |", f"{decomposed}    |", f"{jamo}    |", "日本    |", f"{thai}     |", "123456  |"),
        ]

    def test_shows_markup_as_it_is_and_cuts_nothing(self) -> None:
        cells = ("[bold]x[/bold]", ":smile:", "https://example.org", "긴 이름 " * 100 + "!")
        assert in_columns(("[red]", "", "", ""), [cells])[0] == "[red]"
        assert in_columns(("[red]", "", "", ""), [cells])[2] == "  ".join(cells)

    def test_without_rows_is_none(self) -> None:
        assert in_columns(("name", "rows"), []) == []


class TestALine:
    def test_is_cut_at_its_width_and_never_broken_by_a_text(self) -> None:
        assert clip(HOSTILE, 100) == SHOWN
        assert clip("한글" * 5, 10) == "한글한..."
        assert clip("abcdefghij", 10) == "abcdefghij"
        assert clip("abcdefghijk", 10) == "abcdefg..."

    def test_a_long_text_is_cut_without_looking_at_each_of_its_ends(self) -> None:
        assert clip("x" * 2_000_000, WIDTH) == "x" * (WIDTH - 3) + "..."

    @pytest.mark.parametrize("text", [HOSTILE, f"word {HOSTILE} word"])
    def test_of_a_sentence_is_broken_at_spaces_alone(self, text: str) -> None:
        assert list(wrapped(text)) == [text.replace(HOSTILE, SHOWN)]


@pytest.mark.parametrize("told", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_cuts_no_table_in_a_terminal_that_calls_itself_dumb(told: str) -> None:
    program = "from sentiment.terminal import in_columns; print(in_columns(['a'], [['x' * 200]])[-1])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"TERM": "dumb", told: "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "x" * 200 + "\n"

import io
import os
import shlex
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import redirect_stdout

import pytest
from rich.cells import cell_len

from sentiment.terminal import WIDTH, clip, columns_of, draw, in_columns, screen, wrapped
from tests.support.terminal import Terminal

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

    def test_in_a_narrow_terminal_goes_without_its_spare_columns_and_names_them(self) -> None:
        header, rows = ("name", "score", "price", "verdict"), [("a" * 20, "0.5", "1" * 12, "improves")]
        spare = ("price", "score")
        assert in_columns(header, rows, width=54, spare=spare) == in_columns(header, rows)
        lines = in_columns(header, rows, width=47, spare=spare)
        assert lines[2:] == [f"{'a' * 20}  0.5    improves", "a wider terminal, or --json, shows more: price"]
        lines = in_columns(header, rows, width=30, spare=spare)
        assert lines[2:] == [
            *(f"{'a' * 20}  improves", "a wider terminal, or --json,"),
            "  shows more: price, score",
        ]

    def test_does_not_say_that_columns_without_content_are_gone(self) -> None:
        lines = in_columns(("name", "score"), [("a" * 20, "")], width=20, spare=("score",))
        assert lines == ["name", "-" * 20, "a" * 20]

    def test_folds_a_column_at_words_before_it_is_stacked(self) -> None:
        row = ("영화 리뷰가 긴 이름", "+1.2 (-0.3 to +2.5)", "improves")
        lines = in_columns(("idea", "measured", "verdict"), [row], width=48)
        assert [cell_len(line) <= 48 for line in lines] == [True] * len(lines)
        assert lines[2:] == ["영화 리뷰가 긴     +1.2 (-0.3 to +2.5)  improves", "이름"]
        assert in_columns(("idea", "measured", "verdict"), [row], width=40) == [
            *("영화 리뷰가 긴 이름", "  measured  +1.2 (-0.3 to +2.5)", "  verdict   improves"),
        ]

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


def on_a_terminal(text: str, width: int) -> list[str]:
    with redirect_stdout(Terminal()) as shown:
        draw(text, "", stderr=False, width=width)
    return shown.getvalue().splitlines()


class TestWhatIsDrawn:
    @pytest.fixture(autouse=True)
    def fresh(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setenv("NO_COLOR", "1")
        screen.cache_clear()
        yield
        screen.cache_clear()

    def test_breaks_sentences_at_spaces_whatever_their_letters_are_wide(self) -> None:
        said = "리뷰 영화 " * 9 + "and `a command to copy` (`with one more`), in a path/" + "long/" * 20 + " "
        lines = on_a_terminal(said, 40)
        assert " ".join(line.strip() for line in lines) == said.rstrip()
        assert [line for line in lines if cell_len(line) > 40] == [f"  path/{'long/' * 20}"]
        assert any("`a command to copy`" in line for line in lines)

    def test_breaks_a_command_so_that_a_shell_still_takes_it(self) -> None:
        command = "sentiment-search export 'my reviews' --to model --storage sqlite:///a/path/to/studies.db"
        for before in ("", "Next: ", "Interrupted; every trial is kept. Go on with the same command: "):
            lines = on_a_terminal(before + command, 60)
            assert max(map(cell_len, lines)) <= 60
            start = next(n for n, line in enumerate(lines) if "sentiment-search" in line)
            copied = "\n".join(lines[start:])[lines[start].index("sentiment-search") :]
            assert shlex.split(copied.replace("\\\n", "")) == shlex.split(command)
        assert on_a_terminal(command, 160) == [command]

    def test_keeps_a_command_in_one_line_where_that_fits(self) -> None:
        lines = on_a_terminal("Go on with the same command, and again: sentiment-search run reviews.toml", 50)
        assert lines == ["Go on with the same command, and again:", "  sentiment-search run reviews.toml"]


class TestTheColumnsOfATerminal:
    def test_are_those_that_it_has_or_that_it_is_told_of(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "77")
        assert columns_of(Terminal()) == 77
        monkeypatch.setenv("COLUMNS", "wide")
        assert columns_of(Terminal()) == 80  # it does not say
        monkeypatch.setenv("COLUMNS", "1")
        assert columns_of(Terminal()) == 20

    def test_are_none_of_a_file_or_a_pipe(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "77")
        assert columns_of(io.StringIO()) is None
        assert columns_of(None) is None


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

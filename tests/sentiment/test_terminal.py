import pytest

from sentiment.terminal import WIDTH, aligned, clip, ruled, wrapped

HOSTILE = "\x1b[31mred\nsecond\u202e"
SHOWN = r"\x1b[31mred\nsecond\u202e"


class TestATable:
    def test_stands_under_its_heads_whatever_its_cells_hold(self) -> None:
        lines = list(ruled(("name", "rows"), [(HOSTILE, "1"), ("한글", "20"), ("x", "300")], right=(1,)))
        assert lines[0].startswith("name ")
        assert lines[2] == f"{SHOWN}     1"
        assert lines[3] == "한글" + " " * (len(SHOWN) - 4) + "    20"
        assert lines[1] == "-" * len(SHOWN) + "  ----"
        assert list(aligned(("name", "rows"), [(HOSTILE, "1")], right=(1,)))[1] == f"  {SHOWN}     1"

    def test_joiners_and_marks_take_no_column(self) -> None:
        family, decomposed = "👩\u200d👩\u200d👧", "cafe\u0301"
        lines = list(ruled(("", "end"), [(family, "|"), (decomposed, "|"), ("123456", "|")]))
        assert lines[2:] == [f"{family}  |", f"{decomposed}    |", "123456  |"]


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

"""What a terminal, a renderer of Markdown and a spreadsheet would obey is written out here; nothing of it may pass."""

import json
import re

import pytest

from sentiment.foreign import LONGEST, as_json, cell, code, markdown, markdown_table, one_line, visible

OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

HARMLESS = ["", "plain", "한글 좋아요", "👩‍👩‍👧 👍🏽 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "می‌خواهم", "naïve café", "C:\\new", "a_b|c"]


class TestForATerminal:
    @pytest.mark.parametrize("text", HARMLESS)
    def test_ordinary_text_of_any_language_stays_as_it_is(self, text: str) -> None:
        assert visible(text) == text

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
            ("\x9b2J", r"\x9b2J"),  # C1: clears the screen of some terminals without any escape
            ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
            ("a\rb\nc\td\0\x7f", r"a\rb\nc\td\x00\x7f"),
            ("user\u202egnp.exe\u2066", r"user\u202egnp.exe\u2066"),
            ("one\u2028two\u2029\x85", r"one\u2028two\u2029\x85"),
            ("half \udcff", r"half \udcff"),
        ],
    )
    def test_what_it_would_obey_is_written_out(self, text: str, shown: str) -> None:
        assert visible(text) == shown
        assert visible(shown) == shown  # so it may pass here twice

    def test_the_layout_of_the_program_itself_stays_where_it_asks_for_that(self) -> None:
        assert visible("a\tb\n\x1b", keep="\n\t") == "a\tb\n\\x1b"


class TestALineThatSaysWhatIsWrong:
    def test_is_one_line(self) -> None:
        assert one_line("two\nlines \x1b") == r"two\nlines \x1b"

    def test_keeps_its_beginning_and_its_end(self) -> None:
        said = one_line(f"--trial is {'9' * 5000!r}; give best")
        assert said.startswith("--trial is '999") and said.endswith("999'; give best")
        assert len(said) < LONGEST + 10


class TestJSON:
    @pytest.mark.parametrize("text", [*HARMLESS, '\x1b[31m\x9b\x7f\u202e\u2028\n\r\0 "quoted" \\'])
    def test_says_the_same_with_nothing_that_a_terminal_obeys(self, text: str) -> None:
        for indent in (None, 1):
            written = as_json({text: [text, 1.5, None, True]}, indent)
            assert json.loads(written) == {text: [text, 1.5, None, True]}
            assert not OBEYED.search(written)

    def test_keeps_letters_readable(self) -> None:
        assert as_json("좋아요 👩‍👩‍👧") == '"좋아요 👩‍👩‍👧"'


class TestMarkdown:
    @pytest.mark.parametrize(
        ("text", "written"),
        [
            ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
            ("<!-- x", "&lt;!-- x"),
            ("a|b", r"a\|b"),
            ("`code`", r"\`code\`"),
            ("[x](javascript:alert(1))", r"[x\](javascript:alert(1))"),
            ("![x][y]", r"![x\][y]"),
            ("*so* _so_ ~~so~~", r"\*so\* \_so\_ \~\~so\~\~"),
            ("$x$ C# &lt;", r"\$x\$ C\# &amp;lt;"),
            ("line\nbreak", r"line\\nbreak"),
            ("back\\slash", r"back\\slash"),
            ("- no list", r"\- no list"),
            ("1. no list", r"1\. no list"),
            ("> no quote", r"\> no quote"),
            ("===", r"\==="),
            ("---", r"\---"),
            ("\x1b[31m", r"\\x1b[31m"),
        ],
    )
    def test_shows_markup_instead_of_obeying_it(self, text: str, written: str) -> None:
        assert markdown(text) == written

    @pytest.mark.parametrize(
        "text", ["plain", "한글 👩‍👩‍👧", "lstm_attention", "-1.9", "+11.9", "<0.001", "95 % (a, b)", "[2, 3]"]
    )
    def test_leaves_alone_what_means_nothing(self, text: str) -> None:
        assert markdown(text) == text

    def test_a_table_keeps_each_text_in_its_cell(self) -> None:
        table = markdown_table(("a|b", "c"), [("x\ny", "|"), ("\\", "\\|")])
        assert table.splitlines() == [r"| a\|b | c |", "| --- | --- |", r"| x\\ny | \| |", r"| \\ | \\\| |"]

    @pytest.mark.parametrize(
        ("text", "written"),
        [
            ("run x", "`run x`"),
            ("a `b` c", "``a `b` c``"),
            ("`", "`` ` ``"),
            ("x``", "``` x`` ```"),
            ("a\nb", r"`a\nb`"),
        ],
    )
    def test_code_ends_where_it_should(self, text: str, written: str) -> None:
        assert code(text) == written


class TestForASpreadsheet:
    @pytest.mark.parametrize(
        "text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "-", "--1"]
    )
    def test_a_formula_becomes_a_text(self, text: str) -> None:
        assert cell(text) == f"'{text}"

    @pytest.mark.parametrize(
        "value", ["-1", "+1", "-0.5", "1e-05", "-1e-05", "+.5", "a=b", "한글", "", 1, -1.5, None, True]
    )
    def test_numbers_and_other_texts_stay(self, value: object) -> None:
        assert cell(value) is value

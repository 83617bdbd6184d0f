"""Names that somebody else chose, in everything that is made of a study or a comparison: nothing in them is obeyed."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from search.comparison.results import Results
from search.comparison.slices import ErrorRate, Example, Slice, Slices
from search.report import board as boards
from search.report.folder import write_report
from search.report.tables import tables
from search.report.text import markdown, render
from search.report.values import rows, write_csv
from search.report.words import heading, words
from search.study.leaderboard import leaderboard
from search.study.records import BASELINES, CONFIG, ENDED, ROWS
from tests.search.report.test_figures import difference, results
from tests.sentiment.test_foreign import OBEYED

NAME = "=1+1 <script>alert(1)</script> a|b `c` [x](javascript:alert(1)) $x$\n\x1b[31m\u202e"
IN_MARKDOWN = r"=1+1 &lt;script>alert(1)&lt;/script> a\|b \`c\` [x\](javascript:alert(1)) \$x\$\\n\\x1b[31m\\u202e"
IN_A_TERMINAL = r"=1+1 <script>alert(1)</script> a|b `c` [x](javascript:alert(1)) $x$\n\x1b[31m\u202e"


@pytest.fixture(scope="module")
def found() -> Results:
    made = results(classes=(NAME, "-1"), name=NAME)
    whole = difference(0.6)
    ideas = tuple(
        replace(
            idea, score=replace(idea.score, name=f"{NAME}{number}"), source=NAME, per_class={NAME: whole, "-1": whole}
        )
        for number, idea in enumerate(made.ideas)
    )
    winner = replace(made.winner, score=replace(made.winner.score, name=NAME))
    return replace(made, ideas=ideas, winner=winner, slices=named_slices())


def named_slices() -> Slices:
    rate = ErrorRate(0.2, 0.1, 0.3, 0.95)
    one = Slice("rating", NAME, 40, rate, rate, difference(0.6), (Example(NAME, NAME, "-1"),))
    return Slices(one, (one, replace(one, name="-1")), {"topic": 3}, (NAME,))


class TestAComparison:
    def test_in_the_terminal_keeps_its_lines_and_columns(self, found: Results) -> None:
        shown = render(found)
        assert IN_A_TERMINAL in shown
        for table in tables(found):
            lines = table.render().splitlines()
            assert len(lines) == 3 + len(table.rows)
            assert not any(map(OBEYED.search, lines))

    def test_in_markdown_is_text(self, found: Results) -> None:
        shown = markdown(found)
        assert shown.count(IN_MARKDOWN) > 10
        assert "<script" not in shown and "](javascript" not in shown.replace("\\](javascript", "")
        assert not OBEYED.search(shown)
        for block in shown.split("\n\n"):
            if block.startswith("|"):  # each row has as many cells as the head
                assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1

    def test_says_its_sentences_in_a_line_each(self, found: Results) -> None:
        said = markdown(found).split("\n\n")[1].splitlines()
        assert len(said) == len(words(found))
        assert all(line.startswith("- ") for line in said)
        assert heading(found).startswith(NAME)

    def test_in_csv_is_no_formula_and_its_numbers_are_numbers(self, found: Results, tmp_path: Path) -> None:
        write_csv(tmp_path / "ideas.csv", rows(found))
        with (tmp_path / "ideas.csv").open(encoding="utf-8", newline="") as file:
            written = list(csv.DictReader(file))
        assert [row["idea"] for row in written] == [f"'{idea.name}" for idea in found.ideas]
        assert {row["source"] for row in written} == {f"'{NAME}"}
        assert [float(row["difference"]) for row in written] == [idea.difference.mean for idea in found.ideas]
        assert min(float(row["difference"]) for row in written) < 0  # a minus makes no formula of a number
        write_csv(tmp_path / "slices.csv", [{"name": "-1", "rows": -1}])
        assert (tmp_path / "slices.csv").read_text() == "name,rows\n-1,-1\n"

    def test_as_a_report_says_the_same_and_shows_its_command(self, found: Results, tmp_path: Path) -> None:
        pytest.importorskip("matplotlib")
        write_report(found, tmp_path, "sentiment-search compare '`x`.toml'")
        text = (tmp_path / "results.md").read_text("utf-8")
        assert text.splitlines()[0] == f"# \\{IN_MARKDOWN}".replace("# \\=", "# =")
        assert "Made by ``sentiment-search compare '`x`.toml'``." in text
        assert "<script" not in text
        assert json.loads((tmp_path / "results.json").read_text("utf-8"))["name"] == NAME
        for figure in tmp_path.glob("*.svg"):
            drawn = figure.read_text("utf-8")
            assert "<script" not in drawn
            assert not OBEYED.search(drawn)


class TestALeaderboard:
    @pytest.fixture
    def study(self) -> optuna.Study:
        made = optuna.create_study(direction="maximize", study_name=NAME)
        made.set_user_attr(BASELINES, {NAME: {"macro_f1": 0.3}})
        made.set_user_attr(ROWS, {"train": 3200, "validation": 400, "sealed test": 400})
        for value in (0.7, 0.8):
            made.add_trial(create_trial(value=value, user_attrs={CONFIG: {"architecture": NAME}}))
        made.add_trial(create_trial(state=TrialState.FAIL, user_attrs={ENDED: NAME}))
        return made

    def test_keeps_its_lines(self, study: optuna.Study) -> None:
        board = leaderboard(study)
        lines = boards.render(board, top=1).splitlines()
        assert not any(map(OBEYED.search, lines))
        assert any(line.startswith(f"Leaderboard of {IN_A_TERMINAL} (") for line in lines)
        assert f"trial 2 ended early: {IN_A_TERMINAL}" in lines

    def test_names_a_command_that_a_shell_takes_as_it_is_meant(self) -> None:
        made = optuna.create_study(direction="maximize", study_name="my reviews")
        for value in (0.7, 0.8):
            made.add_trial(create_trial(value=value))
        assert "`sentiment-search report 'my reviews' --json` has them all" in boards.render(leaderboard(made), top=1)

    def test_as_a_note_is_text(self, study: optuna.Study) -> None:
        note = boards.markdown(leaderboard(study))
        assert f"| {IN_MARKDOWN} | 0.3000 |" in note
        assert "<script" not in note

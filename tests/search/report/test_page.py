"""The page of a search and that of a comparison: whole, escaped, in both languages, with and without texts."""

import csv
import io
import json
import os
import re
import string
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from search.cli.arguments import LANGUAGES as OFFERED
from search.cli.commands import main
from search.cli.report import IDLE_LOOKS
from search.comparison.decisions import Decision
from search.comparison.results import Results
from search.comparison.setting import Setting
from search.comparison.slices import ErrorRate, Example, Slice, Slices
from search.report.page import LANGUAGES, comparison_page, english, korean, search_page
from search.report.page.content import Block
from search.report.page.data import data_section
from search.report.page.importance import importance_blocks
from search.report.page.messages import MESSAGES, sayer
from search.report.page.model import slice_name
from search.report.page.writing import html
from search.storage.databases import open_storage
from search.study.create import create_or_resume, make_objective
from search.study.definition import StudyDefinition
from search.study.importance import importances
from search.study.leaderboard import EnsembleStanding, Leaderboard, leaderboard
from search.study.origins import Origin
from search.study.records import COMMAND, told_of_study
from sentiment.errors import InputError
from sentiment.reviews.relabel import Relabelled
from tests.search.conftest import Searched
from tests.support.compared import compared, setting_in, write_comparison
from tests.support.html import Html, parsed
from tests.support.results import VERDICTS, difference, idea, results, score
from tests.support.tiny import source

pytest.importorskip("matplotlib")

HOSTILE = '<script>alert("x")</script>\u202e\x1b[31m & \'"><img src=x onerror=alert(1)>'
MOST_BYTES = 3 << 20
RATE = ErrorRate(0.2, 0.1, 0.3, 0.95)
NO_DATA = InputError("reviews.csv: no such file")
NO_SLICES = Slices(Slice("all", "all rows", 30, RATE, RATE, difference(0.6), ()), (), {}, ())


def every_remark() -> Results:
    """Of each kind one: what is exaggerated, who pays, what collapsed, here and there, what diverged and relabels."""
    barely = Decision(replace(difference(0.9), mean=0.02, low=0.0001, high=0.04), 0.0499, "improves", worth_more=False)
    collapsed, diverged = (replace(score(name), **{name: 3}) for name in ("collapsed", "diverged"))  # type: ignore[arg-type]
    agreement = Relabelled("lexicon", np.zeros(3), 0.925, 0.731, 0.42, {"negative": 0.5, "positive": 0.875})
    made = (
        idea("gains", "improves", difference(0.9), decision=barely, per_class={"positive": difference(0.3)}),
        idea("collapsed", "undecided", difference(0.61), score=collapsed),
        idea("diverged", "worse", difference(0.4), score=diverged),
        idea("relabels", "worse", difference(0.4), circular_macro_f1=0.9, against="collapsed"),
    )
    return results(made, relabelled=(("relabels", agreement),))


EVERY_REMARK = every_remark()


@pytest.fixture(scope="module")
def ideas(tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, Setting]:
    folder = tmp_path_factory.mktemp("ideas")
    write_comparison(folder)
    return compared(folder), setting_in(folder)


def page_of(searched: Searched, **options: Any) -> str:
    board = leaderboard(searched.opened.study, searched.artifacts)
    opened = options.pop("opened", searched.opened)
    return html(search_page(searched.opened.study, board, opened, searched.artifacts, **options))


def is_whole(page: str) -> Html:
    """It is one file, without a script and without a request; its tags are balanced."""
    found = parsed(page)
    assert not found.open
    assert not found.loads
    assert not found.all("script")
    assert not found.all("link")
    assert not [name for _, attributes in found.tags for name in attributes if name.startswith("on")]
    assert not re.findall(r"url\((?!#)|@import", page)
    assert len(page.encode()) < MOST_BYTES
    assert found.all("meta")[1]["content"].startswith("default-src 'none'")  # type: ignore[union-attr]
    ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    return found


@pytest.mark.parametrize("language", LANGUAGES)
class TestBothPages:
    def test_a_search_is_one_file_without_a_request(self, searched: Searched, language: str) -> None:
        found = is_whole(page_of(searched, language=language))
        assert found.all("html")[0]["lang"] == language
        say = sayer(language)
        for title in (
            "leaderboard",
            "curves",
            "importance",
            "collapse",
            "classes",
            "errors",
            "data",
            "ledger",
            "again",
        ):
            assert say(f"section.{title}") in found.text

    def test_a_comparison_is_one_file_without_a_request(self, ideas: tuple[Results, Setting], language: str) -> None:
        found = is_whole(html(comparison_page(*ideas, language=language)))
        say = sayer(language)
        for title in (
            "ideas",
            "arms",
            "curves",
            "collapse",
            "classes",
            "errors.comparison",
            "data",
            "ledger",
            "again",
            "limits",
        ):
            assert say(f"section.{title}") in found.text
        for one in ideas[0].ideas:
            assert say(f"verdict.{one.decision.verdict}") in found.text


class TestASearch:
    def test_says_what_the_terminal_says(self, searched: Searched) -> None:
        board = leaderboard(searched.opened.study, searched.artifacts)
        text = parsed(page_of(searched)).text
        assert english.standing(board) in text
        assert english.optimism(board) in text
        assert all(f"{entry.macro_f1:.4f}" in text for entry in board.entries)

    def test_scores_the_recommended_model_as_it_was_scored(self, searched: Searched) -> None:
        board = leaderboard(searched.opened.study, searched.artifacts)
        assert board.recommended is not None
        text = parsed(page_of(searched)).text
        said = re.search(r"Accuracy [\d.]+ %, macro-F1 ([\d.]+), of", text)
        assert said is not None
        assert float(said[1]) == pytest.approx(board.recommended.macro_f1, abs=6e-4)

    def test_holds_no_text_of_a_review_where_none_is_wanted(self, searched: Searched) -> None:
        texts = searched.opened.dataset.texts("validation")
        assert any(text in parsed(page_of(searched)).text for text in texts)
        assert not any(text in parsed(page_of(searched, show_texts=False)).text for text in texts)

    def test_keeps_what_needs_no_data_where_these_have_gone(self, searched: Searched) -> None:
        found = is_whole(page_of(searched, opened=InputError("reviews.csv: no such file")))
        assert "reviews.csv: no such file" in found.text
        assert "Learning curves" in found.text
        assert "class by class" in found.text
        assert "Where it goes wrong" not in found.text

    def test_leaves_out_figures_without_the_extra(self, searched: Searched, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("search.report.page.trials.find_spec", lambda name: None)
        found = is_whole(page_of(searched))
        assert "sentiment-search[figures]" in found.text
        assert not [one for one in found.all("svg") if one.get("role") == "img"]

    def test_shows_the_command_that_made_it(
        self, searched: Searched, ideas: tuple[Results, Setting], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert "sentiment-search run" not in parsed(page_of(searched)).text  # it was not made by a command
        recorded = Setting.recorded
        monkeypatch.setattr(Setting, "recorded", lambda setting: recorded(setting) | {COMMAND: "compare <it>"})
        monkeypatch.setattr("search.report.page.trials.told_of_study", lambda study: told_of_study(study) | RUN)
        assert "run 'my file.csv' --audit 0.1" in parsed(page_of(searched)).text
        assert "compare <it>" in parsed(html(comparison_page(*ideas))).text

    def test_gives_commands_that_lead_to_its_storage(self, searched: Searched) -> None:
        board = leaderboard(searched.opened.study, searched.artifacts)
        made = search_page(searched.opened.study, board, searched.opened, searched.artifacts, where=" --storage URL")
        commands = [line for one in made.sections for block in one.blocks for line in getattr(block, "lines", ())]
        assert "sentiment-search report tiny --html report.html --storage URL" in commands
        assert all(command.endswith(" --storage URL") for command in commands)
        assert "--sealed tiny --storage URL" in parsed(html(made)).text

    def test_says_nothing_of_an_interval_where_the_linear_baseline_is_best(self, searched: Searched) -> None:
        board = leaderboard(searched.opened.study, searched.artifacts)
        best = replace(board.best or board.entries[0], is_linear=True)
        together = EnsembleStanding({0: 0.5, 1: 0.5}, 0.9, 0.9, above_best=(0.01, -0.01, 0.03), above_linear=None)
        rest = tuple(entry for entry in board.entries if entry.trial is not None and entry.trial != best.trial)
        board = replace(board, entries=(best, *rest), families=(), against_linear=None)

        def first_of(board: Leaderboard) -> list[Block]:
            return list(search_page(searched.opened.study, board, searched.opened, searched.artifacts).first)

        assert [block.kind for block in first_of(board)] == ["prose", "picture"]
        forest = first_of(replace(board, ensemble=together))[0]
        assert forest.kind == "forest"
        assert [row.numbers[0] for row in forest.rows] == ["+1.0"]

    def test_judges_a_model_by_itself_in_other_words_than_a_comparison_judges_ideas(self, searched: Searched) -> None:
        against = {"trial": 0, "corrected": 0.02, "low": 0.01, "high": 0.04}
        board = replace(leaderboard(searched.opened.study, searched.artifacts), against_linear=against)
        forest = search_page(searched.opened.study, board, searched.opened, searched.artifacts).first[0]
        assert forest.kind == "forest"
        assert [row.badge.text for row in forest.rows if row.badge] == ["above linear"]
        assert "not corrected for how many" in forest.caption
        for language in LANGUAGES:
            alone, together = (
                {MESSAGES[language][f"{kind}.{one}"] for one in VERDICTS} for kind in ("alone", "verdict")
            )
            assert not alone & together

    def test_says_which_parts_came_from_files_of_their_own(self, searched: Searched) -> None:
        def said(**own: str) -> str:
            given = replace(searched.opened.dataset.source, fractions=(0.6, 0.2, 0.2), **own)
            return " ".join(
                str(getattr(one, "text", "")) for one in data_section(NO_DATA, given, {}, sayer("en")).blocks
            )

        assert "training 60 %, validation 20 %, sealed test 20 %" in said()
        assert "training 75 %, validation 25 %" in said(test_path="own.csv")
        assert "sealed test part: those of own.csv" in said(test_path="own.csv")
        assert "Drawn by seed" not in said(test_path="own.csv", validation_path="more.csv")

    def test_is_the_same_bytes_for_the_same_study(self, searched: Searched) -> None:
        assert page_of(searched) == page_of(searched)


class TestForeignText:
    def test_of_a_search_is_shown_and_not_obeyed(self, tmp_path: Path) -> None:
        path = tmp_path / 'a"><b>.csv'
        with path.open("w", newline="", encoding="utf-8") as file:
            rows = [(f"{HOSTILE} {word} {number}", stars) for number in range(60) for word, stars in WORDS]
            csv.writer(file).writerows([("text", "stars"), *rows])
        classes = {HOSTILE.replace("\x1b", ""): ["1"], "positive": ["5"]}
        space = {"family": "linear"}
        defined = StudyDefinition(data=source(path, classes=classes), name="a <b>&", space=space, trials=1)
        opened = create_or_resume(defined, open_storage(f"sqlite:///{tmp_path}/study.db"), tmp_path / "artifacts")
        opened.study.optimize(make_objective(opened), n_trials=1)
        board = leaderboard(opened.study)
        page = html(search_page(opened.study, board, opened, tmp_path / "artifacts"))
        found = is_whole(page)
        assert not found.all("img")
        assert not found.all("b")
        assert "<script>alert" in found.text
        assert "\u202e" not in page
        assert "\x1b" not in page

    def test_of_a_comparison_is_shown_and_not_obeyed(self) -> None:
        rate, gain = ErrorRate(0.2, 0.1, 0.3, 0.95), difference(0.9)
        one = Slice("topic", HOSTILE, 30, rate, rate, gain, (Example(HOSTILE, HOSTILE, "positive"),))
        slices = Slices(replace(one, name="all rows"), (one,), {}, (HOSTILE,))
        made = results((idea(HOSTILE, "improves", gain), idea("other", "worse", gain, against=HOSTILE)), slices=slices)
        page = html(comparison_page(replace(made, name=HOSTILE), where=HOSTILE))
        found = is_whole(page)
        assert not found.all("img")
        assert "<script>alert" in found.text
        assert "\u202e" not in page
        assert "\x1b" not in page


RUN = {COMMAND: "sentiment-search run 'my file.csv' --audit 0.1"}
WORDS = (("good", 5), ("bad", 1))


class TestAComparison:
    def test_gives_each_idea_a_verdict_and_its_interval(self, ideas: tuple[Results, Setting]) -> None:
        found, setting = ideas
        text = parsed(html(comparison_page(found, setting))).text.replace("−", "-")
        for one in found.ideas:
            assert f"{100 * one.difference.mean:+.1f} {100 * one.difference.low:+.1f} … " in text
            assert f" {one.name}: " in text
        assert english.against_linear(found) in text.replace("−", "-")

    def test_holds_no_text_of_a_review_where_none_is_wanted(self, ideas: tuple[Results, Setting]) -> None:
        found, setting = ideas
        texts = setting.dataset.texts("test")
        shown = parsed(html(comparison_page(found, setting))).text
        assert any(text in shown for text in texts)
        hidden = parsed(html(comparison_page(found, setting, show_texts=False))).text
        assert not any(text in hidden for text in texts)

    def test_gathers_many_ideas_by_their_verdicts_so_that_the_first_screen_holds_them(self) -> None:
        many = tuple(
            idea(f"{verdict} {number}", verdict, difference(right, number))
            for verdict, right in VERDICTS.items()
            for number in range(3)
        )
        headline = comparison_page(results(many, slices=NO_SLICES)).headline
        assert len(headline.sentences) < len(many) / 2
        said = " ".join(sentence for _, sentence in headline.sentences)
        assert all(f"{one.name} (" in said for one in many)

    def test_says_on_which_side_of_the_bounds_a_number_lies_that_is_next_to_them(self) -> None:
        near = replace(difference(0.9), mean=0.107, low=1e-7, high=0.214)
        one = idea("near", "improves", near)
        one = replace(one, decision=replace(one.decision, adjusted_p=0.04996))
        text = parsed(html(comparison_page(results((one,), slices=NO_SLICES)))).text
        assert "0.04996" in text
        assert "+0.00001 … +21.4" in text

    def test_says_of_several_searches_that_the_corrected_score_is_of_the_first(self) -> None:
        for searches, head in ((1, "best on new rows"), (2, "best of its first search on new rows")):
            text = parsed(html(comparison_page(results(slices=NO_SLICES, searches=searches)))).text
            assert head in text
        assert "best on new rows" not in text

    def test_gives_an_idea_that_diverged_one_verdict_wherever_it_stands(self) -> None:
        made = idea("broken", "undecided", difference(0.61))
        made = replace(made, score=replace(made.score, diverged_pairs=made.score.pairs))
        page = comparison_page(results((made,), slices=NO_SLICES))
        badge, said = page.headline.sentences[0]
        assert "every pair of it diverged" in said
        assert page.first[0].kind == "forest"
        assert page.first[0].rows[0].badge == badge

    def test_names_the_arms_whose_answers_it_shows_class_by_class(self, ideas: tuple[Results, Setting]) -> None:
        found, setting = ideas
        better = replace(found.winner, against_linear=replace(found.winner.against_linear, verdict="improves"))
        text = parsed(html(comparison_page(replace(found, winner=better), setting))).text
        chosen = ", ".join(f"{name} in {count}" for name, count in better.chosen.items())
        assert f"of what the other pairs chose ({chosen})" in text
        assert f"whose macro-F1 here is {100 * better.macro_f1:.1f}" in text

    def test_needs_no_more_than_results(self, ideas: tuple[Results, Setting]) -> None:
        is_whole(html(comparison_page(ideas[0])))

    def test_cuts_an_interval_that_would_squash_the_others(self) -> None:
        wide = replace(difference(0.6), low=-0.9, high=0.9)
        made = results(tuple(idea(f"idea {n}", "undecided", difference(0.6, n)) for n in range(5)))
        made = replace(made, ideas=(*made.ideas, idea("wide", "undecided", wide)))
        page = comparison_page(replace(made, slices=NO_SLICES))
        forest = page.first[0]
        assert forest.kind == "forest"
        (cut,) = [row for row in forest.rows if row.cut_low or row.cut_high]
        assert cut.name == "wide"
        assert all(0 <= row.low <= row.mean <= row.high <= 100 for row in forest.rows)


class TestLanguages:
    def test_are_those_that_the_command_offers(self) -> None:
        assert OFFERED == LANGUAGES

    def test_have_the_same_words_with_the_same_gaps(self) -> None:
        def gaps(text: str) -> set[str]:
            return {name for _, name, _, _ in string.Formatter().parse(text) if name}

        first, second = (MESSAGES[language] for language in LANGUAGES)
        assert first.keys() == second.keys()
        for key in first:
            assert gaps(first[key]) == gaps(second[key]), key
            assert second[key].strip(), key

    def test_have_a_word_for_whatever_a_search_may_say_of_its_trials_and_slices(self, searched: Searched) -> None:
        for language in LANGUAGES:
            say = sayer(language)
            assert all(say(f"how.{how}") for how in get_args(Origin))
            assert all(say(f"verdict.{verdict}") for verdict in VERDICTS)
            for kind in ("length", "rating", "label", "script", "topic"):
                assert "3" in slice_name(kind, "3", say)
        assert slice_name("length", "1,000 to 2,000 words", sayer("ko")) == "길이: 1,000~2,000단어"
        assert slice_name("label", "other", sayer("ko")) == "레이블: other"  # it is the user's own
        assert slice_name("topic", "other", sayer("ko")) == "주제: 기타"
        counts = {state: number for number, state in enumerate(korean.COUNTED, 1)}
        board = replace(leaderboard(searched.opened.study), counts=counts)
        numbers = [re.findall(r"\d+", counted(board)) for counted in (english.counted, korean.counted)]
        assert numbers[0] == numbers[1] == [str(number) for number in counts.values()]

    def test_have_the_same_sentences(self) -> None:
        assert english.__all__ == korean.__all__

    def test_say_the_same_numbers(self, searched: Searched, ideas: tuple[Results, Setting]) -> None:
        board, found = leaderboard(searched.opened.study, searched.artifacts), ideas[0]

        def numbers(text: str) -> list[str]:
            return sorted(re.findall(r"[-+]?\d+\.\d+", text))

        assert numbers(english.standing(board)) == numbers(korean.standing(board))
        assert numbers(english.optimism(board)) == numbers(korean.optimism(board))
        assert numbers(english.against_linear(found)) == numbers(korean.against_linear(found))
        for verdict in ("improves", "worse", "no difference", "undecided"):
            made = results((idea("x", verdict, difference(0.9), circular_macro_f1=0.9),))
            assert [numbers(one) for one in english.remarks(made)] == [numbers(one) for one in korean.remarks(made)]
        told = [" ".join(words.remarks(EVERY_REMARK)).replace("-", "+") for words in (english, korean)]
        assert numbers(told[0]) == numbers(told[1])
        few = replace(found, groups=5, draws=1, searches=2)
        assert len(english.warnings(few)) == len(korean.warnings(few)) == 4

    def test_leave_out_no_remark_and_no_condition(self, searched: Searched) -> None:
        said = english.remarks(EVERY_REMARK)
        assert len(said) == 8
        assert len(korean.remarks(EVERY_REMARK)) == len(said)
        board = replace(leaderboard(searched.opened.study), against_linear=None)
        for sentences, conditions in ((english, ("belong together", "one group")), (korean, ("묶인 행이", "그룹에"))):
            assert all(condition in sentences.standing(board) for condition in conditions)

    def test_in_korean_no_sentence_is_english(self, searched: Searched) -> None:
        found = is_whole(page_of(searched, language="ko", show_texts=False))
        for text in ("The ", " of the ", " rows", "deploy"):
            assert text not in found.text


class TestImportance:
    def test_is_not_told_from_few_trials(self, searched: Searched) -> None:
        (words,) = importance_blocks(importances(searched.opened.study), sayer("en"))
        assert "Too few sampled trials" in words.text  # type: ignore[union-attr]


class TestTheCommand:
    def test_writes_a_page(self, searched: Searched, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        page = tmp_path / "new folder" / "report.html"
        assert main(["report", "tiny", *searched.flags, "--html", str(page), "--lang", "ko"]) == 0
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err == f"Wrote {page}\n"
        assert parsed(page.read_text("utf-8")).all("html")[0]["lang"] == "ko"

    def test_prints_rows_markdown_and_json(self, searched: Searched, capsys: pytest.CaptureFixture[str]) -> None:
        def told(flag: str) -> str:
            assert main(["report", "tiny", *searched.flags, flag]) == 0
            return capsys.readouterr().out

        board = leaderboard(searched.opened.study, searched.artifacts)
        rows = list(csv.DictReader(io.StringIO(told("--csv"))))
        assert [row["name"] for row in rows] == [entry.name for entry in board.entries]
        assert "| --- |" in told("--markdown")
        assert json.loads(told("--json"))["study"] == "tiny"

    def test_knows_a_comparison_by_its_name(
        self, ideas: tuple[Results, Setting], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        found, setting = ideas
        flags = ["--storage", setting.storage, "--artifacts", str(setting.artifacts)]
        page = tmp_path / "report.html"
        assert main(["report", found.name, *flags, "--html", str(page), "--no-texts", "--csv"]) == 0
        rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
        assert [row["idea"] for row in rows] == [one.name for one in found.ideas]
        assert not any(text in page.read_text("utf-8") for text in setting.dataset.texts("test"))
        assert main(["report", found.name, *flags, "--no-texts"]) == 0
        printed = capsys.readouterr().out
        assert "Deploy" in printed
        assert not any(text in printed for text in setting.dataset.texts("test"))
        assert main(["report", found.name, *flags, "--out", str(tmp_path / "out")]) == 0
        assert json.loads((tmp_path / "out" / "results.json").read_text("utf-8"))["name"] == found.name

    def test_refuses_a_folder_for_a_page(
        self, searched: Searched, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["report", "tiny", *searched.flags, "--html", str(tmp_path)]) == 2
        assert "is a folder; give the name of a file" in capsys.readouterr().err

    def test_replaces_an_earlier_page_and_nothing_else(
        self, searched: Searched, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        page, reviews = tmp_path / "report.html", tmp_path / "reviews.csv"
        page.touch()
        for _ in range(2):
            assert main(["report", "tiny", *searched.flags, "--html", str(page)]) == 0
        reviews.write_text("text,label\nfine,1\n")
        capsys.readouterr()
        for other in (reviews, Path(os.devnull)):
            assert main(["report", "tiny", *searched.flags, "--html", str(other)]) == 2
            assert capsys.readouterr().err == (
                f"sentiment-search: --html {other} is there already, and is no report of sentiment-search; "
                "give another name\n"
            )
        assert reviews.read_text() == "text,label\nfine,1\n"

    def test_where_nothing_can_be_made_says_so_in_one_line(
        self, searched: Searched, capsys: pytest.CaptureFixture[str]
    ) -> None:
        if not Path("/proc").is_dir():
            pytest.skip("a system without /proc")
        assert main(["report", "tiny", *searched.flags, "--html", "/proc/x.html"]) == 2
        assert capsys.readouterr().err == (
            "sentiment-search: --html /proc/x.html: no file can be made there; give another path\n"
        )

    def test_takes_no_language_without_a_page(self, searched: Searched, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["report", "tiny", *searched.flags, "--lang", "ko"]) == 2
        assert "--html FILE writes; give both" in capsys.readouterr().err

    def test_watches_until_the_study_is_done(
        self, searched: Searched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        seen: list[bool] = []
        page = tmp_path / "report.html"
        monkeypatch.setattr("search.cli.report._Search.runs", property(lambda told: len(seen) < 2))
        monkeypatch.setattr(
            "search.cli.report.time.sleep",
            lambda seconds: seen.append('http-equiv="refresh"' in page.read_text("utf-8")),
        )
        assert main(["report", "tiny", *searched.flags, "--watch", "--html", str(page)]) == 0
        assert seen == [True, True]  # it loads itself anew
        assert 'http-equiv="refresh"' not in page.read_text("utf-8")

    def test_watches_no_longer_where_nobody_works_on_it(
        self, searched: Searched, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        looks: list[float] = []
        monkeypatch.setattr("search.cli.report._Search.runs", property(lambda told: True))
        monkeypatch.setattr("search.cli.report.time.sleep", looks.append)
        assert main(["report", "tiny", *searched.flags, "--watch"]) == 0
        assert len(looks) == IDLE_LOOKS
        assert "nobody works on it any more: the same `sentiment-search run` command" in capsys.readouterr().err

    def test_at_an_interrupt_leaves_a_page_that_stays_as_it_is(
        self, searched: Searched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def interrupted(seconds: float) -> None:
            raise KeyboardInterrupt

        page = tmp_path / "report.html"
        monkeypatch.setattr("search.cli.report._Search.runs", property(lambda told: True))
        monkeypatch.setattr("search.cli.report.time.sleep", interrupted)
        assert main(["report", "tiny", *searched.flags, "--watch", "--html", str(page)]) == 0
        assert 'http-equiv="refresh"' not in page.read_text("utf-8")

"""A report on disk: what is in the folder, what is not, and what is left of it when the writing fails."""

import csv
import json
import re
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from search.comparison.decisions import Decision
from search.comparison.results import Results
from search.comparison.slices import Slices, error_slices
from search.report import folder as report
from search.report.folder import write_report
from search.report.points import between
from search.report.tables import tables as made_tables
from search.report.text import markdown, render
from search.report.values import rows, to_dict
from search.report.words import words
from sentiment.errors import InputError
from tests.support.results import difference, results

pytest.importorskip("matplotlib")

TABLES = ("results.md", "results.json", "ideas.csv", "collapse.csv", "slices.csv")
FIGURES = ("differences.svg", "tuning.svg", "collapse.svg")
SECRET = "xylophone"
"""A word that every sealed text holds; where it is met, a text was let out."""


@pytest.fixture(scope="module")
def slices() -> Slices:
    rng = np.random.default_rng(0)
    words = ("plot", "actor", "music", "scene", "story", "camera", "ending", "cast")
    texts = [" ".join([*rng.choice(words, 4 + 20 * (row < 60)), SECRET]) for row in range(200)]
    labels = np.arange(200) % 2
    wrong = rng.random((3, 200)) < np.where(np.arange(200) < 60, 0.7, 0.1)
    second = np.where(labels ^ wrong, 0.9, 0.1)
    probabilities = np.stack([1 - second, second], axis=2).astype(np.float32)
    ratings = [str(label) for label in labels]
    return error_slices(
        texts, ratings, labels, ("negative", "positive"), probabilities, probabilities, train_texts=texts
    )


@pytest.fixture
def found(slices: Slices) -> Results:
    made = results(slices=slices)
    by_class = {name: difference(0.6, seed) for seed, name in enumerate(made.classes)}
    return replace(made, ideas=tuple(replace(idea, per_class=by_class) for idea in made.ideas))


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def assert_same(written: list[dict[str, str]], expected: list[dict[str, Any]]) -> None:
    assert [list(row) for row in written] == [list(row) for row in expected]
    for row, wanted in zip(written, expected, strict=True):
        for name, value in wanted.items():
            if isinstance(value, float | int):
                assert float(row[name]) == value, name
            else:
                assert row[name] == ("" if value is None else value), name


class TestAReport:
    def test_is_the_files_it_names_in_a_folder_that_it_makes_and_nothing_else(
        self, found: Results, tmp_path: Path
    ) -> None:
        folder = tmp_path / "made" / "here"
        written = write_report(found, folder, "sentiment-search compare x.toml")
        assert written == [folder / name for name in (*TABLES, *FIGURES)]
        assert sorted(written) == sorted(folder.iterdir())

    def test_begins_with_its_name_and_the_command_that_makes_it_again_and_shows_the_figures(
        self, found: Results, tmp_path: Path
    ) -> None:
        write_report(found, tmp_path, "sentiment-search compare x.toml --out results")
        text = (tmp_path / "results.md").read_text("utf-8")
        assert text.startswith(
            "# made up\n\nMade by `sentiment-search compare x.toml --out results`.\n\n![differences]("
        )
        assert re.findall(r"!\[.*?\]\((.*?)\)", text) == list(FIGURES)
        for idea in found.ideas:
            assert f"| {idea.name} |" in text

    def test_holds_the_numbers_for_a_program(self, found: Results, tmp_path: Path) -> None:
        write_report(found, tmp_path, "x")
        told = json.loads((tmp_path / "results.json").read_text("utf-8"), parse_constant=pytest.fail)
        assert told == json.loads(json.dumps(to_dict(found)))
        assert_same(table(tmp_path / "ideas.csv"), rows(found))
        assert_same(table(tmp_path / "collapse.csv"), [asdict(share) for share in found.collapse])
        assert_same(table(tmp_path / "slices.csv"), found.slices.to_rows())
        assert len(rows(found)) == 4 and len(found.slices.to_rows()) > 2

    def test_names_the_winner_and_whether_it_is_what_to_deploy(self, found: Results) -> None:
        undecided = replace(found.winner.against_linear, verdict="undecided")
        doubtful = replace(found, winner=replace(found.winner, against_linear=undecided))
        for made, advised in (
            (found, "What to deploy is idea that improves."),
            (doubtful, "It is not what to deploy, which is TF-IDF"),
        ):
            for text in (" ".join(render(made).split()), markdown(made)):
                assert "('idea that improves' in 4; 'baseline' in 1)" in text and advised in text

    def test_in_a_narrow_terminal_keeps_what_tells_the_rows_of_a_table_apart(self, found: Results) -> None:
        for width in (40, 60, 80):
            (lines,) = (table.render(width) for table in made_tables(found) if table.title.startswith("How often"))
            for word in ("as written", "masked", "lstm", "cnn_lstm", "sgd", "adam", "4 of 10", "0 of 12"):
                assert word in lines

    def test_holds_no_text_of_a_review(self, found: Results, tmp_path: Path) -> None:
        assert SECRET in found.slices.render("The winner.")  # the terminal shows some
        for path in write_report(found, tmp_path, "x"):
            assert SECRET not in path.read_text("utf-8"), path.name

    def test_replaces_an_earlier_one(self, found: Results, tmp_path: Path) -> None:
        write_report(replace(found, ideas=found.ideas[:1], name="earlier"), tmp_path, "x")
        with (tmp_path / "results.md").open(encoding="utf-8") as reader:
            write_report(found, tmp_path, "x")
            assert reader.read().startswith("# earlier")  # who reads it meanwhile reads one report, not half of each
        assert len(table(tmp_path / "ideas.csv")) == 4
        assert not any("earlier" in (tmp_path / name).read_text("utf-8") for name in TABLES)
        assert len(list(tmp_path.iterdir())) == len(TABLES) + len(FIGURES)

    def test_without_ideas_trainings_or_a_curve_is_written_all_the_same(self, found: Results, tmp_path: Path) -> None:
        bare = replace(found, ideas=found.ideas[:1], collapse=(), curve=None)
        assert [path.name for path in write_report(bare, tmp_path, "x")] == [*TABLES, "differences.svg"]
        assert table(tmp_path / "collapse.csv") == []


class TestAReportThatCannotBeWritten:
    def test_leaves_the_earlier_file_whole_and_no_half_one_beside_it(
        self, found: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_report(found, tmp_path, "x")
        before = (tmp_path / "ideas.csv").read_bytes()

        def full(path: Path, values: Any) -> None:
            path.write_text("half a")
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(report, "write_csv", full)
        with pytest.raises(OSError, match="No space left"):
            write_report(found, tmp_path, "x")
        assert (tmp_path / "ideas.csv").read_bytes() == before
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted((*TABLES, *FIGURES))

    def test_for_want_of_matplotlib_is_refused_before_a_file_is_written(
        self, found: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(InputError, match="extra `figures`"):
            write_report(found, tmp_path, "x")
        assert not list(tmp_path.iterdir())


class TestATable:
    @pytest.mark.parametrize("width", [60, 80, 160])
    def test_is_no_wider_than_the_terminal_and_has_the_verdict_of_each_idea(self, found: Results, width: int) -> None:
        text = render(found, width)
        # Sentences are broken where they are drawn.
        lines = [line for table in made_tables(found) for line in table.render(width).splitlines()[1:]]
        assert max(map(len, lines)) <= width
        assert all(idea.decision.verdict in text for idea in found.ideas)
        assert ("P(better)" in lines[0]) == (width == 160)

    def test_shows_of_an_interval_on_which_side_of_zero_it_ends(self) -> None:
        assert between(0.0004, 0.214) == "+0.04 to +21.4"
        assert between(-0.021, -0.00004) == "-2.1 to -0.004"
        assert between(0.0, 0.01) == "+0.0 to +1.0"

    @pytest.mark.parametrize(
        ("p", "shown"),
        [(0.04996, "0.04996"), (0.0496, "0.0496"), (0.0504, "0.0504"), (0.05, "0.050"), (0.049, "0.049")],
    )
    def test_shows_of_a_p_value_on_which_side_of_the_level_it_lies(self, found: Results, p: float, shown: str) -> None:
        decision = replace(found.ideas[0].decision, adjusted_p=p)
        [ideas, *_] = made_tables(replace(found, ideas=(replace(found.ideas[0], decision=decision),)))
        assert ideas.rows[1][ideas.header.index("p (Holm)")] == shown


def test_a_column_of_differences_says_that_it_holds_them_and_their_unit(found: Results) -> None:
    first = rows(found)[0]
    assert first["F1 difference negative (fraction)"] == found.ideas[0].per_class["negative"].mean
    assert "F1 negative" not in first


def parts(p_value: float) -> dict[str, float]:
    """Of a difference of 2 points with this p-value and so many pairs and rows that it is a normal one."""
    variance = (0.02 / float(stats.norm.isf(p_value / 2))) ** 2
    return {
        "standard_error": variance**0.5,
        "pair_variance": variance / 2,
        "row_variance": variance / 2,
        "row_degrees": 1e5,
        "units": 100_000,
    }


class TestTheWords:
    def test_say_what_is_probably_left_of_a_gain_that_was_barely_found(self, found: Results) -> None:
        for p_value, said in ((0.049, True), (1e-12, False)):
            measured = replace(found.ideas[0].difference, p_value=p_value, mean=0.02, **parts(p_value))
            gained = Decision(measured, p_value, "improves", worth_more=False)
            doubtful = replace(found.winner, against_linear=replace(gained, verdict="undecided"))
            step = replace(found.ideas[3], step=gained)
            ideas = (replace(found.ideas[0], decision=gained), *found.ideas[1:3], step)
            made = words(replace(found, ideas=ideas, winner=doubtful))
            sentences = [one for one in made if one.startswith("Found, and therefore")]
            assert len(sentences) == said
            if said:
                left = measured.mean - (gained.exaggeration or 0.0)
                assert 0 < left < measured.mean
                assert f"{ideas[0].name} +2.0, of which probably {100 * left:+.1f} is left" in sentences[0]
                assert f"{step.name} over {step.against} +2.0" in sentences[0]

    @pytest.mark.parametrize(
        ("verdict", "deployed"),
        [
            ("improves", "idea that improves"),
            *((word, "TF-IDF + logistic regression") for word in ("worse", "no difference", "undecided")),
        ],
    )
    def test_deploy_the_network_only_where_it_is_better_beyond_noise(
        self, found: Results, verdict: str, deployed: str
    ) -> None:
        against = replace(found.winner.against_linear, verdict=verdict)
        made = replace(found, winner=replace(found.winner, against_linear=against))
        (sentence,) = (one for one in words(made) if one.startswith("Deploy"))
        assert sentence.startswith(f"Deploy {deployed}. ")

    def test_say_of_few_searches_and_few_groups_that_they_are(self, found: Results) -> None:
        plain = [one for one in words(found) if " are few: " in one]
        few = [one for one in words(replace(found, groups=12, searches=3)) if " are few: " in one]
        enough = [one for one in words(replace(found, groups=120, searches=6)) if " are few: " in one]
        assert (len(plain), len(few), len(enough)) == (0, 2, 0)

    def test_say_which_arms_were_chosen_in_how_many_pairs(self, found: Results) -> None:
        (sentence,) = (one for one in words(found) if one.startswith("Deploy"))
        assert (
            "Of 5 pairs, the validation scores of the others chose 'idea that improves' in 4; 'baseline' in 1."
            in sentence
        )

    def test_tell_what_is_beyond_noise_alone_from_what_is_not_at_all(self, found: Results) -> None:
        # Both are undecided among all; beside one stands an interval without zero.
        beyond, within = (replace(found.ideas[0].difference, low=low, high=0.2, mean=0.1) for low in (0.01, -0.01))
        open_ = [Decision(of, 0.4, "undecided", worth_more=False) for of in (beyond, within)]
        ideas = [
            replace(idea, decision=decision, step=None) for idea, decision in zip(found.ideas[:2], open_, strict=True)
        ]
        for against, said in zip(open_, ("beyond noise if compared alone", "cannot tell from nothing"), strict=True):
            winner = replace(found.winner, against_linear=against)
            sentences = words(replace(found, ideas=tuple(ideas), winner=winner))
            assert any(one.startswith("Beyond noise if compared alone") and ideas[0].name in one for one in sentences)
            assert any(one.startswith("Not known yet") and ideas[1].name in one for one in sentences)
            assert any(one.startswith("Deploy TF-IDF") and said in one for one in sentences)

    def test_warn_of_a_baseline_that_collapsed_now_and_then_whatever_was_found(self, found: Results) -> None:
        steady = replace(found, baseline=replace(found.baseline, collapsed=10, trainings=10))
        unsteady = replace(found, baseline=replace(found.baseline, collapsed=4, trainings=10))
        for made, said in ((found, 0), (steady, 0), (unsteady, 1)):
            assert sum("baseline in 4 of 10" in sentence for sentence in words(made)) == said

    def test_say_that_one_search_speaks_of_configs(self, found: Results) -> None:
        for searches, said in ((1, True), (4, False)):
            assert any("Each arm was tuned once" in one for one in words(replace(found, searches=searches))) == said

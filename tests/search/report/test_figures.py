"""Figures of a comparison: what is drawn, as text that can be searched, and the same bytes each time."""

import re
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest

from search.report.figures import write_figures
from sentiment.errors import InputError
from tests.support.results import VERDICTS, difference, idea, results

pytest.importorskip("matplotlib")


def texts(path: Path) -> list[str]:
    """The texts of an SVG file, which must be valid XML."""
    root = ElementTree.parse(path).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    return ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]


def points(fraction: float, sign: str = "+") -> str:
    return f"{100 * fraction:{sign}.1f}".replace("-", "−")


class TestWriteFigures:
    def test_writes_the_files_it_names_into_a_folder_it_makes_and_leaves_nothing_else(self, tmp_path: Path) -> None:
        folder = tmp_path / "made" / "here"
        written = write_figures(results(), folder)
        assert written == [folder / name for name in ("differences.svg", "tuning.svg", "collapse.svg")]
        assert sorted(written) == sorted(folder.iterdir())
        assert all(texts(path) for path in written)

    def test_writes_the_same_bytes_for_the_same_results_under_any_style_of_the_reader(self, tmp_path: Path) -> None:
        import matplotlib

        first = [path.read_bytes() for path in write_figures(results(), tmp_path / "first")]
        with matplotlib.rc_context({"svg.fonttype": "path", "axes.grid": True, "font.size": 20}):
            second = [path.read_bytes() for path in write_figures(results(), tmp_path / "second")]
        assert first == second

    def test_leaves_the_style_of_the_reader_as_it_was(self, tmp_path: Path) -> None:
        import matplotlib

        before = dict(matplotlib.rcParams)
        write_figures(results(), tmp_path)
        assert dict(matplotlib.rcParams) == before

    def test_replaces_the_files_of_an_earlier_report(self, tmp_path: Path) -> None:
        (tmp_path / "differences.svg").write_text("old")
        write_figures(results(), tmp_path)
        assert "old" not in texts(tmp_path / "differences.svg")

    def test_is_no_wider_than_ten_inches(self, tmp_path: Path) -> None:
        for path in write_figures(results(), tmp_path):
            assert float(ElementTree.parse(path).getroot().attrib["width"].removesuffix("pt")) <= 720

    def test_without_matplotlib_names_the_extra_and_writes_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(InputError, match=r"extra `figures`: pip install 'sentiment-search\[figures\]'"):
            write_figures(results(), tmp_path)
        assert not list(tmp_path.iterdir())

    def test_draws_a_comparison_without_ideas_trainings_and_curves_not_at_all(self, tmp_path: Path) -> None:
        assert write_figures(replace(results(), ideas=(), collapse=(), curve=None), tmp_path) == []


class TestDifferences:
    def test_show_every_name_and_number_and_the_verdicts_there_are(self, tmp_path: Path) -> None:
        found = results()
        write_figures(found, tmp_path)
        shown = texts(tmp_path / "differences.svg")
        assert {made.decision.verdict for made in found.ideas} == set(VERDICTS)
        for made in found.ideas:
            measured = made.difference
            assert made.name in shown
            assert made.decision.verdict in shown
            assert points(measured.mean) in shown
            assert f"[{points(measured.low, '')}, {points(measured.high, '')}]" in shown
        assert "guess" in shown

    def test_explain_no_verdict_and_no_guess_that_is_not_there(self, tmp_path: Path) -> None:
        found = results((idea("GRU", "worse", difference(0.4)),))
        worse = found.ideas[0].decision
        linear, winner = replace(found.linear, decision=worse), replace(found.winner, against_linear=worse)
        write_figures(replace(found, linear=linear, winner=winner), tmp_path)
        shown = texts(tmp_path / "differences.svg")
        assert "worse" in shown
        assert not {"improves", "no difference", "undecided", "guess"} & set(shown)

    def test_show_the_last_step_under_the_idea_it_is_set_against(self, tmp_path: Path) -> None:
        found = results()
        write_figures(found, tmp_path)
        shown = texts(tmp_path / "differences.svg")
        step = found.ideas[3].step
        assert step is not None
        assert shown.index("against idea that improves") < shown.index(points(step.difference.mean))
        assert shown.count(found.ideas[3].name) == 2

    def test_have_one_panel_where_no_idea_is_set_against_another(self, tmp_path: Path) -> None:
        write_figures(results((idea("GRU", "worse", difference(0.4)),)), tmp_path)
        assert "What the last step alone brought" not in texts(tmp_path / "differences.svg")

    def test_show_the_linear_model_and_the_best_network_beside_it(self, tmp_path: Path) -> None:
        found = results()
        write_figures(found, tmp_path)
        shown = texts(tmp_path / "differences.svg")
        for measured in (found.linear.decision.difference, found.winner.against_linear.difference):
            assert points(measured.mean) in shown
        assert "Beside the linear model" in shown

    def test_take_names_in_any_script_and_with_signs_that_mean_something_to_xml_and_tex(self, tmp_path: Path) -> None:
        names = ["패딩을 가린 양방향 GRU", "ปิดการเติม", "lr < $10^{-3}$ & b > 1", "cost $x", 'a "quoted" name']
        found = results(tuple(idea(name, "undecided", difference(0.6)) for name in names))
        write_figures(found, tmp_path)
        assert set(names) <= set(texts(tmp_path / "differences.svg"))

    def test_write_out_what_no_line_and_no_file_may_hold(self, tmp_path: Path) -> None:
        write_figures(results((idea("two\nlines\x01\ufffe\udcff", "worse", difference(0.4)),)), tmp_path)
        assert r"two\nlines\x01\ufffe\udcff" in texts(tmp_path / "differences.svg")

    def test_cut_a_very_long_name_in_its_middle(self, tmp_path: Path) -> None:
        names = [f"repaired, with {'very ' * 20}long name, kernel size {size}" for size in (3, 5)]
        write_figures(results(tuple(idea(name, "undecided", difference(0.6)) for name in names)), tmp_path)
        cut = [text for text in texts(tmp_path / "differences.svg") if " … " in text]
        assert [text[:14] for text in cut] == ["repaired, with"] * 2
        assert [text[-6:] for text in cut] == ["size 3", "size 5"]

    def test_are_not_squashed_by_one_interval_that_few_pairs_left_very_wide(self, tmp_path: Path) -> None:
        wide = replace(difference(0.6), mean=0.0, low=-0.9, high=0.9)
        narrow = replace(difference(0.6), mean=0.02, low=0.01, high=0.03)
        ideas = (idea("a", "improves", narrow), idea("b", "improves", narrow), idea("c", "undecided", wide))
        found = results(ideas)
        near = ideas[0].decision
        linear, winner = replace(found.linear, decision=near), replace(found.winner, against_linear=near)
        write_figures(replace(found, linear=linear, winner=winner), tmp_path)
        shown = texts(tmp_path / "differences.svg")
        ticks = [float(text.replace("−", "-")) for text in shown if re.fullmatch(r"[+−]\d+(\.5)?", text)]
        assert ticks
        assert max(map(abs, ticks)) <= 5.0
        assert "[−90.0, 90.0]" in shown


class TestTuning:
    def test_is_not_drawn_without_a_curve(self, tmp_path: Path) -> None:
        written = write_figures(results(curve=None), tmp_path)
        assert [path.name for path in written] == ["differences.svg", "collapse.svg"]
        assert not (tmp_path / "tuning.svg").exists()

    def test_shows_the_curve_its_band_and_the_linear_model(self, tmp_path: Path) -> None:
        write_figures(results(), tmp_path)
        shown = texts(tmp_path / "tuning.svg")
        assert {"median", "95 % band", "TF-IDF + logistic regression"} <= set(shown)


class TestCollapse:
    def test_shows_each_kind_of_training_and_how_many_collapsed(self, tmp_path: Path) -> None:
        write_figures(results(), tmp_path)
        shown = texts(tmp_path / "collapse.svg")
        assert {"padding as written, lstm, sgd", "4 of 10", "padding masked, cnn lstm, adam", "0 of 12"} <= set(shown)

    def test_is_not_drawn_where_nothing_was_trained(self, tmp_path: Path) -> None:
        names = [path.name for path in write_figures(results(collapse=()), tmp_path)]
        assert names == ["differences.svg", "tuning.svg"]

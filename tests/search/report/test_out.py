"""What `--out` may replace: a report of the same comparison; of anything else nothing, unless it is told to."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from search.cli.commands import main
from search.comparison.slices import Slices
from search.report import folder as report
from search.report.folder import (
    FILES,
    MARK,
    refuse_other_files,
    refuse_other_search,
    write_report,
    write_search_report,
)
from search.study.export import export
from search.study.leaderboard import leaderboard
from sentiment.bundle.folder import Bundle
from sentiment.errors import InputError
from tests.search.conftest import Searched
from tests.search.report.test_figures import results

COMPARISON = """
[data]
path = "reviews.csv"
text = "text"
label = "stars"
[baseline]
[tune]
learning_rate = { low = 0.01, high = 0.05, log = true }
[[idea]]
name = "GRU"
change = { architecture = "gru" }
"""


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the report of a comparison, "made up"."""
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(report, "markdown", lambda found: "tables")
    monkeypatch.setattr(report, "to_dict", lambda found: {"name": found.name, "ideas": []})
    monkeypatch.setattr(Slices, "to_rows", lambda slices: [])
    write_report(replace(results(), slices=Slices.__new__(Slices)), tmp_path / "results", "x")
    return tmp_path / "results"


class TestAReport:
    def test_of_the_same_comparison_is_replaced(self, written: Path) -> None:
        refuse_other_files(written, "made up")
        (written / "my notes.txt").write_text("mine")
        refuse_other_files(written, "made up")

    def test_of_another_comparison_is_refused(self, written: Path) -> None:
        with pytest.raises(InputError, match=r"holds results[.]md, but no earlier report of 'another'; give another"):
            refuse_other_files(written, "another")

    @pytest.mark.parametrize("name", FILES)
    def test_takes_the_place_of_no_file_that_is_not_of_one(self, tmp_path: Path, name: str) -> None:
        refuse_other_files(tmp_path / "new", "made up")
        (tmp_path / "my notes.txt").write_text("mine")
        refuse_other_files(tmp_path, "made up")
        (tmp_path / name).write_text('{"name": "made up"}')
        with pytest.raises(InputError, match=f"holds {name}, but no earlier report of 'made up'"):
            refuse_other_files(tmp_path, "made up")

    @pytest.mark.parametrize("content", [b"", b"[]", b"[" * 10**5, b"\xff", b"null", b'{"ideas": []}'])
    def test_is_not_what_only_has_its_name(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / MARK).write_bytes(content)
        with pytest.raises(InputError, match="no earlier report"):
            refuse_other_files(tmp_path, "made up")

    def test_that_was_killed_while_it_was_written_is_known_again(
        self, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        move, folder = Path.replace, tmp_path / "killed"

        def killed_at_the_second(path: Path, target: Path) -> None:
            if target.parent == folder and (folder / MARK).exists():
                raise KeyboardInterrupt
            move(path, target)

        monkeypatch.setattr(Path, "replace", killed_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            write_report(replace(results(), slices=Slices.__new__(Slices)), folder, "x")
        assert [path.name for path in folder.iterdir()] == [MARK]
        refuse_other_files(folder, "made up")

    def test_is_refused_before_anything_is_trained(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        pytest.importorskip("matplotlib")
        monkeypatch.chdir(tmp_path)
        Path("ideas.toml").write_text(COMPARISON)
        Path("results").mkdir()
        Path("results/ideas.csv").write_text("mine")
        assert main(["compare", "ideas.toml", "--out", "results"]) == 2
        said = capsys.readouterr().err.splitlines()
        assert said == [
            "sentiment-search: --out is results, which holds ideas.csv, but no earlier report of 'ideas'; "
            "give another folder"
        ]
        assert Path("results/ideas.csv").read_text() == "mine"
        assert not Path("studies").exists()


class TestPredictions:
    def test_replace_a_file_only_where_they_are_told_to(
        self, searched: Searched, reviews_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        export(searched.opened.study, searched.artifacts, "best", tmp_path / "model")
        weights, labels = tmp_path / "model" / "weights.safetensors", tmp_path / "labels.jsonl"
        command = ["predict", str(tmp_path / "model"), "--data", str(reviews_csv), "--text", "text", "--json", "--out"]
        assert main([*command, str(weights)]) == 2
        said = capsys.readouterr().err.splitlines()
        assert said == [
            f"sentiment-search: --out is {weights}, a file that is there already; give another name, or --overwrite "
            "to replace it"
        ]
        Bundle.open(tmp_path / "model")
        labels.write_text("mine")
        assert main([*command, str(labels)]) == 2
        assert labels.read_text() == "mine"
        assert main([*command, str(labels), "--overwrite"]) == 0
        assert len([json.loads(line) for line in labels.read_text("utf-8").splitlines()]) == 400
        assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.jsonl", "model"]


class TestTheReportOfASearch:
    def test_is_written_whole_and_replaced_by_a_later_one_of_the_same(self, searched: Searched, tmp_path: Path) -> None:
        board = leaderboard(searched.opened.study, searched.artifacts)
        for _ in range(2):
            refuse_other_search(tmp_path / "out", "tiny")
            written = write_search_report(board, tmp_path / "out", "sentiment-search run `x`")
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(path.name for path in written)
        page = (tmp_path / "out" / "results.md").read_text("utf-8")
        assert page.startswith("# tiny\n\nMade by `` sentiment-search run `x` ``.")
        assert "| trial " in page
        told = json.loads((tmp_path / "out" / "leaderboard.json").read_text("utf-8"))
        assert told["study"] == "tiny"
        assert (tmp_path / "out" / "leaderboard.csv").read_text("utf-8").count("\n") == len(board.entries) + 1

    def test_of_another_search_or_of_a_comparison_is_refused(self, searched: Searched, tmp_path: Path) -> None:
        write_search_report(leaderboard(searched.opened.study), tmp_path / "out", "x")
        for refuse in (refuse_other_search, refuse_other_files):
            with pytest.raises(InputError, match=r"which holds results\.md, but no earlier report of 'other'"):
                refuse(tmp_path / "out", "other")
        with pytest.raises(InputError, match="no earlier report of 'tiny'"):
            refuse_other_files(tmp_path / "out", "tiny")  # a comparison that is called so

"""What a comparison is said to see before it is made."""

from dataclasses import replace
from pathlib import Path

import pytest

from search.cli.commands import main
from search.comparison.compare import compare
from search.comparison.foresight import Foresight, Outlook, foresee
from sentiment.terminal import WIDTH
from tests.support.compared import HARM, RECIPE, SAME, MadeUp, setting_in, write_comparison

IDEAS = RECIPE + SAME + HARM


def foreseen(folder: Path, text: str = IDEAS, *, rows: int = 500, groups: int = 0) -> Foresight:
    write_comparison(folder, text, rows=rows, groups=groups)
    return foresee(setting_in(folder))


def said(seen: Foresight) -> str:
    return " ".join(seen.render().split())


def planned(seen: Foresight) -> Outlook:
    assert seen.outlooks[0].name == "as planned"
    return seen.outlooks[0]


class TestWhatIsForeseen:
    def test_is_sharper_with_more_rows_and_with_more_pairs(self, tmp_path: Path) -> None:
        few = foreseen(tmp_path)
        more_rows = foreseen(tmp_path, rows=2000)
        more_pairs = foreseen(tmp_path, IDEAS.replace("pairs = 3", "pairs = 12"))
        assert (planned(few).sealed, planned(more_rows).sealed, planned(more_pairs).pairs) == (250, 1000, 12)
        for more in (more_rows, more_pairs):
            assert planned(more).reach < planned(few).reach
            assert planned(more).found_alone < planned(few).found_alone
        assert not few.measured
        assert "as between networks that work in other comparisons" in said(few)

    def test_of_one_among_several_is_less(self, tmp_path: Path) -> None:
        plan = planned(foreseen(tmp_path))
        assert plan.reach < plan.found_alone < plan.found_first

    def test_of_other_plans_costs_what_they_cost(self, tmp_path: Path) -> None:
        seen = {plan.name: plan for plan in foreseen(tmp_path).outlooks}
        assert set(seen) == {"as planned", "25% sealed", "70% sealed", "twice the pairs", "half of the ideas"}
        assert seen["as planned"].cost == 1
        assert seen["twice the pairs"].pairs == 6
        assert seen["twice the pairs"].cost == pytest.approx((2 + 6) / (2 + 3))
        assert seen["half of the ideas"].ideas == 1
        assert seen["70% sealed"].pairs > seen["25% sealed"].pairs  # fewer rows are trained on
        for name in ("70% sealed", "half of the ideas"):
            assert seen[name].cost == pytest.approx(1, abs=0.2)

    def test_with_a_file_of_its_own_to_seal_tries_no_other_share(self, tmp_path: Path) -> None:
        write_comparison(tmp_path)
        lines = (tmp_path / "reviews.csv").read_text().splitlines()
        (tmp_path / "test.csv").write_text("\n".join([lines[0], *lines[400:]]))
        (tmp_path / "reviews.csv").write_text("\n".join(lines[:400]))
        (tmp_path / "ideas.toml").write_text(IDEAS.replace("[baseline]", 'test = "test.csv"\n[baseline]'))
        assert [plan.name for plan in foresee(setting_in(tmp_path)).outlooks] == [
            "as planned",
            "twice the pairs",
            "half of the ideas",
        ]

    def test_of_rows_in_groups_is_less_and_says_how_many_there_are(self, tmp_path: Path) -> None:
        grouped = IDEAS.replace('label = "label"', 'label = "label"\ngroup = "app"')
        alone, together = foreseen(tmp_path), foreseen(tmp_path, grouped, groups=25)
        assert together.groups is not None
        assert planned(together).reach > planned(alone).reach
        assert f"sealed rows are {together.groups} groups" in said(together)

    def test_of_searches_counts_those_instead_of_pairs(self, tmp_path: Path) -> None:
        pairs = foreseen(tmp_path, IDEAS.replace("pairs = 3", "pairs = 6"))
        searches = foreseen(tmp_path, IDEAS.replace("pairs = 3", "pairs = 6\nsearches = 3"))
        assert planned(searches).reach > planned(pairs).reach
        # More pairs of the same searches tell more, up to what the searches differ by.
        twice = next(plan for plan in searches.outlooks if plan.name == "twice the pairs")
        assert 0.7 * planned(searches).reach < twice.reach < planned(searches).reach
        # A plan that could be written: each search has equally many pairs.
        assert all(plan.pairs % 3 == 0 for plan in searches.outlooks)
        assert "how much they do is not known before the first look" in said(searches)
        assert "Searches" not in said(pairs)

    def test_beyond_all_bounds_is_said_to_be_so(self, tmp_path: Path) -> None:
        seen = foreseen(tmp_path, IDEAS.replace("pairs = 3", "pairs = 2"), rows=60)
        assert planned(seen).found_first > 1
        assert "> 100" in said(seen)

    @pytest.mark.parametrize(("searches", "times"), [(1, 2), (3, 1)])
    def test_is_measured_once_a_look_was_taken(
        self, tmp_path: Path, searches: int, times: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = foreseen(tmp_path, IDEAS.replace("pairs = 3", f"pairs = 6\nsearches = {searches}"))
        MadeUp(pair_sd=0.08).instead_of_training(monkeypatch)
        compare(setting_in(tmp_path))
        after = foresee(setting_in(tmp_path))
        assert (before.measured, after.measured) == (False, True)
        assert "as its pairs have measured so far" in said(after)
        assert planned(after).reach > times * planned(before).reach  # such networks are less alike than others were


class TestItsTable:
    def test_has_80_columns_also_where_numbers_are_large(self, tmp_path: Path) -> None:
        seen = foreseen(tmp_path)
        large = tuple(
            replace(plan, sealed=1_234_567, pairs=10_000, ideas=100, reach=0.123, found_first=0.234, cost=12.3)
            for plan in seen.outlooks
        )
        for lines in (seen.render().splitlines(), replace(seen, outlooks=large).render().splitlines()):
            table = lines[: 2 + len(seen.outlooks)]
            assert max(map(len, table)) <= 80
            assert max(map(len, lines)) <= WIDTH

    def test_is_shown_by_a_dry_run_which_trains_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_comparison(tmp_path)
        monkeypatch.chdir(tmp_path)
        assert main(["compare", "ideas.toml", "--dry-run"]) == 0
        assert "as planned" in capsys.readouterr().out
        assert not (tmp_path / "artifacts" / "ideas").exists()
        assert foresee(setting_in(tmp_path)).measured is False

"""What is on record of a comparison's looks, however its study file is edited and whenever it is killed."""

import re
from pathlib import Path
from typing import Any

import pytest

from search.cli.commands import main
from search.comparison import compare as room
from search.comparison import looks as looks_room
from search.comparison.compare import compare, openings
from search.comparison.ideas import BASELINE, LINEAR
from search.comparison.looks import pairs_left
from search.comparison.pairs import VALIDATION
from search.comparison.price import plan
from search.report.values import to_dict
from search.report.words import heading, words
from search.statistics import Looks
from tests.support.compared import (
    HARM,
    RECIPE,
    SAME,
    Killed,
    MadeUp,
    compared,
    sealed_scores,
    setting_in,
    write_comparison,
)

OPEN = {LINEAR: 0.5, "no learning": 0.5, "another limit": 0.83}
"""The first idea stays undecided, the second and the linear model are soon decided."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_comparison(tmp_path)
    return tmp_path


def plan_looks(folder: Path, pairs: Any, **budget: int) -> None:
    """Edit the study file."""
    text = RECIPE.replace("pairs = 3", f"pairs = {pairs}") + SAME + HARM
    lines = "".join(f"{name} = {value}\n" for name, value in budget.items())
    (folder / "ideas.toml").write_text(text.replace("[budget]\n", f"[budget]\n{lines}"))


def taken(folder: Path) -> list[tuple[int, float]]:
    looks = setting_in(folder).looks_taken
    return [] if looks is None else list(zip(looks.pairs, looks.shares, strict=True))


class TestEveryLookThatWasEverTaken:
    def test_is_on_record_with_its_share_whatever_is_planned_later(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        MadeUp(OPEN, pair_sd=0.03).instead_of_training(monkeypatch)
        everybody = {BASELINE, "another limit", "no learning", LINEAR}
        monkeypatch.setattr(looks_room, "_worth_more", lambda *_: everybody)
        before: list[tuple[int, float]] = []
        assert taken(folder) == []
        for planned, after in (
            ([4, 6], [4, 6]),
            ([4, 6, 8], [4, 6, 8]),
            ([8, 10], [4, 6, 8, 10]),
            ([4], [4, 6, 8, 10]),  # what was seen stays seen
            ([5, 9], [4, 6, 8, 10]),
        ):
            plan_looks(folder, planned)
            found = compared(folder)
            assert [pairs for pairs, _ in taken(folder)] == after
            assert taken(folder)[: len(before)] == before
            before = taken(folder)
            assert sum(share for _, share in before) <= 1
            assert found.looks == tuple(after)
            said = " and ".join(map(str, after))
            assert f"{len(after)} looks, after {said} pairs" in heading(found)
            # What the last interval holds for is what its look has to spend.
            last = found.ideas[0].decision.difference
            looks = Looks(*zip(*before, strict=True), added=len(after) - 2)  # type: ignore[arg-type]
            assert len(last.pairs) == after[-1]
            assert last.confidence == looks.confidence(len(after) - 1)
        assert before[0][1] == pytest.approx(0.8 * 4 / 10)
        assert plan(setting_in(folder)).trainings == 0

    def test_stays_there_though_an_idea_lacks_pairs_of_it_by_a_later_plan(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made_up = MadeUp(OPEN, pair_sd=0.03).instead_of_training(monkeypatch)
        plan_looks(folder, [2, 3])
        with monkeypatch.context() as patch:
            patch.setattr(looks_room, "_worth_more", lambda *_: {BASELINE, "another limit", LINEAR})
            compare(setting_in(folder))
        before = taken(folder)
        # Beyond deciding with three pairs is not beyond deciding with eight: it lacks the third, and is killed there.
        plan_looks(folder, [2, 3, 8])
        monkeypatch.setattr(looks_room, "_worth_more", lambda *_: {BASELINE, "another limit", "no learning", LINEAR})
        assert ("no learning", 2) in pairs_left(setting_in(folder)).wanted
        made_up.most = len(made_up.trained)
        with pytest.raises(Killed):
            compare(setting_in(folder))
        assert taken(folder) == before
        made_up.most = None
        compare(setting_in(folder))
        assert [pairs for pairs, _ in taken(folder)] == [2, 3, 8]
        assert taken(folder)[:2] == before

    @pytest.mark.parametrize("most", [0, 1, 15, 16, 17, 27])
    def test_is_the_same_wherever_it_was_killed(self, folder: Path, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
        plan_looks(folder, [4, 8])
        made_up = MadeUp(OPEN, pair_sd=0.03, most=most).instead_of_training(monkeypatch)
        with pytest.raises(Killed):
            compare(setting_in(folder))
        # Sixteen trainings are the first look; it is on record before another pair is begun.
        assert [pairs for pairs, _ in taken(folder)] == ([4] if most >= 16 else [])
        made_up.most = None
        killed = to_dict(compared(folder))
        assert len(made_up.trained) == len(set(made_up.trained)) == 28  # nothing twice
        assert taken(folder) == [(4, pytest.approx(0.8 / 3)), (8, pytest.approx(0.8 * (1 - 0.8 / 3)))]
        assert killed["ideas"][0]["decision"]["difference"]["pairs"] == [
            pytest.approx(after - before)
            for before, after in zip(
                sealed_scores(setting_in(folder), BASELINE),
                sealed_scores(setting_in(folder), "another limit"),
                strict=True,
            )
        ]
        assert len(openings(setting_in(folder))) in (2, 3)


def test_a_look_that_was_planned_and_taken_out_gives_its_share_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All is decided at the first look: the idea predicts what the baseline does, the others are far away.
    MadeUp(OPEN | {"another limit": 0.8}, same=("another limit",)).instead_of_training(monkeypatch)
    plan_looks(folder, [4, 16])
    found = compared(folder)
    assert taken(folder) == [(4, pytest.approx(0.16))]
    assert found.looks == (4,)
    assert "1 look, after 4 pairs." in heading(found)
    plan_looks(folder, [4, 8])
    assert setting_in(folder).looks.pairs == (4, 8)
    # Whoever takes it out has seen the first look: another in its place has only what no look was planned for.
    assert setting_in(folder).looks.shares == pytest.approx((0.16, 0.8 * (1 - 0.16 - 0.8 * 0.84)))
    assert setting_in(folder).looks.added == 1
    plan_looks(folder, [4, 16, 32])
    assert setting_in(folder).looks.shares[:2] == pytest.approx((0.16, 0.8 * 0.84))
    assert setting_in(folder).looks.added == 1


class TestTheNextLook:
    def test_is_judged_by_the_last_that_was_taken_whatever_an_earlier_one_says_of_another_plan(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made_up = MadeUp(OPEN, pair_sd=0.03).instead_of_training(monkeypatch)
        everybody = {BASELINE, "another limit", "no learning", LINEAR}
        plan_looks(folder, [2, 4])
        monkeypatch.setattr(looks_room, "_worth_more", lambda *_: everybody)
        compare(setting_in(folder))
        assert len(made_up.trained) == 16
        # Beyond deciding after two, by the new plan, and not after four: they have been seen.
        monkeypatch.setattr(looks_room, "_worth_more", lambda _, __, pairs: everybody if pairs == 4 else set())
        plan_looks(folder, [2, 4, 6])
        assert pairs_left(setting_in(folder)).wanted == {(arm, pair) for arm in everybody for pair in (4, 5)}

    def test_that_was_the_last_lets_an_idea_catch_up_that_may_be_decided_now(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made_up = MadeUp(OPEN, pair_sd=0.03).instead_of_training(monkeypatch)
        plan_looks(folder, [2, 4])
        at_last = [{BASELINE, "no learning"}, set()]
        first = {BASELINE, "another limit", LINEAR}
        monkeypatch.setattr(looks_room, "_worth_more", lambda _, __, pairs: first if pairs == 2 else at_last.pop(0))
        found = compared(folder)
        assert [pair for arm, pair in made_up.trained if arm == "no learning"] == [0, 1, 2, 3]
        assert [len(idea.difference.pairs) for idea in found.ideas] == [4, 4]
        assert [pairs for pairs, _ in taken(folder)] == [2, 4]

    @pytest.mark.parametrize(("most", "added"), [(4, 0), (12, 1)])
    def test_is_an_added_one_if_networks_had_two_pairs_when_the_plan_was_changed(
        self, folder: Path, most: int, added: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Four linear models, and then all arms of pair after pair: four are no networks yet, twelve two pairs and more.
        made_up = MadeUp(OPEN, pair_sd=0.03, most=most).instead_of_training(monkeypatch)
        plan_looks(folder, 4)
        with pytest.raises(Killed):
            compare(setting_in(folder))
        assert taken(folder) == []
        plan_looks(folder, 3)
        made_up.most = None
        compare(setting_in(folder))
        looks = setting_in(folder).looks_taken
        assert looks is not None
        assert (looks.pairs, looks.added) == ((3,), added)
        assert looks.shares == pytest.approx((0.8 * 0.2 if added else 0.8,))

    def test_of_a_comparison_whose_plan_no_version_recorded_is_an_added_one_and_stays_it(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        MadeUp(OPEN, pair_sd=0.03).instead_of_training(monkeypatch)
        monkeypatch.setattr(looks_room, "_worth_more", lambda *_: {BASELINE, "another limit", "no learning", LINEAR})
        plan_looks(folder, [2])
        with monkeypatch.context() as before:
            before.setattr(room, "record_plan", lambda _: None)
            compare(setting_in(folder))
        assert setting_in(folder).looks_planned is None
        plan_looks(folder, [2, 4])
        compare(setting_in(folder))
        looks = setting_in(folder).looks_taken
        assert looks is not None
        assert (looks.pairs, looks.added) == ((2, 4), 1)


def test_a_look_is_on_record_before_anything_is_said_of_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    MadeUp(OPEN).instead_of_training(monkeypatch)
    plan_looks(folder, 2)
    monkeypatch.setattr(room, "_gathered", lambda *_: pytest.fail(f"on record: {taken(folder)}"))
    with pytest.raises(pytest.fail.Exception, match=r"on record: \[\(2, 0\.8\)\]"):
        compare(setting_in(folder))


def test_pairs_of_a_look_that_was_taken_out_of_the_plan_before_it_was_reached_are_not_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Killed when all arms have three of the four pairs: no look ever saw the third, and of two searches one has more.
    plan_looks(folder, [2, 4], searches=2)
    made_up = MadeUp(OPEN, pair_sd=0.03, most=8).instead_of_training(monkeypatch)
    monkeypatch.setattr(looks_room, "_worth_more", lambda *_: {BASELINE, "another limit", "no learning", LINEAR})
    made_up.most = 8 + 2 + 3  # the linear model is first
    with pytest.raises(Killed):
        compare(setting_in(folder))
    assert len(sealed_scores(setting_in(folder), "no learning")) == 3
    plan_looks(folder, 2, searches=2)
    found = compared(folder)
    assert (found.looks, found.shared_pairs, found.baseline.pairs, found.linear.pairs) == ((2,), 2, 2, 2)
    assert all(len(idea.difference.pairs) == 2 for idea in found.ideas)
    assert re.search("1 look, after 2 pairs", heading(found))


def test_macro_f1_is_over_the_pairs_that_all_arms_have(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The one that stopped early must not be ranked by an easier, or harder, draw than the others.
    plan_looks(folder, [4, 8])
    MadeUp(OPEN, pair_sd=0.03).instead_of_training(monkeypatch)
    found = compared(folder)
    more, early = found.ideas
    assert (found.baseline.pairs, more.score.pairs, early.score.pairs, found.linear.pairs) == (8, 8, 4, 8)
    assert found.shared_pairs == 4
    for score in (found.baseline, more.score, early.score, found.linear):
        assert score.macro_f1 == pytest.approx(sum(sealed_scores(setting_in(folder), score.name)[:4]) / 4)
    setting = setting_in(folder)
    validation = [setting.finished_pairs()[BASELINE, pair].user_attrs[VALIDATION] for pair in range(4)]
    assert found.baseline.validation_macro_f1 == pytest.approx(sum(validation) / 4)
    # The differences are over all pairs that an idea shares with the baseline.
    assert (len(more.difference.pairs), len(early.difference.pairs)) == (8, 4)


def test_another_plan_that_cannot_go_on_is_refused_before_anything_is_counted_or_foreseen(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    MadeUp().instead_of_training(monkeypatch)
    plan_looks(folder, [2, 4], searches=2)
    compared(folder)
    where = ["--storage", f"sqlite:///{folder}/studies.db", "--artifacts", str(folder / "artifacts")]
    for change, complaint in (({"searches": 3}, "another number of trials or searches"), ({}, "begun with other data")):
        plan_looks(folder, [6], **change)
        if not change:
            text = (folder / "ideas.toml").read_text()
            (folder / "ideas.toml").write_text(text.replace("[budget]\n", "[budget]\nsearches = 2\nsealed = 0.3\n"))
        for arguments in (["--dry-run"], []):
            assert main(["compare", str(folder / "ideas.toml"), *where, *arguments]) == 2
            assert complaint in capsys.readouterr().err


def test_pairs_are_bought_for_which_network_to_deploy_though_every_idea_is_decided(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The linear model is about as good as the best network, and both are far from all else.
    plan_looks(folder, [4, 8])
    right = {BASELINE: 0.6, LINEAR: 0.86, "another limit": 0.9, "no learning": 0.2}
    made_up = MadeUp(right, pair_sd=0.03).instead_of_training(monkeypatch)
    found = compared(folder)
    assert {idea.name: idea.decision.verdict for idea in found.ideas} == {
        "another limit": "improves",
        "no learning": "worse",
    }
    assert found.linear.decision.verdict == "improves"
    # Only those two get more: the network that was chosen, and what it is compared with.
    later = {arm for arm, pair in made_up.trained if pair >= 4}
    assert later == {"another limit", LINEAR}
    assert (found.winner.score.name, found.shared_pairs) == ("another limit", 4)
    against = found.winner.against_linear.difference
    assert against.pairs.tolist() == pytest.approx(
        [
            one - other
            for one, other in zip(
                sealed_scores(setting_in(folder), "another limit"),
                sealed_scores(setting_in(folder), LINEAR),
                strict=True,
            )
        ]
    )
    assert len(against.pairs) == 8
    assert found.winner.macro_f1 == pytest.approx(sum(sealed_scores(setting_in(folder), "another limit")) / 8)
    (said,) = (line for line in words(found) if line.startswith("Deploy"))
    assert "Of 8 pairs, the validation scores of the others chose 'another limit' in 8." in said
    assert plan(setting_in(folder)).render(1) == "nothing is left to train."
    # Beyond deciding by so few more: said, not tried.
    plan_looks(folder, [4, 8, 9])
    assert "less than one chance in ten" in plan(setting_in(folder)).render(1)

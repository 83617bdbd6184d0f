from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from search.report.board import render
from search.report.notes import export_flag
from search.report.standing import standing, together
from search.storage.artifacts import WEIGHTS, TrialArtifacts
from search.study.claims import begin_again
from search.study.leaderboard import EnsembleStanding, Entry, Leaderboard, leaderboard
from search.study.positions import AGAIN
from search.study.records import (
    AGAINST_LINEAR,
    AUDITED,
    CONFIG,
    ENDED,
    ENSEMBLE,
    IS_LINEAR_BASELINE,
    PATIENCE,
    ROWS,
)
from tests.support.boards import study


class TestTheOrder:
    def test_has_the_baselines_among_the_trials_best_first(self) -> None:
        board = leaderboard(study(0.7, 0.9, 0.1))
        assert [entry.name for entry in board.entries] == [
            "trial 1",
            "TF-IDF + logistic regression",
            "trial 0",
            "majority",
            "trial 2",
        ]
        assert board.best is not None
        assert board.best.trial == 1

    def test_has_of_equals_the_first_before_though_it_was_begun_again(self) -> None:
        made = study()
        first, second = made.ask(), made.ask()
        made.tell(second, 0.5)
        begin_again(made, first.number, "interrupted")
        made.tell(made.ask(), 0.5)
        board = leaderboard(made)
        assert [entry.trial for entry in board.entries if entry.trial is not None] == [2, 1]
        assert board.ended == {0: "interrupted; queued to be begun again"}

    def test_judges_a_plateau_in_the_order_that_the_search_did(self) -> None:
        made = study()
        trials = [made.ask() for _ in range(4)]
        begin_again(made, trials[1].number, "interrupted")
        for trial in (trials[0], trials[2], trials[3]):
            made.tell(trial, 0.5)
        made.tell(made.ask(), 0.9)  # at the second position, under the last number
        made.set_user_attr(PATIENCE, 2)
        assert leaderboard(made).plateau

    def test_says_nothing_of_a_trial_that_was_taken_for_lost_and_ended_all_the_same(self) -> None:
        made = study()
        trial = made.ask()  # another process is about to fail it
        made._storage.set_trial_system_attr(trial._trial_id, AGAIN, "its process fell silent")
        trial.set_user_attr(ENDED, "its process fell silent; queued to be begun again")
        made.tell(trial, 0.5)
        assert leaderboard(made).ended == {}

    def test_says_of_weights_whether_they_are_there(self, tmp_path: Path) -> None:
        made = study(linear=0.8)
        for value in (0.7, 0.9):  # each was the best when it was finished; better ones replaced the first
            made.add_trial(create_trial(value=value, user_attrs={WEIGHTS: {"folder": "its own"}}))
        made.add_trial(create_trial(value=0.1))
        TrialArtifacts(tmp_path / "made").folder(1).mkdir(parents=True)

        def kept(artifacts: Path | None) -> dict[str, bool | None]:
            return {entry.name: entry.kept for entry in leaderboard(made, artifacts).entries}

        baselines = {"TF-IDF + logistic regression": False, "majority": False}
        assert kept(tmp_path) == {"trial 0": False, "trial 1": True, "trial 2": False} | baselines
        assert kept(tmp_path / "elsewhere") == {"trial 0": False, "trial 1": False, "trial 2": False} | baselines
        # Nobody looked, nobody knows.
        assert kept(None) == {"trial 0": None, "trial 1": None, "trial 2": None} | baselines


class TestWhatItRecommends:
    """Of a search whose trial 0 is the linear baseline, and whose best is trial 1, a network."""

    def board(
        self, low: float, *, above_best: tuple[float, float] | None = None, above_linear: tuple[float, float] = (0, 0)
    ) -> Leaderboard:
        return leaderboard(self.study(low, above_best=above_best, above_linear=above_linear))

    def study(
        self, low: float, *, above_best: tuple[float, float] | None = None, above_linear: tuple[float, float] = (0, 0)
    ) -> optuna.Study:
        made = optuna.create_study(direction="maximize", study_name="made")
        made.set_user_attr(ROWS, {"train": 3200, "validation": 400, "sealed test": 400})
        linear = {CONFIG: {"family": "linear"}, IS_LINEAR_BASELINE: True}
        made.add_trial(create_trial(value=0.80, user_attrs=linear))
        made.add_trial(create_trial(value=0.83, user_attrs={CONFIG: {"architecture": "gru"}}))
        interval = {"corrected": 0.02, "low": low, "high": 0.06}
        made.set_user_attr(AGAINST_LINEAR, {"trial": 1, "winner": 1, "difference": 0.03, **interval})
        if above_best is not None:
            leads = [sum(above_best) / 2, *above_best], [sum(above_linear) / 2, *above_linear]
            found = {"best": 1, "weights": {"0": 0.5, "1": 0.5}, "score": 0.84, "corrected": 0.835}
            made.set_user_attr(ENSEMBLE, found | {"above_best": leads[0], "above_reference": leads[1]})
        return made

    def test_is_the_best_trial_beyond_noise_and_else_the_linear_baseline(self) -> None:
        better, unclear = self.board(0.01).recommended, self.board(-0.01).recommended
        assert isinstance(better, Entry) and isinstance(unclear, Entry)
        assert (better.trial, unclear.trial) == (1, 0)
        assert standing(self.board(0.01)).endswith(": deploy the network.")
        assert "deploy the linear model" in standing(self.board(-0.01))

    @pytest.mark.parametrize(
        ("low", "above_best", "above_linear", "taken"),
        [
            (0.01, (0.01, 0.03), (0.02, 0.06), True),
            (0.01, (-0.01, 0.03), (0.02, 0.06), False),  # one model alone is cheaper
            (-0.01, (-0.01, 0.03), (0.002, 0.06), True),
            (-0.01, (-0.01, 0.03), (-0.01, 0.06), False),
            (-0.01, (0.01, 0.03), (-0.01, 0.06), False),
            (-0.01, (-0.03, -0.01), (0.01, 0.06), False),  # it is worse than the best trial
        ],
    )
    def test_is_the_ensemble_where_it_beats_what_would_be_deployed_without_it(
        self, low: float, above_best: tuple[float, float], above_linear: tuple[float, float], taken: bool
    ) -> None:
        board = self.board(low, above_best=above_best, above_linear=above_linear)
        assert isinstance(board.recommended, EnsembleStanding) == taken
        # One advice, not two.
        assert ("the mean of trials below is better" in standing(board)) == taken
        assert ("deploy the network" in standing(board) or "deploy the linear model" in standing(board)) != taken

    @pytest.mark.parametrize(("lead", "taken"), [((-0.02, 0.01), False), ((0.01, 0.03), True)])
    def test_beside_a_linear_baseline_that_is_best_is_told_by_the_lead_over_that(
        self, lead: tuple[float, float], taken: bool
    ) -> None:
        # The best of each third is another one, and its lead another too: +2, which is that over no single model.
        made = optuna.create_study(direction="maximize", study_name="made")
        made.set_user_attr(ROWS, {"train": 3200, "validation": 400, "sealed test": 400})
        made.add_trial(create_trial(value=0.8, user_attrs={CONFIG: {"family": "linear"}, IS_LINEAR_BASELINE: True}))
        made.add_trial(create_trial(value=0.7, user_attrs={CONFIG: {"architecture": "gru"}}))
        leads = {"above_best": [0.02, 0.01, 0.03], "above_reference": [sum(lead) / 2, *lead]}
        found = {"best": 0, "weights": {"0": 0.5, "1": 0.5}, "score": 0.84, "corrected": 0.835}
        made.set_user_attr(ENSEMBLE, found | leads)
        board = leaderboard(made)
        assert board.ensemble is not None
        assert (board.ensemble.pays, isinstance(board.recommended, EnsembleStanding)) == (taken, taken)
        assert ("better beyond noise" in together(board.ensemble)) == taken
        assert "linear baseline" not in together(board.ensemble)
        assert standing(board).endswith("the mean of trials below is better: deploy that.") == taken

    def test_says_of_a_best_trial_that_is_worse_that_it_is(self) -> None:
        made = study(0.75)
        made.set_user_attr(AGAINST_LINEAR, {"trial": 0, "winner": 0, "corrected": -0.05, "low": -0.08, "high": -0.02})
        leads = {"above_best": [0.08, 0.06, 0.1], "above_reference": [0.03, 0.01, 0.05]}
        found = {"best": 0, "weights": {"0": 0.5, "1": 0.5}, "score": 0.84, "corrected": 0.835}
        made.set_user_attr(ENSEMBLE, found | leads)
        said = standing(leaderboard(made))
        assert "It is worse beyond noise, but the mean of trials below is better than the linear baseline" in said
        assert "Noise cannot tell" not in said

    def test_that_was_not_kept_by_an_earlier_version_is_not_asked_for(self, tmp_path: Path) -> None:
        made = self.study(-0.01)
        assert export_flag(leaderboard(made)) == " --trial 0"  # nobody looked
        assert export_flag(leaderboard(made, tmp_path)) == ""

    def test_is_what_the_next_command_hands_over(self) -> None:
        assert export_flag(self.board(0.01)) == ""
        assert export_flag(self.board(-0.01)) == " --trial 0"
        assert export_flag(self.board(-0.01, above_best=(0, 0.03), above_linear=(0.01, 0.06))) == " --ensemble"
        beside = leaderboard(study(0.75))  # the linear baseline is no trial, so there is nothing to export of it
        assert isinstance(beside.recommended, Entry) and beside.recommended.trial is None
        assert export_flag(beside) == ""

    def test_is_told_by_the_noise_where_there_is_no_interval(self) -> None:
        for gain, taken in ((0.03, "linear"), (0.05, "network")):
            made = optuna.create_study(direction="maximize", study_name="made")
            made.set_user_attr(ROWS, {"train": 3200, "validation": 400, "sealed test": 400})
            made.add_trial(create_trial(value=0.8, user_attrs={CONFIG: {"family": "linear"}, IS_LINEAR_BASELINE: True}))
            made.add_trial(create_trial(value=0.8 + gain, user_attrs={CONFIG: {"architecture": "gru"}}))
            recommended = leaderboard(made).recommended  # sqrt(.8 * .2 / 400) = .02
            assert isinstance(recommended, Entry)
            assert recommended.family == taken

    def test_is_nothing_before_the_first_trial(self) -> None:
        assert leaderboard(optuna.create_study()).recommended is None


class TestTheAudit:
    def test_says_what_pruning_cost_where_condemned_trials_ran_on(self) -> None:
        made = study(0.8)
        made.add_trial(create_trial(state=TrialState.PRUNED, value=0.5))
        for value in (0.83, 0.6, 0.7):
            made.add_trial(create_trial(value=value, user_attrs={AUDITED: {"epoch": 1.0, "macro-F1": 0.4}}))
        audit = leaderboard(made).audit
        assert audit is not None
        assert (audit.condemned, audit.ran_on, audit.would_have_won) == (4, 3, 1)
        assert audit.gain == pytest.approx(0.03)
        # Wilson's interval of 1 in 3, by hand: (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)
        assert (audit.low, audit.high) == pytest.approx((0.0615, 0.7923), abs=1e-3)
        assert "1 of them came out best, by 3.0 points" in render(leaderboard(made))

    def test_is_not_mentioned_where_nothing_ran_on(self) -> None:
        assert leaderboard(study(0.8)).audit is None
        assert "Audit" not in render(leaderboard(study(0.8)))

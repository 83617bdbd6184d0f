import optuna
import pytest
from optuna.trial import create_trial

from search.report.board import IN_FAMILY, render, to_dict
from search.report.page import korean
from search.report.page.search import search_page
from search.report.standing import optimism, standing
from search.study.leaderboard import leaderboard
from search.study.records import AGAINST_LINEAR, CONFIG, CORRECTED, FAMILIES_AGAINST_LINEAR, PREDICTIONS
from sentiment.errors import InputError
from tests.support.boards import study


class TestTheStandingAgainstTheLinearBaseline:
    def against(self, low: float, high: float, *, best: float = 0.83, trial: int = 0) -> optuna.Study:
        made = study(best)
        interval = {"corrected": (low + high) / 2, "low": low, "high": high}
        made.set_user_attr(AGAINST_LINEAR, {"trial": trial, "winner": 0, "difference": best - 0.8, **interval})
        return made

    @pytest.mark.parametrize(
        ("low", "high", "sentence"),
        [
            (0.002, 0.042, "the difference is +2.2 (95 % interval +0.2 to +4.2): deploy the network."),
            (-0.042, -0.002, "the difference is -2.2 (95 % interval -4.2 to -0.2): deploy the linear model"),
            (
                -0.01,
                0.05,
                "+2.0 (95 % interval -1.0 to +5.0). Noise cannot tell the two apart: deploy the linear model",
            ),
            (0.0, 0.04, "Noise cannot tell the two apart"),
        ],
    )
    def test_says_what_to_deploy_by_the_interval(self, low: float, high: float, sentence: str) -> None:
        board = leaderboard(self.against(low, high))
        assert standing(board).startswith("The best network stands 3.0 points above the linear baseline's 0.8000; ")
        assert sentence in standing(board)
        assert to_dict(board)["against_linear"]["low"] == low
        assert sentence in render(board)

    def test_says_of_how_many_trials_a_correction_is_that_more_have_joined(self) -> None:
        made = study(0.83, 0.82)
        corrected = {"trials": 2, "corrected": 0.81, "low": 0.8, "high": 0.82}
        made.set_user_attr(CORRECTED, corrected)
        assert "corrected for the choice among 2, these weights" in optimism(leaderboard(made))
        for _ in range(3):
            made.add_trial(create_trial(value=0.9, user_attrs={CONFIG: {"architecture": "gru"}, PREDICTIONS: {}}))
        for words in (optimism, korean.optimism):
            said = words(leaderboard(made))
            assert "0.8100" in said and "these weights" not in said
        assert "as of 2 completed trials" in optimism(leaderboard(made))

    def test_tells_the_choice_among_all_from_that_within_a_family(self) -> None:
        made = self.against(-0.104, 0.073)
        made.add_trial(create_trial(value=0.82, user_attrs={CONFIG: {"family": "bag"}}))
        own = {"trial": 0, "corrected": 0.01, "low": -0.071, "high": 0.091}
        made.set_user_attr(FAMILIES_AGAINST_LINEAR, {"network": own})
        text = render(leaderboard(made))
        assert "corrected for choosing, the difference is -1.6 (95 % interval -10.4 to +7.3)" in " ".join(text.split())
        assert "+1.0 (-7.1 to +9.1)" in text and IN_FAMILY in text
        page = search_page(made, leaderboard(made), InputError("no data"), None)
        names = [row.name for row in page.first[0].rows]
        assert names == ["best of all (trial 0)", "best within network (trial 0)"]

    def test_says_nothing_of_a_trial_that_no_longer_is_the_best(self) -> None:
        made = self.against(0.002, 0.042)
        made.add_trial(create_trial(value=0.9, user_attrs={CONFIG: {"architecture": "gru"}}))
        board = leaderboard(made)
        assert board.against_linear is None
        assert "There is no interval" in standing(board)
        assert leaderboard(self.against(0.002, 0.042, trial=7)).against_linear is None

    @pytest.mark.parametrize(
        ("best", "sentence", "deploys_linear"),
        [
            (0.75, "The best network stands 5.0 points BELOW the linear baseline's 0.8000; one standard error", True),
            (0.80, "The best network stands 0.0 points BELOW", True),
            (0.81, "1.0 points above the linear baseline's 0.8000; one standard error", True),
            (0.90, "10.0 points above the linear baseline's 0.8000; one standard error", False),
        ],
    )
    def test_without_an_interval_is_told_by_the_noise(self, best: float, sentence: str, deploys_linear: bool) -> None:
        # sqrt(.8 * .2 / 400) = .02
        said = standing(leaderboard(study(best)))
        assert sentence in said
        assert "on 400 validation rows, if none belong together, is about 2.0 points" in said
        assert ("Deploy the linear model" in said) == deploys_linear
        assert "deploy the network" not in said
        assert "There is no interval: `run` computes it" in said

    def test_is_not_made_up_where_it_was_not_measured(self) -> None:
        made = optuna.create_study(direction="maximize")
        made.add_trial(create_trial(value=0.9, user_attrs={CONFIG: {"architecture": "gru"}}))
        assert standing(leaderboard(made)) == "The linear baseline has not been measured."

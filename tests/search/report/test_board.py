import json

import optuna
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from search.report.board import RECIPES, markdown, render, to_dict
from search.report.standing import standing
from search.study.claims import begin_again
from search.study.leaderboard import leaderboard
from search.study.positions import SUPERFLUOUS, begin_with
from search.study.records import COLLAPSED, CONFIG, ENDED, TRIALS, keep
from tests.search.conftest import Searched
from tests.support.boards import study


def tell(made: optuna.Study, value: float) -> None:
    """As a trial of ours ends: what was trained is on record."""
    trial = made.ask()
    keep(trial, CONFIG, {"architecture": "gru"})
    made.tell(trial, value)


class TestTheTable:
    def test_shows_the_first_trials_and_every_baseline_and_says_how_many_more_there_are(self) -> None:
        lines = render(leaderboard(study(*(0.81 + n / 1000 for n in range(20)))), top=3).splitlines()
        assert [line.split()[1] for line in lines if line.startswith("trial ")] == ["19", "18", "17"]
        assert any(line.startswith("majority") for line in lines)
        assert "... and 17 more; `sentiment-search report made --json` has them all" in lines

    def test_counts_every_trial_and_says_why_some_ended_early(self) -> None:
        made = study(0.9)
        made.add_trial(create_trial(state=TrialState.PRUNED, user_attrs={ENDED: "diverged by epoch 1"}))
        made.add_trial(create_trial(state=TrialState.FAIL, user_attrs={ENDED: "MemoryError: full"}))
        made.add_trial(create_trial(state=TrialState.RUNNING))
        made.enqueue_trial({"epochs": 3})
        text = render(leaderboard(made))
        assert "1 completed, 1 pruned, 1 failed, 1 running, 1 waiting." in text
        assert "trial 1 ended early: diverged by epoch 1" in text
        assert "trial 2 ended early: MemoryError: full" in text

    def test_says_of_what_waits_in_a_search_that_is_done_that_it_was_not_tried(self) -> None:
        made = study(0.9)
        made.enqueue_trial({"epochs": 3})
        made.set_user_attr(TRIALS, 2)
        assert "1 completed, 1 waiting." in render(leaderboard(made))
        made.set_user_attr(TRIALS, 1)
        assert "1 completed, 1 in the queue and not tried (raise --trials)." in render(leaderboard(made))

    def test_counts_a_trial_that_was_interrupted_and_its_stand_in_as_one(self) -> None:
        made = study(0.9)
        first = made.ask()
        begin_again(made, first.number, "interrupted")
        assert "1 completed, 1 interrupted, to be begun again." in render(leaderboard(made))
        begin_again(made, made.ask().number, "interrupted")
        made.tell(made.ask(), 0.5)
        assert "2 completed, 2 interrupted and begun again." in render(leaderboard(made))

    def test_counts_no_twin_in_the_queue_that_nobody_took_as_failed(self) -> None:
        made = study(0.9)
        made.add_trial(create_trial(state=TrialState.FAIL, system_attrs={SUPERFLUOUS: True}))
        assert "\n1 completed.\n" in render(leaderboard(made))

    def test_tells_a_known_good_recipe_from_a_sampled_trial_and_one_begun_again(self) -> None:
        made = study(0.9)
        begin_with(made, [{}, {}])  # one is there already
        tell(made, 0.7)
        begin_again(made, made.ask().number, "interrupted")
        tell(made, 0.5)
        text = render(leaderboard(made))
        column = text.splitlines()[2].index("how")
        hows = {line.split("  ")[0]: line[column:].split("  ")[0] for line in text.splitlines()[4:9]}
        expected = {"trial 0": "sampled", "trial 1": "recipe", "trial 3": "begun again"}
        assert hows == expected | {"TF-IDF + logistic regression": "baseline", "majority": "baseline"}
        assert RECIPES in text
        assert RECIPES not in render(leaderboard(study(0.9)))

    def test_calls_a_trial_that_another_program_told_no_network_and_recommends_it_never(self) -> None:
        made = study(0.9, 0.85)
        made.tell(made.ask({"x": FloatDistribution(0, 1)}), 0.99)
        board = leaderboard(made)
        assert [entry.how for entry in board.entries[:3]] == ["outside", "sampled", "sampled"]
        assert (board.entries[0].family, board.entries[0].architecture) == ("", "")
        assert (board.best, board.families) == (board.entries[1], ())
        assert board.recommended == board.entries[1]
        assert board.best_params == made.trials[0].params
        assert "told from outside" in render(board).splitlines()[4]
        assert standing(board).startswith("The best network stands 10.0 points above")

    def test_of_such_trials_alone_has_no_best(self) -> None:
        made = study()
        made.tell(made.ask(), 0.99)
        board = leaderboard(made)
        assert board.best is None and board.recommended is None
        assert "No trial has been completed yet." in render(board)

    def test_marks_a_trial_whose_best_checkpoint_has_collapsed(self) -> None:
        made = study()
        made.add_trial(create_trial(value=0.3, user_attrs={COLLAPSED: "predicts only 'negative'"}))
        assert "trial 0 (collapsed)" in render(leaderboard(made))

    def test_of_an_empty_study_says_so(self) -> None:
        board = leaderboard(optuna.create_study())
        assert "No trials." in render(board)
        assert standing(board) == "No trial has been completed yet."
        assert board.best is None

    def test_is_plain_json_with_the_whole_study(self, searched: Searched) -> None:
        board = leaderboard(searched.opened.study, searched.artifacts)
        told = json.loads(json.dumps(to_dict(board), allow_nan=False))
        assert told["study"] == "tiny"
        assert (told["counts"]["complete"], told["counts"]["pruned"]) == (5, 1)
        assert len(told["entries"]) == 7
        assert told["best_params"] == searched.opened.study.best_params


def test_the_note_for_the_dashboard_is_a_markdown_table() -> None:
    lines = markdown(leaderboard(study(0.9))).splitlines()
    assert lines[:3] == [
        "|  | macro-F1 | model | how | tokens |",
        "| --- | --- | --- | --- | --- |",
        "| trial 0 | 0.9000 | gru | sampled |  |",
    ]

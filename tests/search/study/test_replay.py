import pytest
import torch

from search.study.records import CURVE, told
from search.study.replay import Replay, replay
from sentiment.errors import InputError
from tests.search.conftest import Searched


class TestAReplay:
    def test_of_the_best_trial_is_the_same_bit_for_bit(self, searched: Searched) -> None:
        best = searched.opened.study.best_trial
        again = replay(searched.opened, best.number)
        assert again.same
        assert max(again.replayed) == best.value
        assert len(again.replayed) == len(told(best, CURVE))
        assert "the same again, bit for bit" in again.render()

    def test_of_a_pruned_trial_goes_as_far_as_it_went(self, searched: Searched) -> None:
        trial = searched.opened.study.trials[searched.pruned]
        again = replay(searched.opened, searched.pruned)
        assert again.same
        assert again.replayed == (trial.value,)

    def test_of_a_trial_that_is_none_or_has_no_scores_is_refused(self, searched: Searched) -> None:
        for number in (-1, 6, 99):
            with pytest.raises(InputError, match=f"has no trial {number}; its trials are 0 to 5"):
                replay(searched.opened, number)

    def test_tells_json_all_of_it(self, searched: Searched) -> None:
        told = replay(searched.opened, 0).to_dict()
        assert told["same"] is True
        assert told["recorded"] == told["replayed"]
        assert told["differences"] == {}


def test_a_replay_that_differs_says_where_and_what_is_not_as_it_was() -> None:
    other = Replay(3, (0.5, 0.6, 0.7), (0.5, 0.61, 0.69), {"torch": ("2.11.0", torch.__version__)})
    assert not other.same
    assert other.render() == (
        "trial 3: macro-F1 0.690000, recorded 0.700000; the scores part at scoring 2. "
        f"What differs: torch was 2.11.0, is {torch.__version__}."
    )
    assert Replay(3, (0.5,), (0.6,), {}).render().endswith("Nothing recorded of the environment differs.")

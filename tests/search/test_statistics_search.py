"""What a search's best score is worth: optimism, the corrected score, tuning curves."""

import sys
from itertools import combinations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from search.statistics import NotFiniteError, corrected_score, expected_best, optimism, tuning_curve


class TestOptimism:
    def test_is_what_the_best_of_many_equal_trials_gains_by_luck(self) -> None:
        # NOTE: the largest of 50 standard normal variables is 2.249 on average (Harter 1961).
        rng = np.random.default_rng(0)
        found = [optimism(rng.normal(0.8, 0.01, 50).max(), rng.normal(0.8, 0.01, 10)).mean for _ in range(2000)]
        assert np.mean(found) == pytest.approx(0.02249, abs=4 * np.std(found) / 2000**0.5)

    def test_covers_what_infinitely_many_seeds_would_show(self) -> None:
        rng = np.random.default_rng(0)
        found = [optimism(0.83, rng.normal(0.8, 0.01, 5)) for _ in range(3000)]
        covered = np.mean([one.low <= 0.03 <= one.high for one in found])
        assert covered == pytest.approx(0.95, abs=3 * (0.95 * 0.05 / 3000) ** 0.5)

    def test_of_what_is_no_number_is_refused_by_name(self) -> None:
        with pytest.raises(NotFiniteError, match=r"fresh scores must be finite numbers, but 1 of 3 are not: nan"):
            optimism(0.8, [0.7, 0.8, np.nan])
        for function in (lambda scores: expected_best(scores, 2), tuning_curve):
            with pytest.raises(NotFiniteError, match="scores must be finite numbers"):
                function([0.1, np.nan])

    def test_needs_two_fresh_scores(self) -> None:
        with pytest.raises(ValueError, match="two fresh scores"):
            optimism(0.8, [0.7])


def configs_with_recall(rng: np.random.Generator, recalls: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels [rows] of two equally common classes, and predictions [configs, rows] that are right so often: the true
    macro-F1 of each is its recall."""
    labels = rng.integers(2, size=rows)
    right = rng.random((len(recalls), rows)) < recalls[:, None]
    return labels, np.where(right, labels, 1 - labels)


class TestTheCorrectedScore:
    def test_names_the_config_that_scikit_learn_finds_best(self) -> None:
        rng = np.random.default_rng(0)
        labels, predictions = configs_with_recall(rng, rng.uniform(0.5, 0.9, 12), 400)
        expected = [f1_score(labels, of_config, average="macro") for of_config in predictions]
        found = corrected_score(labels, predictions, 2, resamples=50)
        assert found.winner == np.argmax(expected)
        assert found.best == pytest.approx(max(expected))

    def test_takes_the_luck_of_the_chosen_one_away(self) -> None:
        # 40 equally good configs on 200 rows: the best one's score is luck above .8.
        rng = np.random.default_rng(0)
        found = [
            corrected_score(*configs_with_recall(rng, np.full(40, 0.8), 200), 2, resamples=100, seed=seed)
            for seed in range(60)
        ]
        corrected = [one.corrected for one in found]
        assert np.mean([one.best for one in found]) > 0.85
        assert np.mean(corrected) == pytest.approx(0.8, abs=0.002 + 4 * np.std(corrected) / 60**0.5)

    def test_covers_the_winners_true_score_at_least_as_often_as_it_says(self) -> None:
        rng = np.random.default_rng(0)
        recalls = np.linspace(0.7, 0.85, 15)
        covered = []
        for seed in range(150):
            labels, predictions = configs_with_recall(rng, recalls, 300)
            found = corrected_score(labels, predictions, 2, resamples=200, seed=seed)
            covered.append(found.low <= recalls[found.winner] <= found.high)
        assert np.mean(covered) >= 0.95 - 3 * (0.95 * 0.05 / 150) ** 0.5

    def test_of_a_single_config_is_its_own_score(self) -> None:
        labels, predictions = configs_with_recall(np.random.default_rng(0), np.array([0.8]), 500)
        found = corrected_score(labels, predictions, 2)
        assert found.corrected == pytest.approx(found.best, abs=0.003)

    def test_is_the_same_for_the_same_seed(self) -> None:
        seen = configs_with_recall(np.random.default_rng(0), np.array([0.7, 0.8]), 100)
        assert corrected_score(*seen, 2) == corrected_score(*seen, 2)

    def test_counts_no_resample_that_leaves_no_row_to_score(self) -> None:
        # Always right, on two rows: half of the resamples hold both. The others leave one, where one class of two has
        # an F1 of 1 and the other, of which there is no row, of 0.
        found = corrected_score(np.array([0, 1]), np.array([[0, 1]]), 2)
        assert (found.low, found.corrected, found.high, found.best) == (0.5, 0.5, 0.5, 1.0)

    def test_lies_in_its_interval_where_nearly_all_resamples_agree(self) -> None:
        # Right on one row of 300 alone, and that row is mostly among those that chose.
        labels, predictions = np.zeros(300, int), np.ones((1, 300), int)
        predictions[0, 0] = 0
        found = corrected_score(labels, predictions, 2, resamples=400, confidence=0.05)
        assert found.low <= found.corrected <= found.high

    @pytest.mark.parametrize("value", [-1, 2])
    def test_refuses_a_class_that_there_is_not(self, value: int) -> None:
        with pytest.raises(ValueError, match=r"predictions must lie in 0\.\.1, but got"):
            corrected_score(np.array([0, 1]), np.array([[0, value]]), 2)

    def test_refuses_predictions_of_other_rows(self) -> None:
        with pytest.raises(ValueError, match=r"\[configs, 3\] are needed, two rows or more, but got \(2, 4\)"):
            corrected_score(np.zeros(3, dtype=int), np.zeros((2, 4), dtype=int), 2)


class TestTheExpectedBest:
    def test_is_the_mean_best_of_all_subsets(self) -> None:
        scores = np.random.default_rng(0).random(9)
        scores[3] = scores[5]  # ties count as they are
        for trials in range(1, 10):
            every = [max(subset) for subset in combinations(scores, trials)]
            assert expected_best(scores, trials) == pytest.approx(np.mean(every))

    def test_is_unbiased(self) -> None:
        # The best of m uniform scores is m / (m + 1) on average; that of Dodge et al., 5 of 6 with replacement, is not.
        rng = np.random.default_rng(0)
        found = [expected_best(rng.random(6), 5) for _ in range(4000)]
        assert np.mean(found) == pytest.approx(5 / 6, abs=4 * np.std(found) / 4000**0.5)

    def test_of_thousands_of_trials_stays_a_number(self) -> None:
        assert expected_best(np.linspace(0, 1, 5001), 2500) == pytest.approx(2500 / 2501, abs=1e-3)

    def test_is_refused_beyond_the_scores(self) -> None:
        with pytest.raises(ValueError, match=r"1\.\.3, the number of scores, but got 4"):
            expected_best([0.1, 0.2, 0.3], 4)


class TestTheTuningCurve:
    def test_rises_inside_its_band(self) -> None:
        pytest.importorskip("opda")
        curve = tuning_curve(np.random.default_rng(0).beta(20, 8, size=30).tolist())
        assert curve.trials.tolist() == list(range(1, 31))
        assert np.all(curve.low <= curve.median)
        assert np.all(curve.median <= curve.high)
        for line in (curve.low, curve.median, curve.high, curve.expected):
            assert np.all(np.diff(line) >= 0)
        assert curve.high[-1] == 1.0  # thirty scores say nothing of the best of thirty from above

    @pytest.mark.slow
    def test_lies_in_its_band_as_a_whole_as_often_as_it_says(self) -> None:
        pytest.importorskip("opda")
        rng, covered = np.random.default_rng(0), []
        for seed in range(200):
            curve = tuning_curve(rng.random(15).tolist(), confidence=0.8, seed=seed)
            truth = 0.5 ** (1 / curve.trials)  # median of the best of m uniform scores
            covered.append(np.all((curve.low <= truth) & (truth <= curve.high)))
        # The curve is looked at for whole numbers of trials only, so the band may cover somewhat more often.
        assert np.mean(covered) >= 0.8 - 3 * (0.8 * 0.2 / 200) ** 0.5

    def test_without_opda_names_the_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "opda.nonparametric", None)
        with pytest.raises(ImportError, match=r"extra `curves`: pip install 'sentiment-search\[curves\]'"):
            tuning_curve([0.1, 0.2])

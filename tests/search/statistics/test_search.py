"""What a search's best score is worth: optimism, the corrected score, tuning curves."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from search.statistics import NotFiniteError, corrected_difference, corrected_score, optimism, tuning_curve
from tests.support.searches import SearchWorld, as_good_as_the_chosen, choosing


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
        with pytest.raises(NotFiniteError, match="scores must be finite numbers"):
            tuning_curve([0.1, np.nan])

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
        found = corrected_score(labels, predictions, 2, splits=10)
        assert found.winner == np.argmax(expected)
        assert found.best == pytest.approx(max(expected))

    def test_takes_the_luck_of_the_chosen_one_away(self) -> None:
        # 40 equally good configs on 200 rows: the best one's score is luck above .8.
        rng = np.random.default_rng(0)
        found = [
            corrected_score(*configs_with_recall(rng, np.full(40, 0.8), 200), 2, splits=20, seed=seed)
            for seed in range(100)
        ]
        corrected = [one.corrected for one in found]
        assert np.mean([one.best for one in found]) > 0.85
        assert np.mean(corrected) == pytest.approx(0.8, abs=0.002 + 4 * np.std(corrected) / 100**0.5)

    @pytest.mark.parametrize(
        "world",
        [SearchWorld(20, 400), SearchWorld(20, 400, spread=0.1), SearchWorld(10, 600, spread=0.1, clusters=150)],
    )
    def test_is_right_on_average_and_as_often_as_it_says(self, world: SearchWorld) -> None:
        number = 200
        found = choosing(world, number, splits=20)
        assert found.luck > 0.015
        assert found.bias == pytest.approx(0, abs=0.005 + 3 * found.error / number**0.5)
        assert found.difference_bias == pytest.approx(0, abs=0.005 + 4 * found.error / number**0.5)
        least = 0.93 - 3 * (0.95 * 0.05 / number) ** 0.5
        assert found.covered >= least
        assert found.difference_covered >= least

    def test_is_no_wider_than_it_must_be(self) -> None:
        found = choosing(SearchWorld(10, 1000, spread=0.1), 100, splits=20)
        assert found.width < 1.3 * 2 * 1.96 * found.error

    def test_counts_rows_of_a_group_as_one(self) -> None:
        labels, predictions = configs_with_recall(np.random.default_rng(0), np.array([0.7, 0.8, 0.8]), 300)
        alone = corrected_score(labels, predictions, 2)
        often = np.tile(labels, 4), np.tile(predictions, 4)
        grouped = corrected_score(*often, 2, groups=np.tile(np.arange(300), 4))
        assert (grouped.winner, grouped.best) == (alone.winner, pytest.approx(alone.best))
        assert grouped.corrected == pytest.approx(alone.corrected, abs=0.01)
        assert grouped.high - grouped.low == pytest.approx(alone.high - alone.low, rel=0.1)
        apart = corrected_score(*often, 2)
        assert apart.high - apart.low < 0.7 * (grouped.high - grouped.low)

    def test_of_a_single_config_is_its_own_score(self) -> None:
        labels, predictions = configs_with_recall(np.random.default_rng(0), np.array([0.8]), 500)
        found = corrected_score(labels, predictions, 2)
        assert found.corrected == pytest.approx(found.best, abs=0.003)
        # Two equally common classes: as a share of all rows.
        error = (found.best * (1 - found.best) / 500) ** 0.5
        assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.05)

    def test_takes_off_what_a_ratio_is_biased_by(self) -> None:
        # Of few rows macro-F1 comes out too low; of one config nothing else is to correct.
        world, rng = SearchWorld(1, 60), np.random.default_rng(0)
        plain, mended = [], []
        for _ in range(1500):
            search = world.draw(rng)
            found = corrected_score(search.labels, search.predictions, 3, splits=1)
            plain.append(found.best - search.truth[0])
            mended.append(found.corrected - search.truth[0])
        assert np.mean(plain) < -0.008
        assert abs(np.mean(mended)) < 0.6 * abs(np.mean(plain))

    def test_is_the_same_for_the_same_seed(self) -> None:
        seen = configs_with_recall(np.random.default_rng(0), np.array([0.7, 0.8]), 100)
        assert corrected_score(*seen, 2) == corrected_score(*seen, 2)

    @pytest.mark.parametrize("value", [-1, 2])
    def test_refuses_a_class_that_there_is_not(self, value: int) -> None:
        with pytest.raises(ValueError, match=r"predictions must lie in 0\.\.1, but got"):
            corrected_score(np.array([0, 1]), np.array([[0, value]]), 2)

    def test_refuses_predictions_groups_or_a_reference_of_other_rows(self) -> None:
        labels = np.zeros(3, dtype=int)
        with pytest.raises(ValueError, match=r"\[configs, 3\] are needed, two rows or more, but got \(2, 4\)"):
            corrected_score(labels, np.zeros((2, 4), dtype=int), 2)
        with pytest.raises(ValueError, match=r"one group for each of 3 rows, but got \(2,\)"):
            corrected_score(labels, np.zeros((2, 3), dtype=int), 2, groups=np.zeros(2, dtype=int))
        with pytest.raises(ValueError, match="two independent rows or groups of rows are needed"):
            corrected_score(labels, np.zeros((2, 3), dtype=int), 2, groups=labels)
        with pytest.raises(ValueError, match=r"for each of 3 rows is needed, but got \(4,\)"):
            corrected_difference(labels, np.zeros((2, 3), dtype=int), np.zeros(4, dtype=int), 2)


class TestTheCorrectedDifference:
    def test_of_the_only_config_from_itself_is_zero_for_sure(self) -> None:
        labels, predictions = configs_with_recall(np.random.default_rng(0), np.array([0.8]), 100)
        found = corrected_difference(labels, predictions, predictions[0], 2)
        assert found.difference == 0
        assert (found.low, found.corrected, found.high) == pytest.approx((0, 0, 0), abs=1e-12)

    def test_is_the_corrected_score_minus_the_reference_and_narrower_than_its_interval(self) -> None:
        # Six models that differ from one another in a few rows only.
        rng = np.random.default_rng(0)
        labels, predictions = configs_with_recall(rng, np.array([0.7]), 2000)
        said = np.where(rng.random((6, 2000)) < 0.05, 1 - predictions, predictions)
        score = corrected_score(labels, said[1:], 2)
        found = corrected_difference(labels, said[1:], said[0], 2)
        assert found.winner == score.winner
        reference = f1_score(labels, said[0], average="macro")
        assert found.difference == pytest.approx(score.best - reference)
        assert found.corrected == pytest.approx(score.corrected - reference, abs=0.002)
        assert found.high - found.low < 0.8 * (score.high - score.low)

    def test_seldom_lies_above_zero_where_nothing_was_won(self) -> None:
        number = 300
        found = choosing(as_good_as_the_chosen(SearchWorld(20, 300)), number, splits=20)
        assert found.false <= 0.025 + 3 * (0.025 * 0.975 / number) ** 0.5


class TestTheTuningCurve:
    def test_rises_inside_its_band(self) -> None:
        curve = tuning_curve(np.random.default_rng(0).beta(20, 8, size=30).tolist())
        assert curve.trials.tolist() == list(range(1, 31))
        assert np.all(curve.low <= curve.median)
        assert np.all(curve.median <= curve.high)
        for line in (curve.low, curve.median, curve.high):
            assert np.all(np.diff(line) >= 0)
        assert curve.high[-1] == 1.0  # thirty scores say nothing of the best of thirty from above

    def test_is_the_sample_quantile_that_the_median_best_of_so_many_is(self) -> None:
        # Of one trial the middle, of two the .707-quantile, of nine the .926-quantile.
        curve = tuning_curve([0.9, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], draws=1000)
        assert curve.median[[0, 1, 8]].tolist() == [0.5, 0.7, 0.9]

    @pytest.mark.parametrize("trials", [5, 10, 40, 150])
    def test_lies_in_its_band_as_a_whole_as_often_as_it_says(self, trials: int) -> None:
        # The band keeps ranks, whatever the scores: those of scores that name their own rank.
        number, truth = 20_000, 0.5 ** (1 / np.arange(1, trials + 1))
        ranks = np.arange(1, trials + 1) / (trials + 1)
        curve = tuning_curve(ranks.tolist())
        padded = np.concatenate([[0.0], ranks, [1.0]])
        low, high = np.searchsorted(padded, curve.low), np.searchsorted(padded, curve.high)
        uniform = np.sort(np.random.default_rng(1).random((number, trials)), axis=1)
        scores = np.concatenate([np.zeros((number, 1)), uniform, np.ones((number, 1))], axis=1)
        covered = ((scores[:, low] <= truth) & (truth <= scores[:, high])).all(axis=1).mean()
        assert 0.94 <= covered <= 0.96

    def test_of_equal_scores_is_one_line_in_a_band(self) -> None:
        curve = tuning_curve([0.5] * 10)
        assert np.all(curve.median == 0.5)
        assert np.all((curve.low <= 0.5) & (curve.high >= 0.5))

    @pytest.mark.parametrize("scores", [[0.5], [0.5, 1.5], [-0.1, 0.5]])
    def test_needs_two_scores_that_are_shares(self, scores: list[float]) -> None:
        with pytest.raises(ValueError, match="two scores or more between 0 and 1 are needed"):
            tuning_curve(scores)

"""What a comparison will see, against simulation; and how far what it found is exaggerated."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from search.statistics import Difference, Noise, exaggeration, paired_mean_difference, sight
from tests.support.worlds import World

NOISE = Noise(0.009**2, 0.2**2, 0.4**2)


def found(z: float, standard_error: float = 0.01) -> Difference:
    """A difference so many standard errors from zero, of so many pairs and rows that it is a normal one."""
    some = World(pairs=5, rows=100).draw(np.random.default_rng(0)).difference()
    parts = {"pair_variance": standard_error**2 / 2, "row_variance": standard_error**2 / 2}
    sizes = {"units": 100_000, "row_degrees": 100_000.0}
    return replace(some, mean=z * standard_error, standard_error=standard_error, **parts, **sizes)


class TestExaggeration:
    @pytest.mark.parametrize("sign", [1, -1])
    def test_is_nothing_of_what_is_far_beyond_doubt(self, sign: int) -> None:
        for z in (8.5, 10.0, 30.0):
            assert exaggeration(found(sign * z), 0.05) == pytest.approx(0, abs=1e-4 * z * 0.01)

    def test_is_large_near_the_threshold_and_falls_from_there(self) -> None:
        threshold = float(stats.norm.isf(0.025))
        shares = [exaggeration(found(z), 0.05) / found(z).mean for z in (threshold + 1e-6, 2.5, 3.0, 4.0, 5.0, 7.0)]
        assert shares[0] > 0.3
        assert shares == sorted(shares, reverse=True)
        # A stricter threshold makes more of the same difference.
        assert exaggeration(found(3.5), 0.05 / 8) > exaggeration(found(3.5), 0.05)

    def test_has_the_sign_of_the_difference_and_is_never_beyond_it(self) -> None:
        for z in np.linspace(0.1, 12, 60):
            for level in (1e-9, 0.001, 0.05, 0.5):
                one, other = exaggeration(found(z), level), exaggeration(found(-z), level)
                assert 0 <= one <= found(z).mean
                assert other == pytest.approx(-one)

    @pytest.mark.parametrize("level", [0.0, 1.0, 1.5, -0.1])
    def test_is_none_where_nothing_was_to_be_found(self, level: float) -> None:
        assert exaggeration(found(2.5), level) == 0

    def test_is_none_of_a_difference_without_error(self) -> None:
        assert exaggeration(found(2.5, standard_error=0.0), 0.05) == 0

    @pytest.mark.parametrize("truth", [0.5, 1.0, 2.0, 2.5])
    def test_taken_away_leaves_more_nearly_what_is_true_of_what_was_found(self, truth: float) -> None:
        rng, threshold = np.random.default_rng(0), float(stats.norm.isf(0.025))
        seen = truth + rng.normal(size=40_000)
        kept = seen[seen > threshold][:400].tolist()
        left = [100 * (found(z).mean - exaggeration(found(z), 0.05)) for z in kept]
        assert abs(np.mean(left) - truth) < abs(np.mean(kept) - truth)


class TestSight:
    def test_falls_with_pairs_and_with_rows(self) -> None:
        for change in ("pairs", "rows"):
            size = {"pairs": 10, "rows": 1000}
            seen = [sight(NOISE, **{**size, change: size[change] * factor}) for factor in (1, 2, 4, 8)]
            for name in ("reach", "found"):
                values = [getattr(one, name) for one in seen]
                assert values == sorted(values, reverse=True) and values[0] > values[-1]

    def test_of_the_first_among_many_is_larger_and_its_interval_the_same(self) -> None:
        alone, among = (sight(NOISE, pairs=10, rows=1000, ideas=ideas) for ideas in (1, 8))
        assert alone.reach == among.reach
        assert alone.reach < alone.found < among.found

    def test_finds_so_much_as_often_as_it_says(self) -> None:
        # 8 pairs and 400 rows, from the three sources of noise; a plain mean over rows needs no confusion matrix.
        expected, rng = sight(NOISE, pairs=8, rows=400), np.random.default_rng(0)
        hits, reaches = [], []
        for _ in range(400):
            of_pair = 0.009 * rng.normal(size=(8, 1))
            of_row, of_both = 0.2 * rng.normal(size=400), 0.4 * rng.normal(size=(8, 400))
            seen = paired_mean_difference(np.zeros((8, 400)), expected.found + of_pair + of_row + of_both)
            hits.append(seen.low > 0)
            reaches.append(seen.high - seen.mean)
        assert np.mean(hits) == pytest.approx(0.8, abs=0.07)
        assert np.mean(reaches) == pytest.approx(expected.reach, rel=0.05)

    @pytest.mark.parametrize(("pairs", "rows"), [(1, 100), (10, 1)])
    def test_refuses_what_has_no_noise_to_measure(self, pairs: int, rows: int) -> None:
        with pytest.raises(ValueError, match="two pairs and two rows are the least, but got"):
            sight(NOISE, pairs=pairs, rows=rows)

    def test_takes_the_noise_that_a_comparison_has_measured(self) -> None:
        rng = np.random.default_rng(1)
        measured = []
        for _ in range(200):
            gain = 0.009 * rng.normal(size=(8, 1)) + 0.2 * rng.normal(size=400) + 0.4 * rng.normal(size=(8, 400))
            noise = Noise.of(paired_mean_difference(np.zeros((8, 400)), gain))
            measured.append((noise.of_pair, noise.of_row, noise.of_both))
        mean = np.mean(measured, axis=0)
        assert mean[1:] == pytest.approx([0.2**2, 0.4**2], rel=0.1)
        assert (
            0.009**2 * 0.5 < mean[0] < 0.009**2 * 4
        )  # it cannot be below nothing, so it is too large where it is small

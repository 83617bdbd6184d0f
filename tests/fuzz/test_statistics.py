"""Whatever runs say of whatever rows, the statistics give an interval that is one, or an error that has a name.

Shapes are small on purpose: that is where variances vanish, classes are missing and everybody agrees.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from search.comparison.decisions import decide
from search.statistics import (
    Difference,
    Looks,
    NotFiniteError,
    calibration_difference,
    chance_of_decision,
    corrected_difference,
    corrected_score,
    exaggeration,
    holm,
    optimism,
    paired_difference,
    paired_mean_difference,
    score_error,
    tuning_curve,
    verdict,
)

ANY_FLOAT = st.one_of(st.sampled_from([0.0, 1.0, 5e-324, 1e-170, 1e99, 1e308, math.inf, math.nan]), st.floats())
CONFIDENCE = st.sampled_from([1e-9, 0.5, 0.95, 0.9975, 1 - 1e-16])


@st.composite
def runs(draw: st.DrawFn, arms: int = 2, least_pairs: int = 2) -> tuple[int, Any, Any]:
    """K, labels [n] and predictions [arms, P, n]; often of few classes, so that arms, pairs and rows are equal."""
    n_classes, pairs, rows = draw(st.integers(2, 4)), draw(st.integers(least_pairs, 6)), draw(st.integers(2, 12))
    used = st.integers(0, draw(st.integers(0, n_classes - 1)))
    labels = draw(arrays(np.int64, rows, elements=st.integers(0, n_classes - 1)))
    kind = draw(st.sampled_from(["any", "constant pairs", "equal arms", "right"]))
    said = draw(arrays(np.int64, (arms, pairs, rows), elements=used))
    if kind == "constant pairs":
        said[:] = said[:, :1]
    elif kind == "equal arms":
        said[:] = said[:1]
    elif kind == "right":
        said[-1] = labels
    return n_classes, labels, said


def assert_is_an_interval(found: Difference) -> None:
    assert found.low <= found.mean <= found.high
    numbers = [found.low, found.mean, found.high, found.standard_error, found.pair_variance, found.row_variance]
    numbers += [found.both_variance, found.row_degrees]
    assert all(map(math.isfinite, numbers))
    for probability in (found.p_better, found.p_a_beats_b, found.p_value, found.wins):
        assert -1e-9 <= probability <= 1 + 1e-9
    # The verdict, the chance of one and what is left of it are told of it, too.
    assert 0 <= exaggeration(found, 0.05) * np.sign(found.mean) <= abs(found.mean)
    assert verdict(found, found.p_value)
    assert -1e-9 <= chance_of_decision(found, len(found.pairs) + 1, region=0.005) <= 1 + 1e-9


@given(runs(), CONFIDENCE, st.data())
def test_a_difference_in_macro_f1_is_an_interval(drawn: Any, confidence: float, data: st.DataObject) -> None:
    n_classes, labels, (baseline, idea) = drawn
    one_class = data.draw(st.none() | st.integers(0, n_classes - 1))
    groups = data.draw(st.none() | arrays(np.int64, len(labels), elements=st.integers(-1, 2)))
    pairs = len(idea)
    searches = data.draw(st.none() | st.just(np.arange(pairs) % 2)) if pairs % 2 == 0 else None
    options: Any = {"one_class": one_class, "groups": groups, "searches": searches, "confidence": confidence}
    if groups is not None and len(set(groups.tolist())) < 2:
        with_name(ValueError, paired_difference, labels, baseline, idea, n_classes, **options)
        return
    found = paired_difference(labels, baseline, idea, n_classes, **options)
    assert_is_an_interval(found)
    # The other way round it is the same difference.
    back = paired_difference(labels, idea, baseline, n_classes, **options)
    np.testing.assert_allclose((back.low, back.high), (-found.high, -found.low), atol=1e-12)


@given(
    arrays(np.int64, st.tuples(st.integers(0, 3), st.integers(0, 3)), elements=st.integers(-1, 3)),
    arrays(np.int64, st.integers(0, 3), elements=st.integers(-1, 3)),
    st.integers(-1, 3),
    st.integers(-1, 3),
)
def test_what_is_no_pair_of_arms_is_refused_by_name(said: Any, labels: Any, n_classes: int, one_class: int) -> None:
    try:
        found = paired_difference(labels, said, said[::-1], n_classes, one_class=one_class)
    except ValueError as error:
        assert " but got " in str(error)
    else:
        assert_is_an_interval(found)


@given(
    st.tuples(st.integers(0, 4), st.integers(0, 6)).flatmap(
        lambda shape: st.tuples(*[arrays(np.float64, shape, elements=ANY_FLOAT)] * 2)
    ),
    CONFIDENCE,
)
def test_a_difference_of_any_scores_is_an_interval_or_refused_by_name(scores: Any, confidence: float) -> None:
    try:
        found = paired_mean_difference(*scores, confidence=confidence)
    except NotFiniteError as error:
        assert "must be finite numbers" in str(error)
        assert not all((np.abs(arm) <= 1e99).all() for arm in scores)
    except ValueError as error:
        assert " but got " in str(error)
    else:
        assert_is_an_interval(found)


@given(runs(), st.sampled_from([0.0, 1 / 3, 1.0, 0.5, math.nan, math.inf]))
def test_a_difference_in_calibration_is_an_interval_or_refused_by_name(drawn: Any, certainty: float) -> None:
    n_classes, labels, said = drawn
    share = np.full((*said.shape, n_classes), (1 - certainty) / (n_classes - 1))
    np.put_along_axis(share, said[..., None], certainty, axis=-1)
    if math.isfinite(certainty):
        assert_is_an_interval(calibration_difference(labels, *share))
    else:
        with_name(NotFiniteError, calibration_difference, labels, *share)


@given(runs(least_pairs=1), CONFIDENCE, st.integers(1, 12))
def test_a_corrected_score_lies_in_its_interval(drawn: Any, confidence: float, groups: int) -> None:
    n_classes, labels, ((reference, *_), configs) = drawn
    options = {"splits": 5, "confidence": confidence, "groups": np.arange(len(labels)) // groups}
    if groups >= len(labels):
        with_name(ValueError, corrected_score, labels, configs, n_classes, **options)
        return
    found = corrected_score(labels, configs, n_classes, **options)
    assert 0 <= found.low <= found.corrected <= found.high <= 1
    assert 0 <= found.best <= 1
    gain = corrected_difference(labels, configs, reference, n_classes, **options)
    assert -1 <= gain.low <= gain.corrected <= gain.high <= 1
    assert gain.winner == found.winner


@given(st.lists(ANY_FLOAT, max_size=5), ANY_FLOAT)
def test_optimism_is_an_interval_or_refused_by_name(scores: list[float], best: float) -> None:
    if len(scores) < 2 or not are_numbers(*scores, best):
        with_name(ValueError, optimism, best, scores)
    else:
        found = optimism(best, scores)
        assert found.low <= found.mean <= found.high
        assert are_numbers(found.low, found.high, most=1e102)


@given(st.lists(st.floats(0, 1), max_size=6) | st.lists(ANY_FLOAT, max_size=6), CONFIDENCE)
def test_a_tuning_curve_rises_in_its_band_or_is_refused_by_name(scores: list[float], confidence: float) -> None:
    if len(scores) < 2 or not all(0 <= score <= 1 for score in scores):
        with_name(ValueError, tuning_curve, scores)
        return
    found = tuning_curve(scores, confidence=confidence, draws=50)
    assert (found.low <= found.median).all()
    assert (found.median <= found.high).all()
    for line in (found.low, found.median, found.high):
        assert (np.diff(line) >= 0).all()
        assert ((line >= 0) & (line <= 1)).all()


@given(st.lists(st.floats(0, 1), max_size=6) | st.lists(ANY_FLOAT, max_size=6))
def test_adjusted_p_values_are_no_smaller_or_refused_by_name(p_values: list[float]) -> None:
    if not are_numbers(*p_values):
        with_name(NotFiniteError, holm, p_values)
    elif all(0 <= p <= 1 for p in p_values):
        assert (holm(p_values) >= np.array(p_values)).all()
        assert (holm(p_values) <= 1).all()


@given(ANY_FLOAT, st.lists(st.integers(0, 10**12), max_size=4))
def test_the_error_of_a_score_is_a_number_or_refused_by_name(score: float, class_sizes: list[int]) -> None:
    if math.isnan(score):
        with_name(NotFiniteError, score_error, score, class_sizes)
    else:
        assert 0 <= score_error(score, class_sizes) <= 1


@given(runs(arms=3))
def test_ideas_are_decided_whatever_they_predict(drawn: Any) -> None:
    n_classes, labels, said = drawn
    predictions: dict[str, npt.NDArray[np.int64]] = dict(zip(("baseline", "one", "two"), said, strict=True))
    pairs = sorted({2, said.shape[1]})
    family = [("one", "baseline"), ("two", "one")]
    for decision in decide(labels, predictions, n_classes, family, Looks.at(pairs)).values():
        assert_is_an_interval(decision.difference)
        assert decision.verdict in ("improves", "worse", "no difference", "undecided")
        assert 0 <= decision.adjusted_p <= 1


def are_numbers(*values: float, most: float = 1e100) -> bool:
    return all(abs(value) <= most for value in values)


def with_name(error: type[ValueError], function: Any, *arguments: Any, **options: Any) -> None:
    """It is refused, and the message is ours."""
    with pytest.raises(error, match=r"must be finite numbers|is not a number|needed|but got"):
        function(*arguments, **options)

from typing import get_args

import numpy as np
import pytest

from sentiment.models.class_weights import ClassWeights, class_weights

COUNTS = np.array([16, 81, 3])


@pytest.mark.parametrize(("name", "power"), [("square_root", 0.5), ("three_quarters", 0.75), ("balanced", 1.0)])
def test_are_a_power_of_what_makes_all_classes_count_alike(name: str, power: float) -> None:
    weights = class_weights(name, COUNTS)
    assert weights is not None
    assert weights.tolist() == pytest.approx([(100 / 3 / count) ** power for count in COUNTS])
    if power == 1:
        assert (weights * COUNTS).tolist() == pytest.approx([100 / 3] * 3)


def test_are_none_where_all_rows_count_alike() -> None:
    assert class_weights("none", COUNTS) is None


@pytest.mark.parametrize("name", [name for name in get_args(ClassWeights) if name != "none"])
def test_are_one_where_classes_are_equally_frequent_and_finite_where_one_is_missing(name: str) -> None:
    even, missing = class_weights(name, np.array([5, 5])), class_weights(name, np.array([5, 0]))
    assert even is not None and missing is not None
    assert even.tolist() == [1.0, 1.0]
    assert np.isfinite(missing).all()

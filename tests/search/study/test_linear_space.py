"""What a search is told of the linear model."""

from typing import Any

import pytest
from optuna.trial import FixedTrial

from search.study.space import Space
from sentiment.models.linear.config import LinearConfig
from sentiment.models.linear.family import Linear


def begun(changes: dict[str, Any]) -> list[Any]:
    space = Space.of({"family": "linear", **changes})
    return [space.sample(FixedTrial(known)) for known in space.known_good()]


def test_a_search_begins_with_the_linear_baseline() -> None:
    first, *others = begun({})
    assert first == LinearConfig()
    assert len({repr(config) for config in others} | {repr(first)}) == len(Linear.recipes)


@pytest.mark.parametrize("changes", [{"linear.class_weights": "none"}, {"linear.word_ngrams": 0}])
def test_and_keeps_what_is_fixed(changes: dict[str, Any]) -> None:
    (name, value), *_ = changes.items()
    assert begun(changes)[0] == LinearConfig(**{name.removeprefix("linear."): value})


@pytest.mark.parametrize(
    "changes",
    [
        {"linear.character_ngrams": 0, "linear.lowest_character_ngram": {"low": 1, "high": 3}},
        {"linear.character_ngrams": 2, "linear.lowest_character_ngram": {"low": 1, "high": 3}},
        {"linear.ratio_power": 0.0, "linear.smoothing": {"low": 0.5, "high": 5.0}},
    ],
)
def test_what_means_nothing_beside_the_rest_is_not_drawn_or_does_no_harm(changes: dict[str, Any]) -> None:
    for config in begun(changes):
        fixed = {name.removeprefix("linear."): value for name, value in changes.items() if not isinstance(value, dict)}
        assert {name: getattr(config, name) for name in fixed} == fixed
        if fixed.get("character_ngrams") == 0:
            assert config.lowest_character_ngram == LinearConfig().lowest_character_ngram
        if fixed.get("ratio_power") == 0.0:
            assert config.smoothing == LinearConfig().smoothing


def test_smoothing_is_drawn_only_where_ratios_count() -> None:
    space = Space.of({"family": "linear", "linear.ratio_power": [0.0, 1.0], "linear.smoothing": [1.0, 3.0]})
    drawn = {"linear.word_ngrams": 1, "linear.character_ngrams": 3, "linear.C": 1.0, "linear.class_weights": "balanced"}
    assert space.sample(FixedTrial(drawn | {"linear.ratio_power": 0.0})).smoothing == LinearConfig().smoothing
    assert space.sample(FixedTrial(drawn | {"linear.ratio_power": 1.0, "linear.smoothing": 3.0})).smoothing == 3.0

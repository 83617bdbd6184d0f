"""A winner on the edge of a range is told where to look next, and only where there is something beyond."""

import tomllib
from typing import Any

import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from search.study.edges import edges
from search.study.space import Space

RATE = FloatDistribution(3e-4, 1e-2, log=True)


@pytest.mark.parametrize(
    ("name", "value", "distribution", "sentence"),
    [
        ("learning_rate", 0.0095, RATE, "learning_rate = 0.0095 lies at the upper end of what was searched (0.01); "),
        ("learning_rate", 0.0095, RATE, "search on to 0.03"),
        ("learning_rate", 0.00031, RATE, "search on to 0.0001"),
        ("sgd_learning_rate", 1.0, FloatDistribution(1e-2, 1.0, log=True), "search on to 3"),
        ("epochs", 8, IntDistribution(2, 8), "search on to 11"),
        ("epochs", 2, IntDistribution(2, 8), "search on to 1"),
        ("hidden_size", 192, IntDistribution(64, 192, step=64), "search on to 256"),
        ("vocabulary_size", 16000, CategoricalDistribution([4000, 8000, 16000]), "search on to 48000"),
        ("dropout", 0.6, FloatDistribution(0.0, 0.6), "search on to 0.9"),
    ],
)
def test_an_edge_is_named_with_the_end_to_try(
    name: str, value: Any, distribution: BaseDistribution, sentence: str
) -> None:
    (edge,) = edges({name: value}, {name: distribution})
    assert sentence in str(edge)


@pytest.mark.parametrize(
    ("name", "value", "distribution"),
    [
        ("learning_rate", 0.002, RATE),
        ("dropout", 0.0, FloatDistribution(0.0, 0.6)),  # there is nothing below no dropout
        ("epochs", 1, IntDistribution(1, 8)),
        ("architecture", "lstm", CategoricalDistribution(["lstm", "gru"])),
        ("bidirectional", True, CategoricalDistribution([False, True])),
        ("kernel_sizes", "3,4,5", CategoricalDistribution(["3", "3,4,5"])),
        ("vocabulary_size", 8000, CategoricalDistribution([4000, 8000, 16000])),
        ("epochs", 3, IntDistribution(3, 3)),
    ],
)
def test_what_lies_inside_or_has_no_order_or_nothing_beyond_is_no_edge(
    name: str, value: Any, distribution: BaseDistribution
) -> None:
    assert edges({name: value}, {name: distribution}) == ()


def test_of_somebody_s_own_parameter_nothing_is_known_but_its_range() -> None:
    (edge,) = edges({"x": 1.0}, {"x": FloatDistribution(0.0, 1.0)})
    assert (edge.end, edge.tried) == (1.0, 1.5)


@pytest.mark.parametrize(
    ("name", "value", "distribution", "entry"),
    [
        ("learning_rate", 0.0095, RATE, "learning_rate = { low = 0.0003, high = 0.03, log = true }"),
        ("epochs", 2, IntDistribution(2, 8), "epochs = { low = 1, high = 8 }"),
        ("hidden_size", 192, IntDistribution(64, 192, step=64), "hidden_size = { low = 64, high = 256, step = 64 }"),
        (
            "vocabulary_size",
            16000,
            CategoricalDistribution([4000, 8000, 16000]),
            "vocabulary_size = [4000, 8000, 16000, 48000]",
        ),
    ],
)
def test_how_to_search_on_is_an_entry_that_a_study_file_takes(
    name: str, value: Any, distribution: BaseDistribution, entry: str
) -> None:
    (edge,) = edges({name: value}, {name: distribution})
    assert edge.entry == entry
    assert str(edge).endswith(f", as another study: {entry} under [space] of a study file")
    Space.of(tomllib.loads(entry))


def test_of_a_parameter_that_no_study_file_knows_there_is_no_entry() -> None:
    (edge,) = edges({"x": 1.0}, {"x": FloatDistribution(0.0, 1.0)})
    assert (edge.entry, str(edge).endswith("search on to 1.5")) == ("", True)

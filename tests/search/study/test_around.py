"""Draws near the best trials."""

from collections import Counter
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FixedTrial, create_trial

from search.study.around import AroundTheBest
from search.study.space import Space
from sentiment.models.linear.config import LinearConfig

SIZES = (500, 500)


def study_of(seed: int, values: list[tuple[dict[str, Any], float]], space: Space) -> optuna.Study:
    """With so many finished trials."""
    study = optuna.create_study(direction="maximize", sampler=AroundTheBest(seed, SIZES))
    for params, value in values:
        made = {name: distribution for name, distribution in space.distributions.items() if name in params}
        study.add_trial(create_trial(params=params, distributions=made, value=value))
    return study


def drawn(study: optuna.Study, space: Space, number: int) -> list[dict[str, Any]]:
    found = []
    for _ in range(number):
        trial = study.ask()
        space.sample(trial)
        found.append(trial.params)
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    return found


SPACE = Space.of({})
KNOWN = SPACE.known_good()


def test_draws_what_the_space_holds_whether_or_not_there_is_a_trial() -> None:
    for values in ([], [(settings, 0.7) for settings in KNOWN]):
        for params in drawn(study_of(0, values, SPACE), SPACE, 40):
            SPACE.sample(FixedTrial(params))
            for name, value in params.items():
                distribution = SPACE.distributions[name]
                assert distribution._contains(distribution.to_internal_repr(value))


def test_keeps_most_of_a_good_trial_and_changes_a_few() -> None:
    space = Space.of({"family": "network"})
    best = space.known_good()[0]
    params = drawn(study_of(0, [(best, 0.8)], space), space, 60)
    near = [one for one in params if one["architecture"] == best["architecture"]]
    assert len(near) > 30
    changed = [sum(one.get(name) != value for name, value in best.items() if name in one) for one in near]
    assert 1 <= sorted(changed)[len(changed) // 2] <= 6
    assert max(Counter(str(one) for one in params).values()) <= 6  # seldom the same again


def test_draws_families_by_how_their_best_compares() -> None:
    linear, network = (next(one for one in KNOWN if one["family"] == name) for name in ("linear", "network"))
    bag = next(one for one in KNOWN if one["family"] == "bag")
    study = study_of(0, [(linear, 0.80), (network, 0.79), (bag, 0.60)], SPACE)
    families = Counter(params["family"] for params in drawn(study, SPACE, 150))
    assert families["linear"] > families["network"] > 3 * families["bag"]
    assert families["bag"] > 0  # tried now and then


def test_draws_the_same_for_the_same_seed_and_position() -> None:
    values = [(settings, 0.7 + number / 100) for number, settings in enumerate(KNOWN)]
    first, again, other = (drawn(study_of(seed, values, SPACE), SPACE, 10) for seed in (0, 0, 1))
    assert first == again != other


def test_changes_by_steps_of_any_kind_of_range() -> None:
    distributions = {
        "a": FloatDistribution(1e-4, 1.0, log=True),
        "b": FloatDistribution(0.0, 1.0, step=0.25),
        "c": IntDistribution(64, 192, step=64),
        "d": IntDistribution(1, 1000, log=True),
        "e": CategoricalDistribution(["x", "y", "z"]),
        "f": FloatDistribution(0.0, 1.0),
    }
    best = {"a": 1e-4, "b": 1.0, "c": 64, "d": 1000, "e": "x", "f": 0.5}
    study = optuna.create_study(direction="maximize", sampler=AroundTheBest(0, SIZES))
    study.add_trial(create_trial(params=best, distributions=distributions, value=0.9))
    seen: dict[str, set[Any]] = {name: set() for name in best}
    for _ in range(200):
        for name, value in study.ask(distributions).params.items():
            seen[name].add(value)
    assert seen["b"] == {0.0, 0.25, 0.5, 0.75, 1.0} and seen["c"] == {64, 128, 192} and seen["e"] == {"x", "y", "z"}
    assert all(isinstance(value, int) and 1 <= value <= 1000 for value in seen["d"]) and len(seen["d"]) > 20
    assert all(1e-4 <= value <= 1.0 for value in seen["a"])
    nearer = sum(abs(value - 0.5) < 0.3 for value in seen["f"])
    assert nearer > 0.6 * len(seen["f"])


def test_holds_the_linear_baseline() -> None:
    assert SPACE.sample(FixedTrial(KNOWN[0])) == LinearConfig()

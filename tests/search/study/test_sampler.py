"""TPE on a window of the trials, one stream of random numbers for each."""

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from search.study.sampler import BEST, NEWEST, ConditionalTPE, _window
from search.study.space import Space


def objective(trial: optuna.Trial) -> float:
    kind = trial.suggest_categorical("kind", ["a", "b"])
    x = trial.suggest_float("x", 0, 1)
    return x if kind == "a" else x - trial.suggest_float("y", 0, 1)


def drawn(study: optuna.Study) -> list[dict[str, object]]:
    return [trial.params for trial in study.trials]


def searched(*parts: int, seed: int = 0) -> optuna.Study:
    """A study of so many trials, its process ended and another begun after each part."""
    storage = optuna.storages.InMemoryStorage()
    optuna.create_study(study_name="s", storage=storage, direction="maximize")
    for trials in parts:
        study = optuna.load_study(study_name="s", storage=storage, sampler=ConditionalTPE(seed))
        study.optimize(objective, n_trials=trials)
    return study


def test_an_interrupted_search_draws_what_it_would_have_drawn() -> None:
    assert drawn(searched(30)) == drawn(searched(7, 13, 10))


def test_another_seed_draws_other_trials() -> None:
    assert drawn(searched(3)) != drawn(searched(3, seed=1))


def test_no_two_trials_that_run_at_once_draw_the_same() -> None:
    study = optuna.create_study(direction="maximize", sampler=ConditionalTPE(0))
    trials = [study.ask() for _ in range(4)]
    assert len({trial.suggest_float("x", 0, 1) for trial in trials}) == 4


def test_it_learns() -> None:
    late = [trial.value for trial in searched(60).trials[40:]]
    assert sum(value > 0.5 for value in late if value is not None) > 15  # at random, five in twenty


def test_parameters_that_only_some_trials_have_are_modelled() -> None:
    """A joint model of what all trials share, which Optuna makes without groups, would not know y."""

    def better_with_y(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        return x + 1 - trial.suggest_float("y", 0, 1) if trial.suggest_categorical("kind", ["a", "b"]) == "b" else x

    study = optuna.create_study(direction="maximize", sampler=ConditionalTPE(0))
    study.optimize(better_with_y, n_trials=80)
    late = [trial.params["y"] for trial in study.trials[40:] if "y" in trial.params]
    assert len(late) > 20
    assert sorted(late)[len(late) // 2] < 0.25


@pytest.mark.parametrize("trials", [NEWEST + BEST, 3 * NEWEST])
def test_the_window_holds_the_newest_and_the_best(trials: int) -> None:
    values = [float((7919 * n) % trials) for n in range(trials)]
    made = [create_trial(value=value) for value in values]
    for number, trial in enumerate(made):
        trial.number = number
    made.append(create_trial(state=TrialState.RUNNING))
    made[-1].number = trials
    seen = _window(made)
    assert len(seen) == NEWEST + BEST + 1
    assert seen[-1].state == TrialState.RUNNING
    assert sorted(values)[-25:] == sorted(t.value for t in seen[:-1] if t.value is not None)[-25:]
    assert [trial.number for trial in seen] == sorted(trial.number for trial in seen)


def test_with_rounds_a_draw_ignores_what_its_own_round_does() -> None:
    def next_draw(first_of_round_is_done: bool) -> dict[str, object]:
        study = optuna.create_study(direction="maximize", sampler=ConditionalTPE(0, round_of=2))
        study.optimize(objective, n_trials=30)
        first, second = study.ask(), study.ask()
        if first_of_round_is_done:
            study.tell(first, objective(first) + 100)
        Space.of({"epochs": [1, 2]}).sample(second)
        return second.params

    assert next_draw(True) == next_draw(False)

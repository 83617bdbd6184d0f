"""Against hand-made curves: who is stopped, and who is not."""

import math

import numpy as np
import optuna
import pytest
from sklearn.metrics import f1_score

from search.study.pruner import NOISES, PATIENCE, SEED_ERROR, STARTUP, BehindTheBest, begun, margin

ROWS = (500, 500)


def study_of(*curves: list[float], round_of: int | None = None) -> optuna.Study:
    pruner = BehindTheBest(ROWS, steps_per_epoch=2, round_of=round_of)
    study = optuna.create_study(direction="maximize", pruner=pruner)
    for curve in curves:
        trial = study.ask()
        for step, value in enumerate(curve, start=1):
            trial.report(value, step)
        study.tell(trial, curve[-1])
    return study


def condemned(study: optuna.Study, curve: list[float]) -> int | None:
    """The step at which a trial with that curve is stopped; None if it is not."""
    trial = study.ask()
    for step, value in enumerate(curve, start=1):
        trial.report(value, step)
        if trial.should_prune():
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            return step
    study.tell(trial, curve[-1])
    return None


GOOD = [0.6, 0.7, 0.75, 0.8]


def test_the_margin_is_the_noise_of_rows_and_seeds_times_patience() -> None:
    noise = math.sqrt(0.8 * 0.2 / 1000 + SEED_ERROR**2)
    assert margin(0.8, 4, ROWS) == pytest.approx(NOISES * (1 + PATIENCE / 4**2) * noise)
    assert margin(0.8, 1, ROWS) > margin(0.8, 2, ROWS) > margin(0.8, 8, ROWS)


def test_many_validation_rows_do_not_take_away_all_patience() -> None:
    assert margin(0.8, 8, [10**6, 10**6]) > NOISES * SEED_ERROR


def test_a_hopeless_trial_is_stopped_at_its_first_step_and_an_equal_one_never() -> None:
    study = study_of(*[GOOD] * STARTUP)
    assert condemned(study, [0.45, 0.45, 0.45, 0.45]) == 1
    assert condemned(study, GOOD) is None


def test_a_slow_starter_is_not_a_loser() -> None:
    behind = margin(0.6, 0.5, ROWS) - 0.001
    assert condemned(study_of(*[GOOD] * STARTUP), [0.6 - behind, 0.68, 0.76, 0.81]) is None


def test_one_that_has_not_begun_to_learn_is_let_alone_for_a_while_and_no_longer() -> None:
    assert condemned(study_of(*[GOOD] * STARTUP), [1 / 3, 1 / 3, 1 / 3, 0.81]) is None
    assert condemned(study_of(*[GOOD] * STARTUP), [1 / 3] * 8) == 4
    assert condemned(study_of(*[GOOD] * STARTUP), [1 / 3, begun(ROWS)]) == 2


@pytest.mark.parametrize("sizes", [(500, 500), (281, 35, 184), (600, 0, 10)])
def test_what_says_that_learning_has_begun_lies_above_answering_with_one_class(sizes: tuple[int, ...]) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    one_class = f1_score(
        labels, np.full(len(labels), np.argmax(sizes)), average="macro", labels=range(len(sizes)), zero_division=0
    )
    assert one_class < begun(sizes) < one_class + 0.2


def test_what_is_forgiven_early_is_not_forgiven_late() -> None:
    gap = margin(0.7, 1, ROWS) - 0.001
    assert condemned(study_of(*[GOOD] * STARTUP), [value - gap for value in GOOD]) == 3


def test_nobody_is_stopped_before_enough_trials_are_finished() -> None:
    assert condemned(study_of(*[GOOD] * (STARTUP - 1)), [0.0, 0.0]) is None


def test_a_short_trial_still_counts_after_its_end() -> None:
    study = study_of(*[GOOD] * STARTUP)
    assert condemned(study, [*GOOD, 0.80, 0.80]) is None
    assert condemned(study_of(*[GOOD] * STARTUP), [0.6, 0.68, 0.74, *[0.782] * 5]) in (5, 6, 7, 8)


def test_more_validation_rows_make_it_stricter() -> None:
    assert margin(0.8, 1, (5000, 5000)) < margin(0.8, 1, ROWS)


def test_in_rounds_it_knows_earlier_rounds_alone() -> None:
    study = study_of(*[[0.5, 0.5]] * STARTUP, [0.5, 0.5], round_of=4)  # trials 0 to 5; 6 belongs to the round of 4 to 7
    study.add_trial(optuna.trial.create_trial(value=0.99, intermediate_values={1: 0.99}))  # trial 6
    assert condemned(study, [0.5, 0.5]) is None  # trial 7
    assert condemned(study, [0.5, 0.5]) == 1  # trial 8 begins another round

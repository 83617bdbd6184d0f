"""A trial that is begun again stands where the first one stood, and nothing after it is changed."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from search.storage.databases import open_storage
from search.study.claims import begin_again, claim
from search.study.origins import origin_of, origins
from search.study.positions import FIXED, before, begin_with, positions, repeat
from search.study.pruner import BehindTheBest
from search.study.records import CONFIG, OURS
from search.study.sampler import ConditionalTPE, IndependentDraws

TRIALS = 18


def study_of(sampler: optuna.samplers.BaseSampler) -> optuna.Study:
    return optuna.create_study(direction="maximize", sampler=sampler)


def sample(trial: optuna.Trial, upto: int = 4) -> float:
    """Draws so many parameters; the first decides which others there are."""
    kind = trial.suggest_categorical("kind", ["a", "b"])
    names = ["x", "y", "z"] if kind == "a" else ["u", "v", "w"]
    return sum(trial.suggest_float(name, 0, 1) for name in names[: upto - 1])


def searched(sampler: optuna.samplers.BaseSampler, interrupted: dict[int, int]) -> list[tuple[object, ...]]:
    """What stands at each position, of a search that is interrupted at some of them after so many parameters, once or,
    where two positions follow one another, twice in a row."""
    study, left = study_of(sampler), dict(interrupted)
    for x in (0.1, 0.6, 0.3):  # what repeats the first of them gets a number behind the last
        study.enqueue_trial({"kind": "a", "x": x})
    while sum(trial.state == TrialState.COMPLETE for trial in study.trials) < TRIALS:
        trial = claim(study, TRIALS)
        assert trial is not None
        position = positions(study.trials)[trial.number]
        if position in left:
            sample(trial, left.pop(position))
            begin_again(study, trial.number, "interrupted")
        else:
            study.tell(trial, sample(trial))
    order = positions(study.trials)
    done = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    return sorted((order[trial.number], tuple(sorted(trial.params.items())), trial.value) for trial in done)


@pytest.mark.parametrize("made", [lambda: ConditionalTPE(3), lambda: IndependentDraws(3)], ids=["TPE", "random"])
@pytest.mark.parametrize("interrupted", [{3: 0}, {3: 1}, {0: 2, 9: 3}, {5: 4, 6: 2, 7: 0, 12: 1}])
def test_a_search_interrupted_in_its_trials_makes_the_same_trials(
    made: Callable[[], optuna.samplers.BaseSampler], interrupted: dict[int, int]
) -> None:
    assert searched(made(), interrupted) == searched(made(), {})


def test_a_trial_that_had_drawn_everything_keeps_what_it_had_drawn() -> None:
    study = study_of(IndependentDraws(0))
    trial = study.ask()
    sample(trial)
    trial.set_user_attr(CONFIG, {})
    begin_again(study, trial.number, "interrupted")
    assert study.trials[1].params == study.trials[0].params != {}
    assert study.trials[1].user_attrs == {}


def test_a_trial_from_the_queue_is_queued_again_as_it_was() -> None:
    study = study_of(IndependentDraws(0))
    study.enqueue_trial({"kind": "b", "u": 0.25})
    for _ in range(2):
        trial = claim(study, 9)
        assert trial
        sample(trial, 1)
        begin_again(study, trial.number, "interrupted")
    trial = claim(study, 9)
    assert trial
    sample(trial)
    assert (trial.params["kind"], trial.params["u"]) == ("b", 0.25)
    assert study.trials[2].system_attrs["retry_history"] == [0, 1]


def test_positions_count_the_trials_that_repeat_none() -> None:
    study = study_of(IndependentDraws(0))
    for _ in range(3):
        study.tell(study.ask(), state=TrialState.FAIL)
    repeat(study, study.trials[1], drawn=False)
    study.add_trial(create_trial(value=1.0))
    repeat(study, study.trials[3], drawn=False)  # for the second time
    assert positions(study.trials) == {0: 0, 1: 1, 2: 2, 3: 1, 4: 3, 5: 1}
    assert [trial.number for trial in before(study.trials, 2, None)] == [0, 1, 3, 5]
    assert [trial.number for trial in before(study.trials, 4, 2)] == [0, 1, 3, 5]


def test_a_trial_that_is_begun_again_late_is_not_judged_by_later_ones() -> None:
    pruner = BehindTheBest([500, 500], steps_per_epoch=1)
    study = optuna.create_study(direction="maximize", pruner=pruner)
    lost = study.ask()
    for _ in range(8):
        better = study.ask()
        for step in (1, 2):
            better.report(0.9, step)
            better.should_prune()
        study.tell(better, 0.9)
    begin_again(study, lost.number, "interrupted")
    again, later = claim(study, 99), claim(study, 99)
    assert again and later
    for trial in (again, later):
        trial.report(0.4, 2)
    assert not again.should_prune()  # nothing was there when the first of them was tried
    assert later.should_prune()


def test_the_settings_that_a_search_begins_with_are_tried_once_however_many_processes_begin_it(tmp_path: Path) -> None:
    together = threading.Barrier(4)
    settings = [{"x": x} for x in (0.1, 0.2, 0.3)]

    def open_study() -> optuna.Study:
        storage = open_storage(f"sqlite:///{tmp_path}/study.db")
        return optuna.create_study(study_name="s", storage=storage, direction="maximize", load_if_exists=True)

    def begin() -> None:
        study = open_study()
        read = study.get_trials

        def read_together(**named: Any) -> list[optuna.trial.FrozenTrial]:
            trials = read(**named)
            together.wait()  # each has seen that there is none
            return trials

        study.get_trials = read_together  # type: ignore[method-assign]
        begin_with(study, settings)

    open_study()
    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    study = open_study()
    assert len(study.trials) == 12
    begin_with(study, settings)
    drawn = []
    while trial := claim(study, 5):
        drawn.append(trial.suggest_float("x", 0, 1))
        study.tell(trial, 1.0)
    assert drawn[:3] == [0.1, 0.2, 0.3]
    assert len(set(drawn)) == len(drawn) == 5


def test_a_search_that_was_killed_while_it_began_begins_with_what_is_left() -> None:
    study = study_of(IndependentDraws(0))
    begin_with(study, [{"x": 0.1}])
    begin_with(study, [{"x": 0.1}, {"x": 0.2}])
    assert [trial.system_attrs["fixed_params"] for trial in study.trials] == [{"x": 0.1}, {"x": 0.2}]


@pytest.mark.parametrize("seed", range(4))
def test_tpe_does_not_see_that_a_trial_stands_under_a_later_number(seed: int) -> None:
    drawn = []
    for late in (0, 1):
        study = study_of(ConditionalTPE(seed))
        for x in (0.95, 0.9, 0.1):  # the first two stay the good ones, which TPE draws around
            study.enqueue_trial({"kind": "a", "x": x, "y": x, "z": x})
        for number in range(18):
            trial = claim(study, 99)
            assert trial
            if number < late:
                begin_again(study, trial.number, "interrupted")
                trial = claim(study, 99)
                assert trial
            study.tell(trial, sample(trial))
        drawn.append([trial.params for trial in before(study.trials, len(study.trials) - 1, None) if trial.params])
    assert drawn[0] == drawn[1]


def of_each(study: optuna.Study) -> list[str]:
    found = origins(study.trials)
    # Asked of one alone, the answer is the same.
    ours = [trial for trial in study.trials if found[trial.number] != "outside"]
    assert [origin_of(study.trials, trial.number, trial.params) for trial in ours] == [
        found[trial.number] for trial in ours
    ]
    return [origin for _, origin in sorted(found.items())]


def test_of_a_trial_is_known_where_its_settings_come_from() -> None:
    study = optuna.create_study()
    begin_with(study, [{"x": 1.0}])
    study.ask()
    study.ask()
    for number in (0, 1):
        repeat(study, study.trials[number], drawn=False)
    study.enqueue_trial({"x": 2.0})  # by whose study it is
    repeat(study, study.trials[4], drawn=False)
    known = ["recipe", "sampled", "recipe", "again", "queued", "queued"]
    assert of_each(study) == known
    study.add_trial(
        create_trial(
            value=0.5,
            params={"x": 3.0},
            distributions={"x": FloatDistribution(0, 5)},
            system_attrs={OURS + CONFIG: {"a": 1}},
        )
    )
    study.add_trial(create_trial(state=TrialState.RUNNING))
    assert of_each(study) == [*known, "sampled", "sampled"]
    assert origin_of(study.trials, 7, {"x": 3.0}) == "replicate"


def test_recipes_of_earlier_versions_are_those_that_were_queued_first() -> None:
    study = optuna.create_study()
    for fixed in (True, True, False, True):
        attributes = {FIXED: {"x": 1.0}} if fixed else {}
        study.add_trial(create_trial(value=0.5, user_attrs={CONFIG: {"a": 1}}, system_attrs=attributes))
    assert of_each(study) == ["recipe", "recipe", "sampled", "queued"]

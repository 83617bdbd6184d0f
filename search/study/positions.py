"""Where a trial stands in its search, which is what its random numbers follow from.

A trial that was interrupted, or whose process died, is begun again, and Optuna gives it a new number. Were draws to
follow from numbers, every later trial of the search would be another one than if nobody had interrupted it. So the new
trial stands in for the old one, at the same *position*: positions count the trials that repeat none. What a trial
draws, and whether it is pruned, depends on its position and on the trials before it.

Two processes may put the same trial into the queue, since nothing holds one back while the other does it: both have
seen the same loss, or begin the same study. Such twins share a position too, and only one of them is ever trained (see
`search.study.claims`).
"""

import threading
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Final, TypeVar

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

__all__ = [
    "AGAIN",
    "FINISHED",
    "FIRST",
    "FIXED",
    "ORIGINAL",
    "REPEATS",
    "SUPERFLUOUS",
    "before",
    "begin_with",
    "first_of_round",
    "in_order",
    "of_one_reading",
    "positions",
    "repeat",
]

FINISHED: Final = (TrialState.COMPLETE, TrialState.PRUNED)
"""Trials that count towards a total. One that failed does not."""

ORIGINAL: Final = "failed_trial"
REPEATS: Final = "retry_history"
"""Optuna's own names, in a trial's system attributes, for the first of the trials that it repeats and for all of them,
oldest first. Its tools know them by these."""

AGAIN: Final = "begin again"
"""The system attribute of a failed trial that is to be begun again; it says what happened to it."""

SUPERFLUOUS: Final = "another trial stands at its position"
"""The system attribute of a trial that was queued twice and is not needed."""

FIXED: Final = "fixed_params"
"""Optuna's own name for the parameters that a queued trial takes, instead of drawing them."""

FIRST: Final = "first setting"
"""The system attribute that says which of the settings that its search begins with a trial was queued for."""


Found = TypeVar("Found")


def of_one_reading(made: Callable[[Sequence[FrozenTrial]], Found]) -> Callable[[Sequence[FrozenTrial]], Found]:
    """The same, but made once of trials that were read at once: of ten thousand it takes milliseconds, and who claims
    one asks a dozen times before they are read again. Neither the list nor what is found is to be changed.
    """
    latest = threading.local()

    @wraps(made)
    def found(trials: Sequence[FrozenTrial]) -> Found:
        if getattr(latest, "trials", None) is not trials or latest.number != len(trials):
            latest.found = made(trials)
            latest.trials, latest.number = trials, len(trials)
        answer: Found = latest.found
        return answer

    return found


@of_one_reading
def positions(trials: Sequence[FrozenTrial]) -> dict[int, int]:
    """Number of each trial to its position; of all trials of a study, in the order of their numbers."""
    found: dict[int, int] = {}
    firsts: dict[int, int] = {}
    following = 0
    for trial in trials:
        original = trial.system_attrs.get(ORIGINAL)
        if FIRST in trial.system_attrs:
            original = firsts.setdefault(trial.system_attrs[FIRST], trial.number)
        if original in found:
            found[trial.number] = found[original]
        else:
            found[trial.number] = following
            following += 1
    return found


def in_order(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """All trials of a study in the order of their positions: which came first does not depend on interruptions."""
    order = positions(trials)
    return sorted(trials, key=lambda trial: order[trial.number])


def before(trials: Sequence[FrozenTrial], number: int, round_of: int | None) -> list[FrozenTrial]:
    """The trials that trial `number` may know of, in the order of their positions.

    Args:
        trials: all of the study, in the order of their numbers.
        number: of one of them.
        round_of: with so many workers in step, those of earlier rounds; None: those of earlier positions.
    """
    order = positions(trials)
    first = first_of_round(order[number], round_of)
    return [trial for trial in in_order(trials) if order[trial.number] < first]


def first_of_round(position: int, round_of: int | None) -> int:
    """The first position of the round that `position` belongs to; without rounds each is one of its own."""
    return position - position % (round_of or 1)


def begin_with(study: optuna.Study, settings: Sequence[dict[str, Any]]) -> None:
    """Queue the trials that `study` begins with, as far as it has not got them yet; each of them once, also where
    several processes do so at once.

    Args:
        study: to whose queue they are added.
        settings: parameters of each; those that one leaves out are drawn.
    """
    there = len(set(positions(study.get_trials(deepcopy=False)).values()))
    for number, fixed in list(enumerate(settings))[there:]:
        attributes = {FIRST: number, FIXED: fixed}
        study.add_trial(create_trial(state=TrialState.WAITING, system_attrs=attributes))


def repeat(study: optuna.Study, trial: FrozenTrial, *, drawn: bool) -> None:
    """Queue a trial that stands in for `trial`, which has failed.

    Args:
        study: the study of both.
        trial: the one that failed.
        drawn: it had drawn all of its parameters, and the new one takes them. Otherwise the new one draws them all
            itself, from the same random numbers: to take over a part of them would leave other numbers for the rest.
    """
    attributes: dict[str, Any] = {
        ORIGINAL: trial.system_attrs.get(ORIGINAL, trial.number),
        REPEATS: [*trial.system_attrs.get(REPEATS, ()), trial.number],
    }
    if FIXED in trial.system_attrs:
        attributes[FIXED] = trial.system_attrs[FIXED]
    study.add_trial(
        create_trial(
            state=TrialState.WAITING,
            params=trial.params if drawn else {},
            distributions=trial.distributions if drawn else {},
            system_attrs=attributes,
        )
    )

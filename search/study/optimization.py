"""The loop of a search: claim a trial, train it, record what came of it, until the study has enough of them.

It is Optuna's loop with three things that Optuna's leaves open: several processes together make exactly the trials
asked for, none of them ends while another may still lose its trial, and Ctrl-C, however often, leaves no trial
unrecorded.
"""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

import optuna
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from search.execution.interrupts import Interrupts
from search.study.claims import Heartbeat, begin_again, begin_lost_again, claim, following, is_begun
from search.study.create import SearchStudy, make_objective
from search.study.progress import remove_settled
from search.study.pruner import BehindTheBest
from search.study.records import ENDED
from search.study.sampler import ConditionalTPE

__all__ = ["FailuresInARow", "optimize"]

POLL_SECONDS: Final = (0.1, 2.0)
"""Between two looks whether a trial can be begun, or those that run elsewhere have ended: at first, and at most.
Hundreds of workers that look ten times a second would leave the storage no time for those that work."""

FAILURES_IN_A_ROW: Final = 3
"""After so many failed trials in a row the cause is not the parameters, and the search stops."""


class FailuresInARow(RuntimeError):
    """What fails is not a trial's parameters."""


def optimize(
    opened: SearchStudy,
    *,
    trials: int,
    timeout: float | None = None,
    objective: Callable[[optuna.Trial], float] | None = None,
    pruner: BasePruner | None = None,
    sampler: BaseSampler | None = None,
    on_trial: Callable[[FrozenTrial], None] = lambda trial: None,
) -> None:
    """Run trials in this process until the study has `trials` of them, pruned ones included, `timeout` seconds are
    over, or more trials are unlikely to pay, if that was asked for: then those that were begun are ended, and no more.

    Trials that run in other processes are waited for, and begun again if their process is lost. One that is
    interrupted here (Ctrl-C, a full disk) is recorded as failed with the reason and queued to be begun again.

    Raises:
        FailuresInARow: three trials in a row failed.
        KeyboardInterrupt: Ctrl-C or SIGTERM came; everything is recorded.
    """
    study, deadline = opened.study, None if timeout is None else time.monotonic() + timeout
    study.sampler = sampler or ConditionalTPE(opened.seed, opened.round_of)
    study.pruner = pruner or BehindTheBest(
        opened.dataset.class_sizes("validation"), opened.space.reports_per_epoch, opened.round_of
    )
    objective = objective or make_objective(opened)
    failures: list[str] = []
    pause, longest = POLL_SECONDS
    with Interrupts() as interrupts:
        begin_lost_again(study)
        while opened.finished < trials:
            if deadline is not None and time.monotonic() >= deadline:
                return
            interrupts.raise_if_any_came()
            claimed = partial(claim, study, trials, opened.round_of, opened.plateau_before)
            ended = _next_trial(study, objective, claimed, interrupts)
            if ended is None:
                seen = study.get_trials(deepcopy=False)
                if opened.plateau_before(seen, following(seen)) and not is_begun(seen, trials, opened.round_of):
                    return
                time.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(1.5 * pause, longest)
                begin_lost_again(study)
                continue
            pause = POLL_SECONDS[0]
            if opened.artifacts is not None:
                opened.artifacts.clear(study)
            remove_settled(study, opened.progress)
            if ended.state == TrialState.FAIL:
                failures.append(ended.user_attrs.get(ENDED, "unknown"))
            else:
                failures.clear()
            on_trial(ended)
            if len(failures) >= FAILURES_IN_A_ROW:
                raise FailuresInARow(f"{len(failures)} trials in a row failed; the last one: {failures[-1]}")


def _next_trial(
    study: optuna.Study,
    objective: Callable[[optuna.Trial], float],
    claimed: Callable[[], optuna.Trial | None],
    interrupts: Interrupts,
) -> FrozenTrial | None:
    """Begin, run and record a trial; None if there is none to begin, or another process took it over."""
    trial, value, state = None, None, TrialState.COMPLETE
    try:
        with interrupts.held_back():
            trial = claimed()
        if trial is None:
            return None
        try:
            with Heartbeat(trial):
                value = objective(trial)
        except optuna.TrialPruned:
            state = TrialState.PRUNED
        except UpdateFinishedTrialError:
            raise
        except (RuntimeError, MemoryError) as error:  # of these parameters; others may do
            interrupts.raise_if_any_came()  # an import that is broken off makes a RuntimeError of it
            state = TrialState.FAIL
            trial.set_user_attr(ENDED, f"{type(error).__name__}: {error}")
        with interrupts.held_back():
            return _told(study, trial, value, state)
    except UpdateFinishedTrialError:  # this process was taken for lost, and its trial begun again elsewhere
        return None
    except BaseException as error:
        if trial is None:
            if isinstance(error, StorageInternalError):  # it was away, and then Ctrl-C came, which was held back
                interrupts.raise_if_any_came()
            raise
        cause, taken_over = f"{type(error).__name__}: {error}", False
        # The storage may be what it failed of; and Ctrl-C meanwhile is no reason to forget the error.
        with suppress(KeyboardInterrupt), interrupts.held_back(), suppress(StorageInternalError):
            taken_over = isinstance(error, OSError) and not _runs(study, trial)
            begin_again(study, trial.number, "interrupted" if isinstance(error, KeyboardInterrupt) else cause)
        if isinstance(error, StorageInternalError):
            interrupts.raise_if_any_came()
        if taken_over:  # and whoever did so cleared away what it was about to write
            return None
        raise


def _told(study: optuna.Study, trial: optuna.Trial, value: float | None, state: TrialState) -> FrozenTrial | None:
    try:
        return study.tell(trial, value, state=state)
    except ValueError:
        if _runs(study, trial):
            raise  # the value is none
        return None


def _runs(study: optuna.Study, trial: optuna.Trial) -> bool:
    return study.get_trials(deepcopy=False)[trial.number].state == TrialState.RUNNING

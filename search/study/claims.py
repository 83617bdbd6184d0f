"""Who works on which trial: each is claimed by one process, and begun again if that process is lost.

A running trial says from its first moment who works on it, so that a process which dies at any point, also between two
writes, leaves nothing that runs for ever:

- A new trial is made with its worker's name in it. One that waits in the queue gets the names of all who try to take
  it, and then of the one who did.
- The process is lost if it ran on this machine and is no more, which is seen at once; or if its heartbeat has stopped,
  which is seen from anywhere after a while (`search.storage.heartbeats`).
- A process that was taken for lost and wakes up (a laptop asleep) finds its trial failed, and goes on with another.
- Of several trials at one position (see `positions`) the first that has not failed stands for it, and only that
  one is taken from the queue. A failed trial stays one, so no two of them are ever trained.

Only what any Optuna storage can do in one step is relied upon; there is no lock that a dead process could keep.
"""

import os
import platform
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import optuna
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.storage.attributes import OURS
from search.storage.heartbeats import HEARTBEAT_SECONDS, beat, beats, first_beat, silent, take_over
from search.storage.relational import Relational
from search.storage.waiting import asked_again
from search.study.lost_notes import replace_note
from search.study.positions import AGAIN, REPEATS, SUPERFLUOUS, first_of_round, of_one_reading, positions, repeat
from search.study.records import CONFIG, ENDED, told

__all__ = [
    "WORKER",
    "Heartbeat",
    "begin_again",
    "begin_lost_again",
    "claim",
    "following",
    "is_begun",
    "is_unsettled",
    "living",
    "pending_positions",
]

WORKER: Final = "worker"
"""What is on record of a trial under this name says which process works on it."""

CLAIM: Final = "claimed by"
"""How the system attributes begin that name those who tried to take a queued trial."""

LOST: Final = "its process was lost"
SILENT: Final = "its process fell silent"

RETRIES: Final = 5
"""How often a trial whose process died while it trained is begun again without coming any further; it may be the trial
that kills them."""

SILENT_RETRIES: Final = 20
"""The same for a process that only fell silent: it may have been asleep, or have died on another machine."""


def claim(
    study: optuna.Study,
    total: int,
    round_of: int | None = None,
    ends: Callable[[Sequence[FrozenTrial], int], object] = lambda trials, position: False,
) -> optuna.Trial | None:
    """Begin the next trial of `study`: the first in its queue, or a new one.

    However many processes do so at once, `total` trials are not exceeded, and no position is taken twice.

    Args:
        study: in a storage that all of them share.
        total: positions that may be taken; one whose trial failed for good does not count.
        round_of: with so many workers in step, a trial begins when all earlier rounds have ended.
        ends: of all trials and a position, whether the search ends before that position. Then no trial is begun there;
            one whose parameters were drawn before it was lost is begun again.

    Returns:
        The trial; None if there is none to begin now, because enough are taken, or a round has not ended.
    """
    storage, me = study._storage, _this_process()
    trials = study.get_trials(deepcopy=False)
    taken = None
    for position, trial in sorted(_standing(trials).items()):
        if trial.state != TrialState.WAITING or (not _has_begun(trial) and ends(trials, position)):
            continue
        if not _is_due(trials, position, total, round_of):
            return None
        if _take(study, trial, me):
            taken = trial._trial_id
            break
    else:
        position = _positions_begun(trials)
        if ends(trials, position) or not _is_due(trials, position, total, round_of):
            return None
        claimed = {_claim_of(me): me} | first_beat(storage, _claim_of(me))
        claimed[OURS + WORKER] = me
        template = create_trial(state=TrialState.RUNNING, system_attrs=claimed)
        taken = storage.create_new_trial(study._study_id, template_trial=template)
    try:
        return optuna.Trial(study, taken) if _holds(study, taken, total, round_of, ends, (me, len(trials))) else None
    except BaseException as error:
        with suppress(StorageInternalError):
            number = next(trial.number for trial in study.get_trials(deepcopy=False) if trial._trial_id == taken)
            begin_again(study, number, f"{type(error).__name__}: {error}")
        raise


def begin_again(study: optuna.Study, number: int, cause: str) -> None:
    """Fail trial `number`, if it still runs, and queue another that stands in for it.

    Args:
        study: its study.
        number: of the trial.
        cause: why it did not end by itself.
    """
    trial, storage = study.get_trials(deepcopy=False)[number], study._storage
    with suppress(UpdateFinishedTrialError):  # another process was faster
        storage.set_trial_system_attr(trial._trial_id, AGAIN, cause)
        storage.set_trial_user_attr(trial._trial_id, ENDED, f"{cause}; queued to be begun again")
        storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        _repeat(study, trial, cause)


def begin_lost_again(study: optuna.Study) -> int:
    """Fail and queue again the trials whose process is no more; returns how many.

    Also finishes what a process began here that was killed between the two, and clears the queue of twins.
    """
    trials, storage, count = study.get_trials(deepcopy=False), study._storage, 0
    quiet = silent(study, [trial for trial in trials if trial.state == TrialState.RUNNING], _process_of)
    for trial in trials:
        if trial.state != TrialState.RUNNING or not (cause := _loss(trial, quiet)):
            continue
        count += 1
        earlier = [trials[number] for number in trial.system_attrs.get(REPEATS, ())]
        # One that came further than those before it goes on each time, and is not what ends its processes.
        earlier = [other for other in earlier if _scorings(other) >= _scorings(trial)]
        times = 1 + sum(other.system_attrs.get(AGAIN) == cause and told(other, CONFIG) is not None for other in earlier)
        if told(trial, CONFIG) is not None and times > (RETRIES if cause == LOST else SILENT_RETRIES):
            with suppress(UpdateFinishedTrialError):
                storage.set_trial_system_attr(trial._trial_id, AGAIN, None)
                storage.set_trial_user_attr(trial._trial_id, ENDED, f"{cause} {times} times; given up")
                storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
                replace_note(study, trial, f"{cause} {times} times")
        else:
            begin_again(study, trial.number, cause)
    for trial in _not_yet_repeated(study.get_trials(deepcopy=False)):
        _repeat(study, trial, trial.system_attrs[AGAIN])
    trials = study.get_trials(deepcopy=False)  # whoever queued the second of two twins sees both
    order, standing = positions(trials), _standing(trials)
    for trial in trials:
        if trial.state == TrialState.WAITING and standing[order[trial.number]] is not trial:
            with suppress(UpdateFinishedTrialError):
                storage.set_trial_system_attr(trial._trial_id, SUPERFLUOUS, True)
                storage.set_trial_user_attr(trial._trial_id, ENDED, SUPERFLUOUS)
                storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
    return count


def living(study: optuna.Study) -> list[int]:
    """The numbers of the running trials whose process lives, as far as anybody can tell."""
    running = [trial for trial in study.get_trials(deepcopy=False) if trial.state == TrialState.RUNNING]
    quiet = silent(study, running, _process_of)
    return [trial.number for trial in running if _loss(trial, quiet) is None]


def following(trials: Sequence[FrozenTrial]) -> int:
    """The position of the trial that is begun next: the first in the queue, or a new one."""
    waiting = (position for position, trial in _standing(trials).items() if trial.state == TrialState.WAITING)
    return min(waiting, default=_positions_begun(trials))


def is_unsettled(trials: Sequence[FrozenTrial], position: int) -> bool:
    """Whether a trial before that position still runs, or has yet to be begun or begun again."""
    return any(earlier < position for earlier in pending_positions(trials))


def pending_positions(trials: Sequence[FrozenTrial]) -> set[int]:
    """Where a trial still runs, or has yet to be begun or begun again."""
    pending = (TrialState.RUNNING, TrialState.WAITING)
    order = positions(trials)
    found = {position for position, trial in _standing(trials).items() if trial.state in pending}
    return found | {order[trial.number] for trial in _not_yet_repeated(trials)}


def is_begun(trials: Sequence[FrozenTrial], total: int, round_of: int | None) -> bool:
    """Whether a trial that was begun is yet to end: it runs, or is to be begun again and can be (see `claim`)."""
    return bool(_not_yet_repeated(trials)) or any(
        trial.state == TrialState.RUNNING
        or (trial.state == TrialState.WAITING and _has_begun(trial) and _is_due(trials, position, total, round_of))
        for position, trial in _standing(trials).items()
    )


class Heartbeat:
    """Says every few seconds, while a trial runs, that its process lives."""

    def __init__(self, trial: optuna.Trial) -> None:
        self._trial = trial
        self._ended = threading.Event()

    def __enter__(self) -> None:
        # Not a thread of Optuna's: it dies at the first write that fails, and Ctrl-C can leave it behind.
        if beats(self._trial.storage):
            self._beat()
            threading.Thread(target=self._beat_on, daemon=True).start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()

    def _beat(self) -> None:
        beat(self._trial.storage, self._trial._trial_id, _claim_of(_this_process()))

    def _beat_on(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            with suppress(Exception):  # whatever it is, it is told of where the trial is written to
                self._beat()


def _repeat(study: optuna.Study, trial: FrozenTrial, cause: str) -> None:
    repeat(study, trial, drawn=told(trial, CONFIG) is not None)
    replace_note(study, trial, cause)


# ------------------------------------------------------------------------------------------------- claiming


def _positions_begun(trials: Sequence[FrozenTrial]) -> int:
    return len(set(positions(trials).values()))


@of_one_reading
def _standing(trials: Sequence[FrozenTrial]) -> dict[int, FrozenTrial]:
    """Position to the trial that stands for it: the first that has not failed to be begun again, if there is any."""
    order, standing = positions(trials), dict[int, FrozenTrial]()
    repeated = {number for trial in trials for number in trial.system_attrs.get(REPEATS, ())}
    for trial in trials:
        gone = trial.number in repeated or trial.system_attrs.get(AGAIN) or SUPERFLUOUS in trial.system_attrs
        if trial.state != TrialState.FAIL or not gone:
            standing.setdefault(order[trial.number], trial)
    return standing


def _rank(trials: Sequence[FrozenTrial], position: int) -> int:
    """How many earlier positions have a trial that is finished, runs, or has yet to be begun or begun again."""
    order = positions(trials)
    ahead = {place for place, trial in _standing(trials).items() if trial.state != TrialState.FAIL}
    ahead |= {order[trial.number] for trial in _not_yet_repeated(trials)}
    return sum(place < position for place in ahead)


def _has_begun(trial: FrozenTrial) -> bool:
    """Whether it stands in for a trial that had drawn its parameters; one that died before it had is not missed."""
    return REPEATS in trial.system_attrs and bool(trial.params)


def _is_due(trials: Sequence[FrozenTrial], position: int, total: int, round_of: int | None) -> bool:
    """Whether a trial may run at `position`: it is among the first `total` that count, and its round has begun."""
    if _rank(trials, position) >= total:
        return False
    return round_of is None or not is_unsettled(trials, first_of_round(position, round_of))


def _take(study: optuna.Study, trial: FrozenTrial, me: dict[str, Any]) -> bool:
    """Whether a waiting trial is this process's now."""
    storage = study._storage
    try:
        storage.set_trial_system_attr(trial._trial_id, _claim_of(me), me)
        take_over(storage, trial, _claim_of(me))
        asked = asked_again()
        running = storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING)
        if not running and (asked_again() == asked or not _is_mine_alone(storage.get_trial(trial._trial_id), me)):
            storage.set_trial_system_attr(trial._trial_id, _claim_of(me), None)
            return False
        storage.set_trial_system_attr(trial._trial_id, OURS + WORKER, me)
    except UpdateFinishedTrialError:
        return False
    return True


def _begin_twins_again(
    study: optuna.Study, trials: Sequence[FrozenTrial], taken: int, me: dict[str, Any], known: int
) -> list[FrozenTrial]:
    """Queue again what the storage made for this process beside the trial that it got: an answer was lost, so it was
    asked again, by Optuna or by us (`search.storage.waiting`).

    Args:
        study: of the trials.
        trials: all of them.
        taken: the id of the one that this process has.
        me: this process.
        known: trials that there were before it asked for one.
    """
    twins = [
        trial
        for trial in trials[known:]
        if trial.state == TrialState.RUNNING and trial._trial_id != taken and told(trial, WORKER) == me
    ]
    for trial in twins:
        begin_again(study, trial.number, "the answer that it was made was lost")
    return twins


def _is_mine_alone(trial: FrozenTrial, me: dict[str, Any]) -> bool:
    """Whether it runs and nobody else has tried to take it: then this process did, though the answer was lost."""
    claims = [value for name, value in trial.system_attrs.items() if name.startswith(CLAIM) and value]
    return trial.state == TrialState.RUNNING and claims == [me] and not told(trial, WORKER)


def _process_of(trial: FrozenTrial) -> str | None:
    return _claim_of(worker) if (worker := told(trial, WORKER)) else None


def _claim_of(me: dict[str, Any]) -> str:
    return f"{CLAIM} {me['pid']} {me['host']}"


def _holds(
    study: optuna.Study,
    trial_id: int,
    total: int,
    round_of: int | None,
    ends: Callable[[Sequence[FrozenTrial], int], object],
    since: tuple[dict[str, Any], int],
) -> bool:
    """Whether a trial that was just taken may go on: its position is among the first `total`, its round has begun, and
    the search does not end before it. Otherwise it is put back into the queue.

    `since` names the process that took it, and how many trials there were when it looked.
    """
    storage, trials = study._storage, study.get_trials(deepcopy=False)
    if _begin_twins_again(study, trials, trial_id, *since):
        trials = study.get_trials(deepcopy=False)
    mine = next(trial for trial in trials if trial._trial_id == trial_id)
    position = positions(trials)[mine.number]
    over = not _has_begun(mine) and ends(trials, position)
    if not over and _is_due(trials, position, total, round_of):
        return True
    behind = getattr(storage, "_backend", storage)
    if isinstance(behind, Relational):
        behind.put_back(trial_id, OURS + WORKER, since[0])
    else:
        storage.set_trial_system_attr(trial_id, OURS + WORKER, None)
        storage.set_trial_state_values(trial_id, TrialState.WAITING)
    time.sleep(random.uniform(0, 0.2))  # so that those who gave way together do not meet again
    return False


# ------------------------------------------------------------------------------------------- who is no more


def _loss(trial: FrozenTrial, quiet: set[int]) -> str | None:
    """What happened to the process that runs a trial; None if it lives, as far as anybody can tell.

    Args:
        trial: that runs.
        quiet: ids of those whose process has fallen silent.
    """
    claims = [value for name, value in trial.system_attrs.items() if name.startswith(CLAIM) and value]
    workers = [worker] if (worker := told(trial, WORKER)) else claims
    if workers and all(_is_gone(worker) for worker in workers):
        return LOST
    return SILENT if trial._trial_id in quiet else None


def _scorings(trial: FrozenTrial) -> int:
    return max(trial.intermediate_values, default=0)


@of_one_reading
def _not_yet_repeated(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The newest failed trial of each position that is to be begun again and at which no other stands."""
    order, standing = positions(trials), _standing(trials)
    failed = {
        order[trial.number]: trial
        for trial in trials
        if trial.state == TrialState.FAIL and trial.system_attrs.get(AGAIN) and order[trial.number] not in standing
    }
    return list(failed.values())


def _this_process() -> dict[str, Any]:
    return {
        "host": platform.node(),
        "pid": os.getpid(),
        "thread": threading.get_native_id(),
        "started": _started(os.getpid()),
        "boot": _boot(),
    }


def _is_gone(process: dict[str, Any]) -> bool:
    """Whether it ran here and has ended. Of another machine, or of this one under another name, nothing is known."""
    boot = process.get("boot")
    if boot != _boot() if boot is not None else process["host"] != platform.node():
        return False
    if process.get("started") is not None:
        return bool(process["started"] != _started(process["pid"]))
    try:
        os.kill(process["pid"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def _started(pid: int) -> int | None:
    """When a living process was started, in ticks since this machine was: a later one may have the same number."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if state in "ZX" else int(fields[18])


def _boot() -> str | None:
    """This machine since it was started, as seen from here; a container sees processes of its own only."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return None

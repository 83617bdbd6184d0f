"""How a process that works on a trial shows that it lives, to others that cannot see it.

In a database it is Optuna's table of heartbeats, by the database's own clock. Optuna's gRPC proxy has no word for them:
there, they are an attribute of the trial that changes, and who looks measures by a clock of its own how long it has
not; so from its first look it takes as long as silence must last to be told. A trial is judged by what its own process
beats. Who looks through the proxy cannot see the table: of a study that is worked on both ways, losses of those who
beat there are told by those who look there.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import optuna
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial

from search.storage.proxy import Proxy
from search.storage.relational import Relational
from search.storage.waiting import last_away

__all__ = ["GRACE_SECONDS", "HEARTBEAT", "HEARTBEAT_SECONDS", "beat", "beats", "first_beat", "silent", "take_over"]

HEARTBEAT_SECONDS: Final = 10
GRACE_SECONDS: Final = 40
CALM_SECONDS: Final = 30
"""In which a process that waited for the storage, and paused in between, has come back and shown that it lives."""

HEARTBEAT: Final = "heartbeat"
"""The system attribute that beats, where there is no table for it: [what tells processes apart, a number]."""

_seen: dict[int, dict[int, tuple[Any, float]]] = {}
"""Study to trial to its beat, and when this process saw that first, in seconds of its own clock."""


def beats(storage: Any) -> bool:
    """Whether heartbeats can be recorded in a storage."""
    return isinstance(_behind_cache(storage), RDBStorage | Proxy)


def first_beat(storage: Any, process: str) -> dict[str, Any]:
    """The system attributes with which a trial is made, so that it has shown a heartbeat from its first moment."""
    return {HEARTBEAT: _beat_of(process)} if isinstance(storage, Proxy) else {}


def beat(storage: Any, trial_id: int, process: str) -> None:
    """Record that the process lives.

    Args:
        storage: of a study.
        trial_id: of the trial at hand.
        process: what tells it apart.

    Raises:
        UpdateFinishedTrialError: the trial has ended, as far as the storage looks.
    """
    behind = _behind_cache(storage)
    if isinstance(behind, Proxy):
        behind.set_trial_system_attr(trial_id, HEARTBEAT, _beat_of(process))
    elif isinstance(behind, RDBStorage):
        behind.record_heartbeat(trial_id)


def take_over(storage: Any, trial: FrozenTrial, process: str) -> None:
    """The first heartbeat of a process that takes a trial which waited, maybe since another one put it back."""
    if trial.system_attrs.get(HEARTBEAT) and not isinstance(_behind_cache(storage), Proxy):
        storage.set_trial_system_attr(trial._trial_id, HEARTBEAT, None)
    beat(storage, trial._trial_id, process)


def silent(
    study: optuna.Study, running: Sequence[FrozenTrial], process_of: Callable[[FrozenTrial], str | None]
) -> set[int]:
    """The ids of those running trials whose process has not shown that it lives for a while.

    One that has shown no heartbeat yet is given its first: the time runs from here on. While the storage was away
    nobody could show any; so after that nothing is told until all have had the time.

    Args:
        study: of the trials.
        running: those that run.
        process_of: what tells the process apart that works on one; None where that is not known.
    """
    now = time.monotonic()
    by_attribute = [trial for trial in running if _is_its_own(trial, process_of(trial))]
    others = [trial for trial in running if trial not in by_attribute]
    before, seen = _seen.get(study._study_id, {}), {}
    for trial in by_attribute:
        beat = trial.system_attrs[HEARTBEAT]
        known, since = before.get(trial._trial_id, (None, now))
        seen[trial._trial_id] = (beat, since if known == beat else now)
    _seen[study._study_id] = seen
    found = {trial_id for trial_id, (_, since) in seen.items() if now - max(since, last_away()) > GRACE_SECONDS}
    behind = _behind_cache(study._storage)
    if others and isinstance(behind, Relational):
        stale = set(behind._get_stale_trial_ids(study._study_id))
        if now - last_away() > CALM_SECONDS:
            found |= {trial._trial_id for trial in others if trial._trial_id in stale}
        for trial_id in behind.unheard([trial._trial_id for trial in others if trial._trial_id not in stale]):
            behind.record_heartbeat(trial_id)
    return found


def _is_its_own(trial: FrozenTrial, process: str | None) -> bool:
    """Whether the attribute that beats is of the process that works on the trial, and not of one that had it before, or
    wanted it too."""
    beat = trial.system_attrs.get(HEARTBEAT)
    return beat is not None and process in (None, beat[0])


def _beat_of(process: str) -> list[Any]:
    return [process, time.time_ns()]  # another one each time, also if the same process takes the same trial again


def _behind_cache(storage: Any) -> Any:
    """The database behind Optuna's cache of it."""
    return getattr(storage, "_backend", storage)

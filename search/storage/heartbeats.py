"""How a process that works on a trial shows that it lives, to others that cannot see it.

In a database it is Optuna's table of heartbeats, by the database's own clock. Optuna's gRPC proxy has no word for them:
there, they are an attribute of the trial that changes, and who looks measures by a clock of its own how long it has
not; so from its first look it takes as long as silence must last to be told. A trial is judged by what its own process
beats, whatever way whoever looks has come.
"""

import time
from collections.abc import Sequence
from typing import Any, Final

import optuna
import sqlalchemy
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial

from search.storage.proxy import Proxy

__all__ = ["GRACE_SECONDS", "HEARTBEAT", "HEARTBEAT_SECONDS", "beat", "beats", "first_beat", "silent"]

HEARTBEAT_SECONDS: Final = 10
GRACE_SECONDS: Final = 40

HEARTBEAT: Final = "heartbeat"
"""The system attribute that beats, where there is no table for it: [what tells processes apart, beats]."""

_last_change: dict[tuple[int, str], float] = {}
"""Trial and beat to when this process saw it first, in seconds of its own clock."""


def beats(storage: Any) -> bool:
    """Whether heartbeats can be recorded in a storage."""
    return isinstance(_behind_cache(storage), RDBStorage | Proxy)


def first_beat(storage: Any, process: str) -> dict[str, Any]:
    """The system attributes with which a trial is made, so that it has shown a heartbeat from its first moment."""
    return {HEARTBEAT: [process, 0]} if isinstance(storage, Proxy) else {}


def beat(storage: Any, trial_id: int, process: str, count: int) -> None:
    """Record that the process lives.

    Args:
        storage: of a study.
        trial_id: of the trial at hand.
        process: what tells it apart.
        count: how often it has done so for this trial.

    Raises:
        UpdateFinishedTrialError: the trial has ended, as far as the storage looks.
    """
    behind = _behind_cache(storage)
    if isinstance(behind, Proxy):
        behind.set_trial_system_attr(trial_id, HEARTBEAT, [process, count])
    elif isinstance(behind, RDBStorage):
        behind.record_heartbeat(trial_id)


def silent(study: optuna.Study, running: Sequence[FrozenTrial]) -> set[int]:
    """The ids of those running trials whose process has not shown that it lives for a while.

    One that has shown no heartbeat yet is given its first: the time runs from here on.
    """
    by_attribute = [trial for trial in running if HEARTBEAT in trial.system_attrs]
    others = [trial for trial in running if HEARTBEAT not in trial.system_attrs]
    found, now = set(), time.monotonic()
    for trial in by_attribute:
        since = _last_change.setdefault((trial._trial_id, str(trial.system_attrs[HEARTBEAT])), now)
        if now - since > GRACE_SECONDS:
            found.add(trial._trial_id)
    behind = _behind_cache(study._storage)
    if not others or not isinstance(behind, RDBStorage) or behind.heartbeat_interval is None:
        return found
    stale = set(behind._get_stale_trial_ids(study._study_id))
    found |= {trial._trial_id for trial in others if trial._trial_id in stale}
    unknown = [trial._trial_id for trial in others if trial._trial_id not in stale]
    if unknown:
        asked = sqlalchemy.text("SELECT trial_id FROM trial_heartbeats WHERE trial_id IN :trials")
        asked = asked.bindparams(sqlalchemy.bindparam("trials", unknown, expanding=True))
        with behind.engine.connect() as connection:
            shown = {row.trial_id for row in connection.execute(asked)}
        for trial_id in unknown:
            if trial_id not in shown:
                behind.record_heartbeat(trial_id)
    return found


def _behind_cache(storage: Any) -> Any:
    """The database behind Optuna's cache of it."""
    return getattr(storage, "_backend", storage)

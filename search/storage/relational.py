"""Optuna's storage in a relational database, with four things that it leaves open: what belongs together is written at
once, and read at once (`rows`); it waits for a server that is away (`waiting`); transactions on a SQLite file take
turns."""

import json
import sqlite3
import threading
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Any, Final

import optuna
import sqlalchemy
from optuna.distributions import BaseDistribution, check_distribution_compatibility
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.storages._rdb.storage import _create_scoped_session
from optuna.trial import FrozenTrial, TrialState

from search.storage.rows import Written, read_study_attributes, read_trial, read_trials, write_trial
from search.storage.waiting import waits

__all__ = ["Relational", "at_once"]

READS: Final = (
    *("get_study_id_from_name", "get_study_name_from_id", "get_study_directions", "get_study_user_attrs"),
    *("get_study_system_attrs", "get_all_studies", "get_trial", "get_trial_user_attrs", "get_trial_system_attrs"),
    *("get_trial_id_from_study_id_trial_number", "_get_trials", "_get_best_trial_id", "_get_stale_trial_ids"),
    "unheard",
)
WRITES: Final = (
    *("create_new_study", "delete_study", "set_study_user_attr", "set_study_system_attr", "_create_new_trial"),
    *("set_trial_state_values", "record_heartbeat", "_set_trial_param"),
)
"""The others write by `_write`, which waits itself."""


@contextmanager
def at_once(trial: optuna.Trial) -> Iterator[None]:
    """What is recorded of `trial` in here is written in one step as this ends, where the storage can.

    Optuna writes each parameter, report and attribute by itself, some thirty times a trial, and each time waits for the
    disk or the network.
    """
    storage = getattr(trial.storage, "_backend", trial.storage)  # behind Optuna's cache
    if isinstance(storage, Relational):
        with storage.holding(trial._trial_id):
            yield
    else:
        yield


class Relational(RDBStorage):
    """Optuna's; see above."""

    def __init__(self, url: str, **of_optuna: Any) -> None:
        self._held: dict[int, Written] = {}
        """Trial to what is yet to be written of it."""
        self._reading = threading.local()
        super().__init__(url, **of_optuna)

    def take_turns(self) -> None:
        """Let every transaction that writes to a SQLite file take the write lock as it begins.

        Optuna relies on SELECT ... FOR UPDATE to give a queued trial to one worker only and each trial a number of its
        own; SQLite has no such thing, and two workers would make the same trial. Those that only read need no lock:
        what they see is the file as it was when they began.
        """

        def begin(connection: sqlalchemy.Connection) -> None:
            connection.exec_driver_sql("BEGIN" if getattr(self._reading, "now", False) else "BEGIN IMMEDIATE")

        sqlalchemy.event.listen(self.engine, "connect", _leave_transactions_to_us)
        sqlalchemy.event.listen(self.engine, "invalidate", _end_transaction)
        sqlalchemy.event.listen(self.engine, "begin", begin)
        self.engine.dispose()  # the connections that were there before

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Transactions of this thread write nothing."""
        before = getattr(self._reading, "now", False)
        self._reading.now = True
        try:
            yield
        finally:
            self._reading.now = before

    @contextmanager
    def holding(self, trial_id: int) -> Iterator[None]:
        """What is written of a trial is held, and written as this ends; also if that is an error, but for Ctrl-C."""
        if trial_id in self._held:  # within another one
            yield
            return
        written = self._held[trial_id] = Written()
        try:
            yield
        except Exception:
            with suppress(UpdateFinishedTrialError):
                self._write(trial_id, written)
            raise
        else:
            self._write(trial_id, written)
        finally:
            del self._held[trial_id]

    @waits
    def _write(self, trial_id: int, written: Written) -> None:
        with _create_scoped_session(self.scoped_session) as session:
            write_trial(session.connection(), trial_id, written)

    @waits
    def put_back(self, trial_id: int, attribute: str, holder: Any) -> None:
        """Let a trial wait again and be nobody's, if it runs and the system attribute says that `holder` has it. In one
        step: were it done twice, because an answer was lost, the second time it would be taken from whoever has it by
        then.
        """
        with _create_scoped_session(self.scoped_session) as session:
            trial = models.TrialModel.find_or_raise_by_id(trial_id, session, for_update=True)
            attributes = models.TrialSystemAttributeModel
            held = session.query(attributes).filter_by(trial_id=trial_id, key=attribute).one_or_none()
            if trial.state == TrialState.RUNNING and held is not None and json.loads(str(held.value_json)) == holder:
                held.value_json = json.dumps(None)
                trial.state = TrialState.WAITING

    def unheard(self, trial_ids: Sequence[int]) -> set[int]:
        """Those of the trials that have shown no heartbeat yet."""
        beats = models.TrialHeartbeatModel
        with _create_scoped_session(self.scoped_session) as session:
            heard = session.query(beats.trial_id).filter(beats.trial_id.in_(list(trial_ids))).all()
        return set(trial_ids) - {row.trial_id for row in heard}

    def _put(self, trial_id: int, change: Callable[[Written], None]) -> None:
        """Write something of a trial, or hold it."""
        written = self._held.get(trial_id) or Written()
        change(written)
        if trial_id not in self._held:
            self._write(trial_id, written)

    def _set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
        previous_distribution: BaseDistribution | None,
    ) -> None:
        if previous_distribution is None:  # the first of this process: others may have drawn it from another one
            super()._set_trial_param(trial_id, param_name, param_value_internal, distribution, None)
            return
        check_distribution_compatibility(previous_distribution, distribution)
        self._put(trial_id, lambda written: written.params.update({param_name: (param_value_internal, distribution)}))

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        """As Optuna's."""
        self._put(trial_id, lambda written: written.reports.update({step: intermediate_value}))

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """As Optuna's."""
        written_down = json.dumps(value)  # now: it may be another value when it is written
        self._put(trial_id, lambda written: written.user_attributes.update({key: written_down}))

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """As Optuna's."""
        written_down = json.dumps(value)
        self._put(trial_id, lambda written: written.system_attributes.update({key: written_down}))

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """As Optuna's."""
        with _create_scoped_session(self.scoped_session) as session:
            models.StudyModel.find_or_raise_by_id(study_id, session)
            return read_study_attributes(session.connection(), study_id)

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """As Optuna's."""
        with _create_scoped_session(self.scoped_session) as session:
            return read_trial(session.connection(), trial_id)

    def _get_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:
        asked_for = None if states is None else [state for state in TrialState if state in states]
        with _create_scoped_session(self.scoped_session) as session:
            models.StudyModel.find_or_raise_by_id(study_id, session)
            return read_trials(session.connection(), study_id, asked_for, included_trial_ids, trial_id_greater_than)


def _only_reads(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def reading(self: Relational, *args: Any, **kwargs: Any) -> Any:
        with self.reading():
            return method(self, *args, **kwargs)

    return reading


for _name in READS:
    setattr(Relational, _name, waits(_only_reads(getattr(Relational, _name))))
for _name in WRITES:
    setattr(Relational, _name, waits(getattr(Relational, _name)))


def _leave_transactions_to_us(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None
    # With a write-ahead log a killed process loses nothing all the same; only a power cut may take the last moments,
    # and it damages nothing (sqlite.org/wal.html). A trial makes a dozen commits: each would wait for the disk.
    connection.execute("PRAGMA synchronous=NORMAL")


def _end_transaction(connection: sqlite3.Connection, *_: object) -> None:
    """After Ctrl-C amidst a statement the connection is given up, but its lock held while anything refers to it."""
    with suppress(sqlite3.Error):
        connection.rollback()

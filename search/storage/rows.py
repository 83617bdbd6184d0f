"""Trials as rows of Optuna's tables, read and written many at once.

Optuna makes an object of every row, twenty-six of them a trial, and reads the same distribution anew for each, which is
most of the time that a study of ten thousand trials takes to be opened; and it looks a trial up anew for each row that
it writes of it. Here each table is read once, as it lies, and written to once.
"""

import gc
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, Final

from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection, Select, Table, bindparam, or_, select
from sqlalchemy.dialects import mysql, postgresql, sqlite

__all__ = ["Written", "read_study_attributes", "read_trial", "read_trials", "write_trial"]

FEW: Final = 400
"""Trials that are named in a question; of more, all rows in between are read."""

_READ: Final = json.JSONDecoder().raw_decode
"""Of JSON that Optuna wrote, which has no blanks around it."""
_distribution = lru_cache(maxsize=4096)(json_to_distribution)


def read_trials(
    connection: Connection,
    study_id: int,
    states: Collection[TrialState] | None,
    included: Collection[int],
    greater_than: int,
) -> list[FrozenTrial]:
    """The trials of a study that are in one of `states`, and that `included` names or whose id is greater; by id.

    Args:
        connection: in a transaction.
        study_id: of a study that is there.
        states: None: any.
        included: ids of trials.
        greater_than: an id; -1: all trials.
    """
    which, given = "all", {"study": study_id, "than": greater_than, "ids": list(included)}
    if greater_than > -1:
        which = "newer or named" if included else "newer"
        if len(included) > FEW:
            which, given["than"] = "newer", min(*included, greater_than + 1) - 1
    asked_for = None if states is None else frozenset(states)
    found = connection.execute(_trials(asked_for, which), given).all()
    if greater_than > -1:
        found = [row for row in found if row.trial_id > greater_than or row.trial_id in included]
    with _no_collections(len(found) > FEW):
        return _frozen(connection, found)


def read_study_attributes(connection: Connection, study_id: int) -> dict[str, Any]:
    """The system attributes of a study, among which the dashboard keeps the notes of all its trials."""
    attributes = models.StudySystemAttributeModel
    found = connection.execute(select(attributes.key, attributes.value_json).where(attributes.study_id == study_id))
    return {key: json.loads(written) for key, written in found.all()}


def read_trial(connection: Connection, trial_id: int) -> FrozenTrial:
    """One trial.

    Raises:
        KeyError: there is no such trial.
    """
    found = connection.execute(_trial(), {"trial": trial_id}).all()
    if not found:
        raise KeyError(models.NOT_FOUND_MSG)
    return _frozen(connection, found)[0]


def _frozen(connection: Connection, found: Sequence[Any]) -> list[FrozenTrial]:
    """Trials out of their rows and those of the other tables."""
    of = _Rows(connection, [row.trial_id for row in found])
    params: dict[int, dict[str, Any]] = defaultdict(dict)
    distributions: dict[int, dict[str, Any]] = defaultdict(dict)
    for trial_id, name, value, written in of(
        models.TrialParamModel, "param_name", "param_value", "distribution_json", order="param_id"
    ):
        distribution = _distribution(written)
        distributions[trial_id][name] = distribution
        params[trial_id][name] = distribution.to_external_repr(value)
    values: dict[int, dict[int, float]] = defaultdict(dict)
    for trial_id, objective, value, kind in of(models.TrialValueModel, "objective", "value", "value_type"):
        values[trial_id][objective] = models.TrialValueModel.stored_repr_to_value(value, kind)
    reported: dict[int, dict[int, float]] = defaultdict(dict)
    for trial_id, step, value, kind in of(
        models.TrialIntermediateValueModel, "step", "intermediate_value", "intermediate_value_type"
    ):
        read = models.TrialIntermediateValueModel.stored_repr_to_intermediate_value(value, kind)
        reported[trial_id][step] = read
    attributes: list[dict[int, dict[str, Any]]] = [defaultdict(dict), defaultdict(dict)]
    for read_into, model in zip(
        attributes, (models.TrialUserAttributeModel, models.TrialSystemAttributeModel), strict=True
    ):
        for trial_id, key, written in of(model, "key", "value_json"):
            read_into[trial_id][key] = _READ(written)[0]
    user, system = attributes
    return [
        FrozenTrial(
            number=row.number,
            state=row.state,
            value=None,
            values=[value for _, value in sorted(values[row.trial_id].items())] if row.trial_id in values else None,
            datetime_start=_local(row.datetime_start),
            datetime_complete=_local(row.datetime_complete),
            params=params[row.trial_id],
            distributions=distributions[row.trial_id],
            user_attrs=user[row.trial_id],
            system_attrs=system[row.trial_id],
            intermediate_values=reported[row.trial_id],
            trial_id=row.trial_id,
        )
        for row in found
    ]


def _local(stored: datetime | None) -> datetime | None:
    """Times are stored in UTC, and Optuna's trials have those of this place; both say nothing of it."""
    return None if stored is None else stored.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)


@contextmanager
def _no_collections(many: bool) -> Iterator[None]:
    """Half a million small things are made at once, and all of them stay: to look for those that may go, again and
    again, would take a third of the time."""
    stopped = many and gc.isenabled()
    if stopped:
        gc.disable()
    try:
        yield
    finally:
        if stopped:
            gc.enable()


@dataclass
class Written:
    """What is to be written of a trial."""

    params: dict[str, tuple[float, BaseDistribution]] = field(default_factory=dict)
    """In Optuna's internal numbers."""
    reports: dict[int, float] = field(default_factory=dict)
    user_attributes: dict[str, str] = field(default_factory=dict)
    system_attributes: dict[str, str] = field(default_factory=dict)
    """As JSON."""


def write_trial(connection: Connection, trial_id: int, written: Written) -> None:
    """Write of a trial what is not there yet, or is there with another value: twice is as good as once.

    Raises:
        KeyError: there is no such trial.
        UpdateFinishedTrialError: it has ended.
    """
    found = connection.execute(_trial(), {"trial": trial_id}).one_or_none()
    if found is None:
        raise KeyError(models.NOT_FOUND_MSG)
    if found.state.is_finished():
        raise UpdateFinishedTrialError(f"Trial#{trial_id} has already finished and can not be updated.")
    of_trial = {"trial_id": trial_id}
    rows = [
        of_trial | {"param_name": name, "param_value": value, "distribution_json": distribution_to_json(distribution)}
        for name, (value, distribution) in written.params.items()
    ]
    _put(connection, models.TrialParamModel, "param_name", rows)
    stored = models.TrialIntermediateValueModel.intermediate_value_to_stored_repr
    reports = [(step, *stored(value)) for step, value in written.reports.items()]
    _put(
        connection,
        models.TrialIntermediateValueModel,
        "step",
        [
            of_trial | {"step": step, "intermediate_value": value, "intermediate_value_type": kind}
            for step, value, kind in reports
        ],
    )
    for model, attributes in (
        (models.TrialUserAttributeModel, written.user_attributes),
        (models.TrialSystemAttributeModel, written.system_attributes),
    ):
        rows = [of_trial | {"key": key, "value_json": value} for key, value in attributes.items()]
        _put(connection, model, "key", rows)


def _put(connection: Connection, model: Any, key: str, rows: list[dict[str, Any]]) -> None:
    """Insert rows, or what they hold into rows of the same trial and key."""
    if rows:
        values = tuple(name for name in rows[0] if name not in ("trial_id", key))
        connection.execute(_upsert(connection.dialect.name, model, key, values), rows)


class _Rows:
    """The rows of a table that belong to some trials."""

    def __init__(self, connection: Connection, ids: Sequence[int]) -> None:
        self._connection, self._ids, self._wanted = connection, ids, set(ids)

    def __call__(self, model: Any, *columns: str, order: str | None = None) -> Iterator[Any]:
        """Of each row the trial's id and these columns."""
        if not self._ids:
            return
        few = len(self._ids) <= FEW
        given = {"ids": list(self._ids)} if few else {"first": self._ids[0], "last": self._ids[-1]}
        found = self._connection.execute(_of_trials(model, columns, order, few), given).all()  # at once is faster
        if few:
            yield from found
        else:  # also of other studies
            yield from (row for row in found if row[0] in self._wanted)


# To write a statement down takes SQLAlchemy as long as SQLite to answer it: each is written once.


@cache
def _trials(states: frozenset[TrialState] | None, which: str) -> Select[Any]:
    trials = _table(models.TrialModel)
    asked = select(trials).where(trials.c.study_id == bindparam("study"))
    if states is not None:
        asked = asked.where(trials.c.state.in_(sorted(states)))
    if which == "newer":
        asked = asked.where(trials.c.trial_id > bindparam("than"))
    elif which == "newer or named":
        named = trials.c.trial_id.in_(bindparam("ids", expanding=True))
        asked = asked.where(or_(trials.c.trial_id > bindparam("than"), named))
    return asked.order_by(trials.c.trial_id)


@cache
def _trial() -> Select[Any]:
    trials = _table(models.TrialModel)
    return select(trials).where(trials.c.trial_id == bindparam("trial"))


@cache
def _of_trials(model: Any, columns: tuple[str, ...], order: str | None, few: bool) -> Select[Any]:
    table = _table(model)
    trial_id = table.c.trial_id
    asked = select(trial_id, *(table.c[name] for name in columns))
    if few:
        asked = asked.where(trial_id.in_(bindparam("ids", expanding=True)))
    else:
        asked = asked.where(trial_id.between(bindparam("first"), bindparam("last")))
    return asked if order is None else asked.order_by(table.c[order])


@cache
def _upsert(dialect: str, model: Any, key: str, values: tuple[str, ...]) -> Any:
    table = _table(model)
    if dialect in ("mysql", "mariadb"):
        into_mysql = mysql.insert(table)
        return into_mysql.on_duplicate_key_update(**{name: into_mysql.inserted[name] for name in values})
    insert: Any = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)
    changed = {name: insert.excluded[name] for name in values}
    return insert.on_conflict_do_update(index_elements=["trial_id", key], set_=changed)


def _table(model: Any) -> Table:
    table: Table = model.__table__
    return table

"""The trials of a study out of the rows of Optuna's tables.

Optuna makes an object of every row, twenty-six of them a trial, and reads the same distribution anew for each, which is
most of the time that a study of ten thousand trials takes to be opened. Here each table is read once, as it lies.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

from optuna.distributions import json_to_distribution
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Column, Connection, Select, Table, or_, select

__all__ = ["read_trials"]

FEW: Final = 400
"""Trials that are named in a question; of more, all rows in between are read."""

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
    trials = _table(models.TrialModel)
    asked = select(
        trials.c.trial_id, trials.c.number, trials.c.state, trials.c.datetime_start, trials.c.datetime_complete
    ).where(trials.c.study_id == study_id)
    if states is not None:
        asked = asked.where(trials.c.state.in_(list(states)))
    if greater_than > -1:
        newer, named = trials.c.trial_id > greater_than, list(included)
        if len(named) > FEW:
            asked = asked.where(trials.c.trial_id >= min(*named, greater_than + 1))
        else:
            asked = asked.where(or_(newer, trials.c.trial_id.in_(named)) if named else newer)
    found = connection.execute(asked.order_by(trials.c.trial_id)).all()
    if greater_than > -1:
        found = [row for row in found if row.trial_id > greater_than or row.trial_id in included]
    ids = [row.trial_id for row in found]
    of = _Rows(connection, ids)
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
            read_into[trial_id][key] = json.loads(written)
    user, system = attributes
    return [
        FrozenTrial(
            number=row.number,
            state=row.state,
            value=None,
            values=[value for _, value in sorted(values[row.trial_id].items())] if row.trial_id in values else None,
            datetime_start=row.datetime_start,
            datetime_complete=row.datetime_complete,
            params=params[row.trial_id],
            distributions=distributions[row.trial_id],
            user_attrs=user[row.trial_id],
            system_attrs=system[row.trial_id],
            intermediate_values=reported[row.trial_id],
            trial_id=row.trial_id,
        )
        for row in found
    ]


class _Rows:
    """The rows of a table that belong to some trials."""

    def __init__(self, connection: Connection, ids: Sequence[int]) -> None:
        self._connection, self._ids, self._wanted = connection, ids, set(ids)

    def __call__(self, model: Any, *columns: str, order: str | None = None) -> Iterator[Any]:
        """Of each row the trial's id and these columns."""
        if not self._ids:
            return
        table = _table(model)
        trial_id: Column[int] = table.c.trial_id
        asked: Select[Any] = select(trial_id, *(table.c[name] for name in columns))
        if len(self._ids) <= FEW:
            asked = asked.where(trial_id.in_(self._ids))
        else:
            asked = asked.where(trial_id.between(self._ids[0], self._ids[-1]))
        if order is not None:
            asked = asked.order_by(table.c[order])
        for row in self._connection.execute(asked):
            if row[0] in self._wanted:
                yield row


def _table(model: Any) -> Table:
    table: Table = model.__table__
    return table

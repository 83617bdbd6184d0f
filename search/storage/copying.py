"""Studies go from one database to another, whole.

Rows are copied as they are, a few hundred trials in one transaction, since Optuna's own way is a transaction for each
attribute of each trial. What is then there is read back as a search reads it, from both sides, and compared field by
field. Until that is done for all studies of a command they are marked (`half_copies`), in one transaction at the
start, and the marks go in one at the end: killed in between, the same command goes on where it was.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

import sqlalchemy
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection, Table
from sqlalchemy.exc import IntegrityError

from search.storage.half_copies import UNDER_WAY
from search.storage.names import listed
from search.storage.relational import Relational
from sentiment.errors import InputError

__all__ = ["Copied", "begin_copies", "copy_study", "end_copies", "named_artifacts", "studies_in"]

TRIALS_AT_ONCE: Final = 400
"""In one transaction. SQLite takes so many values in a question, on any version."""

MOST_IDS: Final = 2**31 - 1
"""The largest key of a row: `Integer` has 32 bits in PostgreSQL."""

STUDIES: Final[Table] = models.StudyModel.__table__
DIRECTIONS: Final[Table] = models.StudyDirectionModel.__table__
TRIALS: Final[Table] = models.TrialModel.__table__
OF_STUDY: Final[tuple[Table, ...]] = (
    models.StudyUserAttributeModel.__table__,
    models.StudySystemAttributeModel.__table__,
)
OF_TRIAL: Final[tuple[Table, ...]] = (
    models.TrialUserAttributeModel.__table__,
    models.TrialSystemAttributeModel.__table__,
    models.TrialParamModel.__table__,
    models.TrialValueModel.__table__,
    models.TrialIntermediateValueModel.__table__,
)
"""All but heartbeats, which say that a process lives: it does not live there."""
SYSTEM: Final = OF_STUDY[1]
NOTE: Final = re.compile(r"(?<=^dashboard:)\d+(?=:note_)")
"""In the name of a system attribute of a study that is a trial's note (`optuna_dashboard.save_note`): the trial's key
in the database, which is another one there."""
ARTIFACT: Final = "artifacts:"
"""What the system attribute of an artifact begins with; its id follows (`optuna.artifacts`)."""


@dataclass(frozen=True)
class Copied:
    """What was copied of a study, and is the same on both sides."""

    study: str
    states: dict[str, int]
    """Trials by their state."""
    attributes: int
    """Of the study."""
    artifacts: frozenset[str]
    """The ids of the dashboard's artifacts that it names."""

    @property
    def trials(self) -> int:
        """All of them."""
        return sum(self.states.values())


def studies_in(storage: Relational, wanted: Sequence[str] = ()) -> list[str]:
    """The names of the studies that are there; of those `wanted`, with the studies of a comparison that is called so.

    Raises:
        InputError: one that is wanted is not there.
    """
    with _reading(storage) as connection:
        there = list(connection.execute(sqlalchemy.select(STUDIES.c.study_name).order_by(STUDIES.c.study_id)).scalars())
    for name in wanted:
        if not any(_is_of(study, name) for study in there):
            known = f"it has {listed(there)}" if there else "it has none"
            raise InputError(f"there is no study {name!r} in the storage to copy from; {known}")
    return [study for study in there if not wanted or any(_is_of(study, name) for name in wanted)]


def begin_copies(source: Relational, target: Relational, names: Sequence[str], *, running: bool) -> None:
    """Make the studies, marked, all or none; those of a copy that was ended are there already.

    Args:
        source: where they are.
        target: where they shall be.
        names: of the studies.
        running: also those of which trials run.

    Raises:
        InputError: a trial of one runs; or a study is there already and no unfinished copy of this one; nothing is
            written.
    """
    known_by = {}
    for name in names:
        with _reading(source) as connection:
            study = _study_id(connection, name)
            if _mark(connection, study) is not None:
                raise InputError(
                    f"study {name!r} is half a copy itself; end that copy first, by giving its command again"
                )
            number = connection.execute(
                sqlalchemy.select(TRIALS.c.number)
                .where(TRIALS.c.study_id == study, TRIALS.c.state == TrialState.RUNNING)
                .limit(1)
            ).scalar()
            known_by[name] = _known_by(connection, study)
        if number is not None and not running:
            raise InputError(
                f"trial {number} of study {name!r} runs; end the search first, or give --running to copy what stands "
                "there, if its process is no more"
            )
    with target.engine.begin() as there:  # alone: both may be one file, of which one transaction at a time is taken
        for name in names:
            study_there = _find_study(there, name)
            if study_there is not None and _mark(there, study_there) != known_by[name]:
                what = "an unfinished copy of another study" if _mark(there, study_there) else "there already"
                raise InputError(
                    f"study {name!r} is {what} in the storage to copy to, and nothing is copied over it; delete or "
                    "rename one of the two, or name the studies to copy with --study"
                )
    try:
        with target.engine.begin() as there, _reading(source) as here:
            for name in names:
                if _find_study(there, name) is None:
                    there.execute(STUDIES.insert(), {"study_name": name})
                    study = _study_id(there, name)
                    _copy_rows(here, there, DIRECTIONS, "study_id", {_study_id(here, name): study})
                    mark = {"study_id": study, "key": UNDER_WAY, "value_json": json.dumps(known_by[name])}
                    there.execute(SYSTEM.insert(), mark)
    except IntegrityError:
        raise InputError("another process is copying there; wait until it has ended") from None


def copy_study(source: Relational, target: Relational, name: str) -> Copied:
    """Copy what of a study is not there yet, and compare all of it.

    Args:
        source: where it is.
        target: where it was begun (`begin_copies`).
        name: of the study.

    Raises:
        InputError: it changes while it is copied, or another process copies it too.
    """
    with _reading(source) as connection:
        ours = _study_id(connection, name)
        total = _trials(connection, ours)
    with target.engine.begin() as connection:
        theirs = _study_id(connection, name)
        done = _trials(connection, theirs)
    while done < total:
        with _reading(source) as here, target.engine.begin() as there:
            _lock(there, theirs)
            if _trials(there, theirs) != done:
                raise InputError(f"another process is copying study {name!r} there; wait until it has ended")
            numbers = range(done, min(done + TRIALS_AT_ONCE, total))
            _copy_trials(here, there, ours, theirs, numbers)
            done = numbers.stop
    with _reading(source) as here, target.engine.begin() as there:
        new = {str(key): number for key, number in _numbers(here, ours)}
        keys = {number: str(key) for key, number in _numbers(there, theirs)}
        for table in OF_STUDY:
            there.execute(table.delete().where(table.c.study_id == theirs, table.c.key != UNDER_WAY))
            named = {old: keys[number] for old, number in new.items() if number in keys}
            _copy_rows(here, there, table, "study_id", {ours: theirs}, named)
    compared = _compared(source, target, ours, theirs)
    if compared.different:
        # It may have gone on since it was read, of which a second reading knows.
        with _reading(source) as here, target.engine.begin() as there:
            _lock(there, theirs)
            _remove_trials(there, theirs, compared.different)
            _copy_trials(here, there, ours, theirs, compared.different)
        compared = _compared(source, target, ours, theirs)
    sides = [_of_study(source, ours), _of_study(target, theirs)]
    if compared.different or repr(sides[0]) != repr(sides[1]):
        what = f" (trial {compared.different[0]} is another one now)" if compared.different else ""
        raise InputError(
            f"study {name!r} changes while it is copied{what}; end what works on it first, and give the same command "
            "again"
        )
    _, user, system = sides[0]
    return Copied(
        name,
        dict(compared.states),
        len(user) + len(system),
        frozenset(compared.artifacts | named_artifacts(dict(system))),
    )


def end_copies(target: Relational, names: Sequence[str]) -> None:
    """Take the marks away: the studies are whole."""
    with target.engine.begin() as connection:
        studies = [_study_id(connection, name) for name in names]
        for study in studies:
            connection.execute(SYSTEM.delete().where(SYSTEM.c.study_id == study, SYSTEM.c.key == UNDER_WAY))


# ------------------------------------------------------------------------------------------------------ rows


@contextmanager
def _reading(storage: Relational) -> Iterator[Connection]:
    """A transaction that keeps nobody from writing to a SQLite file."""
    with storage.reading(), storage.engine.begin() as connection:
        yield connection


def _copy_trials(here: Connection, there: Connection, ours: int, theirs: int, numbers: Sequence[int]) -> None:
    for some in _parts(numbers):
        wanted = sqlalchemy.select(TRIALS).where(TRIALS.c.study_id == ours, TRIALS.c.number.in_(some))
        rows = [dict(row) for row in here.execute(wanted.order_by(TRIALS.c.number)).mappings()]
        ids = {row.pop("trial_id"): row["number"] for row in rows}
        there.execute(TRIALS.insert(), [row | {"study_id": theirs} for row in rows])
        made = sqlalchemy.select(TRIALS.c.number, TRIALS.c.trial_id).where(
            TRIALS.c.study_id == theirs, TRIALS.c.number.in_(some)
        )
        new = {number: trial for number, trial in there.execute(made)}
        for table in OF_TRIAL:
            _copy_rows(here, there, table, "trial_id", {old: new[number] for old, number in ids.items()})


def _copy_rows(
    here: Connection,
    there: Connection,
    table: Table,
    owner: str,
    ids: dict[int, int],
    notes: Mapping[str, str] | None = None,
) -> None:
    """The rows of these owners, in their order, for the new owners; they get numbers of their own there. `notes` says
    what the keys of trials are there, of which a study keeps notes."""
    (key,) = table.primary_key.columns
    wanted = sqlalchemy.select(table).where(table.c[owner].in_(list(ids))).order_by(key)
    rows = [dict(row) for row in here.execute(wanted).mappings()]
    for row in rows:
        del row[key.name]
        row[owner] = ids[row[owner]]
        if notes is not None:
            row["key"] = NOTE.sub(lambda found: notes.get(found[0], found[0]), row["key"])
    if rows:
        there.execute(table.insert(), rows)


def _remove_trials(there: Connection, study: int, numbers: Sequence[int]) -> None:
    for some in _parts(numbers):
        which = (TRIALS.c.study_id == study) & TRIALS.c.number.in_(some)
        trials = list(there.execute(sqlalchemy.select(TRIALS.c.trial_id).where(which)).scalars())
        for table in OF_TRIAL:
            there.execute(table.delete().where(table.c.trial_id.in_(trials)))
        there.execute(TRIALS.delete().where(which))


def _parts(numbers: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(numbers), TRIALS_AT_ONCE):
        yield list(numbers[start : start + TRIALS_AT_ONCE])


def _find_study(connection: Connection, name: str) -> int | None:
    found: int | None = connection.execute(
        sqlalchemy.select(STUDIES.c.study_id).where(STUDIES.c.study_name == name)
    ).scalar()
    return found


def _study_id(connection: Connection, name: str) -> int:
    found = _find_study(connection, name)
    if found is None:
        raise InputError(f"study {name!r} was deleted while it was copied")
    return found


def _lock(connection: Connection, study: int) -> None:
    """Until the transaction ends, of copies of this study one writes."""
    connection.execute(sqlalchemy.select(STUDIES.c.study_id).where(STUDIES.c.study_id == study).with_for_update())


def _trials(connection: Connection, study: int) -> int:
    counted = sqlalchemy.select(sqlalchemy.func.count()).select_from(TRIALS).where(TRIALS.c.study_id == study)
    return int(connection.execute(counted).scalar_one())


def _numbers(connection: Connection, study: int) -> list[tuple[int, int]]:
    """The keys in the database of its trials, and their numbers."""
    wanted = sqlalchemy.select(TRIALS.c.trial_id, TRIALS.c.number).where(TRIALS.c.study_id == study)
    return [(key, number) for key, number in connection.execute(wanted)]


def _mark(connection: Connection, study: int) -> str | None:
    mark = sqlalchemy.select(SYSTEM.c.value_json).where(SYSTEM.c.study_id == study, SYSTEM.c.key == UNDER_WAY)
    found = connection.execute(mark).scalar()
    return None if found is None else str(json.loads(found))


def _known_by(connection: Connection, study: int) -> str:
    """A study by what never changes in it: its name, its directions and when its first trial was made or begun. Not by
    its address, in which a password could stand."""
    name = connection.execute(sqlalchemy.select(STUDIES.c.study_name).where(STUDIES.c.study_id == study)).scalar()
    directions = sqlalchemy.select(DIRECTIONS.c.direction).where(DIRECTIONS.c.study_id == study)
    ordered = [
        direction.name for direction in connection.execute(directions.order_by(DIRECTIONS.c.objective)).scalars()
    ]
    first = sqlalchemy.select(TRIALS.c.datetime_start).where(TRIALS.c.study_id == study, TRIALS.c.number == 0)
    known = repr((name, ordered, connection.execute(first).scalar()))
    return hashlib.sha256(known.encode()).hexdigest()


# ------------------------------------------------------------------------------------------------- comparing


@dataclass(frozen=True)
class _Compared:
    """The trials of a study on both sides."""

    different: list[int]
    """The numbers of those that are not the same, or on one side only."""
    states: Counter[str]
    artifacts: set[str]


def _compared(source: Relational, target: Relational, ours: int, theirs: int) -> _Compared:
    found, nothing = _Compared([], Counter(), set()), dict[int, FrozenTrial]()
    for here, there in zip_longest(_in_parts(source, ours), _in_parts(target, theirs), fillvalue=nothing):
        for number in sorted(here.keys() | there.keys()):
            trial = here.get(number)
            if trial is None or number not in there or _facts(trial) != _facts(there[number]):
                found.different.append(number)
            else:
                found.states[trial.state.name.lower()] += 1
                found.artifacts.update(named_artifacts(trial.system_attrs))
    return found


def _in_parts(storage: Relational, study: int) -> Iterator[dict[int, FrozenTrial]]:
    """All trials by their numbers, some at a time, as a search reads them."""
    with _reading(storage) as connection:
        numbered = sqlalchemy.select(TRIALS.c.trial_id).where(TRIALS.c.study_id == study).order_by(TRIALS.c.number)
        ids = list(connection.execute(numbered).scalars())
    for some in _parts(ids):
        read = storage._get_trials(study, states=None, included_trial_ids=set(some), trial_id_greater_than=MOST_IDS)
        yield {trial.number: trial for trial in read}


def _facts(trial: FrozenTrial) -> str:
    """All that is known of a trial, but for its key in the database. As text, in which every float is exact and what is
    not a number is the same as itself."""
    facts = [trial.number, trial.state, trial.values, trial.datetime_start, trial.datetime_complete]
    tables: list[dict[Any, Any]] = [trial.params, trial.distributions, trial.user_attrs, trial.system_attrs]
    return repr([*facts, *(sorted(table.items()) for table in (*tables, trial.intermediate_values))])


def _of_study(storage: Relational, study: int) -> tuple[Any, list[tuple[str, Any]], list[tuple[str, Any]]]:
    """Its directions and its attributes, as Optuna reads them; notes of trials by their numbers."""
    user, system = storage.get_study_user_attrs(study), storage.get_study_system_attrs(study)
    with _reading(storage) as connection:
        numbers = {str(key): f"trial {number}" for key, number in _numbers(connection, study)}
    system = {
        NOTE.sub(lambda found: numbers.get(found[0], found[0]), key): value
        for key, value in system.items()
        if key != UNDER_WAY
    }
    return storage.get_study_directions(study), sorted(user.items()), sorted(system.items())


def named_artifacts(system_attrs: Iterable[str]) -> set[str]:
    """The ids of artifacts that `optuna.artifacts.upload_artifact` recorded."""
    return {name.removeprefix(ARTIFACT) for name in system_attrs if name.startswith(ARTIFACT)}


def _is_of(study: str, name: str) -> bool:
    return study == name or study.startswith(f"{name}: ")

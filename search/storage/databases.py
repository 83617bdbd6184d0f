"""Where studies live: a SQLite file, PostgreSQL, MySQL, or Optuna's gRPC proxy before one of them, opened by its URL.

Optuna sets no SQLite PRAGMA: without a busy timeout two workers meet "database is locked"; without write-ahead
logging a reader (the dashboard) stops a writer. To a server, each process keeps one connection, and has a second while
it shows a heartbeat; one that the network has lost ends after seconds, here and on the server, instead of hours.
"""

import logging
import os
import sqlite3
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import optuna
import sqlalchemy
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
)

from search.console import explained, is_damaged, is_full
from search.storage.half_copies import refuse_half_copied
from search.storage.heartbeats import GRACE_SECONDS, HEARTBEAT_SECONDS
from search.storage.names import listed
from search.storage.proxy import SCHEME, proxy_at
from search.storage.relational import Relational
from sentiment.errors import InputError

__all__ = [
    "DEFAULT_STORAGE",
    "FROM_ENVIRONMENT",
    "HIDDEN",
    "OLDER_PAIRS",
    "driven",
    "experimental_features",
    "holds_secret",
    "load_study",
    "no_search",
    "open_storage",
    "resolved",
    "shown",
    "storage_url",
]

DEFAULT_STORAGE: Final = "sqlite:///studies/sentiment.db"

FROM_ENVIRONMENT: Final = "env:"
HIDDEN: Final = "SENTIMENT_SEARCH_URL_"
"""How the variables begin into which the program itself puts a URL that it was given with a password."""

OLDER_PAIRS: Final = ": pairs"
"""What the study of a comparison was called behind the comparison's name, which it has alone now."""

OPTUNA_TABLES: Final = frozenset({"studies", "trials", "version_info"})
LOCK_SECONDS: Final = 60
"""How long a worker waits for another one's write before it gives up."""

DRIVERS: Final = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
"""What a URL without a driver means."""
EXTRAS: Final = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}

CONNECT: Final[dict[str, dict[str, Any]]] = {
    # A network that drops what is sent, seen after half a minute; the server, by what is set in `_end_what_is_cut`.
    "psycopg": {
        "connect_timeout": 10,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 4,
        "tcp_user_timeout": 30_000,
    },
    "pymysql": {"connect_timeout": 10, "read_timeout": LOCK_SECONDS, "write_timeout": LOCK_SECONDS},
}
"""For each driver, beside what stands in the URL."""


def storage_url(given: str | None) -> str:
    """The storage that was asked for: the flag, else OPTUNA_STORAGE, else the default file.

    Raises:
        InputError: the flag names a variable that is not set.
    """
    return resolved(given or os.environ.get("OPTUNA_STORAGE") or DEFAULT_STORAGE)


def resolved(given: str) -> str:
    """A storage URL, also where the name of a variable that holds it is given: arguments are seen by everybody on the
    machine.

    Raises:
        InputError: there is no such variable.
    """
    if not given.startswith(FROM_ENVIRONMENT):
        return given
    name = given.removeprefix(FROM_ENVIRONMENT)
    url = os.environ.get(name)
    if not url:
        raise InputError(f"the variable {name!r} is not set; put a storage's URL there, or give one itself")
    return url


@contextmanager
def experimental_features() -> Iterator[None]:
    """Use what Optuna marks as experimental without a warning for each use; constraints.txt fixes the version."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


def open_storage(url: str, *, create: bool = True, connections: int = 1) -> BaseStorage:
    """Open the storage at `url`; a SQLite file and its folder are made if `create`.

    Args:
        url: of it.
        create: make what is not there.
        connections: to a server, that so many threads ask at once, and one more.

    Raises:
        InputError: the URL is not one, the file is missing (without `create`), not a database, or not writable; or the
            server cannot be reached.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # it would write between the lines of a progress bar
    # It would show with a traceback that Ctrl-C broke off a connection. Every other failure is shown.
    logging.getLogger("sqlalchemy.pool.impl.QueuePool").addFilter(_is_no_interrupt)
    if url.startswith(SCHEME):
        with experimental_features():
            return proxy_at(url)
    address, url = shown(url), driven(url)
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise InputError(f"the storage {address} is gone when the command ends; give a file such as {DEFAULT_STORAGE}")
    sqlite_file = parsed.database if parsed.get_backend_name() == "sqlite" else None
    engine_kwargs = _engine(parsed, connections)
    if sqlite_file:
        _check_sqlite_file(Path(sqlite_file), create)
    try:
        if not create and not sqlite_file:
            _refuse_foreign(_tables(url, engine_kwargs), address)
        storage = _connected(url, engine_kwargs)
        if sqlite_file and create:
            with storage.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        if sqlite_file:
            storage.take_turns()
        if parsed.get_backend_name() == "postgresql":
            _end_what_is_cut(storage.engine)
    except (NoSuchModuleError, ImportError) as error:
        extra = EXTRAS.get(parsed.get_backend_name())
        advice = "" if extra is None else f"; pip install 'sentiment-search[{extra}]'"
        raise InputError(f"the storage {address} needs a driver that is not installed: {error}{advice}") from None
    except InputError:
        raise
    except (ValueError, TypeError):  # the driver's own, and it may quote what it was given
        raise InputError(f"the storage {address} has a value after '?' that its driver does not take") from None
    except (DatabaseError, RuntimeError, optuna.exceptions.StorageInternalError) as error:
        if is_full(error):
            raise
        if is_damaged(error):
            raise InputError(explained(error, address)) from None
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise InputError(f"the storage {address} cannot be opened: {cause}") from None
    return storage


def driven(url: str) -> str:
    """The URL with its driver in it: `postgresql://` alone would ask for one that is not among the extras."""
    scheme, separator, rest = url.partition("://")
    return DRIVERS.get(scheme, scheme) + separator + rest


def _engine(url: sqlalchemy.URL, connections: int) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": LOCK_SECONDS}}
    given = {
        name: value
        for name, value in CONNECT.get(url.drivername.partition("+")[2], {}).items()
        if name not in url.query
    }
    return {"pool_pre_ping": True, "pool_size": connections, "max_overflow": 1, "connect_args": given}


def _end_what_is_cut(engine: sqlalchemy.Engine) -> None:
    """A transaction of a client that the network has lost would hold its locks for the two hours of TCP."""

    def on_connect(connection: Any, _: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET idle_in_transaction_session_timeout = '60s'")
            cursor.execute("SET tcp_keepalives_idle = 10")
            cursor.execute("SET tcp_keepalives_interval = 5")
            cursor.execute("SET tcp_keepalives_count = 4")
        connection.commit()

    sqlalchemy.event.listen(engine, "connect", on_connect)
    engine.dispose()  # the connections that were there before


def _connected(url: str, engine_kwargs: dict[str, Any]) -> Relational:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            with experimental_features():
                return Relational(
                    url,
                    engine_kwargs=engine_kwargs,
                    heartbeat_interval=HEARTBEAT_SECONDS,
                    grace_period=GRACE_SECONDS,
                )
        except (OperationalError, ProgrammingError, IntegrityError) as error:
            # Of two processes that open a new database at once, one finds a table or row that the other is just making.
            just_made = isinstance(error, IntegrityError) or "already exists" in str(error)
            if not just_made or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def no_search(name: str) -> InputError:
    """What is said where a search is asked for, of a comparison called so."""
    return InputError(
        f"{name!r} is a comparison, not a search: `sentiment-search report` shows what it found; to export or replay a "
        "model, search with `sentiment-search run` under another name"
    )


def load_study(name: str, storage: BaseStorage) -> optuna.Study:
    """The study called `name`.

    Raises:
        InputError: there is none, the message names those that there are; or it is one of another kind.
    """
    try:
        study = optuna.load_study(study_name=name, storage=storage)
        if study.directions != [StudyDirection.MAXIMIZE]:
            raise InputError(f"study {name!r} does not maximize one score; `sentiment-search run` made no such study")
        refuse_half_copied(study)
        return study
    except (KeyError, UnicodeEncodeError):  # no database takes half a surrogate pair
        names = optuna.get_all_study_names(storage)
        if name + OLDER_PAIRS in names:
            raise no_search(name) from None
        known = f"it has {listed(names)}" if names else "it has none yet; `sentiment-search run` makes one"
        raise InputError(f"there is no study {name!r} in the storage; {known}") from None


def _is_no_interrupt(record: logging.LogRecord) -> bool:
    broken_off = record.getMessage() == "Error closing cursor"  # of a connection that an interrupt ended
    return not broken_off and not (record.exc_info and record.exc_info[0] is KeyboardInterrupt)


def _check_sqlite_file(path: Path, create: bool) -> None:
    if not path.exists():
        if not create:
            raise InputError(f"{path} does not exist; give --storage, or `sentiment-search run` a study first")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot make the folder of {path}: {error.strerror}") from None
        return
    if not path.is_file():  # to open a pipe would be to wait for its other end
        kind = "a folder" if path.is_dir() else "no plain file"
        raise InputError(f"{path} is {kind}, not a database; give a file such as {DEFAULT_STORAGE}")
    if not os.access(path, os.W_OK):
        raise InputError(f"{path} is read-only; make it writable or give another --storage")
    # Only SQLite may look into the file: closing it as a plain file would drop the locks that this process has on it,
    # and a database without its locks can be damaged (sqlite.org/howtocorrupt.html, 2.2).
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=LOCK_SECONDS)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.DatabaseError as error:
        if is_full(error):
            raise
        if is_damaged(error):
            raise InputError(explained(error, str(path))) from None
        if "not a database" in str(error):
            raise InputError(f"{path} is not a SQLite database; give another --storage") from None
        raise InputError(f"{path} cannot be read: {error}") from None
    if not create:
        _refuse_foreign(tables, path)
    elif tables and not tables & OPTUNA_TABLES:  # a process that was killed may have made some of them only
        raise InputError(f"{path} is the database of something else; give another --storage")


def _refuse_foreign(tables: set[str], where: object) -> None:
    """Reading is no reason to add tables to a database that holds something else."""
    if not tables >= OPTUNA_TABLES:
        raise InputError(f"{where} holds no Optuna studies; give the --storage of a search")


def _tables(url: str, engine_kwargs: dict[str, Any]) -> set[str]:
    engine = sqlalchemy.create_engine(url, **engine_kwargs)
    try:
        return set(sqlalchemy.inspect(engine).get_table_names())
    finally:
        engine.dispose()


def _parsed(url: str) -> sqlalchemy.URL:
    """Of one that cannot be read nothing is shown, since nobody can tell where in it a password is."""
    try:
        parsed = sqlalchemy.make_url(url)
    except (ArgumentError, ValueError):
        raise InputError(
            "the storage's URL cannot be read (it is not shown, a password may be in it); give one such as "
            f"{DEFAULT_STORAGE} or postgresql://USER:PASSWORD@HOST/DATABASE"
        ) from None
    if parsed.host is not None and "@" in parsed.host + (parsed.database or ""):
        raise InputError("the storage's URL holds more than one @; write one that belongs to a password as %40")
    if "{" in url or "}" in url:
        raise InputError(
            "the storage's URL holds { or }, which Optuna would replace; in a password write %7B or %7D, and name a "
            "file otherwise"
        )
    return parsed


def shown(url: str) -> str:
    """A storage URL for people and files: without its password, and without what stands after `?`."""
    if url.startswith(SCHEME):
        return url if "@" not in url else f"{SCHEME}***"
    if not holds_secret(url):
        return url
    try:
        parsed = _parsed(url)
    except InputError:
        return "(a URL that cannot be read)"
    return parsed.set(query={}).render_as_string(hide_password=True) + ("?***" if parsed.query else "")


def holds_secret(url: str) -> bool:
    """Whether something in a storage URL should not be shown: a password, or what a driver may take for one."""
    if url.startswith(FROM_ENVIRONMENT):
        return url.startswith(FROM_ENVIRONMENT + HIDDEN)
    if url.startswith(SCHEME):
        return "@" in url
    try:
        parsed = _parsed(url)
    except InputError:
        return True
    return parsed.password is not None or bool(parsed.query)

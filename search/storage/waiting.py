"""A database on another machine is away at times: its server restarts, the way to it is cut. Whoever asks it waits.

What was asked for is asked for again, for some minutes, then the error is raised. An answer may have been lost on the
way, though what it answered was done: then it is done twice. What is written of a trial is the same after that, and who
claims one looks whether it has got two (`search.study.claims`).
"""

import math
import random
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import DBAPIError

from search.execution.interrupts import has_come

__all__ = ["WAIT_SECONDS", "asked_again", "is_away", "last_away", "wait_at_most", "waits"]

WAIT_SECONDS: Final = 300
"""For a server that restarts, or a network that is mended, while trials of hours are trained."""
LEAVE_SECONDS: Final = 5
"""The same once Ctrl-C came: who leaves waits no longer, and its trial is begun again by whoever comes."""
LONGEST_PAUSE: Final = 5.0

AWAY_STATES: Final = ("08", "57P", "53300", "40001", "40P01", "55P03")
"""How the codes of PostgreSQL begin that pass: no connection, shutdown and start, too many clients, locks."""
AWAY_WORDS: Final = ("starting up", "shutting down", "recovery", "too many", "connection slots")
"""In what PostgreSQL says to who may not connect now, which has no code yet. Another refusal, a password say, stays."""
AWAY_NUMBERS: Final = frozenset({1040, 1053, 1205, 1213, 2002, 2003, 2006, 2013, 2055})
"""The same of MySQL."""

BEHIND_PROXY: Final = ("stayed away", "raised during the commit")
"""In what a proxy tells of a database that it cannot reach: ours; and Optuna's, which says it of a full disk too."""

P = ParamSpec("P")
R = TypeVar("R")

LONG_SECONDS: Final = 5.0
"""A deadlock passes sooner; what takes longer kept others from the storage too."""

_here = threading.local()
_long_away = -math.inf
_most: float = WAIT_SECONDS


def asked_again() -> int:
    """How often this thread has asked for something again: what it asked for may since have been done twice."""
    return int(getattr(_here, "asked_again", 0))


def is_away(error: BaseException | None) -> bool:
    """Whether an error means that a database cannot be reached now, or had too much to do; not what it refuses."""
    while error is not None:
        if isinstance(error, DBAPIError):
            return error.connection_invalidated or _has_passing_code(error.orig)
        if (code := getattr(error, "code", None)) is not None and callable(code):  # of gRPC, which may not be installed
            name, details = getattr(code(), "name", ""), str(getattr(error, "details", lambda: "")())
            # The proxy is there, and the database behind it is not.
            return name in ("UNAVAILABLE", "DEADLINE_EXCEEDED") or any(words in details for words in BEHIND_PROXY)
        error = error.__cause__ or error.__context__
    return False


def _has_passing_code(error: BaseException | None) -> bool:
    state = getattr(error, "sqlstate", False)
    if state is None:  # of psycopg, which has none before it is connected
        if not any(kind.__name__ == "OperationalError" for kind in type(error).__mro__):  # a timeout is one, too
            return False
        return "FATAL" not in str(error) or any(words in str(error) for words in AWAY_WORDS)
    if state:
        return str(state).startswith(AWAY_STATES)
    return bool(error is not None and error.args and error.args[0] in AWAY_NUMBERS)


def last_away() -> float:
    """When this process last found that the storage had been away for long, by its monotonic clock."""
    return _long_away


def wait_at_most(seconds: float) -> None:
    """In this process, from now on: who serves others lets them wait for themselves."""
    global _most
    _most = seconds


def waits(asked: Callable[P, R]) -> Callable[P, R]:
    """The same, asked for again while the database is away.

    Raises:
        StorageInternalError: it stayed away.
    """

    @wraps(asked)
    def patiently(*args: P.args, **kwargs: P.kwargs) -> R:
        began = time.monotonic()
        for pause in _pauses():
            try:
                return asked(*args, **kwargs)
            except Exception as error:
                if not is_away(error):
                    raise
                if time.monotonic() - began > LONG_SECONDS:
                    _note_long_away()
                if time.monotonic() - began > (LEAVE_SECONDS if has_come() else _most):
                    raise StorageInternalError("the database stayed away") from error
                if pause > 1:
                    warnings.warn(f"the database is away; waiting for it, up to {_most:.0f} s", stacklevel=2)
                _here.asked_again = asked_again() + 1
                time.sleep(pause)
        raise AssertionError

    return patiently


def _note_long_away() -> None:
    global _long_away
    _long_away = time.monotonic()


def _pauses() -> Iterator[float]:
    """Longer and longer, and of each process its own, so that they do not all come back at one moment."""
    pause = 0.1
    while True:
        yield pause * random.uniform(0.5, 1.5)
        pause = min(2 * pause, LONGEST_PAUSE)

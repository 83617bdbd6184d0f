"""How the program speaks: answers on standard output, everything else on standard error, in lines that tell a reader
what to do and a terminal nothing.

Whatever is printed passes through here, so no label, name or error message reaches the terminal as it is. A terminal
gets bold heads and coloured warnings from `rich`, a file or a pipe the same characters plain.
"""

import logging
import os
import sqlite3
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, TextIO

from sentiment.errors import NO_SPACE
from sentiment.foreign import as_json, one_line, visible

if TYPE_CHECKING:
    from rich.status import Status

__all__ = [
    "doing",
    "explained",
    "is_damaged",
    "is_full",
    "moves_cursor",
    "say",
    "show",
    "show_json",
    "tell_in_one_line",
    "width",
]

LAYOUT: Final = "\n\t"
"""What the program's own lines and tables are made with."""

SPINNER: Final = 6
"""Columns of a line that says what is done: what turns before it, and what Ctrl-C shows behind it."""

DATABASE_FULL: Final = ("database or disk is full", "disk I/O error", "No space left on device")
DATABASE_DAMAGED: Final = ("database disk image is malformed", "malformed database schema")
DELETED: Final = (("Record does not exist.",), ())
"""What Optuna's KeyErrors say of a study or trial that is not there; through its proxy they say nothing."""
SHOWS_WHERE: Final = "(SENTIMENT_SEARCH_TRACEBACK=1 shows where)"
KEPT: Final = "all that was finished is kept"
GO_ON: Final = f"free some space, then give the same command again: {KEPT}"
BUCKET: Final = "s3://"
"""What the name of a file in a bucket begins with."""


def show(text: str) -> None:
    """The answer."""
    doing(None)
    _print(text, stderr=False)


def width() -> int | None:
    """Columns of the terminal that the answer goes to; None where it goes to none, and tables are whole."""
    from sentiment.terminal import columns_of

    return columns_of(sys.stdout)


def moves_cursor(stream: TextIO | None) -> bool:
    """Whether what is written there may move the cursor: on a terminal that is not dumb."""
    return stream is not None and stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")


_now: list["Status"] = []
"""The line that says what is done now. There is one at most, since there is one terminal."""


def doing(what: str | None) -> None:
    """Say on a terminal what takes a while, until another thing is done, the answer is shown or the command ends; the
    line leaves nothing behind, and where nobody looks there is none.

    Args:
        what: in a few words, such as "Reading reviews.csv"; None: nothing any more.
    """
    while _now:
        _now.pop().stop()
    if what is None or not moves_cursor(sys.stderr):
        return
    from rich.text import Text

    from sentiment.terminal import clip, columns_of, screen

    said = clip(f"{one_line(what)} ...", (columns_of(sys.stderr) or 0) - SPINNER)
    _now.append(screen(stderr=True).status(Text(said), refresh_per_second=4))
    _now[0].start()


def show_json(value: Any, indent: int | None = 1) -> None:
    """The answer for a program."""
    doing(None)
    print(as_json(value, indent))


def say(text: str, style: str = "") -> None:
    """Whatever is not the answer, on a terminal in a style of `rich`."""
    _print(text, stderr=True, style=style)


def _print(text: str, *, stderr: bool, style: str = "") -> None:
    shown, stream = visible(text, keep=LAYOUT), sys.stderr if stderr else sys.stdout
    if stream is None or not stream.isatty():
        print(shown, file=stream, flush=stderr)
        return
    from sentiment.terminal import columns_of, draw  # here, since `--help` has no use for it

    columns = columns_of(stream)
    assert columns is not None
    draw(shown, style, stderr=stderr, width=columns)


def tell_in_one_line(storage: Callable[[], str]) -> Callable[..., None]:
    """From now on, what libraries warn of, log, or lose in a thread or a finalizer is told without the code that it
    came from.

    Args:
        storage: gives the URL of the database, without its password, when something is told of it.

    Returns:
        What tells it, as a warning unless a style is given: the same trouble, met in several threads, once.
    """
    told: set[str] = set()

    def tell(message: object, style: str = "yellow") -> None:
        line = f"sentiment-search: {one_line(' '.join(str(message).split()))}"
        if line not in told:
            say(line, style)
        told.add(line)

    class Teller(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = record.exc_info[1] if record.exc_info else None
            tell(record.getMessage() if error is None else explained(error, storage()))

    def lost_in_a_thread(lost: threading.ExceptHookArgs) -> None:
        if lost.exc_value is not None:
            tell(explained(lost.exc_value, storage()))

    def lost_in_a_finalizer(lost: Any) -> None:
        # An interrupt that comes there ends the work all the same (`search.execution.interrupts.Interrupts`).
        if lost.exc_value is not None and not isinstance(lost.exc_value, KeyboardInterrupt):
            tell(explained(lost.exc_value, storage()))

    warnings.showwarning = lambda message, *_, **__: tell(message)
    logging.lastResort = Teller(logging.WARNING)
    threading.excepthook = lost_in_a_thread
    sys.unraisablehook = lost_in_a_finalizer
    return tell


def explained(error: BaseException, storage: str) -> str:
    """What went wrong, where and what to do about it, of an error that is no `InputError`.

    Args:
        error: what was raised.
        storage: the URL of the database, without its password.
    """
    for link in _chain(error):
        if isinstance(link, KeyError) and link.args in DELETED:
            return one_line(f"the study was deleted from the database {storage} while this command used it")
        if isinstance(link, OSError) and link.errno in NO_SPACE:
            where = f"for {link.filename}" if link.filename else "on the device"
            return one_line(f"no space is left {where}; {GO_ON}")
        if isinstance(link, OSError) and str(link.filename or "").startswith(BUCKET):
            return one_line(f"{link.filename}: {link.strerror}; then give the same command again: {KEPT}")
        told = _told_by_database(link)
        if told is not None and any(words in told for words in DATABASE_FULL):
            return one_line(f"the database {storage} cannot be written ({told}); {GO_ON}")
        if told is not None and any(words in told for words in DATABASE_DAMAGED):
            return one_line(f"the database {storage} is damaged ({told}); restore a copy, or give another --storage")
        if told is not None:
            return one_line(f"the database {storage}: {told} {SHOWS_WHERE}")
    return one_line(f"{type(error).__name__}: {' '.join(str(error).split())} {SHOWS_WHERE}")


def _told_by_database(error: BaseException) -> str | None:
    """What a database said, where its driver raised the error, or SQLAlchemy only wraps it."""
    told = getattr(error, "orig", None) or (error if isinstance(error, sqlite3.Error) else None)
    return None if told is None else " ".join(str(told).split())


def is_full(error: BaseException) -> bool:
    """Whether an error came of a database that there was no room for: a right request, which may be made again."""
    return _told_any(error, DATABASE_FULL)


def is_damaged(error: BaseException) -> bool:
    """Whether an error came of a database that holds what is none."""
    return _told_any(error, DATABASE_DAMAGED)


def _told_any(error: BaseException, words: Sequence[str]) -> bool:
    told = [told for link in _chain(error) if (told := _told_by_database(link))]
    return any(word in line for line in told for word in words)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and those that it came of: Optuna wraps the database's, or trips over the trial that it left."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__

"""How a command is answered: what goes wrong becomes one line and an exit status.

Exit status: 0 done, 1 the work failed, 2 the request was wrong, 130 interrupted (everything is kept); one line says
why.
"""

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from io import TextIOWrapper
from typing import Final

from search.cli.arguments import parse
from search.cli.asked import shown_storage
from search.console import doing, explained, say, tell_in_one_line
from sentiment.errors import InputError
from sentiment.foreign import one_line

__all__ = ["answer", "fail", "killed_by", "status_of"]

NO_SUCH_PLACE: Final = (
    *(errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST),
    *(errno.ELOOP, errno.EROFS, errno.EACCES, errno.EPERM),
)
"""A path that cannot be used is a wrong request, whoever tried to use it."""


INTERRUPTED: Final = "interrupted; everything that was finished is kept"


def answer(arguments: Sequence[str] | None, commands: Mapping[str, Callable[[argparse.Namespace], int]]) -> int:
    """Run one of the commands and return its exit status."""
    if sys.stderr is None:  # closed: what is written there would go to standard output, or into the next opened file
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    parsed = parse(arguments)
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that has no 좋 shall not end the work
    # A polite kill (a batch system's, a shutdown's) keeps as much as Ctrl-C does.
    on_interrupt = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGTERM, on_interrupt if callable(on_interrupt) else signal.default_int_handler)
    return status_of(lambda: commands[parsed.command](parsed), lambda: shown_storage(parsed))


def status_of(work: Callable[[], int], storage: Callable[[], str]) -> int:
    """Do the work and return its exit status; `storage` gives the database's URL, without its password."""
    tell = tell_in_one_line(storage)
    try:
        status = work()
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a full disk or a reader that has left can still be answered for
        return status
    except InputError as error:
        return fail(str(error), 2)
    except KeyboardInterrupt:
        return fail(INTERRUPTED, 130)
    except BrokenPipeError:  # `... | head`: nobody reads on
        _discard_unwritable_output()
        return 1
    except Exception as error:
        if isinstance(error.__cause__, KeyboardInterrupt):  # Python wraps one that comes while a class is made
            return fail(INTERRUPTED, 130)
        if os.environ.get("SENTIMENT_SEARCH_TRACEBACK"):
            raise
        if isinstance(error, OSError) and error.filename and error.errno in NO_SUCH_PLACE:
            return fail(one_line(f"{error.filename}: {error.strerror}; give another path"), 2)
        tell(explained(error, storage()), style="red")
        _discard_unwritable_output()
        return 1
    finally:
        doing(None)


def killed_by(launcher: str | None) -> str:
    """What is known of the end of workers, by who started them."""
    if launcher == "ray":
        return "a process or a node of the Ray cluster was lost, which Ray's own logs tell more of"
    return "the system does so when memory runs out (fewer --workers need less)"


def fail(reason: str, status: int) -> int:
    """Say what went wrong; the exit status comes back."""
    doing(None)
    say(f"sentiment-search: {reason}", style="red")
    _discard_unwritable_output()
    return status


def _discard_unwritable_output() -> None:
    """What cannot be written now, the interpreter would try to write again as it ends, and complain in its own way."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

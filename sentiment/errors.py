"""The one error that says: not the program, the request is wrong; and what most often is."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sentiment.foreign import one_line

__all__ = ["NO_SPACE", "InputError", "MissingExtraError", "naming", "refuse_unless_whole"]


NO_SPACE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Of an OSError: the request was right and may be made again once there is room."""


class InputError(ValueError):
    """What was asked for cannot be done: a wrong file, column, name or value.

    ``str(error)`` is one line that says what is wrong, where, and what to do. The command line prints it
    and exits with 2. What it repeats of a file or a name may hold anything; it stays one line all the same.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class MissingExtraError(InputError):
    """What was asked for needs an optional package, which the message names; nothing is wrong with the files."""


def refuse_unless_whole(name: str, value: object, low: int, high: int | None = None) -> None:
    """Refuses what is no whole number from `low` to `high` (None: any above); true is none, though Python counts it.

    Raises:
        InputError: it is none; the message begins with `name`.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise InputError(f"{name} is {value!r}; it must be a whole number, {low} or more")
    if high is not None and value > high:
        raise InputError(f"{name} is {value!r}; it must not be more than {high}")


@contextmanager
def naming(start: str) -> Iterator[None]:
    """Begin the message of an `InputError` with what it is about, such as "reviews.toml: "."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{start}{error}") from None

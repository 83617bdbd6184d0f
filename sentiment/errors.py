"""The one error that says: not the program, the request is wrong; and what most often is."""

from typing import Final

__all__ = ["InputError", "refuse_unless_whole"]

LONGEST: Final = 1000
"""Characters of a message at most; a longer one loses its middle, where it repeats what it was given."""


class InputError(ValueError):
    """What was asked for cannot be done: a wrong file, column, name or value.

    ``str(error)`` is one line that says what is wrong, where, and what to do. The command line prints it
    and exits with 2. What it repeats of a file or a name may hold anything; it stays one line all the same.
    """

    def __init__(self, message: str) -> None:
        if len(message) > LONGEST:
            message = f"{message[: LONGEST // 2]} ... {message[-LONGEST // 2 :]}"
        super().__init__(message if message.isprintable() else "".join(map(_printable, message)))


def _printable(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]


def refuse_unless_whole(name: str, value: object, low: int, high: int | None = None) -> None:
    """Refuses what is no whole number from `low` to `high` (None: any above); true is none, though Python counts it.

    Raises:
        InputError: it is none; the message begins with `name`.
    """
    if isinstance(value, int) and not isinstance(value, bool) and low <= value and (high is None or value <= high):
        return
    allowed = f", {low} or more" if high is None else f" from {low} to {high}"
    raise InputError(f"{name} is {value!r}; it must be a whole number{allowed}")

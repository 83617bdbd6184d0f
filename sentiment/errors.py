"""The one error that says: not the program, the request is wrong."""

from typing import Final

__all__ = ["InputError"]

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

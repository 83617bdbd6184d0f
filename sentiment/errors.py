"""The one error that says: not the program, the request is wrong."""

__all__ = ["InputError"]


class InputError(ValueError):
    """What was asked for cannot be done: a wrong file, column, name or value.

    ``str(error)`` is one line that says what is wrong, where, and what to do. The command line prints it
    and exits with 2.
    """

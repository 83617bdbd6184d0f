"""A text that is drawn over itself while somebody watches."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.live import Live
from rich.text import Text

from sentiment.foreign import visible
from sentiment.terminal import columns_of, fitted, screen

__all__ = ["redrawn"]


@contextmanager
def redrawn() -> Iterator[Callable[[str], None]]:
    """What draws a text in place of the one before; at the end nothing of it is left. In a file or a pipe it draws
    nothing, since there each would stand below the other.
    """
    if sys.stdout is None or not sys.stdout.isatty():
        yield lambda text: None
        return
    with Live(console=screen(stderr=False), auto_refresh=False, transient=True) as live:
        yield lambda text: live.update(_drawn(text), refresh=True)


def _drawn(text: str) -> Text:
    shown, columns = visible(text, keep="\n\t"), columns_of(sys.stdout)
    return Text(shown if columns is None else fitted(shown, columns))

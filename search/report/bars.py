"""Bars on a terminal: one line each, never wider than the terminal, and nothing is left of them in the end.

Nothing at all where nobody looks (a file, a pipe), or where the cursor cannot be moved (`TERM=dumb`).
"""

import sys
import time
from collections.abc import Iterable
from typing import Final

from rich.progress import Progress, Task
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from search.console import doing, moves_cursor
from sentiment.terminal import clip, screen

__all__ = ["Bars", "Pace", "duration"]

BARS: Final = ((100, 16), (72, 8))
"""A terminal of at least so many columns, and how many a bar has there; in a narrower one there is none, only what
stands beside it."""
LEAST_DONE: Final = 0.5
"""Trainings that must be done before it is said how long the others take."""
MARGIN: Final = 4
"""Columns that stay free: Ctrl-C shows as ^C behind the last line, and must not begin another."""


class Bars(Progress):
    """A line for each task that is visible: a bar, and its description, which tells all there is to tell."""

    def __init__(self) -> None:
        self._screen = screen(stderr=True)
        super().__init__(
            console=self._screen,
            refresh_per_second=2,  # each takes two milliseconds from the training
            transient=True,
            redirect_stdout=False,  # an answer would go to standard error
            disable=not moves_cursor(sys.stderr),
        )

    def start(self) -> None:
        """In the place of what was said to be done until now."""
        doing(None)
        super().start()

    def make_tasks_table(self, tasks: Iterable[Task]) -> Table:
        """As `rich` asks for what it draws."""
        room = self._screen.width - MARGIN
        width = next((bar for least, bar in BARS if self._screen.width >= least), 0)
        table = Table.grid(padding=(0, 1, 0, 0))
        for task in tasks:
            if not task.visible:
                continue
            text = Text(clip(task.description, max(MARGIN, room - (width + 1 if width else 0))))
            bar = ProgressBar(total=task.total, completed=task.completed, width=width, animation_time=task.get_time())
            table.add_row(*((bar, text) if width else (text,)))
        return table


class Pace:
    """How long the rest takes, if it goes on as it went: what is pruned early was quick, and so will others be."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._before = 0.0
        self._latest = 0.0

    def begin(self) -> None:
        """Something is trained now; what is there already says nothing of how fast that goes."""
        if self._began is None:
            self._began, self._before = time.monotonic(), self._latest

    def left(self, done: float, total: int) -> str:
        """To be put behind what is done, parts included; nothing while it is not known."""
        self._latest = done
        made = done - self._before
        if self._began is None or made < LEAST_DONE or done >= total:
            return ""
        return f", {duration((time.monotonic() - self._began) * (total - done) / made)} left"


def duration(seconds: float) -> str:
    """As a clock has it: minutes and seconds, hours before them where there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"

"""How a process listens to Ctrl-C."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final

__all__ = ["INTERRUPTS", "Interrupts", "has_come", "told_to_end"]

INTERRUPTS: Final = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and the polite kill of a batch system or a shutdown."""


class Interrupts:
    """Within it, the first Ctrl-C (or SIGTERM) raises KeyboardInterrupt, and further ones do nothing: what the first
    began to record is recorded. Parts in which it would do harm hold it back until they end.

    What came in an inner one has come in the outer one too. Does nothing where signals cannot be listened to: outside
    of the main thread.
    """

    def __init__(self, *, held: bool = False) -> None:
        """`held`: all are held back, but for what is done in `let_through`."""
        self._handlers: dict[int, Any] = {}
        self._raised = self._came = self._first_was_a_kill = False
        self._held = held

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            self._handlers = {name: signal.signal(name, self._on_interrupt) for name in INTERRUPTS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held = True
        for name, handler in self._handlers.items():
            signal.signal(name, handler)
        due = self._came and not self._raised and kind is None
        self._raised |= due
        outer = getattr(self._handlers.get(signal.SIGINT), "__self__", None)
        if isinstance(outer, Interrupts):
            outer._first_was_a_kill |= self._first_was_a_kill and not outer._came
            outer._came |= self._came
            outer._raised |= self._raised
        if due:
            raise KeyboardInterrupt

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """What is done here is done whole."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        self._raise_if_due()

    @contextmanager
    def let_through(self) -> Iterator[None]:
        """Only here does one raise, where all are held back; one that came before raises at once.

        Raises:
            KeyboardInterrupt: one came.
        """
        self._held = False
        try:
            self.raise_if_any_came()
            yield
        finally:
            self._held = True

    def raise_if_any_came(self) -> None:
        """Where nothing is to be recorded: an interrupt raised in a finalizer of some library is lost there.

        Raises:
            KeyboardInterrupt: one came.
        """
        if self._came:
            self._raised = True
            raise KeyboardInterrupt

    def _on_interrupt(self, number: int, frame: Any) -> None:
        self._first_was_a_kill |= number == signal.SIGTERM and not self._came
        self._came = True
        if not self._held:
            self._raise_if_due()

    def _raise_if_due(self) -> None:
        if self._came and not self._raised:
            self._raised = True
            raise KeyboardInterrupt


def has_come() -> bool:
    """Whether one came and the work at hand, whatever it is, shall end."""
    listening = _listening()
    return listening is not None and listening._came


def told_to_end() -> bool:
    """Whether SIGTERM came to this process, and first: somebody wants this process to end. Who interrupts all that it
    started sends them SIGINT, as a terminal does.
    """
    listening = _listening()
    return listening is not None and listening._first_was_a_kill


def _listening() -> Interrupts | None:
    found = getattr(signal.getsignal(signal.SIGINT), "__self__", None)
    return found if isinstance(found, Interrupts) else None

"""How the processes of a search are started, and when they leave.

Where the system can, they are forked from one process that has read the libraries and done nothing else, so they begin
at once and share its memory; forking one that has used torch's threads could hang. Ctrl-C waits while they start, and
when their parent is killed, they end too.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Final

__all__ = ["LOST_SERVER", "Interrupts", "context", "enter", "interrupt", "interrupts_held_back"]

INTERRUPTS: Final = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and the polite kill of a batch system or a shutdown."""

LOST_SERVER: Final = (EOFError, ConnectionError)
"""As which it shows, where processes are started, that the one they are forked from was killed."""


def context() -> ForkServerContext | SpawnContext:
    """Makes processes, pools and queues."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(["search.cli.preloaded"])
    return made


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Ctrl-C, or SIGTERM, waits for the end of the block, and in processes started in it until they `enter`.

    One that came between a process and its entry in a pool would leave it behind; one amidst its imports would show
    them all.

    Raises:
        KeyboardInterrupt: at the end, if one came that is not ignored otherwise.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # which would let the signal through again, did it start in the block
    came: list[int] = []
    # The mask is for the new processes; here another thread may be given the signal all the same.
    handlers = [signal.signal(name, lambda number, frame: came.append(number)) for name in INTERRUPTS]
    signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
        for name, handler in zip(INTERRUPTS, handlers, strict=True):
            signal.signal(name, handler)
    if came:
        _raise_by(handlers[0], came[0])


def _raise_by(handler: Any, number: int) -> None:
    """What the interrupt would have done, had it not been held back."""
    if callable(handler):
        handler(number, None)


class Interrupts:
    """Within it, the first Ctrl-C (or SIGTERM) raises KeyboardInterrupt, and further ones do nothing: what the first
    began to record is recorded. Parts in which it would do harm hold it back until they end.

    Does nothing where signals cannot be listened to: outside of the main thread.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Any] = {}
        self._held = self._raised = self._came = False

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            self._handlers = {name: signal.signal(name, self._on_interrupt) for name in INTERRUPTS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, handler in self._handlers.items():
            # A worker listens to one interrupt in its life, and this was it.
            signal.signal(name, _ignore if self._came and handler is _interrupt_once else handler)
        if kind is None:
            self._raise_if_due()

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """What is done here is done whole."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        self._raise_if_due()

    def raise_if_any_came(self) -> None:
        """Where nothing is to be recorded: an interrupt raised in a finalizer of some library is lost there.

        Raises:
            KeyboardInterrupt: one came.
        """
        if self._came:
            self._raised = True
            raise KeyboardInterrupt

    def _on_interrupt(self, number: int, frame: Any) -> None:
        self._came = True
        if not self._held:
            self._raise_if_due()

    def _raise_if_due(self) -> None:
        if self._came and not self._raised:
            self._raised = True
            raise KeyboardInterrupt


def _interrupt_once(number: int, frame: Any) -> None:
    """Ctrl-C comes from the terminal and again from the parent: the second would break off what the first began."""
    for name in INTERRUPTS:
        signal.signal(name, _ignore)
    raise KeyboardInterrupt


def _ignore(number: int, frame: Any) -> None:
    """Not SIG_IGN: Python reports one that is on its way then."""


def enter(on_interrupt: Callable[[int, Any], Any] = _interrupt_once) -> None:
    """The first thing a process does that was started here: it listens to Ctrl-C, and leaves with its parent."""
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    for name in INTERRUPTS:
        signal.signal(name, on_interrupt)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)


def interrupt(process: BaseProcess) -> None:
    """Sends Ctrl-C to a process, if it still runs: a terminal sends it to all, a script's kill to the parent alone."""
    if process.is_alive() and process.pid is not None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGINT)


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

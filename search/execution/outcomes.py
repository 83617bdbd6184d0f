"""What came of a job, in a form that travels from whoever did it to whoever asked for it."""

from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from traceback import format_exception
from typing import Any

from search.execution.contract import WorkerLost
from search.execution.interrupts import Interrupts, told_to_end

__all__ = ["as_sent", "outcome_of"]


def outcome_of(job: Callable[[Any], Any], shared: Any, interrupts: Interrupts) -> tuple[Any, BaseException | None]:
    """What the job returned, or raised; only while it runs are interrupts let through.

    A worker that was told to end (`kill`, a watch over memory) is lost like one that was killed: whoever asked has not
    been told to end, and goes on without it, or is told so itself.
    """
    try:
        with interrupts.let_through():
            return job(shared), None
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and told_to_end():
            return WorkerLost("a worker was told to end"), None
        error.add_note("".join(format_exception(error)))
        return None, error


def as_sent(outcome: tuple[Any, BaseException | None]) -> bytes:
    """That, pickled, if the other side can make the same of it; else an error that says so."""
    try:
        content = bytes(ForkingPickler.dumps(outcome))
        ForkingPickler.loads(content)
        return content
    except Exception as error:
        told = RuntimeError(f"{outcome[1] or type(outcome[0])} cannot be sent: {error}")
        return bytes(ForkingPickler.dumps((None, told)))

"""The commands, by name. Each has a file of its own."""

from collections.abc import Sequence
from typing import Final

from search.cli import (
    compare,
    dashboard,
    delete,
    evaluate,
    export,
    inspect,
    predict,
    replay,
    report,
    run,
    storage,
    studies,
    worker,
)
from search.cli.answer import answer
from search.cli.hidden import hide_passwords

__all__ = ["main"]

COMMANDS: Final = {
    "run": run.command,
    "compare": compare.command,
    "worker": worker.command,
    "studies": studies.command,
    "report": report.command,
    "export": export.command,
    "predict": predict.command,
    "evaluate": evaluate.command,
    "replay": replay.command,
    "inspect": inspect.command,
    "delete": delete.command,
    "storage": storage.command,
    "dashboard": dashboard.command,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    if arguments is None:
        hide_passwords()
    return answer(arguments, COMMANDS)

"""The real dashboard, as a process of its own."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.program import start

__all__ = ["begun", "served"]


def begun(folder: Path, url: str, artifacts: Path) -> tuple["subprocess.Popen[str]", str]:
    """The program, once it answers, and its address; the storage is in its environment, where a password belongs."""
    process = start(folder, "dashboard", "--port", 0, "--artifacts", artifacts, storage=url, restore_signals=True)
    assert process.stderr is not None
    line = process.stderr.readline()
    if not line.endswith("/  (Ctrl-C ends it)\n"):
        process.kill()
        raise AssertionError(line + process.stderr.read())
    return process, line.split()[0].rstrip("/")


@contextmanager
def served(folder: Path, url: str, artifacts: Path) -> Iterator[str]:
    """Its address, once it answers; `folder` is where it is started."""
    process, address = begun(folder, url, artifacts)
    reader = threading.Thread(target=process.communicate, daemon=True)  # of what it may have to say
    reader.start()
    try:
        yield address
    finally:
        process.kill()
        reader.join()

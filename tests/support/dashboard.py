"""The real dashboard, as a process of its own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.program import start

__all__ = ["served"]


@contextmanager
def served(folder: Path, url: str, artifacts: Path) -> Iterator[str]:
    """Its address, once it answers; `folder` is where it is started."""
    process = start(folder, "dashboard", "--port", 0, "--artifacts", artifacts, storage=url)
    assert process.stderr is not None
    address = process.stderr.readline().split()[0].rstrip("/")
    reader = threading.Thread(target=process.communicate, daemon=True)  # of what it may have to say
    reader.start()
    yield address
    process.kill()
    reader.join()

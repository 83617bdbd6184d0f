"""Which control groups this process is in: those of a container, a batch job or a service, whose limits are ours too.

Linux has two kinds, and a machine may have both: version 1 with a tree for each controller, version 2 with one for all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["ROOT", "Group", "groups", "read"]

ROOT: Final = Path("/")


@dataclass(frozen=True)
class Group:
    """One that limits this process: its own, or one above it."""

    folder: Path
    version: int
    """1 or 2: what its files are called."""

    def number(self, name: str) -> int | None:
        """What a file of it says; None if there is none, or no number in it, as where there is no limit."""
        found = read(self.folder / name).strip()
        return int(found) if found.isdigit() else None


def groups(controller: str, root: Path = ROOT) -> Iterator[Group]:
    """Those of a controller ("cpu", "memory") that this process is in, the outer ones too; none where there are none.

    Args:
        controller: its name in version 1.
        root: where /proc and /sys are.
    """
    for line in read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        mounted, version = root / "sys/fs/cgroup", 2
        if controllers:
            if controller not in controllers.split(","):
                continue
            named = (mounted / controller, mounted / controllers)  # the first is a link to the second, where it is made
            mounted, version = next((folder for folder in named if folder.is_dir()), named[0]), 1
        own = mounted / path.strip("/")
        # In a container the path is often that of the host: what is mounted is then the group itself.
        for folder in (own, *own.parents) if own.is_dir() else (mounted,):
            if not folder.is_relative_to(mounted):
                break
            yield Group(folder, version)


def read(path: Path) -> str:
    """Of a file that the system may not have: then nothing."""
    try:
        return path.read_text("utf-8")
    except OSError:
        return ""

"""How much memory there is for a worker, as far as this machine says: what is free now, and what there can ever be.

Linux says what it has (`/proc/meminfo`) and what a container may have (`control_groups`); a GPU says its own. Where
nobody says anything, nothing is known, and nothing is refused.
"""

from pathlib import Path
from typing import Final

from search.execution.control_groups import ROOT, Group, groups, read

__all__ = ["free_bytes", "most_bytes"]

NO_LIMIT: Final = 1 << 60
"""What version 1 says of a group that may have all is about 2^63."""

LIMIT: Final = {1: "memory.limit_in_bytes", 2: "memory.max"}
USED: Final = {1: "memory.usage_in_bytes", 2: "memory.current"}
GIVEN_BACK: Final = {
    1: ("total_inactive_file", "total_active_file"),
    2: ("inactive_file", "active_file", "slab_reclaimable"),
}
"""Of `memory.stat`: what is cached of files. It counts as used, but the kernel gives it up before it ends a process."""


def free_bytes(root: Path = ROOT) -> int | None:
    """Bytes that this process may still take, at this moment; None where nobody can tell. /proc and /sys are below
    `root`."""
    return _least(_of_machine("MemAvailable", root), *(_left(group) for group in groups("memory", root)))


def most_bytes(device: str = "cpu", root: Path = ROOT) -> int | None:
    """Bytes that no process can have more of on `device`, a torch device, whoever else is there: so it is the same at
    any moment. None where nobody can tell. /proc and /sys are below `root`."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(device)[1])
    if device != "cpu":
        return None
    return _least(_of_machine("MemTotal", root), *(_limit(group) for group in groups("memory", root)))


def _least(*known: int | None) -> int | None:
    return min((number for number in known if number is not None), default=None)


def _of_machine(name: str, root: Path) -> int | None:
    for line in read(root / "proc/meminfo").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return None


def _limit(group: Group) -> int | None:
    limit = group.number(LIMIT[group.version])
    return None if limit is None or limit >= NO_LIMIT else limit


def _left(group: Group) -> int | None:
    limit, used = _limit(group), group.number(USED[group.version])
    if limit is None or used is None:
        return None
    return min(limit, max(0, limit - used + _given_back(group)))


def _given_back(group: Group) -> int:
    said = (line.split() for line in read(group.folder / "memory.stat").splitlines())
    return sum(int(words[1]) for words in said if words[0] in GIVEN_BACK[group.version])

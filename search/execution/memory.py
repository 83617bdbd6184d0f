"""How much memory is free for a worker, as far as this machine says.

Linux says what it has left (`/proc/meminfo`) and what a container may have (cgroups, versions 1 and 2); a GPU says its
own. Where nobody says anything, nothing is known, and nothing is refused.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["free_bytes"]

ROOT: Final = Path("/")
NO_LIMIT: Final = 1 << 60
"""What version 1 says of a group that may have all is about 2^63."""


def free_bytes(device: str = "cpu", root: Path = ROOT) -> int | None:
    """Bytes that this process may still take on `device`; None where nobody can tell.

    Args:
        device: a torch device. What its own cache holds of a GPU counts as free.
        root: where /proc and /sys are.
    """
    if device.startswith("cuda"):
        import torch

        free, _ = torch.cuda.mem_get_info(device)
        return int(free) + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device != "cpu":
        return None
    return min((left for left in (_of_machine(root), *_of_groups(root)) if left is not None), default=None)


def _of_machine(root: Path) -> int | None:
    for line in _read(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _of_groups(root: Path) -> Iterator[int | None]:
    """What is left to each of the groups that this process is in, the outer ones too."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        mounted = root / "sys/fs/cgroup"
        if controllers == "":
            limit, usage, inactive = "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            mounted, limit, usage = mounted / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"
            inactive = "total_inactive_file"
        else:
            continue
        own = mounted / path.strip("/")
        # In a container the path is often that of the host: what is mounted is then the group itself.
        for group in (own, *own.parents) if own.is_dir() else (mounted,):
            if not group.is_relative_to(mounted):
                break
            most, used = _read(group / limit).strip(), _read(group / usage).strip()
            if most.isdigit() and used.isdigit() and int(most) < NO_LIMIT:
                yield max(0, int(most) - int(used) + _reclaimable(group, inactive))


def _reclaimable(group: Path, name: str) -> int:
    """Pages of files that nobody has read lately: the kernel gives them up before it ends a process."""
    for line in _read(group / "memory.stat").splitlines():
        if line.startswith(f"{name} "):
            return int(line.split()[1])
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError:
        return ""

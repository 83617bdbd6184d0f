"""What this machine has to share out among workers: cores, memory, GPUs, within the limits of the container or the
batch job that we are in."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from search.execution.memory import free_bytes

__all__ = ["cores", "gpu_of", "shared_out", "threads_each", "workers_for"]

GIB: Final = 2**30
WORKER_BYTES: Final = 2 * GIB
"""What a worker needs where nothing else is known: torch, the reviews, a small network and its batches."""

CGROUPS: Final = Path("/sys/fs/cgroup")
MEMBERSHIP: Final = Path("/proc/self/cgroup")


def cores() -> int:
    """CPU cores that this process may use: those that it is bound to, and no more than its control group's quota."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([bound, *(int(quota) for quota in _quotas(_groups()))]))


def workers_for(free: int | None, cores: int, gpus: int) -> int:
    """How many workers suit a machine: one for each GPU, or else for each core, as far as the memory reaches."""
    return max(1, min(gpus or cores, cores if free is None else free // WORKER_BYTES))


def threads_each(workers: int) -> int:
    """Of each of so many workers of this machine."""
    return max(1, cores() // workers)


def gpu_of(worker: int, gpus: Sequence[str]) -> str | None:
    """The one that a worker sees, by turns; None if there are none to be shared out."""
    return gpus[worker % len(gpus)] if gpus else None


def shared_out(workers: int, threads: int, device: str, gpus: Sequence[str] = ()) -> str:
    """What each gets, in a line."""
    free, all_cores = free_bytes(), cores()
    each = f"{workers} worker{'s' * (workers > 1)} of {threads} thread{'s' * (threads > 1)}"
    line = f"{each} on {all_cores} core{'s' * (all_cores > 1)}"
    if free is not None:
        line += f", {free / workers / GIB:.1f} of {free / GIB:.1f} GiB of free memory each"
    return f"{line}, on {device}" + (f" ({len(gpus)} of them in turn)" if len(gpus) > 1 else "")


def _groups() -> list[Path]:
    """The control group of this process and those above it (version 2), which limit it too."""
    with suppress(OSError):
        for line in MEMBERSHIP.read_text().splitlines():
            if line.startswith("0::"):
                own = CGROUPS / line[3:].lstrip("/")
                return [own, *(parent for parent in own.parents if parent.is_relative_to(CGROUPS))]
    return []


def _quotas(groups: Sequence[Path]) -> list[float]:
    """Cores' worth of time that each may use, where it is limited."""
    found = []
    for group in groups:
        with suppress(OSError, ValueError):
            quota, period = (group / "cpu.max").read_text().split()
            found.append(int(quota) / int(period))  # "max" is no number: not limited
    return found

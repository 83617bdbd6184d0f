"""What this machine has to share out among workers: cores, memory, GPUs, within the limits of the container or the
batch job that we are in."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from search.execution.control_groups import ROOT, groups, read
from search.execution.memory import free_bytes

__all__ = ["cores", "gpu_of", "shared_out", "threads_each", "workers_for"]

GIB: Final = 2**30
WORKER_BYTES: Final = 2 * GIB
"""What a worker needs where nothing else is known: torch, the reviews, a small network and its batches."""


def cores(root: Path = ROOT) -> int:
    """CPU cores that this process may use: those that it is bound to, and no more than the quota of its control groups;
    `root` is where /proc and /sys are."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([bound, *(int(quota) for quota in _quotas(root))]))


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


def _quotas(root: Path) -> Iterator[float]:
    """Cores' worth of time that each of the groups may use, where it is limited."""
    for group in groups("cpu", root):
        if group.version == 2:
            quota, period = (read(group.folder / "cpu.max").split() or ("max", "0"))[:2]
        else:  # a quota of -1 is none
            quota, period = (read(group.folder / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period"))
        if quota.isdigit() and period.isdigit() and int(period) > 0:
            yield int(quota) / int(period)

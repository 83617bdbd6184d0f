"""What the arguments of several commands mean."""

import argparse
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.console import say
from sentiment.errors import InputError, refuse_unless_whole
from sentiment.foreign import visible

if TYPE_CHECKING:
    from search.comparison.stored import Whole

__all__ = [
    "classes_of",
    "device_for",
    "device_of",
    "executor_of",
    "local_processes",
    "make_folder",
    "only_study",
    "reading",
    "set_threads",
    "shown_storage",
    "study_of",
    "threads_of",
    "whole_called",
    "workers_of",
    "write_out",
]


def reading(args: argparse.Namespace) -> dict[str, Any]:
    """What is said of a file besides its columns."""
    return {"encoding": args.encoding} | ({} if args.max_bytes is None else {"max_bytes": args.max_bytes})


def study_of(args: argparse.Namespace) -> Any:
    """The study that is named, which must be there; or the only search, where none is."""
    from search.storage.databases import load_study, open_storage, storage_url

    storage = open_storage(storage_url(args.storage), create=False)
    return load_study(only_study(args, storage, searches_only=True), storage)


def only_study(args: argparse.Namespace, storage: Any, *, searches_only: bool = False) -> str:
    """The name that was given; or that of the only search or comparison in the storage, which is told.

    Raises:
        InputError: none is called so; or no name was given and there are several, which are named, or none.
    """
    if args.name is not None:
        return whole_called(args.name, storage).name
    from search.comparison.stored import wholes
    from search.storage.names import listed

    found = wholes(storage.get_all_studies())
    names = [whole.name for whole in found if not (searches_only and whole.is_comparison)]
    what = "search" if searches_only else "study"
    if len(names) == 1:
        say(f"{what.capitalize()} {visible(names[0])}, the only one there is.")
        return names[0]
    if not names:
        raise InputError(f"there is no {what} in the storage yet; a first one: sentiment-search run reviews.csv")
    raise InputError(f"give the NAME of one: the storage has {listed(names)}")


def whole_called(name: str, storage: Any) -> "Whole":
    """The search or comparison of that name.

    Raises:
        InputError: there is none, or it is a part of another.
    """
    from search.comparison.stored import wholes
    from search.storage.names import listed

    found = wholes(storage.get_all_studies())
    for whole in found:
        if whole.name == name:
            return whole
        if name in whole.names:
            raise InputError(f"study {name!r} is a part of comparison {whole.name!r}; give the name of that")
    named = listed(whole.name for whole in found)
    known = f"it has {named}" if found else "it has none yet; `sentiment-search run` makes one"
    raise InputError(f"there is no study {name!r} in the storage; {known}")


def shown_storage(parsed: argparse.Namespace) -> str:
    """The URL of the database, without its password; nothing for a command that needs none."""
    if hasattr(parsed, "target"):
        return "to copy from or to"
    if not hasattr(parsed, "storage"):
        return ""
    from search.storage.databases import shown, storage_url

    return shown(storage_url(parsed.storage))


def set_threads(threads: int) -> None:
    """Of torch, in this process."""
    from search.study.definition import MOST_THREADS

    refuse_unless_whole("threads", threads, 1, MOST_THREADS)
    import torch

    torch.set_num_threads(threads)


def workers_of(workers: int | str, device: str) -> int:
    """How many were asked for; auto is what this machine has room for."""
    if isinstance(workers, int):
        return workers
    from search.execution.machine import cores, workers_for
    from search.execution.memory import free_bytes

    return workers_for(free_bytes(), cores(), len(_gpus(device)) or int(device.startswith("cuda")))


def threads_of(args: argparse.Namespace, workers: int, threads: int | None) -> int:
    """Of each worker: as many as are asked for, or as there are cores for here; on a Ray cluster that is there already,
    whose machines are others, one."""
    from search.execution.machine import threads_each

    return threads or (1 if args.launcher == "ray" and _ray_address(args) else threads_each(workers))


def _ray_address(args: argparse.Namespace) -> str | None:
    """Of a cluster that is there already; None if one is started here."""
    address = args.ray_address or os.environ.get("RAY_ADDRESS")
    return None if address in (None, "", "local") else address


def executor_of(
    args: argparse.Namespace, workers: int, threads: int | None, device: str
) -> AbstractContextManager[Any]:
    """Where the work of a command runs, within `with`; `threads` each, or as `threads_of` says.

    Raises:
        InputError: it cannot run there.
    """
    from search.execution.machine import cores, shared_out

    threads = threads_of(args, workers, threads)
    if args.launcher != "ray":
        if workers > 1:
            say(shared_out(workers, threads, device, _gpus(device)) + ".")
        return nullcontext(local_processes(workers, _gpus(device)))
    from search.execution.ray_cluster import RayCluster
    from search.storage.databases import storage_url

    cluster = RayCluster(workers, cpus=threads, gpus=args.gpus or 0, address=_ray_address(args), cores=cores())
    if not cluster.is_own:
        each = f"{workers} worker{'s' * (workers > 1)} of {threads} thread{'s' * (threads > 1)}"
        say(f"{each} on the Ray cluster (--threads says how many), on {device}.")
    if not cluster.is_own and storage_url(args.storage).startswith("sqlite"):
        say(
            "The studies are in a SQLite file: workers on other machines than this one cannot share it, and a network "
            "drive may damage it; give --storage postgresql://... where the cluster has several."
        )
    return cluster


def local_processes(workers: int, gpus: Sequence[str] = ()) -> Any:
    """They share what they all need."""
    from search.execution.local_processes import LocalProcesses

    return LocalProcesses(workers, preload=["search.cli.preloaded"], gpus=gpus)


def _gpus(device: str) -> list[str]:
    """Those to be shared out, as CUDA_VISIBLE_DEVICES names them: all, if none is named."""
    if device != "cuda":
        return []
    import torch

    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return visible.split(",") if visible else [str(number) for number in range(torch.cuda.device_count())]


def device_for(args: argparse.Namespace) -> str:
    """The torch device that the work of a command runs on, where it runs; "cpu" if nothing is said.

    Where Ray places the workers on machines with GPUs, it shows each its own, as "cuda": this one need not have any.

    Raises:
        InputError: there is no such device, or the flags do not go together.
    """
    if args.launcher != "ray":
        for flag, given in (("--ray-address", args.ray_address), ("--gpus", args.gpus)):
            if given is not None:
                raise InputError(f"{flag} is for --launcher ray")
        return device_of(args.device)
    if args.gpus is not None and not (0 < args.gpus < 1 or (args.gpus >= 1 and args.gpus == int(args.gpus))):
        raise InputError(f"--gpus {args.gpus:g}: give a share such as 0.25, or a whole number")
    if args.device is not None and args.device.startswith("cuda:"):
        raise InputError(f"--device {args.device}: Ray shows each worker its own GPU, as cuda; give --device cuda")
    if args.gpus is None:
        return device_of(args.device)
    if args.device not in (None, "auto", "cuda"):
        raise InputError(f"--gpus {args.gpus:g} would reserve GPUs that --device {args.device} does not use; give one")
    return "cuda"


def device_of(name: str | None) -> str:
    """A torch device that works here; auto is the GPU, if there is one, and "cpu" is what nobody named."""
    if name is None:
        return "cpu"
    if name == "cpu":
        return name
    import torch

    device = ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
    try:
        torch.zeros(1, device=device).item()  # "meta" makes tensors, without numbers in them
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device {device!r} cannot be used here: {str(error).splitlines()[0]}") from None
    return device


def make_folder(folder: Path, flag: str) -> None:
    """With those above it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {folder}: {error.strerror}; give another {flag}") from None


def write_out(folder: Path, write: Callable[[Path], list[Path]]) -> None:
    """What `--out` asks for, by `write`, which gives the files written; they are told."""
    make_folder(folder, "--out")
    try:
        written = write(folder)
    except OSError as error:  # one that came of writing does not say where
        raise OSError(error.errno, error.strerror, str(folder)) from None
    say(f"Wrote {', '.join(path.name for path in written)} to {folder}")


def classes_of(text: str | None) -> str | dict[str, list[str]] | None:
    """A rule by its name, or a mapping: `negative=1,2 positive=4,5`."""
    if text is None or "=" not in text:
        return text
    mapping: dict[str, list[str]] = {}
    for part in text.split():
        name, _, values = part.partition("=")
        if not name or not all(values.split(",")):
            raise InputError(f'--classes has {part!r}; write "negative=1,2 positive=4,5", or a rule such as stars-3')
        mapping.setdefault(name, []).extend(values.split(","))
    return mapping

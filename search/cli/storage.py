"""`sentiment-search storage`: studies and artifacts copied to another place, or served to many workers."""

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from search.console import say, show, show_json
from sentiment.errors import InputError, refuse_unless_whole
from sentiment.foreign import visible

if TYPE_CHECKING:
    from search.storage.relational import Relational

__all__ = ["command"]

COPIED_TO: Final = ("sqlite", "postgresql")
"""MySQL keeps whole seconds of the times of trials."""
MOST_PORTS: Final = 65_535


def command(args: argparse.Namespace) -> int:
    """As `--help` says."""
    return {"copy": _copy, "serve": _serve}[args.action](args)


def _copy(args: argparse.Namespace) -> int:
    from search.storage.copying import begin_copies, copy_study, end_copies, studies_in
    from search.storage.deleting import mark_shared
    from search.storage.transfers import copy_artifacts

    source = _opened(args.source, create=False)
    target = _opened(args.target, create=True)
    if target.engine.dialect.name not in COPIED_TO:
        raise InputError(
            f"studies are copied to SQLite and PostgreSQL; {target.engine.dialect.name} may keep less of them than "
            "they hold"
        )
    names = studies_in(source, args.study or ())
    if args.to_artifacts is not None:
        args.artifacts.prepare(writing=False)
        args.to_artifacts.prepare()
    begin_copies(source, target, names, running=args.running)
    copied = []
    for name in names:
        copied.append(copy_study(source, target, name))
        say(f"{visible(name)}: {copied[-1].trials:,} trials are there, and the same")
    moved = None if args.to_artifacts is None else copy_artifacts(args.artifacts, args.to_artifacts, copied)
    end_copies(target, names)
    if moved is None:
        mark_shared(source, names)
        mark_shared(target, names)
    if args.json:
        studies = [{"study": one.study, "trials": one.states, "attributes": one.attributes} for one in copied]
        show_json({"studies": studies, "artifacts": None if moved is None else asdict(moved)})
        return 0
    states: dict[str, int] = {}
    for one in copied:
        for state, count in one.states.items():
            states[state] = states.get(state, 0) + count
    counted = ", ".join(f"{count:,} {state}" for state, count in sorted(states.items()))
    show(
        f"Copied {len(copied):,} {'study' if len(copied) == 1 else 'studies'} with {sum(states.values()):,} "
        f"trials{f' ({counted})' if counted else ''} and "
        f"{sum(one.attributes for one in copied):,} attributes; all of it was read back and is the same"
    )
    if moved is None:
        show(
            "Artifacts stay where they are, and both sides use them: `delete` on either asks whether they stay; "
            "--artifacts DIR --to-artifacts DIR copies them too"
        )
    else:
        show(f"Copied {moved.files:,} files ({moved.bytes:,} bytes) to {args.to_artifacts}, the same by their SHA-256")
    return 0


def _serve(args: argparse.Namespace) -> int:
    from search.storage.databases import open_storage, storage_url
    from search.storage.serving import THREADS, is_loopback, serve_storage

    refuse_unless_whole("--port", args.port, 0, MOST_PORTS)
    storage = open_storage(storage_url(args.storage), connections=THREADS)
    if not is_loopback(args.host):
        say(
            f"{args.host} can be reached from other machines: there is no password and no encryption, so whoever "
            "reaches the port reads, changes and deletes all studies; let a firewall or a private network decide who",
            style="yellow",
        )
    try:
        serve_storage(
            storage,
            args.host,
            args.port,
            on_ready=lambda address: say(f"{address}  (Ctrl-C ends it; workers: --storage {address})"),
        )
    except KeyboardInterrupt:
        say("ended; what workers still do, they record once it is served again")
    return 0


def _opened(given: str, *, create: bool) -> "Relational":
    """The database of a URL, or of a variable that holds one.

    Raises:
        InputError: it cannot be opened, or is no database but a proxy of one.
    """
    from search.storage.databases import open_storage, resolved
    from search.storage.relational import Relational

    opened = open_storage(resolved(given), create=create)
    if not isinstance(opened, Relational):
        raise InputError("studies are copied from database to database; give the URL of the database itself")
    return opened

"""`sentiment-search delete`: a search or a comparison is removed, with all that it keeps."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from search.console import say
from sentiment.errors import InputError
from sentiment.foreign import visible

if TYPE_CHECKING:
    from search.storage.deleting import Kept

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """As `--help` says."""
    from search.comparison.ideas import PAIRS
    from search.storage.databases import open_storage, storage_url
    from search.storage.deleting import kept_by, remove_kept, remove_studies

    storage = open_storage(storage_url(args.storage), create=False)
    args.artifacts.prepare(writing=False)
    studies = _studies_called(args.name, storage)
    # Those that tell what a comparison is go last: killed in between, its name still names what is left.
    names = sorted(studies, key=lambda name: (name in (args.name, f"{args.name}: {PAIRS}"), name == args.name, name))
    if not args.running:
        _refuse_running(names, storage)
    kept = kept_by(args.name, names, storage, args.artifacts)
    said = _described(args.name, studies, kept, storage)
    if not args.yes and not _agreed(said):
        say("Nothing was removed.")
        return 1
    remove_kept(kept, args.artifacts)
    remove_studies(storage, names)
    say(f"Removed {said}.")
    if kept.others:
        some = ", ".join(map(visible, kept.others[:3])) + (", ..." if len(kept.others) > 3 else "")
        say(f"Left in {kept.folder}, since this program did not write it: {some}")
    return 0


def _studies_called(name: str, storage: Any) -> Mapping[str, Any]:
    """Of a search or a comparison, by name.

    Raises:
        InputError: there is none that is called so, or it is a part of another.
    """
    from search.comparison.stored import whole_names

    studies = {study.study_name: study for study in storage.get_all_studies()}
    wholes = whole_names(studies)
    # What a kill left of a comparison may be any of its parts.
    found = wholes.get(name) or [study for study in studies if study.startswith(f"{name}: ")]
    if not found:
        of = next((whole for whole, parts in wholes.items() if name in parts), None)
        if of is not None:
            raise InputError(f"study {name!r} is a part of comparison {of!r}; delete that, or leave it")
        known = f"it has {', '.join(sorted(wholes)[:8])}" if wholes else "it has none"
        raise InputError(f"there is no study {name!r} in the storage; {known}")
    return {study: studies[study] for study in found}


def _refuse_running(names: Sequence[str], storage: Any) -> None:
    """Raises InputError where a process that lives works on a trial: it would write on."""
    import optuna

    from search.study.claims import living

    for name in names:
        numbers = living(optuna.load_study(study_name=name, storage=storage))
        if numbers:
            some = ", ".join(map(str, numbers[:5])) + (", ..." if len(numbers) > 5 else "")
            trials = f"trial {some} runs" if len(numbers) == 1 else f"trials {some} run"
            raise InputError(
                f"{trials} in study {name!r}; end the search first, or give --running to delete it all the same"
            )


def _described(name: str, studies: Mapping[str, Any], kept: "Kept", storage: Any) -> str:
    from search.study.records import OPENINGS

    trials = sum(storage.get_n_trials(study._study_id) for study in studies.values())
    openings = [study.user_attrs.get(OPENINGS) for study in studies.values()]
    opened = sum(len(looks) for looks in openings if isinstance(looks, list))
    kind = "search" if list(studies) == [name] else f"comparison ({len(studies)} studies)"
    files = len(kept.files) + len(kept.artifacts)
    ledger = f", the record of {opened} opening{'s' * (opened > 1)} of its sealed rows" if opened else ""
    where = f" in {kept.folder}" if kept.folder is not None and kept.files else ""
    return (
        f"{kind} {visible(name)}: {trials:,} trial{'s' * (trials != 1)}{ledger} and "
        f"{files:,} file{'s' * (files != 1)}{where}"
    )


def _agreed(said: str) -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        raise InputError(f"this would remove {said}; give --yes, since nobody can be asked here")
    say(f"Remove {said}? This cannot be undone. Type yes: ")
    return sys.stdin.readline().strip().casefold() in ("y", "yes")

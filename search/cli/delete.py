"""`sentiment-search delete`: a search or a comparison is removed, with all that it keeps."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from search.cli.asked import whole_called
from search.console import say
from sentiment.errors import InputError
from sentiment.foreign import visible

if TYPE_CHECKING:
    from search.comparison.stored import Whole
    from search.storage.deleting import Kept

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """As `--help` says."""
    from search.storage.databases import open_storage, storage_url
    from search.storage.deleting import Kept, kept_by, remove_kept, remove_studies, shares_files

    storage = open_storage(storage_url(args.storage), create=False)
    args.artifacts.prepare(writing=False)
    whole = whole_called(args.name, storage)
    if not args.running:
        _refuse_running(whole, storage)
    if args.keep_files is None and shares_files(storage, whole.names):
        raise InputError(
            f"{whole.name!r} was copied to or from another database, which uses the same files; give --keep-files to "
            "leave them, or --no-keep-files to remove them all the same"
        )
    kept = (
        Kept(None, (), (), ())
        if args.keep_files
        else kept_by(whole.folder, whole.names, storage, args.artifacts, whole.kind)
    )
    said = _described(whole, kept, storage)
    if args.keep_files:
        said += "; what it keeps stays"
    if not args.yes and not _agreed(said):
        say("Nothing was removed.")
        return 1
    remove_kept(kept, args.artifacts)
    remove_studies(storage, reversed(whole.names))  # killed in between, the one that it is known by is there
    say(f"Removed {said}.")
    if kept.others:
        some = ", ".join(map(visible, kept.others[:3])) + (", ..." if len(kept.others) > 3 else "")
        say(f"Left in {visible(str(kept.folder))}, which is not of it: {some}")
    cache = args.artifacts.local / "cache"
    if cache.is_dir():
        say(
            f"Left for other searches: {visible(str(cache))}, with tokenizers and words of the texts. "
            "It is made anew where it is missing."
        )
    return 0


def _refuse_running(whole: "Whole", storage: Any) -> None:
    """Raises InputError where a process that lives works on a trial: it would write on."""
    import optuna

    from search.study.claims import living

    for name in whole.names:
        numbers = living(optuna.load_study(study_name=name, storage=storage))
        if numbers:
            some = ", ".join(map(str, numbers[:5])) + (", ..." if len(numbers) > 5 else "")
            trials = f"trial {some} runs" if len(numbers) == 1 else f"trials {some} run"
            raise InputError(
                f"{trials} in study {name!r}; end the search first, or give --running to delete it all the same"
            )


def _described(whole: "Whole", kept: "Kept", storage: Any) -> str:
    from optuna.trial import TrialState

    from search.comparison.stored import openings_of

    begun = tuple(state for state in TrialState if state != TrialState.WAITING)
    trials = sum(storage.get_n_trials(study._study_id, state=begun) for study in whole.studies)
    opened = openings_of(whole)
    kind = "study of another program" if whole.kind == "other" else whole.kind
    parts = f" ({len(whole.studies)} studies)" if whole.is_comparison else ""
    files = len(kept.files) + len(kept.artifacts)
    ledger = f", the record of {opened} opening{'s' * (opened > 1)} of its sealed rows" if opened else ""
    where = f" in {visible(str(kept.folder))}" if kept.folder is not None and kept.files else ""
    name = visible(whole.name) or "''"
    return (
        f"{kind} {name}{parts}: {trials:,} trial{'s' * (trials != 1)}{ledger} and "
        f"{files:,} file{'s' * (files != 1)}{where}"
    )


def _agreed(said: str) -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        raise InputError(f"this would remove {said}; give --yes, since nobody can be asked here")
    say(f"Remove {said}? This cannot be undone. Type yes: ")
    return sys.stdin.readline().strip().casefold() in ("y", "yes")

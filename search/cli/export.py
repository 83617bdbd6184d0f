"""`sentiment-search export`: the best model as a folder."""

import argparse
import shlex

from search.cli.asked import study_of
from search.console import say, show, show_json
from sentiment.errors import InputError

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """As `--help` says."""
    if args.ensemble and args.trial is not None:
        raise InputError("give --trial or --ensemble, not both")
    study = study_of(args)

    from search.study.export import export, export_ensemble

    if args.ensemble:
        from search.storage.databases import open_storage, storage_url
        from search.study.create import open_recorded

        opened = open_recorded(study.study_name, open_storage(storage_url(args.storage), create=False), args.artifacts)
        exported = export_ensemble(opened, args.to, say)
    else:
        exported = export(study, args.artifacts, args.trial or "best", args.to)
    if args.json:
        show_json(exported, indent=None)
    elif args.ensemble:
        members = ", ".join(f"{number} ({weight:.2f})" for number, weight in exported["weights"].items())
        show(f"Wrote the mean of trials {members} (validation macro-F1 {exported['macro_f1']:.4f}) to {args.to}")
        show(f'Next: sentiment-search predict {shlex.quote(str(args.to))} "a review"')
    else:
        show(f"Wrote trial {exported['trial']} (validation macro-F1 {exported['macro_f1']:.4f}) to {args.to}")
        show(f'Next: sentiment-search predict {shlex.quote(str(args.to))} "a review"')
    return 0

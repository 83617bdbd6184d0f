"""`sentiment-search export`: the best model as a folder."""

import argparse
import shlex

from search.cli.asked import study_of
from search.console import show, show_json

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """As `--help` says."""
    from search.study.export import export

    exported = export(study_of(args), args.artifacts, args.trial, args.to)
    if args.json:
        show_json(exported, indent=None)
    else:
        show(f"Wrote trial {exported['trial']} (validation macro-F1 {exported['macro_f1']:.4f}) to {args.to}")
        show(f'Next: sentiment-search predict {shlex.quote(str(args.to))} "a review"')
    return 0

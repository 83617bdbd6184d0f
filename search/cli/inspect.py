"""`sentiment-search inspect`: what is in a file; nothing is trained."""

import argparse

from search.cli.asked import classes_of, reading
from search.console import doing, show, show_json, width

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """As `--help` says."""
    doing(f"Reading {args.data}")
    from sentiment.inspection import inspect

    # As `run` does: who names the labels, and no rule, means them as they are.
    classes = classes_of(args.classes) or (None if args.label is None else "as-is")
    inspection = inspect(args.data, text=args.text, label=args.label, classes=classes, **reading(args))
    if args.json:
        show_json(inspection.to_dict())
    else:
        show(inspection.render(width()))
    return 0

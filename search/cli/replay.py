"""`sentiment-search replay`: a trial trained again."""

import argparse

from search.cli.asked import only_study
from search.console import show, show_json

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """As `--help` says."""
    from search.storage.databases import open_storage, storage_url
    from search.study.create import open_recorded
    from search.study.replay import replay

    storage = open_storage(storage_url(args.storage), create=False)
    opened = open_recorded(only_study(args, storage, searches_only=True), storage, args.artifacts)
    replayed = replay(opened, args.trial)
    if args.json:
        show_json(replayed.to_dict())
    else:
        show(replayed.render())
    return 0 if replayed.same else 1

"""`sentiment-search dashboard`: the studies in a browser."""

import argparse
from typing import Final

from search.console import say

__all__ = ["command"]

CONNECTIONS: Final = 4
"""To a server: a browser asks several things at once."""


def command(args: argparse.Namespace) -> int:
    """As `--help` says."""
    from search.report.dashboard import serve
    from search.storage.databases import open_storage, storage_url

    storage = open_storage(storage_url(args.storage), create=False, connections=CONNECTIONS)
    args.artifacts.prepare()
    serve(storage, args.artifacts, args.port, on_ready=lambda address: say(f"{address}  (Ctrl-C ends it)"))
    return 0

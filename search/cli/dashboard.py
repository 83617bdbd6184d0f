"""`sentiment-search dashboard`: the studies in a browser."""

import argparse
import sys
import warnings
import webbrowser
from typing import Final

from search.console import say, show

__all__ = ["command"]

CONNECTIONS: Final = 4
"""To a server: a browser asks several things at once."""
IMPORTANCES: Final = r"optuna(\.|_dashboard\._)importance"
"""The modules that warn of parameters' importances: Optuna's, or with Python 3.12 who asks them."""


def command(args: argparse.Namespace) -> int:
    """As `--help` says."""
    from search.report.dashboard import USUAL_PORT, serve
    from search.storage.databases import open_storage, storage_url

    def on_ready(address: str) -> None:
        if args.quiet:
            show(address)
            sys.stdout.flush()  # whoever reads it in a pipe waits for it
        else:
            taken = args.port is None and not address.endswith(f":{USUAL_PORT}/")
            say(f"{address}  ({f'port {USUAL_PORT} is taken; ' if taken else ''}Ctrl-C ends it)")
        if args.open and not webbrowser.open(address):
            say("No browser could be opened here; open that address yourself.")

    # Said whenever a page of few trials is opened; the note says what that chart is worth.
    warnings.filterwarnings("ignore", module=IMPORTANCES)
    storage = open_storage(storage_url(args.storage), create=False, connections=CONNECTIONS)
    args.artifacts.prepare()
    try:
        serve(storage, args.artifacts, args.port, on_ready, verbose=args.verbose)
    except KeyboardInterrupt:
        if not args.quiet:
            say("The dashboard has ended.")
    return 130

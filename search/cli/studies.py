"""`sentiment-search studies`: what is in the storage."""

import argparse
from datetime import datetime
from pathlib import Path

from search.console import show, show_json, width

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """As `--help` says."""
    from search.comparison.stored import stored
    from search.report.studies import studies_table
    from search.storage.databases import open_storage, shown, storage_url

    url = storage_url(args.storage)
    # To look is no mistake before anything was made: it is answered, not refused.
    missing = url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///").partition("?")[0]).exists()
    found = [] if missing else stored(open_storage(url, create=False))
    if args.json:
        show_json([one.to_dict() for one in found])
    elif found:
        show(studies_table(found, datetime.now(), width()))
    else:
        show(f"{shown(url)} holds no study yet; a first one: sentiment-search run reviews.csv")
    return 0

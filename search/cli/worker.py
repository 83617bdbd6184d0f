"""`sentiment-search worker`: works on a study beside others; started by `run`."""

import argparse

from search.cli.asked import device_of, set_threads
from sentiment.errors import refuse_unless_whole

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """As `--help` says."""
    from search.study.definition import MOST_TRIALS, parse_duration

    refuse_unless_whole("--trials", args.trials, 1, MOST_TRIALS)
    timeout = None if args.timeout is None else parse_duration(args.timeout)
    device = device_of(args.device)
    set_threads(args.threads)
    from search.storage.databases import open_storage, storage_url
    from search.study.create import make_objective, open_recorded
    from search.study.optimization import optimize

    opened = open_recorded(args.study, open_storage(storage_url(args.storage), create=False), args.artifacts)
    optimize(opened, trials=args.trials, timeout=timeout, objective=make_objective(opened, device=device))
    return 0

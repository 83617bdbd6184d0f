"""`sentiment-search report`: the leaderboard again."""

import argparse

from search.cli.asked import study_of
from search.console import show, show_json
from sentiment.errors import refuse_unless_whole

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """As `--help` says."""
    refuse_unless_whole("--top", args.top, 1)
    from search.study.leaderboard import leaderboard

    args.artifacts.prepare(writing=False)
    board = leaderboard(study_of(args), args.artifacts)
    if args.json:
        show_json(board.to_dict())
    else:
        show(board.render(args.top))
    return 0

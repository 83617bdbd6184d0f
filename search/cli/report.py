"""`sentiment-search report`: the leaderboard again."""

import argparse

from search.cli.asked import study_of
from search.console import show, show_json
from sentiment.errors import refuse_unless_whole

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """As `--help` says."""
    refuse_unless_whole("--top", args.top, 1)
    from search.report.board import render, to_dict
    from search.study.comparisons import refuse_comparison
    from search.study.leaderboard import leaderboard
    from search.study.records import as_recorded

    args.artifacts.prepare(writing=False)
    study = study_of(args)
    refuse_comparison(study)
    with as_recorded(study.study_name):
        board = leaderboard(study, args.artifacts)
        told = to_dict(board) if args.json else render(board, args.top)
    if isinstance(told, str):
        show(told)
    else:
        show_json(told)
    return 0

"""The figure of scores against costs, as a file; `page.charts` draws it."""

from pathlib import Path

from search.report.drawing import style, svg
from search.report.page import charts
from search.report.page.messages import sayer
from search.study.costs import costs_of
from search.study.leaderboard import Leaderboard
from sentiment.writing import write_whole

__all__ = ["write_costs"]


def write_costs(board: Leaderboard, folder: Path) -> list[Path]:
    """Write `costs.svg`: macro-F1 against milliseconds a text, one point for each trial, families told apart.

    Args:
        board: of a search.
        folder: where a file of this name is replaced.

    Returns:
        The files written; none where no trial says what an answer takes, as in studies of earlier versions.

    Raises:
        InputError: the extra `figures` is missing. Nothing is written then.
    """
    costs = costs_of(board)
    if costs is None:
        return []
    linear = None if board.linear is None else board.linear.macro_f1
    with style():
        content = svg(charts.costs_drawn(costs, linear, sayer("en")))
    path = folder / "costs.svg"
    write_whole(path, content)
    return [path]

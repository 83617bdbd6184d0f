"""The sentences of the page whose shape depends on what they say, in English: those of the terminal."""

from search.comparison.results import Results
from search.report.standing import counted as _counted
from search.report.standing import optimism as _optimism
from search.report.standing import standing as _standing
from search.report.standing import together
from search.report.words import against_linear as _against_linear
from search.report.words import remarks as _remarks
from search.report.words import warnings as _warnings
from search.report.words import who_won as _who_won
from search.study.leaderboard import EnsembleStanding, Leaderboard

__all__ = ["against_linear", "counted", "ensemble", "optimism", "remarks", "standing", "warnings", "who_won"]


def standing(board: Leaderboard) -> str:
    """What the best model is worth beside the linear baseline, and what to deploy."""
    return _standing(board)


def optimism(board: Leaderboard) -> str:
    """What the best score is worth."""
    return _optimism(board)


def counted(board: Leaderboard) -> str:
    """How many trials there are of each kind."""
    return _counted(board)


def ensemble(found: EnsembleStanding) -> str:
    """What the mean of several trials is worth."""
    return f"{together(found)}."


def against_linear(found: Results) -> str:
    """What to deploy of what was compared."""
    return _against_linear(found)


def who_won(found: Results) -> str:
    """Who goes by that name among the errors."""
    return _who_won(found)


def remarks(found: Results) -> list[str]:
    """What was seen beside the verdicts."""
    return _remarks(found)


def warnings(found: Results) -> list[str]:
    """What the numbers do not say of themselves."""
    return _warnings(found)

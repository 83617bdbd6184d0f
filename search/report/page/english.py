"""The sentences of the page whose shape depends on what they say, in English: those of the terminal."""

from search.report.standing import counted, optimism, standing, together
from search.report.words import against_linear, remarks, warnings, who_won
from search.study.leaderboard import EnsembleStanding

__all__ = ["against_linear", "counted", "ensemble", "optimism", "remarks", "standing", "warnings", "who_won"]


def ensemble(found: EnsembleStanding) -> str:
    """What the mean of several trials is worth."""
    return f"{together(found)}."

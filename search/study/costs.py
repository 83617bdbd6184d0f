"""What each trial of a search scored against what an answer of it costs: the facts of every figure of them."""

from dataclasses import dataclass
from typing import Final

from search.study.leaderboard import Entry, Leaderboard

__all__ = ["HIDDEN_BEHIND", "Costs", "costs_of"]

HIDDEN_BEHIND: Final = 0.12
"""Macro-F1 below the best that is still shown: what failed would press the others together."""


@dataclass(frozen=True)
class Costs:
    """Trials that say what an answer of them takes. All scores chose the trials, or the weights of the mean, and are
    not corrected for that."""

    shown: tuple[Entry, ...]
    """Best first."""
    families: tuple[str, ...]
    """Of those that are not shown, too; that of the best first."""
    hidden: int
    """Further behind the best than `HIDDEN_BEHIND`."""
    together: tuple[int, float, float] | None
    """Of the mean of several trials: how many, milliseconds and macro-F1."""


def costs_of(board: Leaderboard) -> Costs | None:
    """None where no trial says what an answer takes, as in studies of earlier versions."""
    timed = [entry for entry in board.entries if entry.trial is not None and entry.latency]
    if not timed:
        return None
    shown = tuple(entry for entry in timed if entry.macro_f1 >= timed[0].macro_f1 - HIDDEN_BEHIND)
    latencies = {entry.trial: entry.latency or 0.0 for entry in timed}
    together, ensemble = None, board.ensemble
    if ensemble is not None and ensemble.weights.keys() <= latencies.keys():
        together = len(ensemble.weights), sum(latencies[number] for number in ensemble.weights), ensemble.macro_f1
    families = tuple(dict.fromkeys(entry.family for entry in timed))
    return Costs(shown, families, len(timed) - len(shown), together)

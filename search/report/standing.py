"""What a search has found, in sentences: what its best model is worth, what to deploy, what pruning cost.

No number is made here; see `search.study.leaderboard`.
"""

import optuna

from search.report.points import between, points
from search.statistics import score_error
from search.study.leaderboard import Audit, EnsembleStanding, Leaderboard
from search.study.records import AUDIT, told_of_study
from sentiment.models.registry import NETWORK

__all__ = ["audited", "counted", "optimism", "standing", "together", "unaudited"]


def standing(board: Leaderboard) -> str:
    """What the best model is worth beside the linear baseline, and what to deploy."""
    best, linear = board.best, board.linear
    if best is None:
        return "No trial has been completed yet."
    if linear is None:
        return "The linear baseline has not been measured."
    if best == linear:
        if isinstance(board.recommended, EnsembleStanding):
            single = f"No trial is better than the linear baseline's {linear.macro_f1:.4f}"
            return f"{single}, but beyond noise the mean of trials below is better: deploy that."
        return f"Nothing is better than the linear baseline's {linear.macro_f1:.4f}: deploy it, or search on."
    gain = 100 * (best.macro_f1 - linear.macro_f1)
    side = "BELOW" if gain <= 0 else "above"
    # Of two linear models one is called the baseline.
    network = best.family == NETWORK
    model, other = ("network", "linear model") if network else (f"{best.family} model", "linear baseline")
    why = "is cheaper" if network else "needs no search"
    stands = f"The best {model} stands {abs(gain):.1f} points {side} the linear baseline's {linear.macro_f1:.4f}"
    if board.against_linear is None:
        return f"{stands}; {_roughly(board, gain, linear.macro_f1)}"
    mean, low, high = (board.against_linear[name] for name in ("corrected", "low", "high"))
    corrected = (
        f"{stands}; corrected for choosing, the difference is {points(mean)} (95 % interval {between(low, high)})"
    )
    if isinstance(board.recommended, EnsembleStanding):
        told = "That is beyond noise, and" if low > 0 else "Noise cannot tell the two apart, but"
        told = "It is worse beyond noise, but" if high < 0 else told
        than = "better still" if low > 0 else "better than the linear baseline beyond noise"
        return f"{corrected}. {told} the mean of trials below is {than}: deploy that."
    if low > 0:
        return f"{corrected}: deploy the {model}."
    if high < 0:
        return f"{corrected}: deploy the {other}, or search on."
    return f"{corrected}. Noise cannot tell the two apart: deploy the {other}, which {why}, or search on."


def _roughly(board: Leaderboard, gain: float, linear: float) -> str:
    """What can be said of a gain, in points, that has no interval."""
    noise = 100 * score_error(linear, board.class_sizes)
    about = (
        f"one standard error of such a score on {board.rows['validation']:,} validation rows, if none belong "
        f"together, is about {noise:.1f} points"
    )
    without = (
        "There is no interval: `run` computes it from the predictions that it keeps, when it ends, if they are of "
        "more than one group of rows."
    )
    if gain < 2 * noise:
        return f"{about}. Deploy the linear model, or search on. {without}"
    return f"{about}. {without}"


def optimism(board: Leaderboard) -> str:
    """One sentence on what the best score is worth."""
    sentence = "The best score chose its trial among others, and its checkpoint, so it is optimistic"
    if board.corrected is None:
        return f"{sentence}: on new rows expect somewhat less."
    low, high = board.corrected["low"], board.corrected["high"]
    if board.outdated is not None:
        return (
            f"{sentence}: on new rows expect somewhat less. What is corrected for choosing is as of {board.outdated} "
            f"completed trials, of which the best was worth {board.corrected['corrected']:.4f} on new rows (95 % "
            f"interval {low:.4f} to {high:.4f}); it is computed anew when the search ends."
        )
    return (
        f"{sentence}: corrected for the choice among {board.corrected['trials']}, these weights are worth "
        f"{board.corrected['corrected']:.4f} on new rows (95 % interval {low:.4f} to {high:.4f})."
    )


def together(ensemble: EnsembleStanding) -> str:
    """What several trials are worth together; a sentence without its full stop."""
    leads = [("best trial", ensemble.above_best)]
    leads += [] if ensemble.above_linear is None else [("linear baseline", ensemble.above_linear)]
    above = " and ".join(
        f"{points(mean)} from the {other} ({between(low, high)})" for other, (mean, low, high) in leads
    )
    if ensemble.pays:
        verdict = "better beyond noise, at the price of all of them"
    elif ensemble.is_worse:
        verdict = "it is worse"
    elif ensemble.above_linear is not None and ensemble.beats_linear:
        verdict = "beyond noise it is better than the linear baseline; noise cannot tell it from the best trial"
    else:
        verdict = f"noise cannot tell it from the {'linear baseline' if ensemble.above_best[1] > 0 else 'best trial'}"
    return (
        f"The mean of trials {ensemble.members} has {ensemble.macro_f1:.4f}; corrected for choosing it differs by "
        f"{above}: {verdict}"
    )


def audited(audit: Audit) -> str:
    """What pruning cost."""
    won = f"{audit.would_have_won} of them came out best, by {100 * audit.gain:.1f} points"
    return (
        f"Audit: of {audit.condemned} trials that the pruner condemned {audit.ran_on} ran on; "
        f"{won if audit.would_have_won else 'none of them came out best'}. So between {audit.low:.0%} and "
        f"{audit.high:.0%} of pruned trials would have won (95 % interval)."
    )


def unaudited(study: optuna.Study) -> str:
    """Why nothing is known of what pruning cost."""
    share = told_of_study(study).get(AUDIT) or 0.0
    if share:
        return f"of those condemned --audit {share:g} let none run on yet"
    return "run --audit 0.2 would let a fifth of those condemned run on, and tell"


def counted(board: Leaderboard) -> str:
    """How many trials there are of each kind."""
    words = {
        "complete": "completed",
        "pruned": "pruned",
        "fail": "failed",
        "interrupted": "interrupted and begun again",
        "to_begin_again": "interrupted, to be begun again",
        "running": "running",
        "waiting": "waiting",
        "untried": "in the queue and not tried (raise --trials)",
    }
    parts = [f"{board.counts[state]} {word}" for state, word in words.items() if board.counts.get(state)]
    return f"{', '.join(parts) or 'No trials'}."

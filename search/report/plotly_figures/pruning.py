"""What pruning saved, and what it cost, as far as that is known."""

from typing import TYPE_CHECKING, Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from search.report.plotly_figures.style import GREY, INK, PALE, PALETTE, drawn, plotly
from search.report.standing import unaudited
from search.study.leaderboard import Leaderboard
from search.study.records import AUDITED, CONFIG, EPOCHS, told
from sentiment.errors import InputError
from sentiment.models.registry import config_of

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["pruning_figure"]


def pruning_figure(study: optuna.Study, board: Leaderboard) -> "Figure | None":
    """Epochs that were trained and that pruning spared; with an audit, what became of trials that the pruner condemned
    and that ran on all the same. None where nothing was pruned or condemned."""
    trials = study.get_trials(deepcopy=False)
    pruned = [trial for trial in trials if trial.state == TrialState.PRUNED]
    audited = [t for t in trials if t.state == TrialState.COMPLETE and told(t, AUDITED) is not None]
    if not pruned and not audited:
        return None
    completed = sum(_epochs(trial) for trial in trials if trial.state == TrialState.COMPLETE)
    before = sum(_epochs(trial) for trial in pruned)
    spared = sum(max(0.0, _planned(trial) - _epochs(trial)) for trial in pruned)
    share = spared / (completed + before + spared) if spared else 0.0
    saved = f"{len(pruned)} trials were pruned: {spared:.0f} epochs, {share:.0%} of all, were not trained."
    if board.audit is not None and audited:
        return _audited(audited, board, saved)
    traces = [
        _bar("trained, trials completed", completed, PALETTE[0][0]),
        _bar("trained, then pruned", before, PALETTE[4][0]),
        _bar("not trained", spared, PALE),
    ]
    return drawn(
        f"What pruning saved\n{saved}\nWhat it cost is not known: {unaudited(study)}.",
        traces,
        x={"title": {"text": "epochs"}},
        y={"showticklabels": False, "ticks": "", "showgrid": False},
        barmode="stack",
        legend={"orientation": "h", "x": 0, "y": -0.25, "yanchor": "top", "traceorder": "normal"},
        bargap=0.5,
    )


def _audited(audited: list[FrozenTrial], board: Leaderboard, saved: str) -> "Figure":
    condemned = {trial.number for trial in audited}
    rest = [entry.macro_f1 for entry in board.entries if entry.trial is not None and entry.trial not in condemned]
    best = max(rest, default=0.0)
    trace = plotly().Scatter(
        x=[round(float(told(trial, AUDITED)["epoch"]), 2) for trial in audited],
        y=[round(100 * ((trial.value or 0.0) - best), 2) for trial in audited],
        text=[f"trial {trial.number}" for trial in audited],
        mode="markers",
        marker={"color": PALETTE[1][0], "symbol": PALETTE[1][1], "size": 10},
        name="condemned, but ran on",
        hovertemplate="%{text}, condemned at epoch %{x:.1f}: ended %{y:+.1f} points from the best<extra></extra>",
    )
    audit = board.audit
    assert audit is not None
    would = (
        f"{audit.would_have_won} of {audit.ran_on} that ran on would have won (of all pruned: {audit.low:.0%} to "
        f"{audit.high:.0%}, 95 % interval)."
    )
    return drawn(
        f"What pruning cost\n{would}\n{saved}",
        [trace],
        x={"title": {"text": "epoch at which the pruner condemned it"}},
        y={"title": {"text": "score in the end, points from the best"}, "zeroline": True, "zerolinecolor": INK},
        annotations=[
            {
                "text": "above: pruning would have lost the winner",
                "xref": "paper",
                "x": 1,
                "xanchor": "right",
                "y": 0,
                "yanchor": "bottom",
                "showarrow": False,
                "font": {"color": GREY},
            }
        ],
    )


def _bar(label: str, epochs: float, colour: str) -> Any:
    return plotly().Bar(
        x=[round(epochs, 2)],
        y=["epochs"],
        orientation="h",
        name=label,
        marker={"color": colour},
        text=[f"{epochs:.0f}"],
        textposition="inside",
        insidetextanchor="middle",
        hovertemplate="%{x:.1f} epochs<extra>%{fullData.name}</extra>",
    )


def _epochs(trial: FrozenTrial) -> float:
    return float(told(trial, EPOCHS) or 0.0)


def _planned(trial: FrozenTrial) -> float:
    """Of a trial of another program, or of a version whose configs this one does not know, what it trained."""
    try:
        return float(config_of(told(trial, CONFIG) or {}).passes)
    except InputError:
        return _epochs(trial)

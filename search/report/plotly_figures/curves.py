"""How trials learned: the best ones in colour and by name, the pruned ones in grey."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import optuna
from optuna.trial import FrozenTrial, TrialState

from search.report.plotly_figures.style import PALE, PALETTE, drawn, name, plotly
from search.study.records import CONFIG, CURVE, told

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["curves_figure"]

BEST: Final = 3
MOST: Final = 60
"""Lines of a kind beside the best; of more the latest are shown, or nobody could tell one from another."""
SHOWN: Final = 25.0
"""Points below the best that are shown."""
COMPLETED: Final = "#9fc3dc"


def curves_figure(study: optuna.Study) -> "Figure | None":
    """Macro-F1 by epoch of the trials that were scored more than once; None where there are none."""
    scatter = plotly().Scatter
    scored = [trial for trial in study.get_trials(deepcopy=False) if len(told(trial, CURVE) or ()) > 1]
    completed = [trial for trial in scored if trial.state == TrialState.COMPLETE]
    pruned = [trial for trial in scored if trial.state == TrialState.PRUNED]
    best = sorted(completed, key=lambda trial: -(trial.value or 0.0))[:BEST]
    others = [trial for trial in completed if trial not in best]
    if not completed and not pruned:
        return None
    traces: list[Any] = []
    for label, trials, colour in (("pruned", pruned, PALE), ("completed", others, COMPLETED)):
        if not trials:
            continue
        shown = trials[-MOST:]
        x, y, text = _together(shown)
        of = f"latest {len(shown)} of {len(trials)}" if len(shown) < len(trials) else str(len(trials))
        traces.append(
            scatter(
                x=x,
                y=y,
                text=text,
                mode="lines",
                line={"color": colour, "width": 1.2},
                name=f"{label} ({of})",
                hovertemplate="%{text}, epoch %{x:.1f}: %{y:.1f}<extra></extra>",
            )
        )
    for trial, (colour, symbol) in zip(best, PALETTE, strict=False):
        x, y, _ = _together([trial])
        kind = name(_kind(trial))
        traces.append(
            scatter(
                x=x[:-1],
                y=y[:-1],
                mode="lines+markers",
                line={"color": colour, "width": 2.5},
                marker={"symbol": symbol, "size": 7},
                name=f"trial {trial.number}, {kind}",
                hovertemplate=f"trial {trial.number}, epoch %{{x:.1f}}: %{{y:.1f}}<extra></extra>",
            )
        )
    return drawn(
        "Learning curves\nthe best in colour, what was pruned in grey",
        traces,
        x={"title": {"text": "epochs (passes over the training rows)"}, "rangemode": "tozero"},
        y={"title": {"text": "macro-F1 on validation rows, points"}, "range": _range(scored)},
    )


def _range(trials: Sequence[FrozenTrial]) -> list[float]:
    """Of the axis, in points: one that had learned nothing would press the others together."""
    scores = [100 * float(row["macro_f1"]) for trial in trials for row in told(trial, CURVE)]
    top = max(scores)
    return [max(min(scores), top - SHOWN) - 1, top + 1.5]


def _together(trials: Sequence[FrozenTrial]) -> tuple[list[float | None], list[float | None], list[str | None]]:
    """Their curves as one line that is broken between them."""
    x: list[float | None] = []
    y: list[float | None] = []
    text: list[str | None] = []
    for trial in trials:
        for row in told(trial, CURVE):
            x.append(round(float(row["epoch"]), 3))
            y.append(round(100 * float(row["macro_f1"]), 2))
            text.append(f"trial {trial.number}")
        x.append(None)
        y.append(None)
        text.append(None)
    return x, y, text


def _kind(trial: FrozenTrial) -> str:
    config = told(trial, CONFIG) or {}
    return str(config.get("architecture", config.get("family", "")))

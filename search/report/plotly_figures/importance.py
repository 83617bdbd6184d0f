"""What each parameter was worth, among the trials whose settings were drawn."""

from typing import TYPE_CHECKING, Any, Final

import optuna

from search.report.plotly_figures.style import GREY, PALETTE, drawn, name, plotly
from search.study.importance import ENOUGH, Importances, importances

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["importance_figure"]

MOST: Final = 15
LEAST: Final = 0.005
"""Parameters that are shown: so many at most, and those that have such a share."""


def importance_figure(study: optuna.Study, found: Importances | None = None) -> "Figure":
    """Shares of parameters as bars, or the words that there are too few trials.

    Args:
        study: of a search.
        found: its importances, if they are known already.
    """
    found = importances(study) if found is None else found
    if not found.enough:
        return _too_few(found)
    shown = [(parameter, value) for parameter, value in found.values.items() if value >= LEAST][:MOST]
    others = len(found.values) - len(shown)
    bars = plotly().Bar(
        x=[round(100 * value, 1) for _, value in shown],
        y=list(range(len(shown))),
        orientation="h",
        marker={"color": PALETTE[0][0]},
        text=[f"{100 * value:.0f} %" for _, value in shown],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{x:.1f} %<extra></extra>",
    )
    return drawn(
        f"What each parameter was worth, by {found.trials} sampled trials\n"
        "by how its values differ between the best quarter and all (PED-ANOVA)\n"
        "without the recipes of the start, which Optuna's own chart counts; few trials: read the order, not the shares",
        [bars],
        x={
            "title": {"text": f"share, %; {others} others have next to none" if others else "share, %"},
            "rangemode": "tozero",
        },
        y={
            "autorange": "reversed",
            "tickvals": list(range(len(shown))),
            "ticktext": [name(parameter) for parameter, _ in shown],
            "showgrid": False,
            "ticks": "",
        },
        bargap=0.35,
    )


def _too_few(found: Importances) -> "Figure":
    hidden: dict[str, Any] = {"visible": False}
    words = (
        f"Too few: {found.trials} sampled trials, and {ENOUGH} are wanted.<br>The recipes that a search begins with "
        "do not count.<br>More --trials will tell."
    )
    return drawn(
        "What each parameter was worth",
        [],
        x=hidden,
        y=hidden,
        annotations=[
            {
                "text": words,
                "xref": "paper",
                "yref": "paper",
                "x": 0.5,
                "y": 0.5,
                "showarrow": False,
                "font": {"size": 14, "color": GREY},
            }
        ],
    )

"""How figures of Plotly look, whatever they show: half the width of the dashboard's page, colours that colour-blind
readers can tell apart, and names that somebody else wrote set as they are."""

from typing import TYPE_CHECKING, Any, Final

from sentiment.errors import InputError
from sentiment.foreign import visible

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["GREY", "INK", "PALE", "PALETTE", "drawn", "name"]

INK: Final = "#222222"
GREY: Final = "#6b6b6b"
PALE: Final = "#c4c4c4"
RULE: Final = "#ececec"

PALETTE: Final = (
    ("#0072b2", "circle"),
    ("#d55e00", "square"),
    ("#009e73", "triangle-up"),
    ("#cc79a7", "diamond"),
    ("#e69f00", "triangle-down"),
)
"""Of Okabe & Ito; the marker says the same without colour."""

LONGEST: Final = 34
"""Characters of a name that stands beside an axis; a longer one loses its middle."""


def drawn(title: str, traces: list[Any], *, x: dict[str, Any], y: dict[str, Any], **layout: Any) -> "Figure":
    """A figure of these traces.

    Args:
        title: in plain words; a second line, smaller, behind a line break.
        traces: of `plotly.graph_objects`.
        x: of the axis: its title, and what differs from the style.
        y: likewise.
        layout: more of it.
    """
    graph_objects = plotly()
    first, _, second = title.partition("\n")
    below = "".join(
        f"<br><span style='font-size:12px;color:{GREY}'>{line}</span>" for line in second.split("\n") if line
    )
    axis: dict[str, Any] = {
        "gridcolor": RULE,
        "linecolor": GREY,
        "zeroline": False,
        "ticks": "outside",
        "tickcolor": GREY,
        "automargin": True,
    }
    look: dict[str, Any] = {
        "title": {
            "text": f"<b>{first}</b>{below}",
            "font": {"size": 15},
            "x": 0.01,
            "xanchor": "left",
            "yref": "container",
            "y": 1,
            "yanchor": "top",
            "pad": {"t": 12},
        },
        "font": {"family": "Roboto, Helvetica, Arial, sans-serif", "size": 12, "color": INK},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "margin": {"l": 60, "r": 24, "t": 48 + 18 * (1 + second.count("\n")) if second else 48, "b": 60},
        "legend": {"orientation": "h", "x": 0, "y": -0.2, "yanchor": "top"},
        "hovermode": "closest",
        "hoverlabel": {"align": "left"},
        "xaxis": axis | x,
        "yaxis": axis | y,
    }
    figure = graph_objects.Figure(data=traces, layout=look | layout)
    # Without Plotly's own, which is several times as large as what is drawn here.
    figure.layout.template = graph_objects.layout.Template()
    return figure


def plotly() -> Any:
    """Its graph objects.

    Raises:
        InputError: it is not installed.
    """
    try:
        import plotly.graph_objects as graph_objects
    except ImportError:
        raise InputError(
            "drawing figures needs plotly, the extra `figures`: pip install 'sentiment-search[figures]'"
        ) from None
    return graph_objects


def name(text: str, longest: int = LONGEST) -> str:
    """Of whatever somebody else named: nothing in it is markup, and a long one loses its middle."""
    shown = visible(text)
    if len(shown) > longest:
        shown = f"{shown[: longest - longest // 3 - 1]}…{shown[-(longest // 3) :]}"
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

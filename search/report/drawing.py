"""How figures are drawn, whatever they show: one style, ids and metadata that are fixed, so that equal results give
equal bytes.

The letters stay text (`svg.fonttype` none): an SVG is then searched like a page, and Korean or Thai names are set in a
font of the reader, of which Matplotlib's own has none. Matplotlib, the extra `figures`, is imported only where
something is drawn.
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from sentiment.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["GREY", "INK", "TYPE", "style", "svg"]

TYPE: Final = 9.0
"""In points."""
INK: Final = "#222222"
GREY: Final = "#6b6b6b"

_STYLE: Final[dict[str, Any]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "sentiment-search",
    "text.parse_math": False,  # a name may hold dollar signs
    "text.color": INK,
    "font.size": TYPE,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@contextmanager
def style(more: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Matplotlib's defaults and ours, whatever the reader's `matplotlibrc` says; and `more` of its settings."""
    try:
        import matplotlib.style
    except ImportError:
        raise InputError(
            "drawing figures needs matplotlib, the extra `figures`: pip install 'sentiment-search[figures]'"
        ) from None
    with matplotlib.style.context(["default", _STYLE | dict(more or {})]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the reader's font has it
        yield


def svg(figure: "Figure", paper: str = "white") -> bytes:
    """The bytes of a file; `paper` is the colour behind the figure, or "none"."""
    buffer = BytesIO()
    nothing: dict[str, None] = dict.fromkeys(
        ("Date", "Creator", "Format", "Type") if paper == "none" else ("Date", "Creator")
    )
    figure.savefig(buffer, format="svg", facecolor=paper, metadata=nothing)
    return buffer.getvalue()

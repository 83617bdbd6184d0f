"""What a page is made of, before it is HTML: sections of blocks, whose texts are plain and may hold anything."""

from dataclasses import dataclass, field
from typing import ClassVar, Final

from markupsafe import Markup

__all__ = [
    "SIGNS",
    "Badge",
    "Block",
    "Bullets",
    "Cell",
    "Commands",
    "Examples",
    "Folded",
    "Forest",
    "ForestRow",
    "Headline",
    "Page",
    "Picture",
    "Prose",
    "Section",
    "Shade",
    "Table",
    "Tick",
]

SIGNS: Final = {"improves": "▲", "worse": "▼", "no difference": "■", "undecided": "●", "plain": ""}
"""What says the same as a verdict's colour, for who cannot see it."""


@dataclass(frozen=True)
class Badge:
    """A word that is a verdict."""

    text: str
    verdict: str
    """One of `SIGNS`."""

    @property
    def sign(self) -> str:
        """That stands before the word."""
        return SIGNS[self.verdict]

    @property
    def style(self) -> str:
        """The class in the style sheet."""
        return self.verdict.replace(" ", "-")


@dataclass(frozen=True)
class Shade:
    """A number whose background says how large it is."""

    text: str
    share: float
    """0 to 1."""


Cell = str | Badge | Shade


@dataclass(frozen=True)
class Prose:
    """A paragraph."""

    kind: ClassVar = "prose"
    text: str
    is_note: bool = False
    """Smaller, and in grey."""


@dataclass(frozen=True)
class Bullets:
    """Sentences that do not follow from one another."""

    kind: ClassVar = "bullets"
    items: tuple[str, ...]
    language: str | None = None
    """Of the items, where it is not the page's."""


@dataclass(frozen=True)
class Table:
    """Rows of cells; the first of each row is its heading."""

    kind: ClassVar = "table"
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numbers: frozenset[int] = frozenset()
    """Columns that are set to the right."""
    marked: frozenset[int] = frozenset()
    """Rows that stand out."""


@dataclass(frozen=True)
class ForestRow:
    """A difference, its interval and what is said of it; places are percentages of the axis."""

    name: str
    mean: float = 0.0
    low: float = 0.0
    high: float = 0.0
    cut_low: bool = False
    """The interval goes on beyond the axis."""
    cut_high: bool = False
    guess: float | None = None
    numbers: tuple[str, str] = ("", "")
    """The difference, and its interval."""
    badge: Badge | None = None
    """None makes the row a heading."""


@dataclass(frozen=True)
class Tick:
    """A number at the axis, and its place in percent."""

    text: str
    place: float


@dataclass(frozen=True)
class Forest:
    """Differences under one another on one axis."""

    kind: ClassVar = "forest"
    caption: str
    header: tuple[str, str, str, str]
    """Of what is compared, the axis, the numbers and the verdict."""
    rows: tuple[ForestRow, ...]
    ticks: tuple[Tick, ...]
    zero: float
    region: tuple[float, float]
    """Where a difference is practically none."""
    legend_region: str = ""
    legend_guess: str = ""


@dataclass(frozen=True)
class Picture:
    """A figure as inline SVG, which says in its description what it shows."""

    kind: ClassVar = "picture"
    svg: Markup
    caption: str


@dataclass(frozen=True)
class Commands:
    """What somebody may type."""

    kind: ClassVar = "commands"
    lines: tuple[str, ...]
    label: str


@dataclass(frozen=True)
class Examples:
    """Texts of reviews, each with what is to be known of it."""

    kind: ClassVar = "examples"
    items: tuple[tuple[str, str], ...]
    """(text, what is said of it)."""


@dataclass(frozen=True)
class Folded:
    """Blocks that open on demand; on paper they are open."""

    kind: ClassVar = "folded"
    summary: str
    blocks: tuple["Block", ...]


Block = Prose | Bullets | Table | Forest | Picture | Commands | Examples | Folded


@dataclass(frozen=True)
class Section:
    """A heading and what stands beneath it."""

    name: str
    """In the page's address."""
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Headline:
    """What a reader takes along who reads nothing else."""

    text: str
    sentences: tuple[tuple[Badge | None, str], ...] = ()


@dataclass(frozen=True)
class Page:
    """All of it."""

    language: str
    title: str
    kind: str
    """A search, or a comparison."""
    facts: tuple[tuple[str, str], ...]
    """(what, how much): the line under the title."""
    headline: Headline
    first: tuple[Block, ...]
    """On the first screen, under the headline."""
    sections: tuple[Section, ...] = field(default=())
    running: bool = False
    """Whether more will come."""

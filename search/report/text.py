"""The results of a comparison as text, for a terminal and in Markdown."""

from search.comparison.results import Results
from search.report.tables import tables
from search.report.words import heading, words
from sentiment import foreign

__all__ = ["markdown", "render"]


def render(found: Results, width: int | None = None) -> str:
    """For the terminal, of so many columns if they are given."""
    parts = [heading(found), *(table.render(width) for table in tables(found)), found.slices.render(width)]
    return "\n\n".join([*parts, "\n".join(words(found))])


def markdown(found: Results) -> str:
    """For a README, a note, or the dashboard; it holds no text of any review."""
    said = "\n".join(f"- {foreign.markdown(sentence)}" for sentence in words(found))
    shown = (table.markdown() for table in tables(found))
    return "\n\n".join([foreign.markdown(heading(found)), said, *shown, found.slices.markdown()])

"""The results of a comparison as text, for a terminal, in Markdown and in HTML."""

from search.comparison.results import Results
from search.report.tables import tables
from search.report.words import heading, who_won, words
from sentiment import foreign

__all__ = ["html", "markdown", "render"]


def render(found: Results, width: int | None = None) -> str:
    """For the terminal, of so many columns if they are given."""
    parts = [
        heading(found),
        *(table.render(width) for table in tables(found)),
        found.slices.render(who_won(found), width),
    ]
    return "\n\n".join([*parts, "\n".join(words(found))])


def markdown(found: Results) -> str:
    """For a README, a note, or the dashboard; it holds no text of any review."""
    said = "\n".join(f"- {foreign.markdown(sentence)}" for sentence in words(found))
    shown = (table.markdown() for table in tables(found))
    return "\n\n".join([foreign.markdown(heading(found)), said, *shown, found.slices.markdown(who_won(found))])


def html(found: Results) -> str:
    """For a notebook: what it means, and the tables; it holds no text of any review."""
    said = foreign.html_sentences(found.name, [*words(found), heading(found)])
    shown = (
        f"<p>{foreign.html(table.title)}</p>{foreign.html_table(table.header, table.rows)}" for table in tables(found)
    )
    return "".join([said, *shown])

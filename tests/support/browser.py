"""A headless Chromium, so that tests see what people see, and hear what a page complains of."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["Seen", "browser_page", "chromium"]


@dataclass
class Seen:
    """A page, and what it complained of since it was opened."""

    page: "Page"
    complaints: list[str] = field(default_factory=list)
    """Errors in its console, and requests that failed or were refused; not those that it broke off itself."""

    @property
    def width(self) -> int:
        """In pixels, of all that could be scrolled to."""
        return int(self.page.evaluate("document.documentElement.scrollWidth"))


@contextmanager
def chromium() -> Iterator["Browser"]:
    """The system's; a test without one is skipped. It takes a second to start: one for a module."""
    pytest.importorskip("playwright")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("there is no chromium; `make browser` installs it")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def browser_page(browser: "Browser", width: int = 1400, height: int = 900, **look: Any) -> Iterator[Seen]:
    """A new page of that size, with nothing kept from any other; `look` are more options of Playwright."""
    context = browser.new_context(viewport={"width": width, "height": height}, **look)
    seen = Seen(context.new_page())
    told = seen.complaints.append
    seen.page.on("console", lambda said: told(said.text) if said.type == "error" else None)
    seen.page.on("pageerror", lambda error: told(str(error)))
    seen.page.on("requestfailed", lambda one: None if "ABORTED" in str(one.failure) else told(f"{one.url} failed"))
    seen.page.on("response", lambda one: told(f"{one.url}: {one.status}") if one.status >= 400 else None)
    try:
        yield seen
    finally:
        context.close()

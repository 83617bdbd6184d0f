"""The page in a real browser: light, dark, on a phone, on paper, in Korean; by keyboard and for a screen reader."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from search.report.page import comparison_page, search_page, write_page
from search.study.leaderboard import leaderboard
from tests.search.conftest import Searched
from tests.support.browser import Seen, browser_page, chromium
from tests.support.compared import compared, setting_in, write_comparison

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
pytest.importorskip("matplotlib")

DESK: dict[str, Any] = {"width": 1200, "height": 900}
PHONE: dict[str, Any] = {"width": 390, "height": 844}
LOOKS = {"light": DESK, "dark": DESK | {"color_scheme": "dark"}, "phone": PHONE}
GRAVE = ("serious", "critical")


@pytest.fixture(scope="module")
def pages(searched: Searched, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Of a search and of a comparison, in both languages."""
    folder = tmp_path_factory.mktemp("pages")
    write_comparison(folder)
    found, setting = compared(folder), setting_in(folder)
    study, board = searched.opened.study, leaderboard(searched.opened.study, searched.artifacts)
    written = {}
    for language in ("en", "ko"):
        made = {
            "search": search_page(study, board, searched.opened, searched.artifacts, language=language),
            "comparison": comparison_page(found, setting, language=language),
        }
        for name, page in made.items():
            written[f"{name}-{language}"] = folder / f"{name}-{language}.html"
            write_page(page, written[f"{name}-{language}"])
    return written


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def look(browser: Any) -> Iterator[Any]:
    """Opens a page; whatever its console says, and each request but for the page itself, counts as a complaint."""
    with ExitStack() as opened:

        def at(path: Path, **look: Any) -> Seen:
            seen = opened.enter_context(browser_page(browser, **look))
            seen.page.on("console", lambda message: seen.complaints.append(message.text))
            seen.page.on("request", lambda request: seen.complaints.append(request.url))
            seen.page.goto(path.as_uri())
            seen.complaints.remove(path.as_uri())
            return seen

        yield at


@pytest.mark.parametrize("name", ["search-en", "search-ko", "comparison-en", "comparison-ko"])
@pytest.mark.parametrize("how", LOOKS)
def test_a_page_is_quiet_and_fits_and_can_be_used_by_everybody(
    pages: dict[str, Path], look: Any, name: str, how: str
) -> None:
    seen = look(pages[name], **LOOKS[how])
    assert seen.complaints == []
    assert seen.width <= LOOKS[how]["width"]
    seen.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    found = axe.Axe().run(seen.page).response["violations"]
    grave = [(one["id"], one["nodes"][0]["html"][:200]) for one in found if one["impact"] in GRAVE]
    assert grave == []


def test_dark_is_dark_and_letters_stand_out(pages: dict[str, Path], look: Any) -> None:
    shades = {}
    for how in ("light", "dark"):
        page = look(pages["search-en"], **LOOKS[how]).page
        of_text = "getComputedStyle(document.querySelector('figure svg text')).fill"
        shades[how] = (page.evaluate("getComputedStyle(document.body).backgroundColor"), page.evaluate(of_text))
    assert shades["light"][0] != shades["dark"][0]
    assert shades["light"][1] != shades["dark"][1]


def test_the_first_screen_shows_what_to_deploy_and_the_intervals(pages: dict[str, Path], look: Any) -> None:
    page = look(pages["comparison-en"], **DESK).page  # the mark ends at 507: no other fonts push it below 900
    for selector in ("#verdict", "table.forest .mark"):
        box = page.locator(selector).first.bounding_box()
        assert box["y"] + box["height"] < 900


def test_a_key_leads_past_the_head_to_the_content(pages: dict[str, Path], look: Any) -> None:
    page = look(pages["search-en"], **DESK).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.locator(".skip").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert page.url.endswith("#content")


def test_a_wide_table_scrolls_in_its_own_box_on_a_phone(pages: dict[str, Path], look: Any) -> None:
    page = look(pages["search-en"], **PHONE).page
    box = page.locator("#leaderboard ~ .scroll").first
    assert box.evaluate("one => one.scrollWidth > one.clientWidth && one.tabIndex === 0")


def test_on_paper_nothing_is_folded_away(pages: dict[str, Path], look: Any) -> None:
    seen = look(pages["search-en"], **DESK)
    paper = seen.page.pdf(format="A4")
    assert paper.startswith(b"%PDF")
    seen.page.emulate_media(media="print")
    assert seen.page.locator("details table").first.is_visible()
    assert not seen.page.locator("nav").is_visible()

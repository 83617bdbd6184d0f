"""The pages of a search and of a comparison, as a person sees them: the real dashboard in a real browser."""

import json
import shutil
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.compared import HARM, RECIPE, SAME, write_comparison
from tests.support.program import start
from tests.support.tiny import write_reviews, write_study_file

pytest.importorskip("playwright", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium; `make browser` installs it")
FIGURES = {"costs", "curves", "importance", "pruning"}


class Seen:
    """The dashboard in a browser, and what went wrong there."""

    def __init__(self, address: str, page: Any) -> None:
        self.address, self.page = address, page
        self.wrong: list[str] = []
        page.on("console", lambda said: self.wrong.append(said.text) if said.type == "error" else None)
        page.on("requestfailed", lambda request: self.wrong.append(f"failed: {request.url}"))
        page.on("response", self._take_notice)
        self.studies = {one["study_name"]: one["study_id"] for one in self.fetched("/api/studies")["study_summaries"]}

    def _take_notice(self, answer: Any) -> None:
        if answer.status >= 400:
            self.wrong.append(f"{answer.status}: {answer.url}")

    def fetched(self, path: str) -> Any:
        with urllib.request.urlopen(self.address + path, timeout=120) as answer:
            return json.load(answer)

    def open(self, path: str, *words: str) -> str:
        """All words of a page, once these are among them."""
        self.wrong.clear()
        self.page.goto(self.address + path)
        for one in words:
            self.page.wait_for_function("one => document.body.textContent.includes(one)", arg=one, timeout=60_000)
        self.page.wait_for_load_state("networkidle")
        return str(self.page.text_content("body"))

    def study(self, name: str, *words: str, tab: str = "") -> str:
        return self.open(f"/dashboard/studies/{self.studies[name]}{tab}", *words)

    @property
    def width(self) -> int:
        return int(self.page.evaluate("document.documentElement.scrollWidth"))

    def figures(self) -> dict[str, str]:
        """The words of each of ours that is drawn, by its id."""
        found = {}
        for one in self.page.query_selector_all("[id^='user-defined-plot:']"):
            assert one.query_selector(".main-svg") is not None, one.get_attribute("id")
            found[one.get_attribute("id").partition(":")[2]] = one.text_content()
        return found


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """A search by `run` and a comparison by `compare`, both small."""
    from playwright.sync_api import sync_playwright

    folder = tmp_path_factory.mktemp("seen")
    url = f"sqlite:///{folder}/studies.db"
    reviews = write_reviews(folder / "tiny.csv", 300)
    write_study_file(folder / "study.toml", reviews, epochs=2, trials=14, audit=0.5)
    write_comparison(folder, RECIPE.replace("pairs = 3", "pairs = 2") + SAME + HARM)
    for command in (("run", "study.toml"), ("compare", "ideas.toml")):
        process = start(folder, *command, "--artifacts", folder / "artifacts", storage=url)
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
    served = start(folder, "dashboard", "--port", 0, "--artifacts", folder / "artifacts", storage=url)
    try:
        assert served.stderr is not None
        address = served.stderr.readline().split()[0].rstrip("/")
        threading.Thread(target=served.stderr.read, daemon=True).start()  # each request is a line
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            yield Seen(address, browser.new_page(viewport={"width": 1400, "height": 900}))
            browser.close()
    finally:
        served.kill()
        served.wait()


def test_the_list_shows_where_each_study_belongs(seen: Seen) -> None:
    words = seen.open("/dashboard/", "ideas: tuning of baseline")
    assert "tiny" in words
    for name in (
        "ideas",
        "ideas: tuning of baseline",
        "ideas: tuning of another limit",
        "ideas: tuning of no learning",
    ):
        assert name in words
    assert not seen.wrong
    assert seen.width <= 1400


def test_the_page_of_a_search_has_its_figures_and_few_attributes(seen: Seen) -> None:
    words = seen.study("tiny", "trials asked for", "Score against cost", "Learning curves", "What each parameter")
    shown = seen.figures()
    assert {"costs", "curves", "importance"} <= shown.keys() <= FIGURES
    assert "linear baseline" in shown["costs"]
    assert "Learning curves" in shown["curves"]
    assert "sampled trials" in shown["importance"]
    assert "trials asked for" in words
    assert "share of condemned trials" not in words
    assert not seen.wrong
    assert seen.width <= 1400


def test_the_note_of_a_search_begins_with_what_to_do(seen: Seen) -> None:
    words = seen.study("tiny", "What to do", tab="/note")
    assert words.index("What to do") < words.index("sentiment-search export tiny") < words.index("How sure?")
    assert words.index("How sure?") < words.index("How a trial came by its settings") < words.index("Where to look")
    assert "What the numbers do not say" in words
    assert "recipe" in words
    assert "sampled" in words
    assert not seen.wrong
    assert seen.width <= 1400


def test_the_page_of_a_comparison_shows_the_forest_plot_and_chooses_by_no_sealed_row(seen: Seen) -> None:
    words = seen.study("ideas", "Best Trial", "Every idea against", "Every arm")
    shown = seen.figures()
    assert shown.keys() == {"forest", "arms"}
    assert "another limit" in shown["forest"]
    assert "worse" in shown["forest"]
    assert "macro-F1 on fresh validation rows" in words
    assert "arm: " in words  # of the best trial
    assert not seen.wrong
    assert seen.width <= 1400


def test_the_note_of_a_comparison_begins_with_the_verdicts(seen: Seen) -> None:
    words = seen.study("ideas", "What it found", tab="/note")
    assert words.index("What it found") < words.index("Deploy ") < words.index("Leave out: no learning")
    assert words.index("Leave out: no learning") < words.index("How it was measured")
    assert not seen.wrong


def test_the_note_of_a_part_says_where_the_verdicts_are(seen: Seen) -> None:
    words = seen.study("ideas: tuning of another limit", "Part of the comparison", tab="/note")
    assert "Part of the comparison ideas: the trials that tuned 'another limit'" in words
    assert "Do not choose among arms here" in words
    assert not seen.wrong


def test_every_study_tells_what_its_parameters_were_worth(seen: Seen) -> None:
    # Of the idea "no learning" nothing is drawn, of which the dashboard would make an error.
    for name, number in seen.studies.items():
        assert "param_importances" in seen.fetched(f"/api/studies/{number}/param_importances"), name
        seen.study(name, "Best Trial", "Hyperparameter Importance")
        assert not seen.wrong, name

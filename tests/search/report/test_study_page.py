"""The pages of a search and of a comparison, as a person sees them: the real dashboard in a real browser."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.browser import Seen, browser_page, chromium
from tests.support.compared import HARM, RECIPE, SAME, write_comparison
from tests.support.dashboard import served
from tests.support.program import start
from tests.support.tiny import write_reviews, write_study_file

FIGURES = {"costs", "curves", "importance", "pruning"}


class Dashboard:
    """In a browser, and what went wrong there."""

    def __init__(self, address: str, seen: Seen) -> None:
        self.address, self._seen = address, seen
        self.studies = {one["study_name"]: one["study_id"] for one in self.fetched("/api/studies")["study_summaries"]}

    def fetched(self, path: str) -> Any:
        with urllib.request.urlopen(self.address + path, timeout=120) as answer:
            return json.load(answer)

    def open(self, path: str, *words: str) -> str:
        """All words of a page, once these are among them."""
        page = self._seen.page
        self.complaints.clear()
        page.goto(self.address + path)
        for one in words:
            page.wait_for_function("one => document.body.textContent.includes(one)", arg=one, timeout=60_000)
        page.wait_for_load_state("networkidle")
        return str(page.text_content("body"))

    def study(self, name: str, *words: str, tab: str = "") -> str:
        return self.open(f"/dashboard/studies/{self.studies[name]}{tab}", *words)

    @property
    def width(self) -> int:
        return self._seen.width

    @property
    def complaints(self) -> list[str]:
        return self._seen.complaints

    def figures(self) -> dict[str, str]:
        """The words of each of ours that is drawn, by its id."""
        found = {}
        for one in self._seen.page.query_selector_all("[id^='user-defined-plot:']"):
            assert one.query_selector(".main-svg") is not None, one.get_attribute("id")
            found[str(one.get_attribute("id")).partition(":")[2]] = str(one.text_content())
        return found


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A search by `run` and a comparison by `compare`, both small."""
    with chromium() as browser, browser_page(browser) as page:
        folder = tmp_path_factory.mktemp("seen")
        url, artifacts = f"sqlite:///{folder}/studies.db", folder / "artifacts"
        reviews = write_reviews(folder / "tiny.csv", 300)
        write_study_file(folder / "study.toml", reviews, epochs=2, trials=14, audit=0.5)
        write_comparison(folder, RECIPE.replace("pairs = 3", "pairs = 2") + SAME + HARM)
        for command in (("run", "study.toml"), ("compare", "ideas.toml")):
            process = start(folder, *command, "--artifacts", artifacts, storage=url)
            _, err = process.communicate(timeout=300)
            assert process.returncode == 0, err
        with served(folder, url, artifacts) as address:
            yield Dashboard(address, page)


def test_the_list_shows_where_each_study_belongs(seen: Dashboard) -> None:
    words = seen.open("/dashboard/", "ideas: tuning of baseline")
    assert "tiny" in words
    for name in (
        "ideas",
        "ideas: tuning of baseline",
        "ideas: tuning of another limit",
        "ideas: tuning of no learning",
    ):
        assert name in words
    assert not seen.complaints
    assert seen.width <= 1400


def test_the_page_of_a_search_has_its_figures_and_few_attributes(seen: Dashboard) -> None:
    words = seen.study("tiny", "trials asked for", "Score against cost", "Learning curves", "What each parameter")
    shown = seen.figures()
    assert {"costs", "curves", "importance"} <= shown.keys() <= FIGURES
    assert "linear baseline" in shown["costs"]
    assert "Learning curves" in shown["curves"]
    assert "sampled trials" in shown["importance"]
    assert "trials asked for" in words
    assert "share of condemned trials" not in words
    assert not seen.complaints
    assert seen.width <= 1400


def test_the_note_of_a_search_begins_with_what_to_do(seen: Dashboard) -> None:
    words = seen.study("tiny", "What to do", tab="/note")
    assert words.index("What to do") < words.index("sentiment-search export tiny") < words.index("How sure?")
    assert words.index("How sure?") < words.index("How a trial came by its settings") < words.index("Where to look")
    assert "What the numbers do not say" in words
    assert "recipe" in words
    assert "sampled" in words
    assert not seen.complaints
    assert seen.width <= 1400


def test_the_page_of_a_comparison_shows_the_forest_plot_and_chooses_by_no_sealed_row(seen: Dashboard) -> None:
    words = seen.study("ideas", "Best Trial", "Every idea against", "Every arm")
    shown = seen.figures()
    assert shown.keys() == {"forest", "arms"}
    assert "another limit" in shown["forest"]
    assert "worse" in shown["forest"]
    assert "macro-F1 on fresh validation rows" in words
    assert "arm: " in words  # of the best trial
    assert not seen.complaints
    assert seen.width <= 1400


def test_the_note_of_a_comparison_begins_with_the_verdicts(seen: Dashboard) -> None:
    words = seen.study("ideas", "What it found", tab="/note")
    assert words.index("What it found") < words.index("Deploy ") < words.index("Leave out: no learning")
    assert words.index("Leave out: no learning") < words.index("How it was measured")
    assert not seen.complaints


def test_the_note_of_a_part_says_where_the_verdicts_are(seen: Dashboard) -> None:
    words = seen.study("ideas: tuning of another limit", "Part of the comparison", tab="/note")
    assert "Part of the comparison ideas: the trials that tuned 'another limit'" in words
    assert "Do not choose among arms here" in words
    assert not seen.complaints


def test_every_study_tells_what_its_parameters_were_worth(seen: Dashboard) -> None:
    # Of the idea "no learning" nothing is drawn, of which the dashboard would make an error.
    for name, number in seen.studies.items():
        assert "param_importances" in seen.fetched(f"/api/studies/{number}/param_importances"), name
        seen.study(name, "Best Trial", "Hyperparameter Importance")
        assert not seen.complaints, name

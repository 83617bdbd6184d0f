"""A trial's page in the real dashboard, over a study that `run` made; and its parts by themselves."""

import csv
import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import pytest
from optuna.artifacts import get_all_artifact_meta
from optuna.trial import FrozenTrial, TrialState
from optuna_dashboard._note import get_note_from_system_attrs

from search.cli.commands import main
from search.cli.worker import work_on
from search.report import trial_pages
from search.report.trial_note import note
from search.report.trial_pages import TrialPages, worst_errors
from search.storage.attributes import OURS
from search.storage.databases import open_storage
from search.storage.paths import ArtifactPath
from search.study.create import SearchStudy, make_objective, open_recorded
from search.study.optimization import optimize
from search.study.outcome import Outcome
from search.study.records import CONFIG, CURVE, PRUNED, told
from sentiment.models.family import Report, Trained
from sentiment.models.network.config import NetworkConfig
from tests.support.browser import browser_page, chromium
from tests.support.dashboard import served
from tests.support.tiny import write_reviews, write_study_file

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CLASS = "<b>bad</b>"
"""What a page would obey."""
COMPLETED, PRUNED_ONE, FAILED = 2, 3, 4


@dataclass(frozen=True)
class Made:
    opened: SearchStudy
    url: str
    artifacts: Path

    @property
    def trials(self) -> list[FrozenTrial]:
        return self.opened.study.get_trials()

    def note(self, number: int) -> str:
        study = self.opened.study
        kept = study._storage.get_study_system_attrs(study._study_id)
        return get_note_from_system_attrs(kept, self.trials[number]._trial_id)["body"]

    def files(self, number: int) -> dict[str, Path]:
        shown = get_all_artifact_meta(self.trials[number], storage=self.opened.study._storage)
        return {meta.filename: self.artifacts / meta.artifact_id for meta in shown}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Two trials by `run`, one by a worker, one that a pruner stopped, and one that failed."""
    folder = tmp_path_factory.mktemp("pages")
    url, artifacts = f"sqlite:///{folder}/study.db", folder / "artifacts"
    file = write_study_file(folder / "study.toml", write_reviews(folder / "reviews.csv"), epochs=3, trials=2)
    file.write_text(file.read_text().replace("negative =", f'"{CLASS}" ='))
    assert main(["run", str(file), "--storage", url, "--artifacts", str(artifacts)]) == 0
    work_on("tiny", url, ArtifactPath.of(artifacts), 3, None, 1, "cpu")
    opened = open_recorded("tiny", open_storage(url, create=False), ArtifactPath.of(artifacts))
    pages = TrialPages(ArtifactPath.of(artifacts))
    below_two = optuna.pruners.ThresholdPruner(lower=2.0, n_warmup_steps=3)  # below 2 is every score
    optimize(opened, trials=4, objective=make_objective(opened, pages=pages), pruner=below_two)
    with pytest.raises(MemoryError):
        make_objective(opened, pages=pages, memory=1)(opened.study.ask())
    opened.study.tell(FAILED, state=TrialState.FAIL)
    return Made(opened, url, artifacts)


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def server(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("dashboard"), made.url, made.artifacts) as address:
        yield address


class TestInABrowser:
    @pytest.mark.parametrize("number", [COMPLETED, PRUNED_ONE, FAILED])
    def test_a_page_fits_the_screen_and_says_in_words_what_it_is(
        self, browser: "Browser", server: str, number: int
    ) -> None:
        words = {COMPLETED: "when it ended", PRUNED_ONE: "too far behind the best after 1.5 epochs", FAILED: "Failed."}
        with browser_page(browser) as seen:
            seen.page.goto(f"{server}/dashboard/studies/1/trials?numbers={number}")
            seen.page.get_by_text(words[number]).first.wait_for()
            seen.page.get_by_text("over word tokens").first.wait_for()
            seen.page.wait_for_load_state("networkidle")
            assert seen.width <= 1400
            shown = seen.page.evaluate("[...document.images].map(image => image.naturalWidth)")
            assert len(shown) == {COMPLETED: 4, PRUNED_ONE: 2, FAILED: 0}[number]
            assert all(width > 100 for width in shown)
            assert seen.complaints == []

    def test_names_of_classes_are_shown_as_they_are_written(self, browser: "Browser", server: str) -> None:
        with browser_page(browser) as seen:
            seen.page.goto(f"{server}/dashboard/studies/1/trials?numbers={COMPLETED}")
            seen.page.get_by_text(f"F1 of each class: {CLASS}").wait_for()

    @pytest.mark.parametrize("name, holds", [("classes.csv", "precision"), ("worst-errors.csv", "predicted")])
    def test_a_table_is_opened(self, browser: "Browser", server: str, name: str, holds: str) -> None:
        with browser_page(browser) as seen:
            seen.page.goto(f"{server}/dashboard/studies/1/trials?numbers={COMPLETED}")
            card = seen.page.locator(".MuiCard-root", has_text=name)
            card.get_by_role("button").first.click()
            seen.page.locator(".MuiModal-root th", has_text=holds).first.wait_for()
            assert seen.complaints == []


class TestAPage:
    def test_has_no_attribute_that_is_no_word_or_number(self, made: Made) -> None:
        for trial in made.trials:
            for name, value in trial.user_attrs.items():
                assert isinstance(value, str | float | int), name
                assert len(str(value)) < 100, name
        assert told(made.trials[COMPLETED], CURVE)[0]["epoch"] == 0.5
        assert OURS + CONFIG in made.trials[COMPLETED].system_attrs

    def test_has_a_note_that_says_how_it_stands_and_what_to_type(self, made: Made) -> None:
        said = made.note(1)
        best = made.trials[0].value
        assert best is not None
        assert "**lstm over word tokens** · " in said or "**textcnn over word tokens** · " in said
        assert f"the best so far (trial 0, {best:.4f})" in said
        assert "the linear baseline (" in said
        where = f"--storage {made.url} --artifacts {made.artifacts}"
        assert f"`sentiment-search replay tiny --trial 1 {where}`" in said
        assert f"`sentiment-search export tiny --trial 1 --to tiny-model {where}`" in said

    def test_of_a_recipe_and_a_sampled_trial_says_which_it_is(self, made: Made) -> None:
        kinds = [trial.user_attrs["kind of trial"] for trial in made.trials]
        assert kinds[0] == "a known-good recipe, which the search begins with"
        assert kinds[-1] == "settings that the sampler drew"
        assert "a known-good recipe" in made.note(0)
        assert "settings that the sampler drew" in made.note(FAILED)

    def test_of_a_pruned_trial_says_why_and_shows_how_it_learned(self, made: Made) -> None:
        pruned = made.trials[PRUNED_ONE]
        assert pruned.state == TrialState.PRUNED
        assert pruned.user_attrs[PRUNED] == "too far behind the best after 1.5 epochs"
        assert "Pruned: too far behind the best after 1.5 epochs." in made.note(PRUNED_ONE)
        assert made.files(PRUNED_ONE).keys() == {"learning-curve.svg", "loss.svg"}

    def test_of_a_failed_trial_says_why(self, made: Made) -> None:
        assert "**Failed.** MemoryError: its training would need at least" in made.note(FAILED)
        assert not made.files(FAILED)

    def test_has_files_that_are_there_whoever_trained_it(self, made: Made) -> None:
        for number in range(3):
            files = made.files(number)
            assert files.keys() == {
                *(
                    "learning-curve.svg",
                    "loss.svg",
                    "confusion.svg",
                    "calibration.svg",
                    "classes.csv",
                    "worst-errors.csv",
                )
            }
            assert all(path.stat().st_size for path in files.values())
        with made.files(COMPLETED)["classes.csv"].open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["class"] for row in rows] == [CLASS, "positive"]
        assert sum(int(row["rows"]) for row in rows) == len(made.opened.dataset.split.validation)
        value = made.trials[COMPLETED].value
        assert value == pytest.approx(np.mean([float(row["F1"]) for row in rows]), abs=1e-4)

    def test_is_whole_before_its_trial_ends(self, made: Made) -> None:
        states: list[TrialState] = []
        study = optuna.create_study(direction="maximize")
        study.optimize(
            make_objective(
                replace(made.opened, study=study, artifacts=None, progress=None),
                pages=lambda trial, outcome: states.append(study.get_trials()[trial.number].state),
            ),
            n_trials=1,
        )
        assert states == [TrialState.RUNNING]


@pytest.fixture
def outcome(made: Made) -> Outcome:
    """Of a made-up training that is right about every third row."""
    dataset = made.opened.dataset
    labels = dataset.labels("validation")
    right = np.arange(len(labels)) % 3 == 0
    said = np.where(right, labels, 1 - labels)
    sure = np.linspace(0.6, 0.9, len(labels), dtype=np.float32)
    probabilities = np.where(np.arange(2) == said[:, None], sure[:, None], 1 - sure[:, None])
    report = Report(1, 1.0, 0.5, 0.6, 0.4, 0.4, 2.0)
    trained = Trained(NetworkConfig(), None, 0.4, probabilities, (report,), None, None, 2.0)
    return Outcome(TrialState.COMPLETE, trained.config, "sampled", dataset, (report,), None, trained)


class TestTheWorstErrors:
    def test_are_those_of_whose_label_it_was_least_sure_the_worst_first(self, outcome: Outcome) -> None:
        rows = worst_errors(outcome)
        assert len(rows) == 20
        said = [row["probability of label"] for row in rows]
        assert said == sorted(said)
        assert all(row["label"] != row["predicted"] for row in rows)
        last = len(outcome.dataset.labels("validation")) - 1
        expected = last if last % 3 else last - 1
        assert rows[0]["text"] == outcome.dataset.texts("validation")[expected]

    def test_are_clipped(self, outcome: Outcome) -> None:
        reviews = replace(outcome.dataset.reviews, texts=["word " * 200] * len(outcome.dataset.reviews.texts))
        long = replace(outcome, dataset=replace(outcome.dataset, reviews=reviews))
        assert {len(row["text"]) for row in worst_errors(long)} == {300}

    def test_hold_nothing_that_a_spreadsheet_would_run(self, outcome: Outcome, tmp_path: Path) -> None:
        reviews = replace(outcome.dataset.reviews, texts=["=1+1"] * len(outcome.dataset.reviews.texts))
        study = optuna.create_study(direction="maximize")
        trial = study.ask()
        TrialPages(tmp_path)(trial, replace(outcome, dataset=replace(outcome.dataset, reviews=reviews)))
        (table,) = [
            meta
            for meta in get_all_artifact_meta(study.trials[0], storage=study._storage)
            if meta.filename == "worst-errors.csv"
        ]
        assert "\n'=1+1," in (tmp_path / table.artifact_id).read_text()


class TestANote:
    def test_of_a_collapse_says_which_class_and_what_share(self, outcome: Outcome) -> None:
        assert outcome.trained is not None
        trained = replace(outcome.trained, collapsed=f"predicts only {CLASS!r} for 99.9 % of the validation rows")
        said = note("tiny", 7, replace(outcome, trained=trained), [], None)
        assert r"**Collapsed**: its best checkpoint predicts only '&lt;b>bad&lt;/b>' for 99.9 %" in said

    def test_of_a_run_that_ended_by_itself_says_why_once(self, outcome: Outcome) -> None:
        assert outcome.trained is not None
        why = "collapsed by epoch 2 of 4: predicts only 'positive'"
        trained = replace(outcome.trained, collapsed="predicts only 'positive'")
        said = note("tiny", 7, replace(outcome, state=TrialState.PRUNED, why=why, trained=trained), [], None)
        assert f"Ended early: it {why}." in said
        assert "**Collapsed**" not in said

    def test_says_that_a_trial_was_begun_again_and_went_on(self, outcome: Outcome) -> None:
        said = note("tiny", 7, replace(outcome, origin="again", resumed=1.5), [], 0.38)
        assert "begun again" in said
        assert "It went on from epoch 1.5" in said
        assert "2.0 points above the linear baseline (0.3800)" in said

    def test_quotes_a_name_that_a_shell_would_take_apart(self, outcome: Outcome) -> None:
        assert "`sentiment-search replay 'my study' --trial 7`" in note("my study", 7, outcome, [], None)


def test_what_cannot_be_drawn_is_told_of_and_fails_no_trial(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> dict[str, bytes]:
        raise ValueError("no ink")

    monkeypatch.setattr(trial_pages, "figures", broken)
    study = optuna.create_study(direction="maximize")
    objective = make_objective(
        replace(made.opened, study=study, artifacts=None, progress=None), pages=TrialPages(tmp_path)
    )
    with pytest.warns(UserWarning, match="will not show all of some trials' pages: ValueError: no ink"):
        study.optimize(objective, n_trials=1)
    assert study.trials[0].state == TrialState.COMPLETE


def test_without_the_extra_a_page_has_its_note_and_its_tables(
    outcome: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_pages, "find_spec", lambda name: None)
    study = optuna.create_study(direction="maximize")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TrialPages(tmp_path)(study.ask(), outcome)
    shown = get_all_artifact_meta(study.trials[0], storage=study._storage)
    assert {meta.filename for meta in shown} == {"classes.csv", "worst-errors.csv"}
    assert json.dumps(study._storage.get_study_system_attrs(study._study_id)).count("note_ver") == 1


def test_a_trial_names_its_files_before_they_are_there_so_that_a_killed_one_leaves_none_that_nobody_knows_of(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    study = optuna.create_study(storage=open_storage(url), direction="maximize")
    written: list[str] = []

    class Store:
        def write(self, artifact_id: str, content_body: object) -> None:
            named = get_all_artifact_meta(open_storage(url).get_all_trials(1)[0], storage=open_storage(url))
            assert artifact_id in {meta.artifact_id for meta in named}
            written.append(artifact_id)

    monkeypatch.setattr(ArtifactPath, "store", lambda _: Store())
    objective = make_objective(
        replace(made.opened, study=study, artifacts=None, progress=None), pages=TrialPages(tmp_path)
    )
    study.optimize(objective, n_trials=1)
    assert len(written) >= 2

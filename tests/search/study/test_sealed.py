import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.cli.commands import main
from search.storage.databases import open_storage
from search.study import sealed
from search.study.create import SearchStudy, create_or_resume, make_objective, open_recorded
from search.study.export import export
from search.study.leaderboard import LINEAR
from search.study.optimization import optimize
from search.study.records import OPENINGS, keep_of_study, told_of_study
from search.study.sealed import evaluate_sealed
from sentiment.bundle.folder import Bundle
from sentiment.errors import InputError
from sentiment.metrics import accuracy, macro_f1
from sentiment.models.baselines import linear
from tests.support.tiny import definition, write_reviews


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study of one trial and its exported model."""
    folder = tmp_path_factory.mktemp("sealed")
    storage = open_storage(f"sqlite:///{folder}/study.db")
    opened = create_or_resume(definition(write_reviews(folder / "reviews.csv")), storage, folder / "artifacts")
    optimize(opened, trials=1, objective=make_objective(opened, end_early=False))
    export(opened.study, folder / "artifacts", "best", folder / "model")
    return folder


@pytest.fixture
def opened(place: Path) -> SearchStudy:
    """That study, as if its sealed rows had never been opened."""
    found = open_recorded("tiny", open_storage(f"sqlite:///{place}/study.db"), place / "artifacts")
    keep_of_study(found.study, OPENINGS, [])
    return found


@pytest.fixture
def bundle(place: Path) -> Bundle:
    return Bundle.open(place / "model")


class TestSealedRows:
    def test_are_scored_as_the_networks_and_the_linear_baseline_answer(
        self, opened: SearchStudy, bundle: Bundle
    ) -> None:
        dataset = opened.dataset
        texts, labels = dataset.texts("test"), dataset.labels("test")
        found = evaluate_sealed(bundle, opened)
        guesses = bundle.probabilities(texts).argmax(axis=1)
        assert found.bundle.macro_f1 == macro_f1(labels, guesses, 2)
        assert found.bundle.accuracy == accuracy(labels, guesses)
        fitted = linear(dataset.texts("train"), dataset.labels("train"), 2)
        assert found.linear.macro_f1 == macro_f1(labels, fitted.probabilities(texts).argmax(axis=1), 2)
        assert found.bundle.rows == found.linear.rows == 40
        assert found.bundle.seen and (found.bundle.seen.trained_on, found.bundle.seen.chose_checkpoint) == (0, 0)

    def test_are_counted_with_trial_and_bundle_and_from_the_second_time_on_it_is_said_what_that_means(
        self, opened: SearchStudy, bundle: Bundle
    ) -> None:
        first, second = (evaluate_sealed(bundle, opened) for _ in range(2))
        recorded = told_of_study(opened.study)[OPENINGS]
        assert recorded == second.openings == json.loads(json.dumps(second.to_dict()))["openings"]
        assert [(opening["trial"], opening["bundle"]) for opening in recorded] == 2 * [(0, str(bundle.directory))]
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", recorded[0]["when"])
        assert first.render().splitlines()[-1] == "Sealed rows opened 1 time."
        assert second.render().splitlines()[-1] == (
            "Sealed rows opened 2 times. Whoever looks again can choose by what is seen, and a number chosen among "
            "several is optimistic."
        )

    def test_count_as_opened_before_they_are_scored(
        self, opened: SearchStudy, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(*_: Any) -> None:
            assert len(told_of_study(opened.study)[OPENINGS]) == 1
            raise KeyboardInterrupt

        monkeypatch.setattr(sealed, "score", interrupted)
        with pytest.raises(KeyboardInterrupt):
            evaluate_sealed(bundle, opened)
        monkeypatch.undo()
        assert len(evaluate_sealed(bundle, opened).openings) == 2

    @pytest.mark.parametrize(
        "facts",
        [{"study": "another"}, {"data fingerprint": 64 * "0"}, {"data fingerprint": ["x"]}, {"study": None}],
    )
    def test_stay_closed_to_a_bundle_of_another_study_or_of_other_data(
        self, opened: SearchStudy, bundle: Bundle, facts: dict[str, Any]
    ) -> None:
        with pytest.raises(InputError, match="does not come from study 'tiny' with these data, labels") as refused:
            evaluate_sealed(replace(bundle, facts=bundle.facts | facts), opened)
        assert len(str(refused.value).splitlines()) == 1
        assert told_of_study(opened.study)[OPENINGS] == []

    def test_of_a_bundle_of_an_earlier_version_are_scored_too(self, opened: SearchStudy, bundle: Bundle) -> None:
        found = evaluate_sealed(replace(bundle, seen=None), opened)
        assert "is unknown: it was made by an earlier version" in found.render()


class TestTheCommand:
    def flags(self, place: Path) -> list[str]:
        return ["--storage", f"sqlite:///{place}/study.db", "--artifacts", str(place / "artifacts")]

    def test_shows_both_scores_and_how_often_the_rows_were_opened(
        self, place: Path, opened: SearchStudy, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["evaluate", str(place / "model"), "--sealed", "tiny", *self.flags(place)]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        assert out.splitlines()[0] == "sealed rows of study tiny: 40 rows scored"
        assert "The bundle was trained on none of these texts, and none chose its checkpoint." in out
        assert f"{LINEAR}, fitted on the same training rows, has on these:\nmacro-F1 0." in out
        assert "One standard error of such a macro-F1 on 40 rows is about" in out
        assert out.splitlines()[-1] == "Sealed rows opened 1 time."

    def test_tells_a_program_the_same(
        self, place: Path, opened: SearchStudy, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["evaluate", str(place / "model"), "--sealed", "tiny", "--json", *self.flags(place)]) == 0
        told = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
        assert (told["study"], told["rows"], len(told["openings"])) == ("tiny", 40, 1)
        assert told["seen"] == {"trained_on": 0, "chose_checkpoint": 0, "without_them": None, "classes_lost": []}
        assert told["baselines"][LINEAR]["rows"] == np.sum(told["confusion"]) == 40

    def test_refuses_a_study_whose_data_have_changed(
        self, place: Path, opened: SearchStudy, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = (place / "reviews.csv").read_bytes()
        try:
            write_reviews(place / "reviews.csv", seed=1)
            assert main(["evaluate", str(place / "model"), "--sealed", "tiny", *self.flags(place)]) == 2
        finally:
            (place / "reviews.csv").write_bytes(before)
        assert "was made with other data, labels or split" in capsys.readouterr().err
        assert told_of_study(opened.study)[OPENINGS] == []

    def test_that_is_refused_its_bundle_opens_nothing(
        self, place: Path, opened: SearchStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        import shutil

        damaged = Path(shutil.copytree(place / "model", tmp_path / "model"))
        (damaged / "seen-texts.bin").write_bytes(b"x")
        assert main(["evaluate", str(damaged), "--sealed", "tiny", *self.flags(place)]) == 2
        assert "seen-texts.bin is damaged" in capsys.readouterr().err
        assert told_of_study(opened.study)[OPENINGS] == []

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
import pytest

from search.storage.artifacts import WEIGHTS, TrialArtifacts
from search.storage.databases import open_storage
from search.study.claims import begin_again, claim
from search.study.create import create_or_resume, make_objective, remove_leftovers
from search.study.export import export
from search.study.optimization import optimize
from search.study.records import CONFIG, told
from search.study.replay import replay
from sentiment.bundle.folder import Bundle
from sentiment.errors import InputError
from sentiment.metrics import macro_f1
from sentiment.models.network.config import NetworkConfig
from sentiment.models.network.training import train, training_data
from sentiment.tokens.corpus import load_corpus
from tests.search.conftest import Searched
from tests.support.precisions import precisions_of
from tests.support.tiny import SPACE, definition


def folders(artifacts: TrialArtifacts) -> list[str]:
    return sorted(path.name for path in artifacts.directory.iterdir() if path.name != "predictions")


class TestTheFoldersOfAStudy:
    def test_are_those_of_its_best_completed_trials_and_each_verifies(self, searched: Searched) -> None:
        completed = searched.opened.study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
        assert len(completed) == 5
        best = sorted(completed, key=lambda trial: (-(trial.value or 0), trial.number))
        there = folders(searched.opened.artifacts)
        # An equal of the last is kept as well: which came first is not what makes a network better.
        assert {f"trial-{trial.number:05d}" for trial in best[:2]} <= set(there)
        assert all(trial.value == best[1].value for trial in best[2:] if f"trial-{trial.number:05d}" in there)
        for name in there:
            Bundle.open(searched.opened.artifacts.directory / name)

    def test_are_recorded_with_a_checksum(self, searched: Searched) -> None:
        import hashlib

        best = searched.opened.study.best_trial
        folder = searched.opened.artifacts.folder(best.number)
        sha256 = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
        assert told(best, WEIGHTS) == {"folder": folder.name, "manifest sha256": sha256}

    def test_hold_the_network_that_earned_the_score(self, searched: Searched) -> None:
        best, dataset = searched.opened.study.best_trial, searched.opened.dataset
        bundle = Bundle.open(searched.opened.artifacts.folder(best.number))
        guesses = bundle.probabilities(dataset.texts("validation")).argmax(axis=1)
        assert macro_f1(dataset.labels("validation"), guesses, 2) == best.value
        assert bundle.facts["trial"] == best.number
        assert bundle.facts["data fingerprint"] == dataset.fingerprint

    def test_say_which_texts_it_learned_from_and_was_chosen_by(self, searched: Searched, tmp_path: Path) -> None:
        export(searched.opened.study, searched.artifacts, "best", tmp_path / "model")
        dataset, seen = searched.opened.dataset, Bundle.open(tmp_path / "model").seen
        assert seen is not None
        parts = [seen.among(dataset.texts(part)) for part in ("train", "validation", "test")]
        assert [trained.all() for trained, _ in parts] == [True, False, False]
        assert [chose.all() for _, chose in parts] == [False, True, False]
        assert not any(which.any() for which in parts[2])

    def test_of_trials_that_failed_are_removed_and_those_that_run_are_left_to_write(
        self, reviews_csv: Path, tmp_path: Path
    ) -> None:
        storage = open_storage(f"sqlite:///{tmp_path}/study.db")
        opened = create_or_resume(definition(reviews_csv), storage, tmp_path)
        assert opened.artifacts and opened.predictions
        failed, lives = claim(opened.study, 9), claim(opened.study, 9)
        assert failed and lives
        begin_again(opened.study, failed.number, "interrupted")
        for number in (failed.number, lives.number):
            for folder in (f".trial-{number:05d}.abc.tmp", f"trial-{number:05d}"):
                (opened.artifacts.directory / folder).mkdir()
                (opened.artifacts.directory / folder / "weights.safetensors").write_bytes(b"half")
            for file in (f"trial-{number:05d}.npy", f"trial-{number:05d}.77.tmp"):
                (opened.predictions / file).touch()
            for file in (f"checkpoints-{number:05d}.npy", f".trial-{number:05d}.npy.77.tmp"):
                (opened.predictions / file).touch()
        remove_leftovers(opened)
        mine = f"trial-{lives.number:05d}"
        assert folders(opened.artifacts) == [f".{mine}.abc.tmp", mine]
        assert sorted(path.name for path in opened.predictions.glob("trial-*")) == [f"{mine}.77.tmp", f"{mine}.npy"]
        others = [path.name for path in opened.predictions.iterdir() if path.name[0] in ".c"]
        assert sorted(others) == [f".{mine}.npy.77.tmp", f"checkpoints-{lives.number:05d}.npy"]


class TestKeeping:
    """Trials of these scores, one after the other; a bundle is an empty folder here."""

    @pytest.fixture(autouse=True)
    def empty_bundles(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def write(folder: Path, **_: Any) -> str:
            folder.mkdir(parents=True)  # refuses one that is there
            return "checksum"

        monkeypatch.setattr("sentiment.bundle.folder.write_bundle", write)

    def kept(
        self,
        directory: Path,
        scores: list[float],
        keep_best: int,
        *,
        stale: int | None = None,
        clear: bool = True,
        stays: int | None = None,
    ) -> list[int]:
        study = optuna.create_study(direction="maximize")
        artifacts = TrialArtifacts(directory, keep_best)
        if stale is not None:
            artifacts.folder(stale).mkdir(parents=True)
        dataset: Any = SimpleNamespace(
            reviews=SimpleNamespace(classes=("a", "b")),
            split=SimpleNamespace(train=[0], validation=[1]),
            fingerprint="f",
            source=SimpleNamespace(classes="as-is"),
            texts=lambda part: [part],
        )
        for score in scores:
            trial = study.ask()
            trained: Any = SimpleNamespace(macro_f1=score, model=object(), best=SimpleNamespace(epoch=1.0))
            artifacts.keep(trial, trained, dataset, stays=trial.number == stays)
            study.tell(trial, score)
            if clear:
                artifacts.clear(study)
        there = sorted(int(path.name.removeprefix("trial-")) for path in directory.glob("trial-*"))
        assert set(there) <= {trial.number for trial in study.trials if told(trial, WEIGHTS) is not None}
        return there

    @pytest.mark.parametrize(
        ("scores", "keep_best", "there"),
        [
            ([0.5, 0.6, 0.7, 0.4], 2, [1, 2]),
            ([0.7, 0.6, 0.5, 0.4], 2, [0, 1]),
            ([0.5, 0.4, 0.6], 3, [0, 1, 2]),
            ([0.5, 0.6, 0.7], 1, [2]),
            ([0.5, 0.5, 0.5], 1, [0, 1, 2]),  # equals are all kept: which came first makes none of them better
            ([0.5, 0.7, 0.7, 0.6], 2, [1, 2]),
            ([0.7, 0.5, 0.5, 0.6], 2, [0, 3]),  # and when one is surpassed, all its equals are
        ],
    )
    def test_leaves_the_best_and_no_other(
        self, tmp_path: Path, scores: list[float], keep_best: int, there: list[int]
    ) -> None:
        assert self.kept(tmp_path, scores, keep_best) == there

    @pytest.mark.parametrize(("scores", "stays"), [([0.5, 0.6, 0.7, 0.4], 0), ([0.6, 0.7, 0.4, 0.5], 2)])
    def test_leaves_what_stays_however_many_are_better(self, tmp_path: Path, scores: list[float], stays: int) -> None:
        best = sorted(range(4), key=lambda number: -scores[number])[:2]
        assert self.kept(tmp_path, scores, 2, stays=stays) == sorted([*best, stays])

    def test_takes_nothing_away_for_a_better_trial_that_may_never_be_recorded(self, tmp_path: Path) -> None:
        assert self.kept(tmp_path, [0.5, 0.6, 0.7], 1, clear=False) == [1, 2]

    def test_writes_over_what_a_dead_process_left_under_the_same_number(self, tmp_path: Path) -> None:
        assert self.kept(tmp_path, [0.5, 0.6], 2, stale=1) == [0, 1]


def test_a_folder_that_was_written_but_never_recorded_is_written_again(reviews_csv: Path, tmp_path: Path) -> None:
    opened = create_or_resume(definition(reviews_csv), open_storage(f"sqlite:///{tmp_path}/study.db"), tmp_path)
    stale = opened.artifacts.folder(0)
    stale.mkdir(parents=True)
    (stale / "weights.safetensors").write_bytes(b"half")
    optimize(opened, trials=1)
    Bundle.open(stale)
    assert told(opened.study.trials[0], WEIGHTS) is not None


@pytest.mark.parametrize(("precision", "architecture"), precisions_of("lstm", "textcnn"))
def test_a_trial_is_chosen_by_the_answers_that_its_replay_and_its_bundle_give(
    reviews_csv: Path, tmp_path: Path, precision: str, architecture: str
) -> None:
    space = SPACE | {"precision": precision, "architecture": architecture, "epochs": 1}
    opened = create_or_resume(
        definition(reviews_csv, space=space), open_storage(f"sqlite:///{tmp_path}/study.db"), tmp_path
    )
    optimize(opened, trials=1, objective=make_objective(opened, end_early=False))
    (trial,), dataset = opened.study.trials, opened.dataset
    assert told(trial, CONFIG)["precision"] == precision
    assert replay(opened, 0).same

    config = NetworkConfig.from_dict(told(trial, CONFIG))
    corpus = load_corpus(dataset, config.token_unit, config.vocabulary_size, opened.cache)
    trained = train(config, training_data(dataset, corpus))
    export(opened.study, tmp_path, "best", tmp_path / "model")
    said = Bundle.open(tmp_path / "model").probabilities(dataset.texts("validation"))
    np.testing.assert_array_equal(said, trained.probabilities)
    assert macro_f1(dataset.labels("validation"), said.argmax(axis=1), 2) == trial.value


class TestExport:
    def test_gives_exactly_the_probabilities_of_the_trial(self, searched: Searched, tmp_path: Path) -> None:
        study, dataset = searched.opened.study, searched.opened.dataset
        exported = export(study, searched.artifacts, "best", tmp_path / "model")
        assert exported == {
            "trial": study.best_trial.number,
            "macro_f1": study.best_value,
            "folder": str(tmp_path / "model"),
        }
        config = NetworkConfig.from_dict(told(study.best_trial, CONFIG))
        corpus = load_corpus(dataset, config.token_unit, config.vocabulary_size, searched.opened.cache)
        trained = train(config, training_data(dataset, corpus))
        bundle = Bundle.open(tmp_path / "model")
        np.testing.assert_array_equal(bundle.probabilities(dataset.texts("validation")), trained.probabilities)

    def test_writes_the_studys_facts_on_the_card(self, searched: Searched, tmp_path: Path) -> None:
        export(searched.opened.study, searched.artifacts, "best", tmp_path / "model")
        facts = json.loads((tmp_path / "model" / "config.json").read_text("utf-8"))["facts"]
        assert facts["trials of the search"] == 6
        assert (
            0 < facts["validation macro-F1 of majority"] < facts["validation macro-F1 of TF-IDF + logistic regression"]
        )
        assert "| study | tiny |" in (tmp_path / "model" / "README.md").read_text("utf-8")

    def test_takes_any_trial_whose_weights_are_there(self, searched: Searched, tmp_path: Path) -> None:
        number = int(folders(searched.opened.artifacts)[0].removeprefix("trial-"))
        assert export(searched.opened.study, searched.artifacts, str(number), tmp_path / "m")["trial"] == number
        assert Bundle.open(tmp_path / "m").facts["trial"] == number

    @pytest.mark.parametrize(
        ("trial", "message"),
        [
            ("99", "has no completed trial 99"),
            ("-1", "has no completed trial -1"),
            ("x", "give best or a trial's number"),
        ],
    )
    def test_of_a_trial_that_is_none_is_refused(
        self, searched: Searched, tmp_path: Path, trial: str, message: str
    ) -> None:
        with pytest.raises(InputError, match=message):
            export(searched.opened.study, searched.artifacts, trial, tmp_path / "m")

    def test_of_a_pruned_trial_or_one_whose_weights_are_gone_is_refused(
        self, searched: Searched, tmp_path: Path
    ) -> None:
        study = searched.opened.study
        with pytest.raises(InputError, match=f"no completed trial {searched.pruned}"):
            export(study, searched.artifacts, str(searched.pruned), tmp_path / "m")
        with pytest.raises(InputError, match=r"are not in .*elsewhere.* \(kept there: none\); give the --artifacts"):
            export(study, tmp_path / "elsewhere", "best", tmp_path / "m")

    def test_of_a_study_without_a_completed_trial_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no completed trial yet"):
            export(optuna.create_study(study_name="new"), tmp_path, "best", tmp_path / "m")

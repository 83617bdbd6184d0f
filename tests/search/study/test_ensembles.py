"""The trials of a search as one model: recorded when the search ends, and exported."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import torch
from sklearn.metrics import f1_score

from search.cli.commands import main
from search.report.board import render
from search.report.standing import together
from search.storage.databases import open_storage
from search.storage.predictions import kept_predictions
from search.study.choosing import _may_be_averaged
from search.study.create import open_recorded
from search.study.export import export_ensemble, export_folded
from search.study.leaderboard import EnsembleStanding, leaderboard
from search.study.objective import refuse_changed
from search.study.records import ENSEMBLE, ENVIRONMENT, OPENINGS, PREDICTIONS, keep_of_study, told, told_of_study
from sentiment import Bundle
from sentiment.errors import InputError
from sentiment.metrics import macro_f1
from sentiment.models.baselines import linear
from sentiment.models.ensemble.model import EnsembleModel
from sentiment.models.registry import config_of
from sentiment.reviews.dataset import folds
from tests.search.conftest import Searched
from tests.support.tiny import write_reviews, write_study_file


def flags(folder: Path) -> list[str]:
    return ["--storage", f"sqlite:///{folder}/study.db", "--artifacts", str(folder / "artifacts")]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a search of linear models and networks that keeps the weights of one trial."""
    folder = tmp_path_factory.mktemp("ensembles")
    reviews = write_reviews(folder / "reviews.csv", n=800, seed=3)
    text = write_study_file(folder / "tiny.toml", reviews, epochs=3, trials=8, keep_best=1).read_text("utf-8")
    text = text.replace("family = 'network'\n", 'family = ["linear", "network"]\n')
    (folder / "tiny.toml").write_text(text, "utf-8")
    assert main(["run", str(folder / "tiny.toml"), *flags(folder)]) == 0
    return folder


def opened(folder: Path) -> Any:
    return open_recorded("tiny", open_storage(f"sqlite:///{folder}/study.db"), folder / "artifacts")


def test_begins_with_the_linear_baseline_as_a_trial(found: Path) -> None:
    board = leaderboard(opened(found).study)
    assert board.linear is not None and board.linear.trial == 0
    assert [entry.name for entry in board.entries if entry.trial is None] == ["majority"]
    assert {standing.family for standing in board.families} == {"linear", "network"}
    assert all(standing.best.latency and standing.trials for standing in board.families)


def test_is_recorded_with_what_its_trials_said_together(found: Path) -> None:
    study = opened(found)
    ensemble = leaderboard(study.study).ensemble
    assert ensemble is not None and len(ensemble.weights) > 1
    assert sum(ensemble.weights.values()) == pytest.approx(1)
    said = [
        weight * kept_predictions(study.predictions, told(study.study.trials[number], PREDICTIONS))
        for number, weight in ensemble.weights.items()
    ]
    labels = study.dataset.labels("validation")
    assert ensemble.macro_f1 == pytest.approx(macro_f1(labels, np.sum(said, axis=0).argmax(axis=1), 2))
    linear = next(entry.macro_f1 for entry in leaderboard(study.study).entries if entry.is_linear)
    assert ensemble.above_linear is not None
    assert ensemble.corrected - ensemble.above_linear[0] == pytest.approx(linear, abs=0.01)  # its bias taken off
    assert ensemble.above_best[2] - ensemble.above_best[1] > 0.001
    assert "sentiment-search export tiny --ensemble" in render(leaderboard(study.study))


def test_is_exported_whole_though_one_trials_weights_were_kept(
    found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "tiny", "--ensemble", "--to", str(tmp_path / "model"), *flags(found), "--json"]) == 0
    captured = capsys.readouterr()
    exported, study = json.loads(captured.out), opened(found)
    ensemble = leaderboard(study.study).ensemble
    assert ensemble is not None
    assert captured.err.count("whose weights are not there") >= len(ensemble.weights) - 1
    assert {int(number): weight for number, weight in exported["weights"].items()} == ensemble.weights
    bundle = Bundle.open(tmp_path / "model")
    predictions = bundle.probabilities(study.dataset.texts("validation")).argmax(axis=1)
    assert macro_f1(study.dataset.labels("validation"), predictions, 2) == pytest.approx(ensemble.macro_f1)
    assert bundle.facts["trial"] == ", ".join(map(str, ensemble.weights))
    assert bundle.seen is not None and bundle.seen.among(study.dataset.texts("train"))[0].all()

    assert main(["evaluate", str(tmp_path / "model"), "--sealed", "tiny", *flags(found)]) == 0
    assert told_of_study(opened(found).study)[OPENINGS][-1]["trial"] == bundle.facts["trial"]


@pytest.mark.parametrize("flag", [["--ensemble"], ["--trial", "0"], []])
def test_is_exported_in_folds_of_all_rows_that_are_not_sealed(
    found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], flag: list[str]
) -> None:
    to, study = str(tmp_path / "model"), opened(found)
    board, dataset = leaderboard(study.study), study.dataset
    assert main(["export", "tiny", *flag, "--folds", "2", "--to", to, *flags(found), "--json"]) == 0
    exported = json.loads(capsys.readouterr().out)
    assert board.ensemble is not None and board.best is not None
    expected = {"--ensemble": list(board.ensemble.weights), "--trial": [0]}.get(" ".join(flag[:1]), [board.best.trial])
    assert {int(number) for number in exported["weights"]} <= set(expected)
    assert sum(exported["weights"].values()) == pytest.approx(1)

    # The scores again, by hand: two halves, each answered by what was fitted on the other one.
    views, labels, said, linear_said = folds(dataset, 2, 0), [], [], []
    bundle = Bundle.open(tmp_path / "model")
    assert isinstance(bundle.model, EnsembleModel) and bundle.model.config.weights is not None
    for fold, view in enumerate(views):
        texts, first = view.texts("validation"), bundle.model.members[fold::2]
        weights = np.array(bundle.model.config.weights[fold::2])
        said.append(np.tensordot(weights / weights.sum(), [one.probabilities(texts) for one in first], axes=1))
        fitted = linear(view.texts("train"), view.labels("train"), 2)
        linear_said.append(fitted.probabilities(texts))
        labels.append(view.labels("validation"))
    true = np.concatenate(labels)
    assert exported["rows"] == len(true) == len(dataset.split.train) + len(dataset.split.validation)
    score, linear_score = (
        f1_score(true, np.concatenate(answers).argmax(axis=1), average="macro") for answers in (said, linear_said)
    )
    assert exported["linear_macro_f1"] == pytest.approx(linear_score, abs=1e-6)
    if flag == ["--trial", "0"]:  # the linear baseline, which has no checkpoints
        assert exported["macro_f1"] == pytest.approx(score, abs=1e-6)
    assert score - 0.2 < exported["macro_f1"] < score + 0.02  # others choose each row's checkpoint

    assert {name for name in bundle.facts if name.startswith("validation")} == set()
    assert bundle.facts["training rows"] == len(true) and str(bundle.facts["trial"]).endswith("in 2 folds")
    assert bundle.seen is not None and bundle.seen.among(dataset.texts("validation"))[0].all()
    assert not bundle.seen.among(dataset.texts("test"))[0].any()

    assert main(["evaluate", to, "--sealed", "tiny", *flags(found), "--json"]) == 0
    (beside,) = json.loads(capsys.readouterr().out)["baselines"].values()
    learned = [text for part in ("train", "validation") for text in dataset.texts(part)]
    fitted = linear(learned, np.concatenate([dataset.labels(part) for part in ("train", "validation")]), 2)
    answers = fitted.probabilities(dataset.texts("test")).argmax(axis=1)
    assert beside["macro_f1"] == pytest.approx(macro_f1(dataset.labels("test"), answers, 2))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["--folds", "1"], "--folds is 1; give a number from 2 to 20"),
        (["--folds", "40"], "--folds is 40; give a number from 2 to 20"),
        (["--folds", "2", "--distill"], "models in folds have seen the validation rows"),
        (["--folds", "2", "--trial", "99"], "study 'tiny' has no completed trial 99"),
    ],
)
def test_in_folds_that_cannot_be_is_refused_in_one_line(
    found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: list[str], message: str
) -> None:
    assert main(["export", "tiny", *asked, "--to", str(tmp_path / "model"), *flags(found)]) == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1
    assert not (tmp_path / "model").exists()


def test_in_folds_of_more_models_than_a_bundle_holds_is_refused_in_one_line(
    found: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.study.export.MOST_MEMBERS", 3)
    with pytest.raises(InputError, match=r"trials in 2 folds make \d+ models, more than the 3 that a bundle may hold"):
        export_folded(opened(found), None, 2, tmp_path / "model")


def test_that_cannot_be_made_again_is_refused_in_one_line(found: Path, tmp_path: Path) -> None:
    study = opened(found)
    ensemble = leaderboard(study.study).ensemble
    assert ensemble is not None and study.artifacts is not None
    lost = next(n for n in ensemble.weights if not study.artifacts.has(study.study.trials[n]))
    record = told(study.study.trials[lost], PREDICTIONS)
    path = study.predictions / record["file"]
    content = path.read_bytes()
    path.unlink()
    try:
        with pytest.raises(InputError, match=r"\.npy is missing or damaged"):
            export_ensemble(study, tmp_path / "model")
    finally:
        path.write_bytes(content)
    assert not (tmp_path / "model").exists()


def test_makes_damaged_weights_again(found: Path, tmp_path: Path) -> None:
    study = opened(found)
    ensemble = leaderboard(study.study).ensemble
    assert ensemble is not None
    numbers = [number for number in ensemble.weights if study.artifacts.has(study.study.trials[number])]
    kept = study.artifacts.folder(numbers[0])
    whole = {path: path.read_bytes() for path in kept.iterdir()}
    (kept / "weights.safetensors").write_bytes(b"")
    said: list[str] = []
    try:
        export_ensemble(study, tmp_path / "model", said.append)
    finally:
        for path, content in whole.items():
            path.write_bytes(content)
    assert f"Training trial {numbers[0]} again" in " ".join(said)
    Bundle.open(tmp_path / "model")


def test_of_a_device_that_is_not_here_is_refused_in_one_line(found: Path, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("cuda is here")
    study = opened(found)
    trial = study.study.trials[0]
    config, recorded = config_of(told(trial, "config")), told(trial, ENVIRONMENT) | {"device": "cuda"}
    with pytest.raises(InputError, match="trial 0 was trained on cuda, and cuda cannot be used here"):
        refuse_changed(0, config, recorded, tmp_path)
    refuse_changed(0, config, recorded, tmp_path, "cpu")


@pytest.mark.parametrize(
    ("lead", "verdict"), [(-0.04, "it is worse"), (0.0, "noise cannot tell"), (0.04, "better beyond")]
)
def test_is_judged_by_its_interval(lead: float, verdict: str) -> None:
    standing = EnsembleStanding({1: 0.5, 2: 0.5}, 0.8, 0.79, (lead, lead - 0.02, lead + 0.02), None)
    assert verdict in together(standing)
    assert standing.pays is (lead > 0)


def test_of_a_study_that_has_none_is_refused_in_one_line(searched: Searched, tmp_path: Path) -> None:
    assert ENSEMBLE not in told_of_study(searched.opened.study)  # nobody ended this search
    with pytest.raises(InputError, match="study 'tiny' has no ensemble: it takes two completed trials") as refused:
        export_ensemble(searched.opened, tmp_path / "model")
    assert "\n" not in str(refused.value)


def test_is_no_single_trial(searched: Searched, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["export", "tiny", "--ensemble", "--trial", "1", "--to", str(tmp_path / "model"), *searched.flags]
    assert main(arguments) == 2
    assert capsys.readouterr().err.strip() == "sentiment-search: give --trial or --ensemble, not both"


def test_is_forgotten_once_another_trial_is_best(found: Path, tmp_path: Path) -> None:
    study = optuna.load_study(study_name="tiny", storage=f"sqlite:///{found}/study.db")
    copy = optuna.create_study(study_name="copy", direction="maximize", storage=f"sqlite:///{tmp_path}/copy.db")
    for trial in study.get_trials(states=(optuna.trial.TrialState.COMPLETE,)):
        copy.add_trial(trial)
    best = copy.best_trial.number
    keep_of_study(copy, ENSEMBLE, told_of_study(study)[ENSEMBLE] | {"best": best})
    assert leaderboard(copy).ensemble is not None
    copy.add_trial(optuna.create_trial(value=0.999, user_attrs={"config": {"architecture": "gru"}}))
    assert leaderboard(copy).ensemble is None


def test_is_refused_before_anything_is_trained_where_it_cannot_be_written(found: Path, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine", "utf-8")
    said: list[str] = []
    with pytest.raises(InputError, match="exists already"):
        export_ensemble(opened(found), tmp_path, said.append)
    assert said == []


def test_leaves_out_what_an_older_version_kept_and_ensembles_themselves() -> None:
    sound = np.full((4, 2), 0.5)

    def trial(**attributes: Any) -> optuna.trial.FrozenTrial:
        return optuna.create_trial(value=0.5, user_attrs=attributes)

    assert _may_be_averaged(trial(config={"family": "linear"}), sound)
    assert not _may_be_averaged(trial(config={"family": "linear"}), sound.argmax(axis=1))
    assert not _may_be_averaged(trial(config={"family": "ensemble"}), sound)
    assert not _may_be_averaged(trial(config={}, collapsed="predicts only one"), sound)


def test_of_one_trial_is_none(found: Path) -> None:
    study = optuna.load_study(study_name="tiny", storage=f"sqlite:///{found}/study.db")
    recorded = told_of_study(study)[ENSEMBLE]
    keep_of_study(study, ENSEMBLE, recorded | {"weights": {"0": 1.0}})
    try:
        assert leaderboard(study).ensemble is None
    finally:
        keep_of_study(study, ENSEMBLE, recorded)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--families", "linear,tree"], "--families: family is 'tree'; choose one of"),
        (["--families", "linear,"], "--families: family is ''; choose one of"),
        (["--families", "encoder"], "--families: family names 'encoder', which needs encoder.model"),
        (["--families", "linear,linear"], "--families: family names a value twice"),
    ],
)
def test_families_that_are_none_are_refused_in_one_line(
    given: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reviews = write_reviews(tmp_path / "reviews.csv")
    assert main(["run", "--data", str(reviews), "--text", "text", "--label", "stars", *given, *flags(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_families_narrow_a_study_file_too(found: Path, tmp_path: Path) -> None:
    arguments = ["run", str(found / "tiny.toml"), "--name", "narrow", "--families", "linear", "--trials", "2"]
    text = (found / "tiny.toml").read_text("utf-8")
    plain = "\n".join(line for line in text.splitlines() if "=" not in line or line.split(" =")[0] in KEPT)
    (tmp_path / "plain.toml").write_text(plain, "utf-8")
    arguments[1] = str(tmp_path / "plain.toml")
    assert main([*arguments, *flags(tmp_path)]) == 0
    study = optuna.load_study(study_name="narrow", storage=f"sqlite:///{tmp_path}/study.db")
    done = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    assert {told(trial, "config")["family"] for trial in done} == {"linear"}


KEPT = ("path", "text", "label", "classes", "trials", "threads")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--encoder", "nowhere/at-all"], "encoder.model is 'nowhere/at-all', which is no folder here"),
        (["--encoder", "reviews.csv"], "encoder.model is 'reviews.csv', which is a file"),
        (["--encoder", "demo:foo"], "there is no encoder 'demo:foo'"),
        (["--unlabelled", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_what_a_search_needs_is_missed_before_the_study_is_made(
    given: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    write_reviews(tmp_path / "reviews.csv")
    arguments = ["run", "--data", "reviews.csv", "--text", "text", "--label", "stars", "--trials", "1", *given]
    assert main([*arguments, *flags(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error
    assert optuna.get_all_study_names(f"sqlite:///{tmp_path}/study.db") == []

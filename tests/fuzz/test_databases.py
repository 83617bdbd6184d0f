"""A study may have anything on record, and any name: it is told of, worked on and exported, or refused in one line, and
nothing outside its own folder is read, written or removed.

The study is a real one, trained once; each case makes it again in memory with some of what it recorded changed, beside
a copy of its artifacts and files that are nobody's business.
"""

import hashlib
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import optuna
from hypothesis import example, given
from hypothesis import strategies as st
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial

from search.report.board import markdown, render, to_dict
from search.storage.artifacts import WEIGHTS, TrialArtifacts
from search.storage.attributes import OURS
from search.storage.databases import open_storage
from search.storage.inside import inside
from search.study.choosing import correct_for_choosing
from search.study.create import create_or_resume, make_objective, open_recorded, remove_leftovers
from search.study.export import export, export_ensemble
from search.study.leaderboard import leaderboard
from search.study.optimization import optimize
from search.study.records import (
    AGAINST_LINEAR,
    BASELINES,
    CONFIG,
    CORRECTED,
    CURVE,
    DATA,
    ENSEMBLE,
    ENVIRONMENT,
    EPOCHS,
    KEEP_BEST,
    LATENCY,
    OTHERS,
    PREDICTIONS,
    SECONDS,
    SPACE,
    SPACE_DEFAULTS,
    as_recorded,
    told_of_study,
)
from search.study.replay import replay
from sentiment.errors import InputError
from sentiment.foreign import visible
from tests.fuzz.test_bundle import changed_json
from tests.support.tiny import SPACE as TINY
from tests.support.tiny import definition, write_reviews

PATHS = [
    "../outside",
    "/dev/zero",
    "/etc/passwd",
    "..",
    ".",
    "",
    "a\0b",
    "tiny/../../outside",
    "outside\\x",
    "~",
    "C:x",
]
STUDY = (DATA, SPACE, SPACE_DEFAULTS, KEEP_BEST, BASELINES, CORRECTED, AGAINST_LINEAR, ENSEMBLE, "seed", "rows")
TRIAL = (CONFIG, CURVE, ENVIRONMENT, PREDICTIONS, WEIGHTS, EPOCHS, SECONDS, LATENCY)

names = st.sampled_from([*PATHS, "cache", "predictions", "tiny.", "\x1b[31m", "정말", "x" * 400]) | st.text(max_size=12)
hostile = st.sampled_from([*PATHS, None, True, -1, 0, 2**63, 1e308, float("nan"), [], {}, "x" * 5000]) | st.text()


def other(value: Any) -> st.SearchStrategy[Any]:
    """Than what was recorded: anything, or the same with parts of it changed."""
    return hostile | changed_json(value) if isinstance(value, dict | list) else hostile


class Made:
    """A finished study, as records and files."""

    def __init__(self) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.folder = Path(tempfile.mkdtemp())
        reviews = write_reviews(self.folder / "reviews.csv", 120)
        storage = open_storage(f"sqlite:///{self.folder}/study.db")
        settings = definition(reviews, keep_best=2, space=TINY | {"epochs": 1, "architecture": "textcnn"})
        opened = create_or_resume(settings, storage, self.folder / "artifacts")
        optimize(opened, trials=3, objective=make_objective(opened, end_early=False))
        correct_for_choosing(opened)
        self.attributes = told_of_study(opened.study)
        self.trials = opened.study.get_trials()


@cache
def made() -> Made:
    return Made()


@contextmanager
def world(
    name: str, study: dict[str, Any], of_trials: list[dict[str, Any]]
) -> Iterator[tuple[optuna.Study, InMemoryStorage, Path]]:
    """The study with other records, in memory; afterwards everything beside its artifacts is what it was."""
    base = made()
    with tempfile.TemporaryDirectory() as root, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shutil.copytree(base.folder / "artifacts", Path(root, "artifacts"))
        for nobody in ("outside", "outside.npy", "trial-00000/x", "predictions/trial-00000.npy"):
            Path(root, nobody).parent.mkdir(exist_ok=True)
            Path(root, nobody).write_text(nobody)
        before = beside(Path(root))
        storage = InMemoryStorage()
        again = optuna.create_study(study_name=name, storage=storage, direction="maximize")
        for key, value in study.items():
            again.set_user_attr(key, value)
        for trial, attributes in zip(base.trials, of_trials, strict=True):
            again.add_trial(copied(trial, attributes))
        try:
            yield again, storage, Path(root, "artifacts")
        finally:
            assert beside(Path(root)) == before


def facts(trial: FrozenTrial) -> dict[str, Any]:
    """What is on record of it, wherever that is."""
    ours = {name.removeprefix(OURS): value for name, value in trial.system_attrs.items() if name.startswith(OURS)}
    return dict(json.loads(json.dumps(trial.user_attrs | ours)))


def copied(trial: FrozenTrial, attributes: dict[str, Any]) -> FrozenTrial:
    return optuna.create_trial(
        state=trial.state,
        value=trial.value,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs={name: value for name, value in attributes.items() if name in trial.user_attrs},
        system_attrs=trial.system_attrs
        | {OURS + name: value for name, value in attributes.items() if name not in trial.user_attrs},
        intermediate_values=trial.intermediate_values,
    )


def beside(root: Path) -> dict[str, str]:
    found = {}
    for folder, folders, files in os.walk(root):
        if folder == str(root):
            folders.remove("artifacts")
        found[folder] = ""
        for file in files:
            found[f"{folder}/{file}"] = hashlib.sha256(Path(folder, file).read_bytes()).hexdigest()
    return found


def done_or_refused(work: Callable[[], Any]) -> None:
    """Whatever becomes of it, it is said in one line."""
    try:
        work()
    except InputError as error:
        assert len(str(error).splitlines()) == 1 and visible(str(error)) == str(error)


def everything(name: str, study: dict[str, Any], of_trials: list[dict[str, Any]]) -> None:
    """All that reads a study, and all that writes or removes by what it reads, without a training."""
    with world(name, study, of_trials) as (again, storage, artifacts):

        def told() -> None:
            with as_recorded(name):
                board = leaderboard(again, artifacts)
                json.dumps(to_dict(board))
                assert visible(render(board), keep="\n\t") == render(board)
                assert markdown(board)

        def worked_on() -> None:
            opened = open_recorded(name, storage, artifacts)  # type: ignore[arg-type]
            remove_leftovers(opened)
            with as_recorded(name):
                correct_for_choosing(opened)

        done_or_refused(told)
        done_or_refused(worked_on)
        done_or_refused(lambda: export(again, artifacts, "best", artifacts / "model"))


@given(st.data())
def test_a_study_with_other_records(data: st.DataObject) -> None:
    study = json.loads(json.dumps(made().attributes))
    for key in data.draw(st.lists(st.sampled_from(STUDY), min_size=1, max_size=2, unique=True)):
        if key in study:
            study[key] = data.draw(other(study[key]))
    everything("tiny", study, [facts(trial) for trial in made().trials])


@given(st.data())
def test_trials_with_other_records(data: st.DataObject) -> None:
    of_trials = [facts(trial) for trial in made().trials]
    for attributes in of_trials:
        for key in data.draw(st.lists(st.sampled_from(TRIAL), max_size=2, unique=True)):
            if key in attributes:
                attributes[key] = data.draw(other(attributes[key]))
    everything("tiny", made().attributes, of_trials)


@given(names)
def test_a_study_of_any_name(name: str) -> None:
    everything(name, made().attributes, [facts(trial) for trial in made().trials])


@given(st.sampled_from(PATHS) | st.text(max_size=12), st.sampled_from(PATHS) | st.text(max_size=12))
@example("../outside.npy", "../outside.npy")
def test_predictions_in_any_file(file: str, other: str) -> None:
    of_trials = [facts(trial) for trial in made().trials]
    for attributes in of_trials:
        if PREDICTIONS in attributes:
            attributes[PREDICTIONS] |= {"file": file, OTHERS: {"file": other, "sha256": "0"}}
        if WEIGHTS in attributes:
            attributes[WEIGHTS] |= {"folder": other}
    everything("tiny", made().attributes, of_trials)


@given(st.data())
def test_an_ensemble_and_a_replay_of_other_records(data: st.DataObject) -> None:
    study, of_trials = dict(made().attributes), [facts(trial) for trial in made().trials]
    for attributes in of_trials:
        for key in data.draw(st.lists(st.sampled_from((CURVE, ENVIRONMENT, PREDICTIONS)), max_size=1)):
            attributes[key] = data.draw(other(attributes[key]))
    if ENSEMBLE in study:
        study[ENSEMBLE] = data.draw(st.just(study[ENSEMBLE]) | changed_json(study[ENSEMBLE]))
    with world("tiny", study, of_trials) as (_, storage, artifacts):
        opened = open_recorded("tiny", storage, artifacts)  # type: ignore[arg-type]
        done_or_refused(lambda: export_ensemble(opened, artifacts / "model"))
        done_or_refused(lambda: replay(opened, 0))


@given(st.binary(max_size=300), st.data())
def test_stored_predictions_of_any_bytes(content: bytes, data: st.DataObject) -> None:
    whole = next((made().folder / "artifacts" / "tiny" / "predictions").glob("trial-*.npy")).read_bytes()
    start = data.draw(st.integers(0, 140))
    content = data.draw(st.sampled_from([content, whole[:start] + content + whole[start:], whole[:start] + content]))
    record = {"file": "trial-00000.npy", "sha256": hashlib.sha256(content).hexdigest()}
    of_trials = [facts(trial) | {PREDICTIONS: record} for trial in made().trials]
    with world("tiny", made().attributes, of_trials) as (_, storage, artifacts):
        inside(artifacts / "tiny" / "predictions", "trial-00000.npy").write_bytes(content)
        opened = open_recorded("tiny", storage, artifacts)  # type: ignore[arg-type]

        def corrected() -> None:
            with as_recorded("tiny"):
                correct_for_choosing(opened)

        done_or_refused(corrected)
        assert TrialArtifacts(artifacts / "tiny").folder(0).parent == artifacts / "tiny"

"""Studies go to another database and back, whole or not at all."""

import math
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.artifacts import FileSystemArtifactStore, get_all_artifact_meta, upload_artifact
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import RDBStorage
from optuna.trial import TrialState, create_trial
from optuna_dashboard import save_note
from optuna_dashboard._note import get_note_from_system_attrs

from search.cli.commands import main
from search.storage.databases import experimental_features, open_storage
from tests.support.program import start
from tests.support.servers import PASSWORD, PostgreSQL

DISTRIBUTIONS: dict[str, BaseDistribution] = {
    "learning rate": FloatDistribution(1e-5, 1e-1, log=True),
    "dropout": FloatDistribution(0.0, 0.5, step=0.1),
    "layers": IntDistribution(1, 9, step=2),
    "kind": CategoricalDistribution(["lstm", None, True, 3, 0.1]),
}
PARAMS: dict[str, Any] = {"learning rate": 0.1 * 0.3, "dropout": 0.30000000000000004, "layers": 3, "kind": None}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with PostgreSQL() as running:
        yield running


def in_postgresql(server: PostgreSQL, name: str) -> str:
    return server.new_database(name).replace("postgresql://", "postgresql+psycopg://")


def write_studies(url: str, artifacts: Path, *, running: bool = False) -> None:
    """Two of them, with all that Optuna can hold."""
    storage = open_storage(url)
    study = optuna.create_study(study_name="좋아요 'all'", storage=storage, direction="maximize")
    with experimental_features():
        study.set_metric_names(["macro-F1"])
    study.set_user_attr("data", {"path": "리뷰.csv", "nan": math.nan, "deep": [1, [2.5, None, True]]})
    with_artifact = study.ask()
    for value in (math.inf, -math.inf, 5e-324):
        study.add_trial(create_trial(value=value, params=PARAMS, distributions=DISTRIBUTIONS))
    steps = {0: 0.1, 3: math.nan, 7: math.inf, 9: -math.inf}
    attributes: dict[str, Any] = {"user_attrs": {"curve": [math.nan, 1e300]}, "system_attrs": {"claim": None}}
    for state in (TrialState.PRUNED, TrialState.FAIL):
        study.add_trial(create_trial(state=state, intermediate_values=steps, **attributes))
    study.enqueue_trial({"layers": 5})
    if running:
        study.ask()
    table = artifacts.parent / "table.csv"
    table.write_text("a,b\n")
    artifacts.mkdir(exist_ok=True)
    store = FileSystemArtifactStore(artifacts)
    upload_artifact(study_or_trial=study, file_path=str(table), artifact_store=store)
    upload_artifact(study_or_trial=with_artifact, file_path=str(table), artifact_store=store)
    study.tell(with_artifact, 0.1 + 0.2)
    bundle = artifacts / study.study_name / "trial-00000"
    bundle.mkdir(parents=True)
    for name in ("manifest.json", "weights.safetensors"):
        (bundle / name).write_bytes(os.urandom(3000))
    (artifacts / study.study_name / ".trial-00001.half.tmp").mkdir()
    (artifacts / study.study_name / ".trial-00001.half.tmp" / "weights").write_text("half")
    two = optuna.create_study(study_name="two goals", storage=storage, directions=["minimize", "maximize"])
    two.add_trial(create_trial(values=[1.0, -0.0]))
    optuna.create_study(study_name="empty", storage=storage)


def tables_of(trial: optuna.trial.FrozenTrial) -> list[dict[Any, Any]]:
    return [trial.params, trial.distributions, trial.user_attrs, trial.system_attrs, trial.intermediate_values]


def in_order(table: dict[Any, Any]) -> str:
    return repr(sorted(table.items()))


def content(url: str) -> dict[str, Any]:
    """All that Optuna's own storage says of the studies; floats by their exact text."""
    storage, found = RDBStorage(url), {}
    for name in optuna.get_all_study_names(storage):
        study = optuna.load_study(study_name=name, storage=storage)
        trials = [
            (t.number, t.state, t.datetime_start, t.datetime_complete, repr(t.values), *map(in_order, tables_of(t)))
            for t in study.trials
        ]
        attributes = [in_order(study.user_attrs), in_order(storage.get_study_system_attrs(study._study_id))]
        found[name] = (study.directions, study.metric_names, attributes, get_all_artifact_meta(study), trials)
    return found


def files(folder: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: held for name, held in found.items() if "/." not in name}


@pytest.fixture
def url(tmp_path: Path) -> str:
    write_studies(f"sqlite:///{tmp_path}/here.db", tmp_path / "artifacts")
    return f"sqlite:///{tmp_path}/here.db"


def call(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str, str]:
    status = main(["storage", "copy", *map(str, arguments)])
    return status, *capsys.readouterr()


class TestACopy:
    def test_to_postgresql_and_back_is_the_same(
        self, url: str, server: PostgreSQL, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        there, back = in_postgresql(server, "there"), f"sqlite:///{tmp_path}/back.db"
        monkeypatch.setenv("THERE", there)
        kept, beside = ("--artifacts", tmp_path / "artifacts"), tmp_path / "beside"
        status, out, err = call(capsys, url, "env:THERE", *kept, "--to-artifacts", beside)
        assert status == 0, err
        assert "Copied 3 studies with 8 trials (5 complete, 1 fail, 1 pruned, 1 waiting)" in out
        assert "Copied 4 files" in out  # two of the bundle, two that the dashboard shows
        assert content(there) == content(url)
        assert call(capsys, there, back, "--artifacts", beside, "--to-artifacts", tmp_path / "last")[0] == 0
        assert content(back) == content(url)
        assert files(tmp_path / "last") == files(tmp_path / "artifacts")
        assert PASSWORD not in out + err
        assert PASSWORD.encode() not in (tmp_path / "back.db").read_bytes()

    def test_keeps_the_notes_of_trials_though_these_have_other_keys_there(
        self, url: str, tmp_path: Path, capsys: Any
    ) -> None:
        study = optuna.load_study(study_name="two goals", storage=open_storage(url))
        trial = study.ask()
        save_note(trial, "why it was *pruned*, " * 200)  # in more than one attribute
        study.tell(trial, state=TrialState.PRUNED)
        there = f"sqlite:///{tmp_path}/there.db"
        optuna.create_study(study_name="first", storage=open_storage(there)).add_trial(create_trial(value=1.0))
        assert call(capsys, url, there)[0] == 0
        copy = optuna.load_study(study_name="two goals", storage=open_storage(there))
        copied = copy.trials[trial.number]
        assert copied._trial_id != trial._trial_id
        notes = copy._storage.get_study_system_attrs(copy._study_id)
        assert get_note_from_system_attrs(notes, copied._trial_id)["body"] == "why it was *pruned*, " * 200
        assert get_note_from_system_attrs(notes, trial._trial_id)["body"] == ""

    def test_goes_on_as_a_study(self, url: str, tmp_path: Path, capsys: Any) -> None:
        there = f"sqlite:///{tmp_path}/there.db"
        assert call(capsys, url, there)[0] == 0
        study = optuna.load_study(study_name="좋아요 'all'", storage=open_storage(there))
        assert study.ask().number == 6  # what waited in the queue
        assert study.ask().number == 7

    def test_of_some_studies(self, url: str, tmp_path: Path, capsys: Any) -> None:
        there = f"sqlite:///{tmp_path}/there.db"
        assert call(capsys, url, there, "--study", "empty", "two goals")[0] == 0
        assert set(content(there)) == {"empty", "two goals"}
        status, _, err = call(capsys, url, there, "--study", "none")
        assert status == 2
        assert err == (
            "sentiment-search: there is no study 'none' in the storage to copy from; it has 'empty', 'two goals', "
            "\"좋아요 'all'\"\n"
        )


class TestRefused:
    def test_a_study_that_is_there_already(self, url: str, tmp_path: Path, capsys: Any) -> None:
        there = f"sqlite:///{tmp_path}/there.db"
        optuna.create_study(study_name="two goals", storage=open_storage(there), direction="maximize")
        before = content(there)
        status, _, err = call(capsys, url, there)
        assert (status, len(err.splitlines())) == (2, 1)
        assert "study 'two goals' is there already" in err
        assert content(there) == before  # nothing of the others either

    def test_a_copy_into_itself(self, url: str, capsys: Any) -> None:
        status, _, err = call(capsys, url, url)
        assert status == 2
        assert "is there already" in err

    def test_a_study_of_which_a_trial_runs_unless_it_is_asked_for(self, tmp_path: Path, capsys: Any) -> None:
        url, there = f"sqlite:///{tmp_path}/here.db", f"sqlite:///{tmp_path}/there.db"
        write_studies(url, tmp_path / "artifacts", running=True)
        status, _, err = call(capsys, url, there)
        assert status == 2
        assert "trial 6 of study \"좋아요 'all'\" runs" in err
        assert call(capsys, url, there, "--running")[0] == 0
        assert content(there) == content(url)

    def test_a_file_in_the_way_is_not_written_over(self, url: str, tmp_path: Path, capsys: Any) -> None:
        there, other = f"sqlite:///{tmp_path}/there.db", tmp_path / "other"
        (weights := other / "좋아요 'all'" / "trial-00000" / "weights.safetensors").parent.mkdir(parents=True)
        weights.write_text("of another search")
        flags = ("--artifacts", tmp_path / "artifacts", "--to-artifacts", other)
        status, _, err = call(capsys, url, there, *flags)
        assert status == 2
        assert "weights.safetensors is there already and not what" in err
        assert weights.read_text() == "of another search"
        weights.unlink()
        assert call(capsys, url, there, *flags)[0] == 0  # the same command goes on
        assert files(other) == files(tmp_path / "artifacts")

    def test_a_variable_that_is_not_set(self, url: str, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("NOWHERE", raising=False)
        assert call(capsys, url, "env:NOWHERE")[0] == 2


def trials_in(database: Path) -> int:
    """However far whoever writes it has come."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
            return int(connection.execute("SELECT COUNT(*) FROM trials").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


@pytest.mark.skipif(sys.platform == "win32", reason="a kill is another thing there")
class TestKilledMidway:
    def test_a_copy_is_refused_by_everyone_and_completed_by_the_same_command(
        self, tmp_path: Path, capsys: Any, reviews_csv: Path
    ) -> None:
        url, database = f"sqlite:///{tmp_path}/here.db", tmp_path / "there.db"
        storage = open_storage(url)
        optuna.create_study(study_name="long", storage=storage, direction="maximize")
        # All in one transaction: to make them one by one takes half a minute.
        with storage.engine.begin() as connection:
            rows = [{"number": number} for number in range(1200)]
            connection.exec_driver_sql(
                "INSERT INTO trials (number, study_id, state) VALUES (:number, 1, 'COMPLETE')", rows
            )
            connection.exec_driver_sql(
                "INSERT INTO trial_values (trial_id, objective, value, value_type) "
                "SELECT trial_id, 0, number / 7.0, 'FINITE' FROM trials"
            )
        there = f"sqlite:///{database}"
        process = start(tmp_path, "storage", "copy", url, there)
        ends = time.monotonic() + 60
        while trials_in(database) == 0 and time.monotonic() < ends:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert 0 < trials_in(database) <= 1200

        message = "study 'long' is the copy of a study that is not all here"
        search = ("--data", reviews_csv, "--text", "text", "--label", "stars", "--name", "long")
        for command in (("report", "long"), ("run", *search), ("export", "long", "--to", tmp_path / "model")):
            flags = ("--storage", there, "--artifacts", tmp_path / "artifacts")
            assert main([str(word) for word in (*command, *flags)]) == 2
            out, err = capsys.readouterr()
            assert message in err.splitlines()[-1]
        assert call(capsys, there, f"sqlite:///{tmp_path}/third.db")[0] == 2  # half a copy is not copied
        other = f"sqlite:///{tmp_path}/other.db"
        optuna.create_study(study_name="long", storage=open_storage(other), direction="minimize")
        assert "an unfinished copy of another study" in call(capsys, other, there)[2]

        status, out, err = call(capsys, url, there)
        assert status == 0, err
        assert "1,200 trials (1,200 complete)" in out
        assert content(there) == content(url)
        assert main(["report", "long", "--storage", there]) == 0

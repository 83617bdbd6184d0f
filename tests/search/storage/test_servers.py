"""PostgreSQL and Optuna's gRPC proxy before it, real ones on loopback: one search, one kill, outages, connections."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import optuna
import pytest
import sqlalchemy
from optuna.trial import TrialState, create_trial

from search.cli.commands import main
from search.storage import heartbeats
from search.storage.attributes import OURS
from search.storage.databases import driven, load_study, open_storage
from search.storage.relational import at_once
from search.storage.waiting import is_away
from search.study.claims import WORKER, begin_lost_again, claim
from search.study.positions import FINISHED
from search.study.records import told
from tests.support.program import start
from tests.support.servers import PASSWORD, PostgreSQL, grpc_proxy
from tests.support.tiny import write_study_file

pytest.importorskip("pgserver", reason="no private PostgreSQL: the extra `dev` installs it")


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    with PostgreSQL() as server:
        yield server


@pytest.fixture(scope="module", params=["postgresql", "grpc"])
def url(postgresql: PostgreSQL, request: pytest.FixtureRequest) -> Iterator[str]:
    """Of a storage in which there may be other studies."""
    # A new one each time: where tests are shared out among processes, one may come back to this fixture.
    database = postgresql.new_database(f"for {request.param} {uuid4()}")
    if request.param == "postgresql":
        yield database
    else:
        with grpc_proxy(database) as address:
            open_storage(address)
            yield address


@pytest.fixture
def study(url: str, request: pytest.FixtureRequest) -> optuna.Study:
    name = f"{request.node.name} {time.monotonic_ns()}"
    return optuna.create_study(study_name=name, storage=open_storage(url), direction="maximize")


def test_a_search_whose_worker_is_killed_ends_with_the_trials_asked_for(
    url: str, tmp_path: Path, reviews_csv: Path
) -> None:
    write_study_file(tmp_path / "study.toml", reviews_csv, epochs=2, trials=6, workers=2)
    process = start(tmp_path, "run", "study.toml", "--json", "--name", "killed", storage=url)
    storage, victim = open_storage(url), None
    while victim is None and process.poll() is None:
        time.sleep(0.05)
        if "killed" in optuna.get_all_study_names(storage):
            running = load_study("killed", storage).get_trials(states=(TrialState.RUNNING,))
            victim = next((told(trial, WORKER)["pid"] for trial in running if told(trial, WORKER) is not None), None)
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    out, err = process.communicate(timeout=300)
    assert PASSWORD not in out + err
    assert process.returncode in (0, 1), err
    again = start(tmp_path, "run", "study.toml", "--json", "--name", "killed", storage=url)
    out, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert PASSWORD not in out + err
    trials = load_study("killed", storage).get_trials()
    assert sum(trial.state in FINISHED for trial in trials) == 6
    assert not [trial for trial in trials if trial.state in (TrialState.RUNNING, TrialState.WAITING)]
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]


def test_a_study_is_deleted_with_its_trials(url: str, study: optuna.Study, tmp_path: Path) -> None:
    study.add_trials([create_trial(value=0.5, user_attrs={"a": 1}, intermediate_values={1: 0.4}) for _ in range(20)])
    others = set(optuna.get_all_study_names(study._storage)) - {study.study_name}
    flags = ["--storage", url, "--artifacts", str(tmp_path), "--yes"]
    assert main(["delete", study.study_name, *flags]) == 0
    assert set(optuna.get_all_study_names(open_storage(url))) == others


def test_a_trial_is_read_as_it_was_written(study: optuna.Study) -> None:
    distribution = optuna.distributions.FloatDistribution(0.1, 1.0, log=True)
    chosen = optuna.distributions.CategoricalDistribution(["좋", None, 2.5])
    for state, value in ((TrialState.COMPLETE, 0.5), (TrialState.PRUNED, 0.25), (TrialState.FAIL, None)):
        study.add_trial(
            create_trial(
                state=state,
                value=value,
                params={"z": 0.3, "a": "좋"},
                distributions={"z": distribution, "a": chosen},
                intermediate_values={1: 0.1, 2: float("nan"), 4: float("inf")},
                user_attrs={"text": "좋아요 \u2603", "nested": [{"a": None}, 1.5]},
                system_attrs={"x": [1, 2]},
            )
        )
    study.enqueue_trial({"z": 0.2})
    fresh = open_storage(study._storage._backend.url if hasattr(study._storage, "_backend") else _address(study))
    for mine, read in zip(study.trials, load_study(study.study_name, fresh).trials, strict=True):
        assert str(mine) == str(read)
        assert list(mine.params) == list(read.params)
    assert [trial.state for trial in study.trials][-1] == TrialState.WAITING


def _address(study: optuna.Study) -> str:
    storage: Any = study._storage
    return f"grpc://{storage._host}:{storage._port}"


def test_a_hundred_claims_at_once_give_each_number_once(study: optuna.Study) -> None:
    address = _address(study) if not hasattr(study._storage, "_backend") else study._storage._backend.url
    claimed: list[int] = []

    def work() -> None:
        mine = load_study(study.study_name, open_storage(address))
        while (trial := claim(mine, 24)) is not None:
            with at_once(trial):
                trial.suggest_float("x", 0, 1)
                trial.set_user_attr("seen", True)
            claimed.append(trial.number)
            mine.tell(trial, 0.5)

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    while (trial := claim(study, 24)) is not None:  # two that met gave way to each other
        study.tell(trial, 0.5)
    finished = study.get_trials(states=(TrialState.COMPLETE,))
    assert len(finished) == 24
    assert len(set(claimed)) == len(claimed)


def test_a_process_of_another_machine_that_falls_silent_loses_its_trial(
    study: optuna.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeats, "GRACE_SECONDS", 0.2)
    trial = claim(study, 1)
    assert trial is not None
    storage = study._storage
    storage.set_trial_system_attr(trial._trial_id, OURS + WORKER, {"host": "elsewhere", "pid": 1})
    if hasattr(storage, "_backend"):
        storage._backend.grace_period = 1
        storage.record_heartbeat(trial._trial_id)  # type: ignore[attr-defined]
    assert begin_lost_again(study) == 0
    heartbeats.beat(storage, trial._trial_id, "claimed by 1 elsewhere")
    assert begin_lost_again(study) == 0
    found, ends = 0, time.monotonic() + 60
    while not found and time.monotonic() < ends:
        time.sleep(0.1)
        found = begin_lost_again(study)
    assert found == 1
    assert study.trials[0].state == TrialState.FAIL
    assert study.trials[1].state == TrialState.WAITING


def test_a_process_keeps_two_connections_at_most(postgresql: PostgreSQL) -> None:
    database = postgresql.new_database("connections")
    before = postgresql.connections()
    storage = open_storage(database)
    study = optuna.create_study(storage=storage)
    workers = [threading.Thread(target=lambda: study.get_trials()) for _ in range(20)]
    for worker in workers:
        worker.start()
    most = postgresql.connections()
    for worker in workers:
        worker.join()
    assert most - before <= 2


@pytest.mark.parametrize(
    ("there", "instead", "away"),
    [(PASSWORD, "wrong", False), ("/postgres", "/nowhere", False), ("{port}", "1", True)],
    ids=["password", "database", "port"],
)
def test_a_server_that_refuses_is_not_waited_for_and_one_that_is_not_there_is(
    postgresql: PostgreSQL, there: str, instead: str, away: bool
) -> None:
    url = postgresql.url.rpartition("/")[0] + "/postgres"
    url = driven(url.replace(there.format(port=postgresql.port), instead))
    engine = sqlalchemy.create_engine(url, connect_args={"connect_timeout": 10})
    with pytest.raises(sqlalchemy.exc.OperationalError) as refused:
        engine.connect()
    assert is_away(refused.value) == away


def test_a_server_that_does_not_answer_is_waited_for() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        engine = sqlalchemy.create_engine(
            f"postgresql+psycopg://me@127.0.0.1:{silent.getsockname()[1]}/db", connect_args={"connect_timeout": 2}
        )
        with pytest.raises(sqlalchemy.exc.OperationalError) as refused:
            engine.connect()
    assert is_away(refused.value)


def test_a_server_that_crashes_and_comes_back_is_waited_for() -> None:
    with PostgreSQL() as server:
        study = optuna.create_study(storage=open_storage(server.url), direction="maximize")
        trial = study.ask()
        server.stop("immediate")
        back = threading.Timer(1, server.start)
        back.start()
        with at_once(trial):
            trial.suggest_float("x", 0, 1)
            trial.set_user_attr("a", 1)
        back.join()
        study.tell(trial, 0.5)
        assert study.trials[0].user_attrs == {"a": 1}
        assert list(study.trials[0].params) == ["x"]

"""A storage served to workers, as a process with real signals."""

import re
import signal
import socket
from pathlib import Path

import optuna
import pytest
from optuna.storages import GrpcStorageProxy

from search.storage.databases import experimental_features, open_storage
from search.storage.serving import is_loopback
from tests.support.program import run, start


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_until_it_is_ended(tmp_path: Path, ending: signal.Signals) -> None:
    process = start(tmp_path, "storage", "serve", "--port", 0)
    assert process.stderr is not None
    line = process.stderr.readline()
    found = re.match(r"grpc://127\.0\.0\.1:(\d+) ", line)
    assert found, line
    with experimental_features():
        proxy = GrpcStorageProxy(host="127.0.0.1", port=int(found[1]))
    study = optuna.create_study(study_name="through", storage=proxy)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    proxy.close()
    process.send_signal(ending)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    there = optuna.load_study(study_name="through", storage=open_storage(f"sqlite:///{tmp_path}/study.db"))
    assert [trial.number for trial in there.trials] == [0, 1, 2]


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        status, _, err = run(tmp_path, "storage", "serve", "--port", taken.getsockname()[1])
    assert status == 2
    assert err.splitlines()[-1].endswith("cannot be listened at; give another --port or --host")


def test_another_host_is_told_what_that_means(tmp_path: Path) -> None:
    process = start(tmp_path, "storage", "serve", "--port", 0, "--host", "0.0.0.0")
    assert process.stderr is not None
    assert "there is no password and no encryption" in process.stderr.readline()
    assert process.stderr.readline().startswith("grpc://0.0.0.0:")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1", "[::1]"])
def test_what_only_this_machine_reaches(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org"])
def test_what_others_may_reach(host: str) -> None:
    assert not is_loopback(host)

"""`run` and `compare` on a Ray cluster with real nodes, whose processes are really killed and nodes really lost."""

import json
import os
import signal
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from search.storage.databases import open_storage
from search.study.records import ENDED
from tests.search.study.test_killed import MANY, assert_interrupted, assert_whole, study, wait_for_training
from tests.support.program import run, start
from tests.support.ray import Ray
from tests.support.tiny import write_study_file

pytestmark = [
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra `ray` is not installed"),
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="who still runs is read from /proc"),
]

COMPARISON = """
name = "compared"
[data]
path = "{reviews}"
text = "text"
label = "stars"
classes = {{ negative = [1], positive = [5] }}
[baseline]
architecture = "textcnn"
token_unit = "char"
embedding_size = 8
filters = 8
batch_size = 32
epochs = 1
[[idea]]
name = "LSTM"
change = {{ architecture = "lstm", hidden_size = 8 }}
[budget]
trials = 1
pairs = 2
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Ray]:
    with Ray(cores=2) as cluster:
        yield cluster


@pytest.fixture
def folder(cluster: Ray, tmp_path: Path, reviews_csv: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With study.toml in it, whose trials take about a second; programs that start there find the cluster."""
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)
    write_study_file(tmp_path / "study.toml", reviews_csv, epochs=10, trials=3)
    return tmp_path


@pytest.mark.slow
def test_a_search_one_of_whose_processes_is_killed_is_whole(folder: Path) -> None:
    process = start(folder, "run", "study.toml", "--launcher", "ray", "--workers", "2", "--trials", 6)
    os.kill(wait_for_training(folder, process, workers=2)[0], signal.SIGKILL)
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    assert out.startswith("Leaderboard of tiny"), out  # and nothing of Ray's
    assert err.splitlines()[-1].startswith("1 of 2 workers were killed; "), err
    assert err.splitlines()[-1].endswith("They were replaced, 1 times in all. The others did their work."), err
    assert "(raylet)" not in out + err
    assert_whole(folder, study(folder), 6)


def test_an_interrupt_records_the_trials_at_hand(folder: Path) -> None:
    process = start(folder, "run", "study.toml", "--launcher", "ray", "--workers", "2", "--trials", MANY)
    wait_for_training(folder, process, workers=2)
    os.killpg(process.pid, signal.SIGINT)
    assert_interrupted(process)
    assert not study(folder).get_trials(states=(TrialState.RUNNING,))
    ended = study(folder).get_trials(states=(TrialState.FAIL,))
    assert {trial.user_attrs.get(ENDED) for trial in ended} == {"interrupted; queued to be begun again"}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_a_cluster_is_started_here_ends_with_130(
    folder: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "local")
    process = start(folder, "run", "study.toml", "--launcher", "ray", "--workers", "2", "--trials", MANY)
    deadline = time.monotonic() + 120
    while not (heads := [pid for pid in children(process.pid) if "ray_head" in command_of(pid)]):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    assert_interrupted(process)
    assert not any(Path(f"/proc/{pid}").exists() for pid in heads)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


@pytest.mark.slow
def test_a_lost_node_takes_its_trials_along_and_they_are_begun_again(
    cluster: Ray, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cluster.add_node(1, tmp_path_factory.mktemp("node"))
    process = start(folder, "run", "study.toml", "--launcher", "ray", "--workers", "3", "--trials", 12)
    wait_for_training(folder, process, workers=3)
    cluster.lose_nodes()
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    assert out.startswith("Leaderboard of tiny"), out
    assert err.splitlines()[-1].startswith("1 of 3 workers were killed; "), err
    assert_whole(folder, study(folder), 12)


@pytest.mark.slow
def test_a_comparison_has_all_its_trials_and_pairs(folder: Path, reviews_csv: Path) -> None:
    (folder / "compared.toml").write_text(COMPARISON.format(reviews=reviews_csv), "utf-8")
    status, out, err = run(folder, "compare", "compared.toml", "--launcher", "ray", "--workers", "2", "--json")
    assert status == 0, err
    assert json.loads(out)
    storage = open_storage(f"sqlite:///{folder}/study.db", create=False)
    pairs = optuna.load_study(study_name="compared", storage=storage).get_trials()
    assert len(pairs) == 3 * 2  # the linear model has its own


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (("--ray-address", "127.0.0.1:9"), "no Ray cluster answers at 127.0.0.1:9; give HOST:PORT of its head"),
        (("--ray-address", "ray://127.0.0.1:10001"), "--ray-address ray://127.0.0.1:10001: give HOST:PORT"),
        (("--gpus", "1.5"), "--gpus 1.5: give a share such as 0.25, or a whole number"),
        (("--gpus", "1", "--device", "cpu"), "--gpus 1 would reserve GPUs that --device cpu does not use; give one"),
        (("--gpus", "1"), "a worker wants 1 core and 1 GPU, which no node of the Ray cluster has; give other"),
        (("--threads", "3"), "a worker wants 3 cores, which no node of the Ray cluster has; give other --threads"),
        (("--device", "cuda:1"), "--device cuda:1: Ray shows each worker its own GPU, as cuda; give --device cuda"),
    ],
)
def test_a_cluster_that_cannot_be_used_is_refused_in_one_line(folder: Path, flags: tuple[str, str], line: str) -> None:
    status, _, err = run(folder, "run", "study.toml", "--launcher", "ray", "--workers", "2", *flags)
    assert status == 2, err
    assert err.splitlines()[-1].startswith(f"sentiment-search: {line}"), err


@pytest.mark.parametrize("flag", ["--ray-address", "--gpus"])
def test_what_is_for_ray_is_refused_without_it(folder: Path, flag: str) -> None:
    status, _, err = run(folder, "run", "study.toml", "--workers", "2", flag, "1")
    assert (status, err.splitlines()[-1]) == (2, f"sentiment-search: {flag} is for --launcher ray")

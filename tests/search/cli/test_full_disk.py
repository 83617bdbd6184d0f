"""A disk that is full, and then is not."""

import errno
import itertools
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import sentiment.bundle.folder
from search.cli.commands import main
from sentiment import writing
from tests.search.conftest import Searched
from tests.support.program import start
from tests.support.tiny import write_study_file

resource = pytest.importorskip("resource")

TRIALS = 3


def no_file_above(size: int) -> Callable[[], None]:
    """For a process that begins; SQLite and Python meet the limit as an error, as they meet the end of a disk."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def ended(process: "subprocess.Popen[str]") -> tuple[int, list[str]]:
    """Exit status, and lines of standard error but those of a search that begins."""
    _, err = process.communicate(timeout=120)
    return process.returncode, [line for line in err.splitlines() if not line.startswith(("Study", "Measuring"))]


@pytest.fixture
def folder(tmp_path: Path, reviews_csv: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with study.toml in it."""
    write_study_file(tmp_path / "study.toml", reviews_csv, trials=TRIALS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPTUNA_STORAGE", "sqlite:///study.db")
    return tmp_path


def test_for_the_database_is_said_in_one_line_and_the_study_goes_on_afterwards(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "study.toml", "--trials", "1"]) == 0
    half = (folder / "study.db").stat().st_size // 2
    status, lines = ended(start(folder, "run", "study.toml", preexec_fn=no_file_above(half)))
    assert status == 1, lines
    assert len(lines) == 1, lines
    assert lines[0].startswith("sentiment-search: the database sqlite:///study.db cannot be written (")
    assert lines[0].endswith("free some space, then give the same command again: all that was finished is kept")
    assert_goes_on(capsys)


def test_for_a_new_database_is_said_in_the_same_way(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, lines = ended(start(folder, "run", "study.toml", preexec_fn=no_file_above(8192)))
    assert status == 1, lines
    assert len(lines) == 1, lines
    assert lines[0].startswith("sentiment-search: the database sqlite:///study.db cannot be written (")
    assert_goes_on(capsys)


def test_for_labels_names_the_file_that_could_not_be_written(
    searched: Searched, folder: Path, reviews_csv: Path
) -> None:
    model = searched.opened.artifacts.folder(searched.opened.study.best_trial.number)
    order = ("predict", model, "--data", reviews_csv, "--text", "text", "--out", "labels.csv")
    status, lines = ended(start(folder, *order, preexec_fn=no_file_above(1024)))
    assert (status, lines) == (
        1,
        [
            "sentiment-search: no space is left for labels.csv; free some space, then give the same command again: all "
            "that was finished is kept"
        ],
    )
    assert not list(folder.glob("*labels*"))


@pytest.mark.parametrize(
    ("room", "fitting", "named"),
    [
        (writing, 0, "predictions/baseline-majority.npy"),
        (writing, 2, "predictions/trial-00000.npy"),
        (sentiment.bundle.folder, 0, "trial-00000"),
    ],
    ids=["baselines", "predictions", "weights"],
)
def test_for_what_is_kept_leaves_no_piece_of_it_and_the_study_goes_on_afterwards(
    folder: Path,
    room: ModuleType,
    fitting: int,
    named: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = itertools.count()

    def full(path: Path, content: bytes) -> None:
        if next(files) >= fitting:
            path.write_bytes(content[:10])
            raise OSError(errno.ENOSPC, "No space left on device")
        path.write_bytes(content)

    with monkeypatch.context() as patched:
        patched.setattr(room, "write_through", full)
        assert main(["run", "study.toml"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"sentiment-search: no space is left for studies/artifacts/tiny/{named}; free some space, then give the same "
        "command again: all that was finished is kept"
    )
    left = [path for path in (folder / "studies" / "artifacts" / "tiny").rglob("*") if path.is_file()]
    assert [path for path in left if path.suffix == ".tmp" or path.name.startswith(".")] == []
    assert_goes_on(capsys)


def assert_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["run", "study.toml", "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)["counts"]
    assert counts["complete"] + counts["pruned"] == TRIALS
    assert counts["running"] == counts["waiting"] == 0

"""What goes wrong in a worker of `run` or `compare`, and what the command makes of it."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

from search.study.optimization import FailuresInARow
from sentiment.errors import InputError
from tests.support.tiny import write_study_file

PROGRAM = """
import sys
from search.cli import run
from search.cli.commands import main
from search.comparison import compare
from tests.search.cli import test_workers
if __name__ == "__main__":
    run.work_on = compare.tune = getattr(test_workers, sys.argv.pop(1))
    sys.exit(main(sys.argv[1:]))
"""

OPTIONS = ("study.toml", "--workers", "2", "--json", "--storage", "sqlite:///study.db")

COMPARISON = """
[data]
path = "{reviews}"
text = "text"
label = "stars"
classes = {{ negative = [1], positive = [5] }}
[baseline]
architecture = "lstm"
[[idea]]
name = "textcnn"
change = {{ architecture = "textcnn" }}
[budget]
trials = 1
pairs = 2
"""


def run(folder: Path, what: Any, command: str) -> subprocess.CompletedProcess[str]:
    """The command, whose workers do `what` in place of what they should."""
    program = [sys.executable, "-c", PROGRAM, what.__name__, command, *OPTIONS]
    # From its folder, this module is found as what the tests import.
    found = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    return subprocess.run(program, cwd=folder, env=found, capture_output=True, text=True, timeout=120)


def refuse(*asked: Any, **named: Any) -> NoReturn:
    print("on standard output, which is the parent's")
    os.write(1, b"on standard output, as libraries and other programs write there\n")
    raise InputError("the data are other data")


def find_no_space(*asked: Any, **named: Any) -> NoReturn:
    raise OSError(28, "No space left on device", "weights")


def be_killed(*asked: Any, **named: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def be_interrupted(*asked: Any, **named: Any) -> NoReturn:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("what", "status", "line"),
    [
        (refuse, 2, "sentiment-search: the data are other data"),
        (find_no_space, 1, "sentiment-search: no space is left for weights; "),
    ],
)
def test_what_goes_wrong_in_run_is_told_by_each_in_one_line_and_gives_the_exit_status(
    tmp_path: Path, reviews_csv: Path, what: Any, status: int, line: str
) -> None:
    write_study_file(tmp_path / "study.toml", reviews_csv, trials=4)
    done = run(tmp_path, what, "run")
    assert done.returncode == status, done.stderr
    assert done.stderr.count(line) == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.startswith("{")


def test_an_interrupt_of_run_is_told_once_however_many_workers_there_are(tmp_path: Path, reviews_csv: Path) -> None:
    write_study_file(tmp_path / "study.toml", reviews_csv, trials=4)
    done = run(tmp_path, be_interrupted, "run")
    assert done.returncode == 130, done.stderr
    assert done.stderr.lower().count("interrupted") == 1, done.stderr
    assert done.stderr.splitlines()[-1].startswith("Interrupted; every finished trial is kept. Go on with"), done.stderr
    assert done.stdout.startswith("{")


def fail_in_a_row(*asked: Any, **named: Any) -> NoReturn:
    raise FailuresInARow("3 trials in a row failed; the last one: RuntimeError: no such device")


def test_a_run_of_failures_is_told_in_one_line_by_however_many_workers(tmp_path: Path, reviews_csv: Path) -> None:
    write_study_file(tmp_path / "study.toml", reviews_csv, trials=4)
    done = run(tmp_path, fail_in_a_row, "run")
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("3 trials in a row failed") == 1, done.stderr


@pytest.mark.parametrize(
    ("what", "status", "line"),
    [
        (refuse, 2, "sentiment-search: the data are other data"),
        (be_interrupted, 130, "sentiment-search: interrupted; everything that was finished is kept"),
        (be_killed, 1, "sentiment-search: a worker was killed; the system does so when memory runs out (fewer "),
    ],
)
def test_what_goes_wrong_in_compare_ends_it_with_one_line_and_the_exit_status(
    tmp_path: Path, reviews_csv: Path, what: Any, status: int, line: str
) -> None:
    (tmp_path / "study.toml").write_text(COMPARISON.format(reviews=reviews_csv), "utf-8")
    done = run(tmp_path, what, "compare")
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    assert done.stderr.splitlines()[-1].startswith(line), done.stderr
    assert done.stderr.count("sentiment-search: ") == 1, done.stderr
    assert "Traceback" not in done.stderr

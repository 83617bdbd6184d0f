"""What goes wrong in a worker of `run`, and what the command makes of it."""

import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

from sentiment.errors import InputError
from tests.support.tiny import write_study_file

PROGRAM = """
import sys
from search.cli import run
from search.cli.commands import main
from tests.search.cli import test_run_workers
if __name__ == "__main__":
    run.work_on = getattr(test_run_workers, sys.argv[1])
    sys.exit(main(["run", "study.toml", "--workers", "2", "--json", "--storage", "sqlite:///study.db"]))
"""


def refuse(*asked: Any) -> NoReturn:
    print("on standard output, which is the parent's")
    raise InputError("the data are other data")


def find_no_space(*asked: Any) -> NoReturn:
    raise OSError(28, "No space left on device", "weights")


def be_interrupted(*asked: Any) -> NoReturn:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("what", "status", "line"),
    [
        (refuse, 2, "sentiment-search: the data are other data"),
        (find_no_space, 1, "sentiment-search: no space is left for weights; "),
        (be_interrupted, 130, "sentiment-search: interrupted; everything that was finished is kept"),
    ],
)
def test_is_told_by_each_in_one_line_and_gives_the_exit_status(
    tmp_path: Path, reviews_csv: Path, what: Any, status: int, line: str
) -> None:
    write_study_file(tmp_path / "study.toml", reviews_csv, trials=4)
    command = [sys.executable, "-c", PROGRAM, what.__name__]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == status, done.stderr
    assert done.stderr.count(line) == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.startswith("{")

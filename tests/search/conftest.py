"""One finished study that many tests read, and a way to run the program as its own process."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from search.study import SearchStudy
from tests.tiny import definition

PROGRAM = (sys.executable, "-m", "search")


@dataclass(frozen=True)
class Searched:
    opened: SearchStudy
    url: str
    artifacts: Path
    pruned: int
    """The number of a trial that a pruner stopped at its first report."""

    @property
    def flags(self) -> list[str]:
        return ["--storage", self.url, "--artifacts", str(self.artifacts)]


@pytest.fixture(scope="session")
def searched(reviews_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Searched:
    """Five completed trials and a pruned one, weights of the best two kept; not to be changed."""
    import optuna

    from search.leaderboard import leaderboard
    from search.optimization import optimize
    from search.storage import open_storage
    from search.study import create_or_resume, make_objective, publish

    folder = tmp_path_factory.mktemp("searched")
    url, artifacts = f"sqlite:///{folder}/study.db", folder / "artifacts"
    opened = create_or_resume(definition(reviews_csv, keep_best=2), open_storage(url), artifacts)
    optimize(opened, trials=5, objective=make_objective(opened, end_early=False))
    opened.study.pruner = optuna.pruners.ThresholdPruner(lower=2.0)  # below 2 is every score
    opened.study.optimize(make_objective(opened), n_trials=1)
    publish(opened.study, leaderboard(opened.study))
    return Searched(opened, url, artifacts, pruned=5)


def start(folder: Path, *arguments: Any, **options: Any) -> subprocess.Popen[str]:
    """The program in a process group of its own, as a shell starts it."""
    return subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OPTUNA_STORAGE": "sqlite:///study.db"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        **options,
    )


def run(folder: Path, *arguments: Any) -> tuple[int, str, str]:
    """Exit status, standard output and standard error."""
    process = start(folder, *arguments)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err

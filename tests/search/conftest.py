"""One finished study that many tests read."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from search.study.create import SearchStudy
from tests.support.tiny import definition


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

    from search.report.pages import publish_search
    from search.storage.databases import open_storage
    from search.study.create import create_or_resume, make_objective
    from search.study.leaderboard import leaderboard
    from search.study.optimization import optimize

    folder = tmp_path_factory.mktemp("searched")
    url, artifacts = f"sqlite:///{folder}/study.db", folder / "artifacts"
    opened = create_or_resume(definition(reviews_csv, keep_best=2), open_storage(url), artifacts)
    optimize(opened, trials=5, objective=make_objective(opened, end_early=False))
    opened.study.pruner = optuna.pruners.ThresholdPruner(lower=2.0)  # below 2 is every score
    opened.study.optimize(make_objective(opened), n_trials=1)
    publish_search(opened.study, leaderboard(opened.study), artifacts)
    return Searched(opened, url, artifacts, pruned=5)

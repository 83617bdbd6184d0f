"""What an earlier version stored is read: a study and a bundle, as they were made (`tests/data/earlier`)."""

import json
import sqlite3
from pathlib import Path

import optuna
import pytest

from search.cli.commands import main

EARLIER = Path(__file__).parent / "data" / "earlier"


@pytest.fixture
def url(tmp_path: Path) -> str:
    with sqlite3.connect(tmp_path / "study.db") as database:
        database.executescript((EARLIER / "study.sql").read_text("utf-8"))
    database.close()
    return f"sqlite:///{tmp_path}/study.db"


def test_a_study_is_reported(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "tiny", "--storage", url]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[4:7]] == ["TF-IDF", "trial", "majority"]
    assert "1 completed, 2 pruned." in lines


def test_a_study_is_one_of_optuna(url: str) -> None:
    study = optuna.load_study(study_name="tiny", storage=url)
    assert len(study.trials) == 3
    assert study.best_trial.number == 1
    assert study.best_value == pytest.approx(0.916084, abs=1e-6)


def test_a_bundle_predicts_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(EARLIER / "model"), "--json", "fine word1", "poor word2"]) == 0
    said = [json.loads(line)["probabilities"]["positive"] for line in capsys.readouterr().out.splitlines()]
    assert said == pytest.approx([0.583, 0.580], abs=0.002)

"""A search of encoders: what it hands over, and what becomes of it once the encoder is another one."""

from pathlib import Path

import optuna
import pytest

from search.cli.commands import main
from search.study.records import CONFIG, ENVIRONMENT, told
from sentiment import Bundle
from tests.support.encoders import write_encoder
from tests.support.tiny import write_study_file

SPACE = """
[space.encoder]
model = "{folder}"
max_tokens = 16
epochs = 1
trained_layers = [1, 100]
batch_size = 64
"""


@pytest.fixture(scope="module")
def found(reviews_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a search of networks and encoders; the encoder lies in it."""
    folder = tmp_path_factory.mktemp("encoders")
    write_encoder(folder / "bert")
    text = write_study_file(folder / "tiny.toml", reviews_csv, trials=4, keep_best=4).read_text("utf-8")
    text = text.replace("family = 'network'\n", 'family = ["network", "encoder"]\n')
    (folder / "tiny.toml").write_text(text + SPACE.format(folder=folder / "bert"), "utf-8")
    assert main(["run", str(folder / "tiny.toml"), *flags(folder)]) == 0
    return folder


def flags(folder: Path) -> list[str]:
    return ["--storage", f"sqlite:///{folder}/study.db", "--artifacts", str(folder / "artifacts")]


def trial_of(folder: Path) -> optuna.trial.FrozenTrial:
    study = optuna.load_study(study_name="tiny", storage=f"sqlite:///{folder}/study.db")
    done = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    return next(trial for trial in done if told(trial, CONFIG).get("family") == "encoder")


def test_a_trial_is_handed_over_replayed_and_refused_once_its_encoder_is_another(
    found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = trial_of(found)
    asked = ["tiny", "--trial", str(trial.number), *flags(found)]
    assert main(["replay", *asked]) == 0
    assert "the same again, bit for bit" in capsys.readouterr().out
    assert len(told(trial, ENVIRONMENT)["encoder"]) == 64

    (found / "bert" / "config.json").write_text((found / "bert" / "config.json").read_text("utf-8") + "\n", "utf-8")
    assert main(["replay", *asked]) == 2
    said = capsys.readouterr().err
    assert f"trial {trial.number} was trained from an encoder that is not what it was (SHA-256 " in said

    for path in (found / "bert").iterdir():
        path.unlink()
    assert main(["replay", *asked]) == 2
    assert "has no model.safetensors" in capsys.readouterr().err
    # What was exported needs none of it.
    assert main(["export", *asked, "--to", str(tmp_path / "model")]) == 0
    assert Bundle.open(tmp_path / "model").config.to_dict() == told(trial, CONFIG)

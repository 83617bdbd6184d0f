"""A comparison small enough for a test, and trainings that are made up, so that what follows from them is quick.

Of a made-up training only the predictions are not real: it is recorded as a real one is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from optuna.trial import create_trial

from search.comparison import compare as room
from search.comparison.compare import compare, openings
from search.comparison.ideas import LINEAR, Arm, read_comparison, tuning_name
from search.comparison.pairs import VALIDATION, record_pair
from search.comparison.results import Results, results
from search.comparison.setting import Setting
from search.comparison.tuning import winner_of
from search.storage.predictions import keep_predictions
from search.study.records import COLLAPSED, CONFIG, CURVE, ENDED, EPOCHS, PREDICTIONS, SECONDS
from sentiment.metrics import macro_f1

__all__ = ["HARM", "RECIPE", "SAME", "Killed", "MadeUp", "compared", "sealed_scores", "setting_in", "write_comparison"]

RECIPE = """
[data]
path = "reviews.csv"
text = "text"
label = "label"
[baseline]
architecture = "textcnn"
kernel_sizes = [2]
optimizer = "adam"
token_unit = "word"
embedding_size = 8
filters = 8
batch_size = 32
epochs = 2
[tune]
learning_rate = { low = 0.01, high = 0.05, log = true }
[budget]
trials = 2
pairs = 3
"""
SAME = '[[idea]]\nname = "another limit"\nchange = { max_tokens = 200 }\n'  # no review is longer than either limit
HARM = '[[idea]]\nname = "no learning"\nagainst = "another limit"\nchange = { learning_rate = 1e-7 }\nguess = 0.1\n'


def write_comparison(folder: Path, text: str = RECIPE + SAME + HARM, *, rows: int = 500, groups: int = 0) -> None:
    """Reviews of two classes, with a column `app` if there are groups, and a study file."""
    rng = np.random.default_rng(0)
    words = np.array([f"word{number}" for number in range(30)])
    lines = ["text,label,app" if groups else "text,label"]
    for number in range(rows):
        label = number % 2
        words_of_row = [*rng.choice(words, 6), ("fine", "poor")[label if rng.random() < 0.9 else 1 - label]]
        said = " ".join(rng.permutation([*words_of_row, f"id{number}"]))
        app = f",app{number // 2 % groups}" if groups else ""
        lines.append(f"{said},{('positive', 'negative')[label]}{app}")
    (folder / "reviews.csv").write_text("\n".join(lines))
    (folder / "ideas.toml").write_text(text)


def setting_in(folder: Path) -> Setting:
    return Setting(read_comparison(folder / "ideas.toml"), f"sqlite:///{folder}/studies.db", folder / "artifacts")


def compared(folder: Path) -> Results:
    """Compare, and show what came of it."""
    setting = setting_in(folder)
    found = compare(setting)
    return results(setting.comparison, setting.dataset, found, openings=len(openings(setting)))


def sealed_scores(setting: Setting, arm: str) -> list[float]:
    """Macro-F1 of an arm's pairs on the sealed rows, of what is kept of them: no trial has it as its value."""
    labels, classes = setting.dataset.labels("test"), len(setting.dataset.classes)
    return [macro_f1(labels, said.argmax(axis=1), classes) for said in setting.probabilities(arm)]


class Killed(BaseException):
    """Ends a process, as far as anything of it could tell."""


@dataclass
class MadeUp:
    """Trainings that are made up."""

    right: Mapping[str, float] = field(default_factory=dict)
    """By arm, the probability that a row is right; .8 of those not named."""
    pair_sd: float = 0.0
    """Of that probability, from run to run."""
    of_group: float = 0.0
    """Share of rows that are right or wrong together with their group's."""
    most: int | None = None
    """Trainings of pairs after which the process is killed."""
    trained: list[tuple[str, int]] = field(default_factory=list)
    """(arm, pair), in their order."""
    same: tuple[str, ...] = ()
    """Arms that predict what the baseline predicts."""

    def instead_of_training(self, patch: pytest.MonkeyPatch) -> "MadeUp":
        """From now on, in this process."""
        patch.setattr(room, "tune", self._tune)
        patch.setattr(room, "train_pair", self._train_pair)
        patch.setattr(room, "fit_linear", self._fit_linear)
        return self

    def _tune(self, setting: Setting, index: int, search: int) -> None:
        arm = setting.comparison.arms[index]
        name = tuning_name(arm.name, search)
        study, rows = setting.study(name), len(setting.dataset.split.validation)
        for number in range(len(study.trials), setting.comparison.trials):
            said = np.random.default_rng([index, search, number]).integers(0, 2, rows).astype(np.int16)
            path = setting.tuning_folder(arm, search) / f"trial-{number:05d}.npy"
            attributes = {
                CONFIG: arm.config.replace(learning_rate=0.01 + 0.001 * number + 0.01 * search).to_dict(),
                PREDICTIONS: keep_predictions(path, said),
                COLLAPSED: False,
            }
            study.add_trial(create_trial(value=0.6 + 0.01 * number, user_attrs=attributes))

    def _train_pair(self, setting: Setting, index: int, pair: int) -> None:
        arm: Arm = setting.comparison.arms[index]
        winner, _ = winner_of(setting, arm, pair % setting.comparison.searches)
        attributes = {CONFIG: winner.replace(seed=pair).to_dict(), CURVE: [], EPOCHS: 1, COLLAPSED: False, ENDED: None}
        self._record(setting, arm.name, 0 if arm.name in self.same else index, pair, attributes)

    def _fit_linear(self, setting: Setting, pair: int) -> None:
        self._record(setting, LINEAR, 99, pair, {})

    def _record(self, setting: Setting, arm: str, number: int, pair: int, attributes: dict[str, object]) -> None:
        if self.most is not None and len(self.trained) >= self.most:
            raise Killed
        dataset = setting.dataset
        rng = np.random.default_rng([number, pair])
        right = self.right.get(arm, 0.8) + self.pair_sd * rng.normal()
        labels, groups = dataset.labels("test"), dataset.groups("test")
        luck = rng.random(len(labels))
        if groups is not None and self.of_group:
            shared = np.random.default_rng(number).random(int(groups.max()) + 1)[groups]
            luck = np.where(rng.random(len(labels)) < self.of_group, shared, luck)
        said = np.where(luck < right, labels, 1 - labels)
        probabilities = np.where(np.arange(2) == said[:, None], 0.9, 0.1).astype(np.float32)
        known = {VALIDATION: float(right), SECONDS: 1.0}
        record_pair(setting, arm, pair, setting.pair_file(arm), probabilities, known | attributes)
        self.trained.append((arm, pair))

"""A trial's page in the dashboard: a note in words, and files beside it, which `optuna.artifacts` keeps.

It is made inside the objective, before the trial ends. What cannot be drawn or kept is told of, and never the reason
that a trial fails.
"""

import warnings
from dataclasses import dataclass, field
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Final

import numpy as np
import optuna
from optuna.artifacts import upload_artifact
from optuna.exceptions import UpdateFinishedTrialError
from optuna_dashboard._note import note_ver_key, split_body

from search.report.trial_figures import figures
from search.report.trial_note import note, rows_of_classes
from search.report.values import write_csv
from search.storage.paths import ArtifactPath, Artifacts
from search.storage.relational import at_once
from search.study.outcome import Outcome
from search.study.records import BASELINES, IS_LINEAR_BASELINE, told_of_study
from sentiment.models.baselines import LINEAR

__all__ = ["TrialPages", "worst_errors"]

WORST: Final = 20
"""Errors that are shown."""
CLIPPED: Final = 300
"""Characters of a text that are shown."""


@dataclass
class TrialPages:
    """Makes the pages of a study's trials; see `search.study.outcome.Pages`."""

    artifacts: Artifacts
    """Where the dashboard's artifacts lie."""
    where: str = ""
    """Options that lead to storage and artifacts, for the commands in a note."""
    _linear: dict[str, float] = field(default_factory=dict)
    """What a study has on record of the linear baseline, read once."""

    def __call__(self, trial: optuna.Trial, outcome: Outcome) -> None:
        """Write the note of `trial`, and keep its files."""
        try:
            self._write(trial, outcome)
        except UpdateFinishedTrialError:  # no longer this process's
            raise
        except Exception as error:
            warnings.warn(
                f"the dashboard will not show all of some trials' pages: {type(error).__name__}: {error}", stacklevel=2
            )

    def _write(self, trial: optuna.Trial, outcome: Outcome) -> None:
        study, trials = trial.study, trial.study.get_trials(deepcopy=False)
        name, storage = study.study_name, trial.storage
        if name not in self._linear:
            measured = told_of_study(study).get(BASELINES, {}).get(LINEAR, {})
            self._linear[name] = measured.get("macro_f1")
        linear = self._linear[name]
        text = note(name, trial.number, outcome, trials, linear, self.where)
        # As `save_note` does, which reads the notes of all other trials before: of a thousand trials, a thousand times.
        storage.set_study_system_attr(study._study_id, note_ver_key(trial._trial_id), 1)
        for key, part in split_body(text, trial._trial_id).items():
            storage.set_study_system_attr(study._study_id, key, part)
        if linear is None:
            fitted = (one.value for one in trials if IS_LINEAR_BASELINE in one.user_attrs)
            linear = next((value for value in fitted if value is not None), None)
        store = ArtifactPath.of(self.artifacts).store()
        with TemporaryDirectory() as made:
            folder = Path(made)
            files = []
            if find_spec("matplotlib"):
                for file, content in figures(outcome, linear).items():
                    (folder / file).write_bytes(content)
                    files.append(folder / file)
            for file, rows in (("classes.csv", rows_of_classes(outcome)), ("worst-errors.csv", worst_errors(outcome))):
                if rows:
                    write_csv(folder / file, rows)
                    files.append(folder / file)
            named = _Named()
            with at_once(trial):
                for path in files:
                    upload_artifact(study_or_trial=trial, file_path=str(path), artifact_store=named)
            for artifact, content in named.contents.items():
                store.write(artifact, BytesIO(content))


@dataclass
class _Named:
    """A store that only remembers. A trial names all of its artifacts, in one step, before one of them is there: killed
    in between, none lies there that nobody knows of and `delete` would leave."""

    contents: dict[str, bytes] = field(default_factory=dict)

    def open_reader(self, artifact_id: str) -> BinaryIO:
        return BytesIO(self.contents[artifact_id])

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        self.contents[artifact_id] = content_body.read()

    def remove(self, artifact_id: str) -> None:
        del self.contents[artifact_id]


def worst_errors(outcome: Outcome) -> list[dict[str, Any]]:
    """The validation rows whose label it holds for least probable, for a table; nothing where it has no predictions.

    Texts are clipped; nothing is escaped.
    """
    if outcome.trained is None:
        return []
    dataset, said = outcome.dataset, outcome.trained.probabilities
    labels, predicted = dataset.labels("validation"), said.argmax(axis=1)
    of_label = said[np.arange(len(labels)), labels]
    wrong = np.flatnonzero(predicted != labels)
    worst = wrong[np.argsort(of_label[wrong], kind="stable")][:WORST]
    texts, indices = dataset.reviews.texts, dataset.indices("validation")
    return [
        {
            "text": _clipped(texts[indices[row]]),
            "label": dataset.classes[labels[row]],
            "predicted": dataset.classes[predicted[row]],
            "probability of predicted": round(float(said[row, predicted[row]]), 3),
            "probability of label": round(float(of_label[row]), 3),
        }
        for row in worst
    ]


def _clipped(text: str) -> str:
    return text if len(text) <= CLIPPED else f"{text[: CLIPPED - 1]}…"

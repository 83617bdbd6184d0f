"""Searches by what they found, without training any."""

import optuna
from optuna.trial import create_trial

from search.study.records import BASELINES, CONFIG, ROWS

__all__ = ["study"]


def study(*values: float, linear: float = 0.8, rows: int = 400) -> optuna.Study:
    """Completed trials of these values, beside a linear baseline that was measured."""
    made = optuna.create_study(direction="maximize", study_name="made")
    made.set_user_attr(BASELINES, {"majority": {"macro_f1": 0.3}, "TF-IDF + logistic regression": {"macro_f1": linear}})
    made.set_user_attr(ROWS, {"train": 3200, "validation": rows, "sealed test": 400})
    for value in values:
        made.add_trial(create_trial(value=value, user_attrs={CONFIG: {"architecture": "gru", "learning_rate": 2e-3}}))
    return made

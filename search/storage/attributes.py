"""Facts of a trial that only programs read, and where they lie.

The dashboard sets each user attribute on one line of a trial's page: a learning curve is a line of 1,300 characters,
and makes the page as wide as six screens. So what no person reads is a system attribute, of which the dashboard shows
none, under a name that is ours. In older studies it is a user attribute.
"""

from typing import Any, Final

import optuna
from optuna.trial import FrozenTrial

__all__ = ["OURS", "keep", "told"]

OURS: Final = "sentiment-search:"
"""What the names of our system attributes begin with."""


def told(trial: FrozenTrial, name: str, otherwise: Any = None) -> Any:
    """What is on record of a trial under a name, wherever it is stored."""
    return trial.system_attrs.get(OURS + name, trial.user_attrs.get(name, otherwise))


def keep(trial: optuna.Trial, name: str, value: Any) -> None:
    """Record a fact that only programs read of a trial that runs."""
    trial.storage.set_trial_system_attr(trial._trial_id, OURS + name, value)

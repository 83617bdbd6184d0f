"""What is stored in a study, by name: who reads a study needs nothing that trains one.

Of the names, chosen to read well in the dashboard, each stands here once. What is on record of a trial is read by
`told` alone: what only programs read is not kept where people look, and once was.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import optuna
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial

from search.storage.attributes import OURS, keep, told
from search.study.positions import AGAIN, FINISHED, SUPERFLUOUS
from sentiment.errors import InputError, MissingExtraError
from sentiment.foreign import one_line, visible
from sentiment.models.config import Config
from sentiment.models.registry import FAMILY, NETWORK

__all__ = [
    "AGAINST_LINEAR",
    "AUDIT",
    "AUDITED",
    "BASELINES",
    "CLASSES",
    "CLASS_SIZES",
    "COLLAPSED",
    "COMMAND",
    "COMPARISON",
    "CONFIG",
    "CORRECTED",
    "CURVE",
    "DATA",
    "ENDED",
    "ENSEMBLE",
    "ENVIRONMENT",
    "EPOCHS",
    "FAMILIES_AGAINST_LINEAR",
    "FINGERPRINT",
    "FOR_PROGRAMS",
    "IS_LINEAR_BASELINE",
    "KEEP_BEST",
    "KIND",
    "LATENCY",
    "METRIC",
    "MODEL",
    "OPENINGS",
    "OTHERS",
    "OURS",
    "PATIENCE",
    "PLAN",
    "PREDICTIONS",
    "PRUNED",
    "RESUMED",
    "ROUND_OF",
    "ROWS",
    "SECONDS",
    "SEED",
    "SPACE",
    "SPACE_DEFAULTS",
    "TRIALS",
    "as_recorded",
    "attributes",
    "family_of_trial",
    "keep",
    "keep_of_study",
    "model_in_words",
    "told",
    "told_of_study",
    "why_ended",
]

# ------------------------------------------------------------------ of a study

DATA: Final = "data"
TRIALS: Final = "trials asked for"
FINGERPRINT: Final = "data fingerprint"
SPACE: Final = "space"
SPACE_DEFAULTS: Final = "default space"
AUDIT: Final = "share of condemned trials that run on"
ROUND_OF: Final = "trials in a round"
PATIENCE: Final = "trials that must raise the best score"
KEEP_BEST: Final = "trials whose weights are kept"
BASELINES: Final = "baselines"
ROWS: Final = "rows"
CLASS_SIZES: Final = "validation rows of each class"
CORRECTED: Final = "best score corrected for choosing"
AGAINST_LINEAR: Final = "best score minus that of the linear baseline, corrected for choosing"
FAMILIES_AGAINST_LINEAR: Final = "the same of the best trial of each family"
ENSEMBLE: Final = "ensemble"
METRIC: Final = "validation macro-F1"
OPENINGS: Final = "openings of the sealed test"
"""Each time that its sealed rows were scored."""
COMPARISON: Final = "comparison"
"""What a comparison is: its tables as they were read, its number of trials and of searches, its seed."""
COMMAND: Final = "command"
"""By which it was made, or gone on with last; no password is in it."""
PLAN: Final = "pairs and tuning curve asked for"
"""Of a comparison: what may be another thing today than yesterday, beside its data."""

CLASSES: Final = "classes"
SEED: Final = "seed"
SHOWN: Final = frozenset({TRIALS, ROWS, CLASSES, SEED})
"""What people read of a study, short enough for a line of its page."""

# ------------------------------------------------------------------ of a trial

MODEL: Final = "model"
"""In words."""
KIND: Final = "kind of trial"
"""Where its settings come from, in words (`search.study.origins`)."""
CONFIG: Final = "config"
CURVE: Final = "learning curve"
ENDED: Final = "ended early because"
PRUNED: Final = "pruned because"
COLLAPSED: Final = "collapsed"
SECONDS: Final = "seconds"
EPOCHS: Final = "epochs trained"
ENVIRONMENT: Final = "environment"
AUDITED: Final = "condemned by the pruner, audited"
PREDICTIONS: Final = "predictions"
"""Of the validation rows: probabilities float32 [n, K]; in older studies classes int16 [n]. Under `OTHERS` in it, where
there were other checkpoints, what these said, float32 [C, n, K]: kept while the trial is among the best."""
OTHERS: Final = "other checkpoints"
RESUMED: Final = "resumed from epoch"
"""Of a trial that stands in for one which was killed, and went on from where that one was scored last."""
IS_LINEAR_BASELINE: Final = "is the linear baseline"
LATENCY: Final = "milliseconds a text"

FOR_PROGRAMS: Final = frozenset({CONFIG, CURVE, ENVIRONMENT, AUDITED, PREDICTIONS})
"""What no person reads, so that it is kept where the dashboard does not show it (`search.storage.attributes`)."""


@contextmanager
def as_recorded(study: str) -> Iterator[None]:
    """Read what is recorded in a study, which may come from anywhere: by another program, a later version, by hand.

    Only what reads belongs into it: a mistake of ours in there would be told as one of the study's.

    Raises:
        InputError: it is not what this program writes.
    """
    try:
        yield
    except (InputError, MissingExtraError):
        raise
    except (
        ArithmeticError,
        AssertionError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise InputError(
            f"study {study!r} has on record what this program does not write ({type(error).__name__}: "
            f"{one_line(str(error))[:200]}); was it changed by hand, or made by another program or version?"
        ) from error


def why_ended(trial: FrozenTrial) -> str | None:
    """Why a trial ended early, other than by the pruner; None if it did not."""
    finished = trial.state in FINISHED
    if finished and (AGAIN in trial.system_attrs or SUPERFLUOUS in trial.system_attrs):
        return None  # it was taken for lost, and ended all the same
    return trial.user_attrs.get(ENDED)


def attributes(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of a trial, by names of this room, as `optuna.create_trial` takes it of one that is made at once;
    what is None is left out."""
    known = {name: value for name, value in facts.items() if value is not None}
    return {
        "user_attrs": {name: value for name, value in known.items() if name not in FOR_PROGRAMS},
        "system_attrs": {OURS + name: value for name, value in known.items() if name in FOR_PROGRAMS},
    }


def model_in_words(config: Config) -> str:
    """What a trial trains, as its page says it."""
    return visible(config.title.replace("`", ""))


def told_of_study(study: optuna.Study | FrozenStudy) -> dict[str, Any]:
    """What is on record of a study, by the names above, wherever it is stored; in older studies all of it is among its
    user attributes."""
    if isinstance(study, FrozenStudy):  # read with all others
        kept = study.system_attrs
    else:
        kept = study._storage.get_study_system_attrs(study._study_id)
    ours = {name.removeprefix(OURS): value for name, value in kept.items() if name.startswith(OURS)}
    return study.user_attrs | ours


def keep_of_study(study: optuna.Study, name: str, value: Any) -> None:
    """Record something of a study under one of the names above: what people read too, where the dashboard shows it."""
    if name in SHOWN:
        study.set_user_attr(name, value)
    else:
        study._storage.set_study_system_attr(study._study_id, OURS + name, value)


def family_of_trial(trial: FrozenTrial) -> str:
    """The family of what a trial trained."""
    return str(told(trial, CONFIG, {}).get(FAMILY, NETWORK))

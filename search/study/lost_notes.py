"""The note of a trial whose page was made, just before it would have ended, and that did not end: it says so.

A system attribute can be written over and not removed, so what the dashboard shows is the new text and nothing else.
"""

import optuna
from optuna.trial import FrozenTrial

from search.study.positions import REPEATS
from sentiment.foreign import markdown, one_line

__all__ = ["replace_note"]


def replace_note(study: optuna.Study, trial: FrozenTrial, cause: str) -> None:
    """Put why the trial did not end, and which one stands in for it, in place of its note, if it has one."""
    begins = f"dashboard:{trial._trial_id}:note_str:"
    storage, study_id = study._storage, study._study_id
    parts = sorted(name for name in storage.get_study_system_attrs(study_id) if name.startswith(begins))
    if not parts:
        return
    later = (
        one.number for one in study.get_trials(deepcopy=False) if trial.number in one.system_attrs.get(REPEATS, ())
    )
    number = next(later, None)
    instead = "not begun again" if number is None else f"begun again as trial {number}"
    for name in parts:
        storage.set_study_system_attr(study_id, name, "")
    storage.set_study_system_attr(study_id, f"{begins}0", f"It did not end: {markdown(one_line(cause))}; {instead}.")

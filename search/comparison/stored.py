"""What a storage holds: searches and comparisons, each as one thing, how far each is and how good.

It reads what every study has on record and trains nothing; the studies of a comparison are folded into it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from search.comparison.ideas import BASELINE, PAIRS, RANDOM
from search.comparison.setting import PAIR, PLANNED_LOOKS
from search.study.positions import FINISHED
from search.study.records import (
    AGAINST_LINEAR,
    BASELINES,
    CONFIG,
    FINGERPRINT,
    IS_LINEAR_BASELINE,
    TRIALS,
    as_recorded,
    told,
)
from sentiment.models.baselines import LINEAR

__all__ = ["COMPARISON", "OTHER", "SEARCH", "Stored", "stored", "whole_names"]

SEARCH: Final = "search"
COMPARISON: Final = "comparison"
OTHER: Final = "other"
"""A study of another program."""

OWN_PARTS: Final = (BASELINE, PAIRS, RANDOM)
"""One of them there is of every comparison, however early it was ended."""


@dataclass(frozen=True)
class Stored:
    """A search, or a comparison with all of its studies. Scores are macro-F1 on validation rows."""

    name: str
    kind: str
    """SEARCH, COMPARISON or OTHER."""
    studies: tuple[str, ...]
    """What it is called in Optuna."""
    done: int
    """Trials that are completed or pruned; of a comparison, those of its tuning."""
    total: int | None
    """Trials that were asked for last; None where that is not on record."""
    running: int
    pairs: int
    """Of a comparison, with at least one arm trained."""
    most_pairs: int | None
    """As many are planned."""
    best: float | None
    """Of a comparison there is none: what it found is a difference of sealed scores, and chooses nothing."""
    linear: float | None
    """Of the linear baseline."""
    above_linear: dict[str, Any] | None
    """The best score minus that one, corrected for choosing, with its interval; None where it was not computed."""
    active: datetime | None
    """When a trial last began or ended, by this machine's clock."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"active": None if self.active is None else self.active.isoformat(timespec="seconds")}


def whole_names(names: Iterable[str]) -> dict[str, list[str]]:
    """By the name of each search and comparison, its studies; a comparison's are called NAME: PART."""
    names = list(names)
    there, found = set(names), dict[str, list[str]]()
    for name in names:
        whole, is_part, _ = name.partition(": ")
        if is_part and not (whole in there or any(f"{whole}: {part}" in there for part in OWN_PARTS)):
            whole = name  # another program's, which calls its studies as it likes
        found.setdefault(whole, []).append(name)
    return found


def stored(storage: BaseStorage) -> list[Stored]:
    """What there is, what was active last first.

    Raises:
        InputError: a study has on record what this program does not write.
    """
    studies = {study.study_name: study for study in storage.get_all_studies()}
    found = []
    for name, parts in whole_names(studies).items():
        with as_recorded(name):
            trials = {part: storage.get_all_trials(studies[part]._study_id, deepcopy=False) for part in parts}
            if parts == [name]:
                found.append(_search(studies[name], trials[name]))
            else:
                found.append(_comparison(name, {part: studies[part].user_attrs for part in parts}, trials))
    return sorted(found, key=lambda one: (one.active or datetime.min, one.name), reverse=True)


def _search(study: FrozenStudy, trials: Sequence[FrozenTrial]) -> Stored:
    attributes, ours = study.user_attrs, FINGERPRINT in study.user_attrs
    completed = [trial for trial in trials if trial.state == TrialState.COMPLETE and trial.value is not None]
    if ours:
        completed = [trial for trial in completed if told(trial, CONFIG) is not None]  # of the others nothing is known
    elif study.directions != [StudyDirection.MAXIMIZE]:
        completed = []
    best = max(completed, key=lambda trial: trial.value or 0.0, default=None)
    linear = next((trial.value for trial in completed if told(trial, IS_LINEAR_BASELINE) is not None), None)
    if linear is None:
        linear = attributes.get(BASELINES, {}).get(LINEAR, {}).get("macro_f1")
    above = attributes.get(AGAINST_LINEAR)
    return Stored(
        name=study.study_name,
        kind=SEARCH if ours else OTHER,
        studies=(study.study_name,),
        done=_count(trials, FINISHED),
        total=attributes.get(TRIALS),
        running=_count(trials, (TrialState.RUNNING,)),
        pairs=0,
        most_pairs=None,
        best=None if best is None else best.value,
        linear=linear,
        above_linear=above if above is not None and best is not None and above["trial"] == best.number else None,
        active=_active(trials),
    )


def _comparison(
    name: str, attributes: Mapping[str, Mapping[str, Any]], trials: Mapping[str, Sequence[FrozenTrial]]
) -> Stored:
    recorded: dict[str, Any] = {}
    for of_part in attributes.values():
        recorded |= {key: value for key, value in of_part.items() if key == PLANNED_LOOKS}
    paired = Counter(
        told(trial, PAIR)
        for of_part in trials.values()
        for trial in of_part
        if trial.state == TrialState.COMPLETE and told(trial, PAIR) is not None
    )
    every = [trial for of_part in trials.values() for trial in of_part]
    tuning = [trial for trial in every if told(trial, PAIR) is None]
    planned = recorded.get(PLANNED_LOOKS)
    return Stored(
        name=name,
        kind=COMPARISON,
        studies=tuple(trials),
        done=_count(tuning, FINISHED),
        total=None,
        running=_count(every, (TrialState.RUNNING,)),
        pairs=len(paired),
        most_pairs=None if not planned else int(planned[-1][0]),
        best=None,
        linear=None,
        above_linear=None,
        active=_active(every),
    )


def _count(trials: Sequence[FrozenTrial], states: Sequence[TrialState]) -> int:
    return sum(trial.state in states for trial in trials)


def _active(trials: Sequence[FrozenTrial]) -> datetime | None:
    times = [time for trial in trials for time in (trial.datetime_start, trial.datetime_complete) if time is not None]
    return max(times, default=None)

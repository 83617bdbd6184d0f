"""What a storage holds: searches and comparisons, each as one thing, how far each is and how good.

It reads what every study has on record and trains nothing; the studies of a comparison are folded into it.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final

import optuna
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from search.comparison.ideas import BASELINE, RANDOM
from search.comparison.setting import PLANNED_LOOKS, arm_and_pair
from search.storage.databases import OLDER_PAIRS
from search.study.claims import living
from search.study.comparisons import BESIDE, is_comparison
from search.study.positions import FINISHED
from search.study.records import (
    AGAINST_LINEAR,
    BASELINES,
    COMPARISON,
    CONFIG,
    FINGERPRINT,
    IS_LINEAR_BASELINE,
    METRIC,
    OPENINGS,
    PLAN,
    TRIALS,
    as_recorded,
    told,
    told_of_study,
)
from sentiment.models.baselines import LINEAR

__all__ = ["Stored", "Whole", "openings_of", "stored", "wholes"]

RANDOM_DRAWS: Final = (f"{BESIDE}{RANDOM}", f"{BESIDE}random draws")
METRICS: Final = "study:metric_names"
"""Where Optuna has what a study's values are called. A study that this program makes says so at once."""


@dataclass(frozen=True)
class Whole:
    """A search, or a comparison, as the studies that Optuna has of it."""

    name: str
    """An older comparison that shares its name with a search is called `NAME: pairs`."""
    studies: tuple[FrozenStudy, ...]
    """The one that it is known by first."""
    kind: str
    """search, comparison, or other: a study of another program."""
    folder: str
    """Among the artifacts."""

    @property
    def is_comparison(self) -> bool:
        """Or else a search, or another program's."""
        return self.kind == "comparison"

    @property
    def names(self) -> list[str]:
        """Of its studies."""
        return [study.study_name for study in self.studies]


@dataclass(frozen=True)
class Stored:
    """A search, or a comparison with all of its studies. Scores are macro-F1 on validation rows."""

    name: str
    kind: str
    """As of the whole."""
    studies: tuple[str, ...]
    """What it is called in Optuna."""
    done: int
    """Trials that are completed or pruned; of a comparison, those of its tuning."""
    total: int | None
    """Trials that were asked for last; None where that is not on record."""
    running: int
    """Trials whose process lives, as far as anybody can tell; another program's, whatever became of theirs."""
    pairs: int
    """Of a comparison, those of its baseline: an idea that is decided gets no more."""
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
    lost: int = 0
    """Trials that run for ever on record: their process is no more. The same `run` or `compare` begins them again."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"active": None if self.active is None else self.active.isoformat(timespec="seconds")}


def wholes(studies: Sequence[FrozenStudy]) -> list[Whole]:
    """The searches and comparisons that these studies are, which are all that a storage has."""
    by_name = {study.study_name: study for study in studies}
    mains = {name.removesuffix(OLDER_PAIRS): study for name, study in by_name.items() if _is_main(study)}
    found = {main.study_name: [main] for main in mains.values()}
    for name, study in sorted(by_name.items()):
        beside = [one for one in mains if name.startswith(one + BESIDE) and _is_part(study, mains[one])]
        whole = name if name in found or not beside else mains[max(beside, key=len)].study_name
        if study not in found.setdefault(whole, []):
            found[whole].append(study)
    return [_whole(known_by, parts, found) for known_by, parts in found.items()]


def stored(storage: BaseStorage) -> list[Stored]:
    """What there is, what was active last first.

    Raises:
        InputError: a study has on record what this program does not write.
    """
    found = []
    for whole in wholes(storage.get_all_studies()):
        with as_recorded(whole.name):
            trials = {study.study_name: storage.get_all_trials(study._study_id, False) for study in whole.studies}
            described = _comparison(whole, trials) if whole.is_comparison else _search(whole, trials[whole.name])
            lost = 0 if whole.kind == "other" else sum(_lost(storage, *one) for one in trials.items())
            found.append(replace(described, running=described.running - lost, lost=lost))
    return sorted(found, key=lambda one: (one.active or datetime.min, one.name), reverse=True)


def openings_of(whole: Whole) -> int:
    """How often its sealed rows were scored."""
    looks = [told_of_study(study).get(OPENINGS) for study in whole.studies]
    return sum(len(one) for one in looks if isinstance(one, list))


def _whole(known_by: str, parts: Sequence[FrozenStudy], found: Container[str]) -> Whole:
    if not _is_main(parts[0]):
        kind = "search" if FINGERPRINT in told_of_study(parts[0]) else "other"
        return Whole(known_by, tuple(parts), kind, known_by)
    folder = known_by.removesuffix(OLDER_PAIRS)
    return Whole(known_by if folder in found else folder, tuple(parts), "comparison", folder)


def _is_main(study: FrozenStudy) -> bool:
    """Whether a comparison is known by it. In an older one it was made first too, but its mark came later."""
    return is_comparison(study) or (study.study_name.endswith(OLDER_PAIRS) and FINGERPRINT in told_of_study(study))


def _is_part(study: FrozenStudy, main: FrozenStudy) -> bool:
    """Whether a study that is called as a part is one: another program may call its own so. Of very old comparisons no
    study says what its values are."""
    ours = METRICS not in main.system_attrs or study.system_attrs.get(METRICS) == [METRIC]
    return ours and study.directions == [StudyDirection.MAXIMIZE]


def _search(whole: Whole, trials: Sequence[FrozenTrial]) -> Stored:
    (study,) = whole.studies
    recorded = told_of_study(study)
    ours = whole.kind == "search"
    completed = [trial for trial in trials if trial.state == TrialState.COMPLETE and trial.value is not None]
    if ours:
        completed = [trial for trial in completed if told(trial, CONFIG) is not None]  # of the others nothing is known
    elif study.directions != [StudyDirection.MAXIMIZE]:
        completed = []
    best = max(completed, key=lambda trial: trial.value or 0.0, default=None)
    linear = next((trial.value for trial in completed if told(trial, IS_LINEAR_BASELINE) is not None), None)
    if linear is None:
        linear = recorded.get(BASELINES, {}).get(LINEAR, {}).get("macro_f1")
    above = recorded.get(AGAINST_LINEAR)
    return Stored(
        name=whole.name,
        kind=whole.kind,
        studies=tuple(whole.names),
        done=_count(trials, FINISHED),
        total=recorded.get(TRIALS),
        running=_count(trials, (TrialState.RUNNING,)),
        pairs=0,
        most_pairs=None,
        best=None if best is None else best.value,
        linear=linear,
        above_linear=above if above is not None and best is not None and above["trial"] == best.number else None,
        active=_active(trials),
    )


def _comparison(whole: Whole, trials: Mapping[str, Sequence[FrozenTrial]]) -> Stored:
    main = whole.names[0]
    recorded = told_of_study(whole.studies[0])
    every = [trial for of_part in trials.values() for trial in of_part]
    known = [trial for trial in trials[main] if trial.state == TrialState.COMPLETE]
    others = [name for name in trials if name != main and not name.endswith(RANDOM_DRAWS)]
    budget, plan = recorded.get(COMPARISON, {}), recorded.get(PLAN, {}).get("pairs")
    planned = plan or [pairs for pairs, _ in recorded.get(PLANNED_LOOKS) or ()]
    return Stored(
        name=whole.name,
        kind=whole.kind,
        studies=tuple(whole.names),
        done=sum(_count(trials[name], FINISHED) for name in others),
        total=budget["trials"] * budget.get("searches", 1) * (1 + len(budget["idea"])) if "idea" in budget else None,
        running=_count(every, (TrialState.RUNNING,)),
        pairs=len({pair for arm, pair in map(arm_and_pair, known) if arm == BASELINE}),
        most_pairs=max(planned, default=None),
        best=None,
        linear=None,
        above_linear=None,
        active=_active(every),
    )


def _lost(storage: BaseStorage, name: str, trials: Sequence[FrozenTrial]) -> int:
    running = _count(trials, (TrialState.RUNNING,))
    return running and max(0, running - len(living(optuna.load_study(study_name=name, storage=storage))))


def _count(trials: Sequence[FrozenTrial], states: Sequence[TrialState]) -> int:
    return sum(trial.state in states for trial in trials)


def _active(trials: Sequence[FrozenTrial]) -> datetime | None:
    times = [time for trial in trials for time in (trial.datetime_start, trial.datetime_complete) if time is not None]
    return max(times, default=None)

"""Where a comparison runs, and what is on record of it: its studies, its predictions, the looks that were taken.

Everything is read anew from the storage when it is asked for, since other processes write there; the storage is opened
once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from search.comparison.ideas import PAIRS, RANDOM, Arm, Comparison, tuning_name
from search.execution.memory import most_bytes
from search.statistics import Looks
from search.storage.databases import OLDER_PAIRS, experimental_features, open_storage
from search.storage.half_copies import refuse_half_copied
from search.storage.names import refuse_shared_folder
from search.storage.paths import ArtifactPath, Artifacts
from search.storage.predictions import kept_predictions
from search.study.comparisons import is_comparison
from search.study.positions import in_order
from search.study.records import METRIC, PREDICTIONS, SPACE_DEFAULTS, told, told_of_study
from search.study.space import defaults_for
from sentiment.errors import InputError
from sentiment.models.baselines import LINEAR
from sentiment.models.family import Resources
from sentiment.models.registry import full_name
from sentiment.reviews.dataset import Dataset, load_dataset, redraw

__all__ = ["LOOKS", "PLANNED_LOOKS", "RENAME", "Setting", "arm_and_pair"]

ARM: Final = "arm"
PAIR: Final = "pair"
LEAST_LEFT: Final = 1e-8
"""Of alpha; below that no look can find anything."""
LOOKS: Final = "looks taken"
PLANNED_LOOKS: Final = "looks planned"
"""[[pairs, share of alpha], ...]: all that were taken, and the plan that stood before anything was seen."""
RENAME: Final = 'give the comparison another name (name = "..." in its study file)'


@dataclass(frozen=True)
class Setting:
    """Where a comparison runs; everything a worker process needs, and picklable."""

    comparison: Comparison
    storage: str
    artifacts: Artifacts
    threads: int = 1
    device: str = "cpu"

    @cached_property
    def dataset(self) -> Dataset:
        """The reviews, read once in each process."""
        return load_dataset(self.comparison.data)

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """The default space of arms that search it: as it was when the comparison began, on whatever machine, and in
        the precision of the baseline, so that all arms train in one."""
        recorded = self.recorded().get(SPACE_DEFAULTS)
        if recorded is not None:
            return dict(recorded)
        precision = self.comparison.precision
        name = full_name(self.comparison.baseline.config.family, "precision")
        return defaults_for(self.dataset.texts("train")) | ({name: precision} if precision else {})

    @property
    def looks(self) -> Looks:
        """Those that were taken, whatever the study file said then, and those that it plans now."""
        looks, taken = self.looks_at(self.comparison.pairs), self.looks_taken
        if taken is not None and min(looks.shares[len(taken.pairs) :], default=1.0) < LEAST_LEFT:
            raise InputError(
                f"comparison {self.comparison.name!r} was looked at {len(taken.pairs)} times, and nothing is left of "
                f"the errors that all looks may make together; {RENAME}, which trains everything anew"
            )
        return looks

    def looks_at(self, pairs: Sequence[int]) -> Looks:
        """Those that were taken, and these if they come later."""
        return Looks.at(pairs, self._looks(LOOKS), self.looks_planned)

    @property
    def looks_taken(self) -> Looks | None:
        """Those that are on record; None before the first."""
        return None if self._looks(LOOKS) is None else self.looks_at(())

    @property
    def looks_planned(self) -> Looks | None:
        """The plan that stood when something could first be seen: when networks had two pairs. None before."""
        seen = any(pair >= 1 for arm, pair in self.finished_pairs() if arm != LINEAR)
        return self._looks(PLANNED_LOOKS) if seen else None

    def _looks(self, recorded: str) -> Looks | None:
        looks = self.recorded().get(recorded)
        if not looks:
            return None
        pairs, shares = zip(*looks, strict=True)
        return Looks(pairs, shares)

    def refuse_half_copied(self) -> None:
        """Refuse to go on with a comparison of which a study is not all here.

        Raises:
            InputError: one is not.
        """
        storage, name_of_all = _opened(self.storage), self.comparison.name
        for name in optuna.get_all_study_names(storage):
            if name == name_of_all or name.startswith(f"{name_of_all}: "):
                refuse_half_copied(optuna.load_study(study_name=name, storage=storage))

    def recorded(self, part: str = PAIRS) -> dict[str, Any]:
        """What the study of an arm, or of the pairs, has on record; nothing if there is no such study yet."""
        storage = _opened(self.storage)
        if self.name(part) not in optuna.get_all_study_names(storage):
            return {}
        return told_of_study(optuna.load_study(study_name=self.name(part), storage=storage))

    def refuse_shared_folder(self) -> None:
        """Before a new comparison writes anything.

        Raises:
            InputError: its files would lie among another study's (`search.storage.names`); or a search is called so.
        """
        storage, name = _opened(self.storage), self.comparison.name
        refuse_shared_folder(name, storage)
        if self.is_older or name not in optuna.get_all_study_names(storage):
            return
        study = optuna.load_study(study_name=name, storage=storage)
        # Without anything in it, it is what a process left that was killed while it made it.
        if not is_comparison(study) and (told_of_study(study) or study.get_trials(deepcopy=False)):
            raise InputError(f"there is a search or another program's study {name!r} already; {RENAME}")

    @property
    def cache(self) -> Path:
        """Where encoded corpora lie."""
        return ArtifactPath.of(self.artifacts).local / "cache"

    @property
    def resources(self) -> Resources:
        """Of each training, in the process that trains; none is ended early, so that what collapses costs what it
        costs."""
        return Resources(self.cache, self.device, end_early=False, memory=most_bytes(self.device))

    def random_progress(self, number: int) -> Path:
        """Where a random trial keeps the state of its training until it is recorded."""
        return self.progress_file(RANDOM, f"random-{number:05d}")

    def pair_progress(self, arm: str, pair: int) -> Path:
        """The same of an arm's pair, the linear model's among them."""
        return self.progress_file(PAIRS, f"{self.pair_file(arm)}-pair-{pair:03d}")

    def progress_file(self, part: str, name: str) -> Path:
        """Where a training of the random trials or of the pairs keeps its state, by the name of its file."""
        return ArtifactPath.of(self.folder).local / part / "progress" / f"{name}.safetensors"

    def pair_file(self, arm: str) -> str:
        """How the files of an arm's pairs begin."""
        if arm == LINEAR:
            return "linear"
        return f"arm-{[one.name for one in self.comparison.arms].index(arm):02d}"

    @cached_property
    def is_older(self) -> bool:
        """Whether it was begun by a version in which its studies were called otherwise, and the value of a pair was its
        score on the sealed rows. It goes on so."""
        return self.comparison.name + OLDER_PAIRS in optuna.get_all_study_names(_opened(self.storage))

    def name(self, part: str) -> str:
        """What the study of an arm's tuning, or of random trials, is called; that of the pairs is the comparison."""
        name = self.comparison.name
        if self.is_older:
            return f"{name}: {part}"
        if part == PAIRS:
            return name
        return f"{name}: random draws" if part == RANDOM else f"{name}: tuning of {part}"

    def parts(self) -> list[str]:
        """The studies beside that of the pairs that are there, as `name` and `study` know them."""
        searches = range(self.comparison.searches)
        parts = [RANDOM, *(tuning_name(arm.name, search) for arm in self.comparison.arms for search in searches)]
        there = set(optuna.get_all_study_names(_opened(self.storage)))
        return [part for part in parts if self.name(part) in there]

    @property
    def folder(self) -> Artifacts:
        """Where predictions are kept."""
        return self.artifacts / self.comparison.name

    def search_seed(self, search: int) -> int:
        """Of the draws of a search; those after the first also draw their validation rows by it."""
        if search == 0:
            return self.comparison.seed
        return int(np.random.SeedSequence([self.comparison.seed, 3, search]).generate_state(1)[0])

    def pair_seed(self, pair: int) -> int:
        """That the arms of a pair share: of weights, order and dropout, and of its training and validation rows."""
        return int(np.random.SeedSequence([self.comparison.seed, 1, pair]).generate_state(1)[0])

    def draws(self, pairs: int) -> int | None:
        """How many different draws of training rows so many pairs have; None where no groups are named, and rows are
        drawn one by one.

        Raises:
            InputError: a pair, or a search, has no draw of whole groups that leaves every class in both parts.
        """
        if self.dataset.reviews.groups is None:
            return None
        for search in range(1, self.comparison.searches):
            redraw(self.dataset, self.search_seed(search))
        drawn = {redraw(self.dataset, self.pair_seed(pair)).split.train.tobytes() for pair in range(pairs)}
        return len(drawn)

    def tuning_folder(self, arm: Arm, search: int = 0) -> Artifacts:
        """Where an arm's tuning trials keep theirs."""
        name = f"arm-{self.comparison.arms.index(arm):02d}"
        return self.folder / (name if search == 0 else f"{name}-search-{search + 1:02d}")

    def finished_pairs(self) -> dict[tuple[str, int], FrozenTrial]:
        """By arm and number; those of the linear model among them."""
        trials = self.trials(PAIRS, TrialState.COMPLETE)
        # Of a pair that two commands recorded at the same moment, the first counts.
        return {arm_and_pair(trial): trial for trial in reversed(trials)}

    def known_as(self, arm: str, pair: int) -> dict[str, Any]:
        """What the trial of an arm's pair is made with, to be known by. As parameters, since the dashboard then shows
        scores by arm and by pair."""
        known = {ARM: arm, PAIR: pair}
        if self.is_older:
            return {"user_attrs": known}
        arms = CategoricalDistribution([*(one.name for one in self.comparison.arms), LINEAR])
        pairs = IntDistribution(0, max(pair, self.comparison.pairs[-1] - 1))
        return {"user_attrs": {}, "params": known, "distributions": {ARM: arms, PAIR: pairs}}

    def probabilities(self, arm: str) -> np.ndarray:
        """float32 [pairs, sealed rows, K] of the pairs that are there, in their order, up to the first that is not."""
        finished = self.finished_pairs()
        kept: list[np.ndarray] = []
        while (arm, len(kept)) in finished:
            kept.append(kept_predictions(self.folder / PAIRS, told(finished[arm, len(kept)], PREDICTIONS)))
        return np.stack(kept)

    def study(self, part: str) -> optuna.Study:
        """The study of an arm, or of the pairs, made if there is none."""
        storage = _opened(self.storage)
        study = optuna.create_study(
            study_name=self.name(part), storage=storage, direction="maximize", load_if_exists=True
        )
        with experimental_features():
            if study.metric_names is None:
                of_pairs = "sealed test macro-F1" if self.is_older else "macro-F1 on fresh validation rows"
                study.set_metric_names([of_pairs if part == PAIRS else METRIC])
        return study

    def trials(self, part: str, *states: TrialState) -> list[FrozenTrial]:
        """The trials of that study in these states, by position; none if there is no such study yet."""
        storage = _opened(self.storage)
        if self.name(part) not in optuna.get_all_study_names(storage):
            return []
        trials = optuna.load_study(study_name=self.name(part), storage=storage).get_trials(deepcopy=False)
        return [trial for trial in in_order(trials) if trial.state in states]


def arm_and_pair(trial: FrozenTrial) -> tuple[str, int]:
    """Whose training a trial of the pairs is, and in which pair."""
    known = {ARM: told(trial, ARM), PAIR: told(trial, PAIR)} | trial.params  # in older comparisons no parameters
    return known[ARM], known[PAIR]


@lru_cache(maxsize=4)
def _opened(url: str) -> BaseStorage:
    """Opened once in each process: that takes 50 ms, and a comparison asks a hundred times and more."""
    return open_storage(url)

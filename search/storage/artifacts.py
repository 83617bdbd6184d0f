"""The weights of the best trials, kept; those of the others, cleaned away.

Each kept trial is a bundle in its own folder, `DIRECTORY/STUDY/trial-00012`. Its checksum is computed and the folder
complete before the trial says that it has one: a record never points to a file that is not there.
"""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import optuna
from optuna.trial import FrozenTrial, TrialState

from search.storage.attributes import keep, told
from search.storage.inside import inside
from search.storage.paths import ArtifactPath, Artifacts

if TYPE_CHECKING:
    from sentiment.models.family import Trained
    from sentiment.reviews.dataset import Dataset

__all__ = ["WEIGHTS", "TrialArtifacts", "facts_of"]

WEIGHTS: Final = "weights"
"""What is on record of a trial whose weights were kept: {"folder", "manifest sha256"}, and STAYS of those that do."""
STAYS: Final = "stays"
TRIAL: Final = "trial-"


@dataclass(frozen=True)
class TrialArtifacts:
    """Where one study keeps weights, and how many, beside those that stay.

    Several workers may share it: a trial's folder is removed only when at least `keep_best` finished trials are
    better, which stays true whatever the others do. So until `clear`, there may be more.
    """

    directory: Path
    """The folder of this study."""
    keep_best: int = 3
    place: ArtifactPath | None = None
    """The same folder, where a bucket is behind it."""
    there: frozenset[str] | None = None
    """The names of the bundles that are there, once they were `listed`."""

    @classmethod
    def of(cls, artifacts: Artifacts, study: str, keep_best: int = 3) -> "TrialArtifacts":
        """Those of a study among the artifacts of others.

        Raises:
            InputError: no folder can be called so.
        """
        place = ArtifactPath.of(artifacts)
        place = place / inside(place.local, study).name
        return cls(place.local, keep_best, None if place.bucket is None else place)

    @property
    def predictions(self) -> Artifacts:
        """Where what each trial predicts is kept."""
        return (self.place or self.directory) / "predictions"

    def folder(self, number: int) -> Path:
        """Where trial `number` keeps its weights, if it does; those of a bucket, once they are `fetched`."""
        return self.directory / _name(number)

    def fetched(self, trial: FrozenTrial) -> Path:
        """The folder of the weights that `trial` recorded, from the bucket if they are not here.

        Raises:
            InputError: they are not there, or are not what was recorded.
        """
        self._in_place(trial.number).fetch_bundle(str(_weights(trial).get("manifest sha256")))
        return self.folder(trial.number)

    def discard(self, numbers: Sequence[int]) -> None:
        """Remove the weights of trials, half-written ones too."""
        for folder in map(self.folder, numbers):
            for left in (folder, *folder.parent.glob(f".{folder.name}.*.tmp")):
                shutil.rmtree(left, ignore_errors=True)
        self._remove_from_bucket(numbers)

    def has(self, trial: FrozenTrial) -> bool:
        """Whether the weights that `trial` recorded are still there: those of better trials may have replaced them."""
        if told(trial, WEIGHTS) is None:
            return False
        return _name(trial.number) in (self._place.bundles(_name(trial.number)) if self.there is None else self.there)

    def listed(self) -> "TrialArtifacts":
        """The same, as it is now: of many trials it is known at once which of them it `has`."""
        return replace(self, there=self._place.bundles(TRIAL))

    @property
    def _place(self) -> ArtifactPath:
        return self.place or ArtifactPath(self.directory)

    def _in_place(self, number: int) -> ArtifactPath:
        return self._place / _name(number)

    def keep(self, trial: optuna.Trial, trained: "Trained", dataset: "Dataset", *, stays: bool = False) -> bool:
        """Write the trial's bundle if it is among the best so far, record it, and clean away what is not.

        Args:
            trial: that was trained.
            trained: what came of it.
            dataset: its reviews.
            stays: keep it whatever others reach.

        Returns:
            Whether it was kept.
        """
        from sentiment.bundle import folder as bundles  # imports torch, and who asks what is kept must not wait for it
        from sentiment.bundle.seen import SeenTexts

        self.clear(trial.study)
        better = self._completed(trial.study)
        if not stays and len(better) >= self.keep_best and better[self.keep_best - 1][0] > trained.macro_f1:
            return False
        assert trained.model is not None  # what diverged is not kept
        folder = self.folder(trial.number)
        if folder.is_symlink():  # whoever put it there: what it leads to is not ours
            folder.unlink()
        elif folder.exists():  # of a database that is no more, or of another study of this name
            shutil.rmtree(folder)
        if self.place is not None:
            self._in_place(trial.number).remove()
        sha256 = bundles.write_bundle(
            folder,
            model=trained.model,
            classes=dataset.reviews.classes,
            facts=facts_of(trial.study, trial.number, trained.macro_f1, dataset)
            | {"best epoch": round(trained.best.epoch, 3)},
            seen=SeenTexts.of(dataset.texts("train"), dataset.texts("validation")),
        )
        self._in_place(trial.number).publish()
        keep(trial, WEIGHTS, {"folder": folder.name, "manifest sha256": sha256} | ({STAYS: True} if stays else {}))
        return True

    def clear(self, study: optuna.Study) -> None:
        """Remove the weights of trials that neither stay nor are among the best; an equal of the last of these is."""
        completed = self._completed(study)
        staying = {trial.number for trial in study.get_trials(deepcopy=False) if STAYS in _weights(trial)}
        behind = [
            number
            for value, number in completed[self.keep_best :]
            if value < completed[self.keep_best - 1][0] and number not in staying
        ]
        for number in behind:
            shutil.rmtree(self.folder(number), ignore_errors=True)
        with suppress(OSError):  # what is left there now is removed the next time
            self._remove_from_bucket(behind)

    def _remove_from_bucket(self, numbers: Sequence[int]) -> None:
        if not numbers or self.place is None:
            return
        there = self.place.names(TRIAL)  # once, not for each of them
        for number in numbers:
            if _name(number) in there:
                self._in_place(number).remove()

    def _completed(self, study: optuna.Study) -> list[tuple[float, int]]:
        """(value, number) of the completed trials, best first; of equals the earlier."""
        trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        finished = [(trial.value, trial.number) for trial in trials if trial.value is not None]
        return sorted(finished, key=lambda item: (-item[0], item[1]))


def _name(number: int) -> str:
    return f"{TRIAL}{number:05d}"


def _weights(trial: FrozenTrial) -> dict[str, Any]:
    """What a trial recorded of its weights; a database may come from anywhere."""
    record = told(trial, WEIGHTS)
    return record if isinstance(record, dict) else {}


def facts_of(study: optuna.Study, trial: int | str, macro_f1: float, dataset: "Dataset") -> dict[str, Any]:
    """What the card of a bundle says of where it comes from."""
    from sentiment.bundle.scoring import LABEL_RULE

    return {
        "study": study.study_name,
        "trial": trial,
        "validation macro-F1": round(macro_f1, 6),
        "validation rows": len(dataset.split.validation),
        "training rows": len(dataset.split.train),
        "data fingerprint": dataset.fingerprint,
        LABEL_RULE: dataset.source.classes,
    }

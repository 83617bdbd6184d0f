"""What every family of models keeps, so that whoever searches, compares or exports need not know which one it is.

A family is a folder beside this file and a line in `sentiment.models.registry`: its config, its parameters and when
each of them means anything, how it is trained, and how what was trained is saved, loaded and asked.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from sentiment.models.config import Config

if TYPE_CHECKING:  # who only reads what is stored needs none of it
    from sentiment.reviews.dataset import Dataset

__all__ = ["Family", "Model", "Parameter", "Read", "Recipe", "Report", "Resources", "Settings", "Trained"]

Settings = Mapping[str, Any]

Read = Callable[[str, int], bytes]
"""Gives a verified file of a bundle by its name, if it has no more bytes than its numbers may take and a fixed rest."""


class Model(Protocol):
    """Something trained: it answers, and it can be kept."""

    @property
    def config(self) -> Config:
        """What was trained."""
        ...

    @property
    def sizes(self) -> dict[str, Any]:
        """What must be known of it before its files are read, so that none of them can be larger than it should be."""
        ...

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Class probabilities of each text, floats [n, K]. The texts have no blanks around them."""
        ...

    def files(self) -> dict[str, bytes]:
        """What it is kept as, by file name."""
        ...


@dataclass(frozen=True)
class Report:
    """What is known each time the validation rows have been scored."""

    step: int
    """1, 2, ...: how many times they have been scored. Equal steps mean equal numbers of training examples seen."""
    epoch: float
    """Training examples seen / training rows."""
    train_loss: float
    """Mean over the batches since the last report, in nats; not finite if one of them had none."""
    validation_loss: float
    """Plain cross-entropy, in nats: no smoothing, no class weights."""
    macro_f1: float
    best_macro_f1: float
    """The score of the run so far."""
    seconds: float
    """Since the start of the run."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, which has no word for what is not finite: None."""
        return asdict(self) | {"train_loss": self.train_loss if math.isfinite(self.train_loss) else None}


@dataclass(frozen=True)
class Resources:
    """What a training may use, and who is told how it goes."""

    cache: Path
    """Where what is made of the texts may be kept between runs."""
    device: str = "cpu"
    """A torch device."""
    on_report: Callable[[Report], None] = lambda report: None
    """Called after each scoring on the way; an exception it raises ends the run and passes through. A family whose
    models are fitted at once reports in `Trained` alone: there is nothing to cut short."""
    on_batch: Callable[[int, int], None] = lambda done, total: None
    """Called now and then with what is done and all that is to do."""
    end_early: bool = True
    """End a run that has come to nothing by half of its way."""
    progress: Path | None = None
    """Where the state of an unfinished training is kept, so that it goes on from its last scoring if it is killed
    (`sentiment.models.progress`); None keeps none. It stays there until whoever names it removes it."""
    on_resume: Callable[[float], None] = lambda epoch: None
    """Called when a training goes on from such a state, with the epoch that it had come to. After that `on_report` is
    called with each of the reports of then; nothing is scored a second time."""

    memory: int | None = None
    """Bytes of `device` that there are at most, whoever else takes of them; None: nobody counts them."""

    def refuse_above(self, needed: int) -> None:
        """Refuse a training that needs so many bytes, if that is more than there can ever be.

        Raises:
            MemoryError: it is.
        """
        if self.memory is not None and needed > self.memory:
            where = "this machine (or its control group)" if self.device == "cpu" else self.device
            raise MemoryError(
                f"its training would need at least {_size(needed)} of memory; {where} has {_size(self.memory)}"
            )

    @property
    def of_descent(self) -> dict[str, Any]:
        """What `sentiment.models.descent.descend` takes of it, by name."""
        names = ("on_report", "on_batch", "device", "end_early", "progress", "on_resume")
        return {name: getattr(self, name) for name in names}


def _size(number: int) -> str:
    return f"{number / 2**30:,.1f} GiB" if number >= 2**30 else f"{number / 2**20:,.0f} MiB"


@dataclass(frozen=True)
class Trained:
    """A finished run: its best checkpoint and how it got there."""

    config: Config
    model: Model | None
    """The best checkpoint; None if the run diverged before it had one."""
    macro_f1: float
    """The run's score: validation macro-F1 of that checkpoint."""
    probabilities: np.ndarray
    """float32 [n_validation, K]: what that checkpoint says of the validation rows."""
    reports: tuple[Report, ...]
    """At least one."""
    ended: str | None
    """Why the run ended before its last epoch, in words a person understands; None if it did not."""
    collapsed: str | None
    """In the same words, if the best checkpoint itself predicts (almost) one class."""
    seconds: float
    other_checkpoints: np.ndarray | None = None
    """float32 [C, n_validation, K]: what other checkpoints said of the validation rows, the best of them; None where
    there was nothing to choose among. Who asks what the choice is worth makes it again among these."""

    @property
    def best(self) -> Report:
        """The report of the checkpoint that was kept."""
        return max(self.reports, key=lambda report: (report.macro_f1, -report.step))

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """What that checkpoint says of other texts, float32 [n, K]; where that is no number, all classes are equal."""
        nothing = np.full((len(texts), self.probabilities.shape[1]), 1 / self.probabilities.shape[1], np.float32)
        if self.model is None:
            return nothing
        said = self.model.probabilities(texts).astype(np.float32)
        return np.where(np.isfinite(said), said, nothing)


@dataclass(frozen=True)
class Parameter:
    """What a search knows of one parameter of a family."""

    searched: Any = None
    """What is searched if nothing is said: a value, a list of choices or a range, as in a study file; None: nothing,
    it is what a config has by itself."""
    applies: Callable[[Settings], bool] = lambda settings: True
    """Whether it means anything beside what was drawn before it."""
    stands_for: str | None = None
    """The field of the config, where that is called otherwise."""
    beside: Settings = field(default_factory=dict)
    """Settings without which a config refuses values that are right beside others."""
    many: bool = False
    """Its values are lists of whole numbers."""
    decides_size: bool = False
    """Which of its values makes the largest model depends on other such parameters."""
    whole: bool = False
    """Its value is never searched: a list is no choices, but the value itself."""
    tuned: bool = False
    """An arm of a comparison that does not fix it tunes it, when nothing is said."""


@dataclass(frozen=True)
class Recipe:
    """Settings from which a search may start."""

    settings: Settings
    """Each is moved to the nearest value that the space has."""
    needs: Settings
    """Those without which it would be another recipe: a space that lacks one of them does not start from it."""


class Family(ABC):
    """A kind of model. It has no state; imports that take long are left to the methods that need them."""

    name: ClassVar[str]
    config: ClassVar[type[Config]]
    parameters: ClassVar[Mapping[str, Parameter]]
    """In the order in which they are drawn: whether one applies may depend on what stands above it."""
    needs: ClassVar[str | None] = None
    """The parameter without which there is nothing to search: the family is searched where it is given."""
    recipes: ClassVar[Sequence[Recipe]] = ()
    """Tried first, so that a search starts from where practice ended."""
    reports: ClassVar[str | None] = None
    """The parameter that says how often it reports in each epoch; None: once, or not at all."""
    files: ClassVar[tuple[str, ...]] = ()
    """What its models are kept as, whatever their config."""
    chooses: ClassVar[bool] = True
    """Whether the validation rows choose what is kept of a training. Where they only score it, there may be none."""
    extra: ClassVar[str | None] = None
    """The extra of this package that its models need."""
    libraries: ClassVar[tuple[str, ...]] = ()
    """Distributions whose versions decide its numbers, beside torch and numpy."""

    def field(self, parameter: str) -> str:
        """The field of the config that a parameter stands for."""
        return self.parameters[parameter].stands_for or parameter

    def libraries_of(self, config: Any) -> tuple[str, ...]:
        """Those whose versions decide the numbers of `config`."""
        return self.libraries

    def extra_of(self, config: Any) -> str | None:
        """The extra of this package that such a model needs."""
        return self.extra

    def files_of(self, config: Any) -> tuple[str, ...]:
        """What such a model is kept as."""
        return self.files

    @property
    def declared(self) -> dict[str, Any]:
        """What is searched if nothing is said, in any language and on any machine."""
        known = {name: parameter.searched for name, parameter in self.parameters.items()}
        return {name: searched for name, searched in known.items() if searched is not None}

    def searched(self, texts: Sequence[str], device: str) -> dict[str, Any]:
        """The same for the language of `texts` and what `device` is good at."""
        return self.declared

    def content(self, config: Any, cache: Path) -> dict[str, str]:
        """What the numbers of `config` come from beside itself and the reviews: hashes, by what they are of.

        Args:
            config: an instance of `config`.
            cache: as in `Resources`.

        Raises:
            InputError: it is not there.
        """
        return {}

    @abstractmethod
    def train(self, config: Any, dataset: "Dataset", resources: Resources) -> Trained:
        """Train on the training rows, and score the validation rows; the sealed test is not looked at.

        Args:
            config: an instance of `config`.
            dataset: the reviews.
            resources: what may be used, and whom to tell.

        Raises:
            InputError: this machine cannot do it.
            MemoryError: it needs more than `resources.memory`, and was not begun.
        """

    @abstractmethod
    def seconds(self, config: Any, dataset: "Dataset", resources: Resources) -> float:
        """About how long that takes, measured on a small part of it."""

    def bytes(self, config: Any, dataset: "Dataset", resources: Resources) -> int:
        """What that takes of `resources.device` at once, at least: never more than it really does, and often half of
        it. 0 where nothing can be said."""
        return 0

    @abstractmethod
    def load(self, config: Any, n_classes: int, sizes: Mapping[str, Any], read: Read) -> Model:
        """The model of a bundle's files.

        Args:
            config: an instance of `config`.
            n_classes: K.
            sizes: what the model had as `sizes`, as it was read: nothing in it has been checked.
            read: gives the files.

        Raises:
            InputError: they are not those of such a model. Another exception means the same: files may hold anything.
        """

"""Ensembles, as a family of models."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sentiment.metrics import collapse, cross_entropy, macro_f1
from sentiment.models.config import Config
from sentiment.models.ensemble.config import EnsembleConfig
from sentiment.models.family import Family, Model, Parameter, Read, Report, Resources, Trained
from sentiment.models.registry import family_of, train

if TYPE_CHECKING:
    from sentiment.reviews.dataset import Dataset

__all__ = ["Ensembles", "combine"]


class Ensembles(Family):
    """Several models, each with a weight: their mean answers."""

    name = "ensemble"
    config = EnsembleConfig
    needs = "members"
    parameters: ClassVar[Mapping[str, Parameter]] = {"members": Parameter(whole=True), "weights": Parameter(whole=True)}

    def libraries_of(self, config: EnsembleConfig) -> tuple[str, ...]:
        """See `Family.libraries_of`."""
        named = (name for member in config.members for name in family_of(member.family).libraries_of(member))
        return tuple(dict.fromkeys(named))

    def content(self, config: EnsembleConfig, cache: Path) -> dict[str, str]:
        """See `Family.content`; each with the member's number."""
        return {
            f"{name} of member {number}": sha256
            for number, member in enumerate(config.members, start=1)
            for name, sha256 in family_of(member.family).content(member, cache).items()
        }

    def extra_of(self, config: EnsembleConfig) -> str | None:
        """See `Family.extra_of`."""
        extras = (family_of(member.family).extra_of(member) for member in config.members)
        return ",".join(dict.fromkeys(extra for extra in extras if extra)) or None

    def files_of(self, config: EnsembleConfig) -> tuple[str, ...]:
        """See `Family.files_of`."""
        from sentiment.models.ensemble.model import file_name

        families = [(member, family_of(member.family)) for member in config.members]
        return tuple(
            file_name(number, name)
            for number, (member, family) in enumerate(families)
            for name in family.files_of(member)
        )

    def train(self, config: EnsembleConfig, dataset: "Dataset", resources: Resources) -> Trained:
        """Train the members one after another; then weigh them by the validation rows, unless weights are given."""
        from sentiment.models.ensemble.model import mean
        from sentiment.models.ensemble.selection import select
        from sentiment.models.progress import member_progress

        started = time.perf_counter()
        trained = []
        for number, member in enumerate(_seeded(config)):

            def on_batch(done: int, total: int, before: int = number) -> None:
                resources.on_batch(before * total + done, len(config.members) * total)

            progress = member_progress(resources.progress, number)  # of one that has ended too: it is not made again
            own = replace(resources, on_report=lambda report: None, on_batch=on_batch, progress=progress)
            trained.append(train(member, dataset, own))
        labels, classes = dataset.labels("validation"), dataset.classes
        said = [one.probabilities for one in trained]
        found = np.array(config.weights or select(np.stack(said), labels, len(classes)))
        found[[one.model is None for one in trained]] = 0.0  # what diverged says nothing
        weights = (found / found.sum()).tolist() if found.any() else [0.0] * len(trained)
        seconds = time.perf_counter() - started
        probabilities = mean(said, weights) if any(weights) else said[0]
        predictions = probabilities.argmax(axis=1)
        loss, score = cross_entropy(probabilities, labels), macro_f1(labels, predictions, len(classes))
        report = Report(1, sum(one.reports[-1].epoch for one in trained), math.nan, loss, score, score, seconds)
        collapsed = collapse(labels, predictions, classes, loss)
        model = combine([one.model for one in trained], weights)
        return Trained(config, model, score, probabilities, (report,), None, collapsed, seconds)

    def seconds(self, config: EnsembleConfig, dataset: "Dataset", resources: Resources) -> float:
        """Of its members together."""
        return sum(family_of(member.family).seconds(member, dataset, resources) for member in config.members)

    def bytes(self, config: EnsembleConfig, dataset: "Dataset", resources: Resources) -> int:
        """Of the member that needs most; they are trained one after another."""
        return max(family_of(member.family).bytes(member, dataset, resources) for member in config.members)

    def load(self, config: EnsembleConfig, n_classes: int, sizes: Mapping[str, Any], read: Read) -> Model:
        """See `Family.load`."""
        from sentiment.models.ensemble.model import load

        return load(config, n_classes, sizes, read)


def _seeded(config: EnsembleConfig) -> list[Config]:
    """The members with the seeds that they are trained with."""
    if config.seed == 0:
        return list(config.members)
    seeds = [np.random.SeedSequence([config.seed, place, one.seed]) for place, one in enumerate(config.members)]
    return [one.replace(seed=int(seed.generate_state(1)[0])) for one, seed in zip(config.members, seeds, strict=True)]


def combine(models: Sequence[Model | None], weights: Sequence[float]) -> "Model | None":
    """The ensemble of `models`, as many as have a weight; of one alone, that one, and of none, None."""
    from sentiment.models.ensemble.model import EnsembleModel

    chosen = [(model, weight) for model, weight in zip(models, weights, strict=True) if model is not None and weight]
    if len(chosen) < 2:
        return chosen[0][0] if chosen else None
    total = sum(weight for _, weight in chosen)
    config = EnsembleConfig(
        members=tuple(model.config for model, _ in chosen), weights=tuple(weight / total for _, weight in chosen)
    )
    return EnsembleModel(config, tuple(model for model, _ in chosen))

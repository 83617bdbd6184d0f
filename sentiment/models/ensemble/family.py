"""Ensembles, as a family of models."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
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

__all__ = ["Ensembles", "Members", "combine"]


class Ensembles(Family):
    """Several models, each with a weight: their mean answers."""

    name = "ensemble"
    config = EnsembleConfig
    needs = "members"
    parameters: ClassVar[Mapping[str, Parameter]] = {
        "members": Parameter(whole=True),
        "weights": Parameter(whole=True),
        "folds": Parameter(beside={"members": ({}, {})}),
    }

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
        """Train the members one after another, in each fold; then weigh them by the rows that they did not see, unless
        weights are given."""
        from sentiment.models.ensemble.model import mean

        started = time.perf_counter()
        labels, classes = dataset.labels("validation"), dataset.classes
        made = self.train_members(config, dataset, resources)
        seconds = time.perf_counter() - started
        asked = np.searchsorted(made.rows, dataset.split.validation)
        said = [probabilities[asked] for probabilities in made.probabilities]
        probabilities = mean(said, made.weights) if any(made.weights) else said[0]
        predictions = probabilities.argmax(axis=1)
        loss, score = cross_entropy(probabilities, labels), macro_f1(labels, predictions, len(classes))
        report = Report(1, made.epochs, math.nan, loss, score, score, seconds)
        collapsed = collapse(labels, predictions, classes, loss)
        return Trained(config, made.model, score, probabilities, (report,), None, collapsed, seconds)

    def train_members(self, config: EnsembleConfig, dataset: "Dataset", resources: Resources) -> "Members":
        """The members of `config`, trained; otherwise as `train`."""
        from sentiment.models.ensemble.selection import select
        from sentiment.reviews.dataset import folds  # it brings pyarrow

        views = [dataset] if config.folds == 1 else folds(dataset, config.folds, config.seed)
        rows = np.sort(np.concatenate([view.split.validation for view in views]))
        models: list[list[Model | None]] = [[] for _ in config.members]
        said = np.zeros((len(config.members), len(rows), len(dataset.classes)), np.float32)
        epochs, all_of_them = 0.0, len(views) * len(config.members)
        for fold, view in enumerate(views):
            own_rows = np.searchsorted(rows, view.split.validation)
            for number, member in enumerate(_seeded(config, fold)):

                def on_batch(done: int, total: int, before: int = fold * len(config.members) + number) -> None:
                    resources.on_batch(before * total + done, all_of_them * total)

                own = replace(resources, on_report=lambda report: None, on_batch=on_batch)
                trained = train(member, view, own)
                models[number].append(trained.model)
                said[number, own_rows] = trained.probabilities
                epochs += trained.reports[-1].epoch
        found = np.array(config.weights or select(said, dataset.reviews.labels[rows], len(dataset.classes)))
        found[[None in of_member for of_member in models]] = 0.0  # what diverged says nothing
        weights = (found / found.sum()).tolist() if found.any() else [0.0] * len(found)
        each = [weight / len(views) for weight in weights for _ in views]
        return Members(combine(list(chain(*models)), each), weights, rows, said, epochs)

    def seconds(self, config: EnsembleConfig, dataset: "Dataset", resources: Resources) -> float:
        """Of its members together."""
        once = sum(family_of(member.family).seconds(member, dataset, resources) for member in config.members)
        return config.folds * once

    def load(self, config: EnsembleConfig, n_classes: int, sizes: Mapping[str, Any], read: Read) -> Model:
        """See `Family.load`."""
        from sentiment.models.ensemble.model import load

        return load(config, n_classes, sizes, read)


@dataclass(frozen=True)
class Members:
    """Models that were trained to be averaged, and what each member says of rows that it did not see."""

    model: Model | None
    """Their mean; None if all diverged."""
    weights: list[float]
    """Of each member."""
    rows: np.ndarray
    """int64 [n], ascending: the validation rows; with folds all rows that are not sealed."""
    probabilities: np.ndarray
    """float32 [members, n, K]: what a member says of each of `rows`; with folds, the one that did not see it."""
    epochs: float
    """Of all of them together."""


def _seeded(config: EnsembleConfig, fold: int) -> list[Config]:
    """The members with the seeds that they are trained with."""
    if config.seed == fold == 0:
        return list(config.members)
    drawn = (config.seed, fold) if fold else (config.seed,)
    seeds = [np.random.SeedSequence([*drawn, place, one.seed]) for place, one in enumerate(config.members)]
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

"""A third family of models, to show that one needs a folder of its own and a line in the registry, and nothing else.

It weighs each word by how often it stood in each class, over so many passes as it is asked for.
"""

import json
import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Interval

from sentiment.metrics import collapse, cross_entropy, macro_f1
from sentiment.models.config import Config
from sentiment.models.family import Family, Parameter, Read, Recipe, Report, Resources, Trained
from sentiment.reviews.dataset import Dataset


@dataclass(frozen=True, kw_only=True)
class ToyConfig(Config):
    family = "toy"
    smoothing: Annotated[float, Interval(ge=1e-3, le=100)] = 1.0
    rounds: Annotated[int, Interval(ge=1, le=9)] = 2
    case: Literal["kept", "lower"] = "lower"
    shown: Annotated[float, Interval(ge=0, le=1)] = 1.0
    """Of the training rows."""

    @property
    def passes(self) -> int:
        return self.rounds


@dataclass(frozen=True)
class ToyModel:
    config: ToyConfig
    weights: dict[str, list[float]]
    n_classes: int

    @property
    def sizes(self) -> dict[str, int]:
        return {"words": len(self.weights)}

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        known = [[self.weights[word] for word in _words(self.config, text) if word in self.weights] for text in texts]
        sums = np.array([np.sum(found, axis=0) if found else np.zeros(self.n_classes) for found in known])
        odds = np.exp(sums.reshape(len(texts), self.n_classes))
        said: np.ndarray = odds / odds.sum(axis=1, keepdims=True)
        return said

    def files(self) -> dict[str, bytes]:
        return {"words.json": json.dumps(self.weights).encode()}


class Toy(Family):
    name = "toy"
    config = ToyConfig
    parameters: ClassVar[Mapping[str, Parameter]] = {
        "case": Parameter(["kept", "lower"]),
        "smoothing": Parameter({"low": 0.1, "high": 10.0, "log": True}, tuned=True),
        "rounds": Parameter({"low": 1, "high": 3}),
        "shown": Parameter(1.0, lambda settings: settings["case"] == "kept"),
    }
    recipes = (Recipe({"smoothing": 2.0, "rounds": 2}, needs={"case": "lower"}),)
    files = ("words.json",)

    def train(self, config: ToyConfig, dataset: Dataset, resources: Resources) -> Trained:
        started, n_classes = time.perf_counter(), len(dataset.classes)
        texts, labels = dataset.texts("train"), dataset.labels("train")
        true = dataset.labels("validation")
        reports: list[Report] = []
        for step in range(1, config.rounds + 1):
            seen = len(texts) * step // config.rounds
            counts = [Counter[str]() for _ in range(n_classes)]
            for text, label in zip(texts[:seen], labels[:seen], strict=True):
                counts[label].update(_words(config, text))
            weights = {word: [math.log(of[word] + config.smoothing) for of in counts] for word in set().union(*counts)}
            model = ToyModel(config, weights, n_classes)
            said = model.probabilities(dataset.texts("validation")).astype(np.float32)
            score, loss = macro_f1(true, said.argmax(axis=1), n_classes), cross_entropy(said, true)
            best = max([score, *(report.macro_f1 for report in reports)])
            reports.append(Report(step, float(step), math.nan, loss, score, best, time.perf_counter() - started))
            if score == best:
                kept = (model, score, said)
            resources.on_batch(step, config.rounds)
            resources.on_report(reports[-1])
        collapsed = collapse(true, kept[2].argmax(axis=1), dataset.classes, cross_entropy(kept[2], true))
        return Trained(config, *kept, tuple(reports), None, collapsed, time.perf_counter() - started)

    def seconds(self, config: ToyConfig, dataset: Dataset, resources: Resources) -> float:
        return 0.1 * config.rounds

    def load(self, config: ToyConfig, n_classes: int, sizes: Mapping[str, Any], read: Read) -> ToyModel:
        return ToyModel(config, json.loads(read("words.json", 1000 * int(sizes["words"]))), n_classes)


def _words(config: ToyConfig, text: str) -> list[str]:
    return (text.lower() if config.case == "lower" else text).split()

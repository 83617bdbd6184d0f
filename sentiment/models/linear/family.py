"""The linear model, as a family of models."""

import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from sentiment.metrics import collapse, cross_entropy, macro_f1
from sentiment.models.family import Family, Model, Parameter, Read, Recipe, Report, Resources, Trained
from sentiment.models.linear.config import LinearConfig

if TYPE_CHECKING:
    from sentiment.reviews.dataset import Dataset

__all__ = ["Linear"]

MEASURED_ROWS: Final = 1000
"""Training rows from which the price of a fit is estimated."""
_DEFAULT: Final = {name: getattr(LinearConfig(), name) for name in LinearConfig.names() if name != "seed"}


class Linear(Family):
    """N-grams and a linear classifier, fitted at once."""

    name = "linear"
    config = LinearConfig
    # Not searched is what was never best where it was tried: one kind of n-grams alone, other smoothing, support vector
    # machines, and rare classes that weigh no more than others.
    parameters: ClassVar[Mapping[str, Parameter]] = {
        "word_ngrams": Parameter({"low": 1, "high": 3}),
        "character_ngrams": Parameter({"low": 3, "high": 6}),
        "lowest_character_ngram": Parameter(None, lambda settings: settings.get("character_ngrams") != 0),
        "ratio_power": Parameter({"low": 0.0, "high": 1.0}),
        "smoothing": Parameter(None, lambda settings: settings.get("ratio_power", 0) > 0),
        "C": Parameter({"low": 0.1, "high": 30.0, "log": True}, tuned=True),
        "class_weights": Parameter(["square_root", "three_quarters", "balanced"]),
    }
    recipes = tuple(
        Recipe(_DEFAULT | settings, needs={})
        for settings in (
            {},  # the linear baseline
            {"ratio_power": 1.0, "C": 4.0},  # where classes are equally frequent
            {"ratio_power": 0.5, "C": 0.3},  # where one is rare
        )
    )
    chooses = False
    libraries = ("scikit-learn", "scipy")
    files = ("weights.safetensors", "ngrams.txt")

    def train(self, config: LinearConfig, dataset: "Dataset", resources: Resources) -> Trained:
        """See `Family.train`."""
        from sentiment.models.linear.model import fit  # scipy's

        started = time.perf_counter()
        labels, classes = dataset.labels("validation"), dataset.classes
        model = fit(config, dataset.texts("train"), dataset.labels("train"), len(classes))
        probabilities = model.probabilities(dataset.texts("validation")).astype(np.float32)
        seconds = time.perf_counter() - started
        predictions = probabilities.argmax(axis=1)
        loss, score = cross_entropy(probabilities, labels), macro_f1(labels, predictions, len(classes))
        collapsed = collapse(labels, predictions, classes, loss)
        report = Report(1, 1.0, math.nan, loss, score, score, seconds)
        return Trained(config, model, score, probabilities, (report,), None, collapsed, seconds)

    def seconds(self, config: LinearConfig, dataset: "Dataset", resources: Resources) -> float:
        """From a fit on some of the rows."""
        from sentiment.models.linear.model import fit

        started = time.perf_counter()
        rows = len(dataset.split.train)
        measured = np.linspace(0, rows - 1, min(rows, MEASURED_ROWS)).astype(int)  # a file may be sorted by label
        texts = dataset.texts("train")
        fit(config, [texts[row] for row in measured], dataset.labels("train")[measured], len(dataset.classes))
        return (time.perf_counter() - started) * rows / len(measured)

    def load(self, config: LinearConfig, n_classes: int, sizes: Mapping[str, Any], read: Read) -> Model:
        """See `Family.load`."""
        from sentiment.models.linear.model import load

        return load(config, n_classes, sizes, read)

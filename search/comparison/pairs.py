"""What a pair is: every winner trained again with one seed and one draw of rows, and scored on the sealed rows."""

import time
from typing import Any, Final

import numpy as np
import optuna
import torch

from search.comparison.ideas import PAIRS
from search.comparison.setting import ARM, PAIR, Setting
from search.comparison.tuning import as_trained, winner_of
from search.storage.predictions import keep_predictions
from search.study.objective import environment, training_data
from search.study.records import (
    COLLAPSED,
    CONFIG,
    CURVE,
    ENDED,
    EPOCHS,
    PREDICTIONS,
    SECONDS,
)
from sentiment.metrics import macro_f1
from sentiment.models.baselines import LINEAR, linear
from sentiment.models.network.batches import Examples
from sentiment.models.network.training import train
from sentiment.reviews.dataset import redraw
from sentiment.tokens import load_corpus

__all__ = ["VALIDATION", "fit_linear", "record_pair", "train_pair"]

VALIDATION: Final = "validation macro-F1"


def train_pair(setting: Setting, index: int, pair: int) -> None:
    """Train an arm's winner with the pair's seed and draw of rows, and record it."""
    torch.set_num_threads(setting.threads)
    arm, seed = setting.comparison.arms[index], setting.pair_seed(pair)
    winner, _ = winner_of(setting, arm, pair % setting.comparison.searches)
    config = winner.replace(seed=seed)
    drawn = as_trained(redraw(setting.dataset, seed), arm)
    corpus = load_corpus(drawn, config.token_unit, config.vocabulary_size, setting.cache)
    trained = train(config, training_data(drawn, corpus), device=setting.device, end_early=False)
    rows = drawn.split.test
    examples = Examples(corpus.encoded, rows, drawn.reviews.labels[rows])
    attributes = {
        CONFIG: config.to_dict(),
        VALIDATION: trained.macro_f1,
        CURVE: [report.to_dict() for report in trained.reports],
        EPOCHS: trained.reports[-1].epoch,
        SECONDS: trained.seconds,
        COLLAPSED: trained.collapsed,
        ENDED: trained.ended,
        "environment": environment(setting.device),
    }
    probabilities = trained.predict(examples, corpus.vocabulary_size, setting.device)
    record_pair(setting, arm.name, pair, f"arm-{index:02d}", probabilities, attributes)


def fit_linear(setting: Setting, pair: int) -> None:
    """Fit the linear model on the pair's rows, and record it."""
    drawn = redraw(setting.dataset, setting.pair_seed(pair))
    n_classes, begun = len(drawn.classes), time.perf_counter()
    fitted = linear(drawn.texts("train"), drawn.labels("train"), n_classes)
    seconds = time.perf_counter() - begun
    said = fitted.probabilities(drawn.texts("validation")).argmax(axis=1)
    attributes = {VALIDATION: macro_f1(drawn.labels("validation"), said, n_classes), SECONDS: seconds}
    probabilities = fitted.probabilities(drawn.texts("test")).astype(np.float32)
    record_pair(setting, LINEAR, pair, "linear", probabilities, attributes)


def record_pair(
    setting: Setting, arm: str, pair: int, file: str, probabilities: np.ndarray, attributes: dict[str, Any]
) -> None:
    """Score the sealed rows, and record the pair with what was said of each."""
    if (arm, pair) in setting.finished_pairs():  # the same command runs twice, and the other one was faster
        return
    score = macro_f1(setting.dataset.labels("test"), probabilities.argmax(axis=1), len(setting.dataset.classes))
    path = setting.folder / PAIRS / f"{file}-pair-{pair:03d}.npy"
    kept = {PREDICTIONS: keep_predictions(path, probabilities, by_content=True)}
    known_as = {ARM: arm, PAIR: pair}
    setting.study(PAIRS).add_trial(optuna.create_trial(value=score, user_attrs=known_as | attributes | kept))

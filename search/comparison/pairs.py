"""What a pair is: every winner trained again with one seed and one draw of rows, and scored on the sealed rows."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
import optuna
import torch

from search.comparison.ideas import PAIRS
from search.comparison.setting import Setting
from search.comparison.tuning import as_trained, winner_of
from search.storage.predictions import keep_predictions
from search.study.objective import environment
from search.study.records import (
    COLLAPSED,
    CONFIG,
    CURVE,
    ENDED,
    ENVIRONMENT,
    EPOCHS,
    PREDICTIONS,
    SECONDS,
    attributes,
)
from sentiment.metrics import macro_f1
from sentiment.models.baselines import LINEAR
from sentiment.models.config import Config
from sentiment.models.linear.config import LinearConfig
from sentiment.models.progress import remove_progress
from sentiment.models.registry import train
from sentiment.reviews.dataset import Dataset, redraw

__all__ = ["VALIDATION", "fit_linear", "record_pair", "train_pair"]

VALIDATION: Final = "validation macro-F1"


def train_pair(setting: Setting, index: int, pair: int) -> None:
    """Train an arm's winner with the pair's seed and draw of rows, and record it."""
    arm = setting.comparison.arms[index]
    winner, _ = winner_of(setting, arm, pair % setting.comparison.searches)
    _train(setting, arm.name, pair, winner, lambda drawn: as_trained(drawn, arm))


def fit_linear(setting: Setting, pair: int) -> None:
    """Fit the linear model on the pair's rows, and record it."""
    _train(setting, LINEAR, pair, LinearConfig(), lambda drawn: drawn)


def _train(setting: Setting, arm: str, pair: int, config: Config, labelled: Callable[[Dataset], Dataset]) -> None:
    torch.set_num_threads(setting.threads)
    seed = setting.pair_seed(pair)
    config, drawn = config.replace(seed=seed), labelled(redraw(setting.dataset, seed))
    progress = setting.pair_progress(arm, pair)
    trained = train(config, drawn, replace(setting.resources, progress=progress))
    facts = {
        CONFIG: config.to_dict(),
        VALIDATION: trained.macro_f1,
        CURVE: [report.to_dict() for report in trained.reports],
        EPOCHS: trained.reports[-1].epoch,
        SECONDS: trained.seconds,
        COLLAPSED: trained.collapsed,
        ENDED: trained.ended,
        ENVIRONMENT: environment(config, setting.cache, setting.device),
    }
    record_pair(setting, arm, pair, setting.pair_file(arm), trained.predict(drawn.texts("test")), facts)
    remove_progress(progress)


def record_pair(
    setting: Setting, arm: str, pair: int, file: str, probabilities: np.ndarray, facts: dict[str, Any]
) -> None:
    """Record a pair with what was said of each sealed row. Its value is its validation score: nobody shall choose by
    sealed rows."""
    if (arm, pair) in setting.finished_pairs():  # the same command runs twice, and the other one was faster
        return
    value = facts[VALIDATION]
    if setting.is_older:  # it has pairs already, whose values are their scores on the sealed rows
        said, classes = probabilities.argmax(axis=1), setting.dataset.classes
        value = macro_f1(setting.dataset.labels("test"), said, len(classes))
    path = setting.folder / PAIRS / f"{file}-pair-{pair:03d}.npy"
    kept = {PREDICTIONS: keep_predictions(path, probabilities, by_content=True)}
    known_as, known = setting.known_as(arm, pair), attributes(facts | kept)
    known["user_attrs"] |= known_as.pop("user_attrs")
    setting.study(PAIRS).add_trial(optuna.create_trial(value=value, **known_as, **known))

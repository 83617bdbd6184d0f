"""What a comparison is going to train, and about how long that takes."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from search.comparison.ideas import tuning_name
from search.comparison.looks import pairs_left
from search.comparison.setting import Setting
from search.comparison.tuning import random_config, random_trials_left
from search.study.positions import FINISHED
from sentiment.models.config import Config
from sentiment.models.registry import family_of

__all__ = ["Plan", "plan"]

RANDOM_MEASURED: Final = 3
"""Random trials from which the price of them all is estimated."""


@dataclass(frozen=True)
class Plan:
    """What a comparison is going to train."""

    trainings: int
    epochs: int
    seconds: float
    """Estimated from a small part of a training of each arm, for one worker."""
    more_trainings: int
    """That the later looks may add, if no idea is decided before."""
    more_seconds: float
    spared: bool
    """Pairs that are planned would decide nothing."""

    def render(self, workers: int) -> str:
        """One or two sentences."""
        if not self.trainings and self.spared:
            return (
                "nothing is left to train: everything is decided, or has less than one chance in ten to be by the "
                "pairs that are planned."
            )
        if not self.trainings:
            return "nothing is left to train."
        taking, more = (_about(seconds / workers) for seconds in (self.seconds, self.more_seconds))
        sentence = (
            f"{self.trainings:,} trainings, {self.epochs:,} epochs: {taking} with {workers} "
            f"worker{'s' if workers > 1 else ''}, estimated from a small part of each arm."
        )
        if self.more_trainings:
            sentence += f" Ideas still undecided then may add {self.more_trainings:,} trainings, {more}."
        return sentence


def _about(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"about {minutes:,} minute{'s' if minutes > 1 else ''}" if minutes else "less than a minute"


def plan(setting: Setting) -> Plan:
    """Count what is left to train, and measure a small part of a training of each arm."""
    comparison = setting.comparison
    torch.set_num_threads(setting.threads)
    left_over = pairs_left(setting)
    trainings, epochs, seconds, more_trainings, more_seconds = 0, 0, 0.0, 0, 0.0
    for arm in comparison.arms:
        tuned = [len(setting.trials(tuning_name(arm.name, n), *FINISHED)) for n in range(comparison.searches)]
        left = sum(max(0, comparison.trials - done) for done in tuned)
        left += sum(name == arm.name for name, _ in left_over.wanted)
        more = sum(name == arm.name for name, _ in left_over.possible)
        each = _seconds(arm.config, setting) if left or more else 0.0
        trainings += left
        epochs += left * arm.config.passes
        seconds += left * each
        more_trainings += more
        more_seconds += more * each
    random = [random_config(setting, number)[0] for number in random_trials_left(setting)]
    prices = [_seconds(config, setting) for config in random[:RANDOM_MEASURED]]
    trainings += len(random)
    epochs += sum(config.passes for config in random)
    seconds += len(random) * float(np.mean(prices)) if prices else 0.0
    return Plan(trainings, epochs, seconds, more_trainings, more_seconds, left_over.spared)


def _seconds(config: Config, setting: Setting) -> float:
    """About how long one training takes."""
    return family_of(config.family).seconds(config, setting.dataset, setting.resources)

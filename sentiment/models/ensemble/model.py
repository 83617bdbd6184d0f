"""An ensemble that was made: its members answer; their files are its own, each with the member's number in front."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from sentiment.errors import InputError, naming
from sentiment.models.ensemble.config import EnsembleConfig
from sentiment.models.family import Model, Read
from sentiment.models.registry import family_of

__all__ = ["EnsembleModel", "file_name", "load"]

SIZES: Final = "members"
"""What config.json calls the sizes of the members."""


@dataclass(frozen=True)
class EnsembleModel:
    """Members and their weights."""

    config: EnsembleConfig
    """With weights."""
    members: tuple[Model, ...]

    @property
    def sizes(self) -> dict[str, Any]:
        """See `sentiment.models.family.Model`."""
        return {SIZES: [member.sizes for member in self.members]}

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Class probabilities float32 [n, K]: the weighted mean of what the members say."""
        assert self.config.weights is not None
        return mean([member.probabilities(texts) for member in self.members], self.config.weights)

    def files(self) -> dict[str, bytes]:
        """See `sentiment.models.family.Model`."""
        return {
            file_name(number, name): content
            for number, member in enumerate(self.members)
            for name, content in member.files().items()
        }


def mean(probabilities: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """The weighted mean of what several models say, each [n, K], as float32."""
    total = np.zeros(probabilities[0].shape)
    for said, weight in zip(probabilities, weights, strict=True):  # one by one: each sum is made in the same order
        total += weight * said.astype(np.float32)
    return total.astype(np.float32)


def file_name(number: int, name: str) -> str:
    """What a member's file is called in the bundle of the ensemble."""
    return f"member-{number + 1}-{name}"


def load(config: EnsembleConfig, n_classes: int, sizes: Mapping[str, Any], read: Read) -> EnsembleModel:
    """See `sentiment.models.family.Family.load`."""
    of_members = sizes.get(SIZES)
    if not isinstance(of_members, list) or len(of_members) != len(config.members):
        raise InputError(f"{SIZES} must be a list with the sizes of {len(config.members)} models")
    if config.weights is None:
        raise InputError("weights must be one for each member")
    members = []
    for number, (member, its) in enumerate(zip(config.members, of_members, strict=True)):
        if not isinstance(its, dict):
            raise InputError(f"{SIZES} must be a list of objects")

        def read_of_member(name: str, most: int, number: int = number) -> bytes:
            return read(file_name(number, name), most)

        with naming(f"member {number + 1}: "):
            members.append(family_of(member.family).load(member, n_classes, its, read_of_member))
    return EnsembleModel(config, tuple(members))

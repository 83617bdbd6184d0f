"""The weights in a file of a bundle, which may come from anywhere."""

from collections.abc import Mapping
from typing import Final

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from sentiment.errors import InputError

__all__ = ["WEIGHTS", "read_weights", "weights_size"]

WEIGHTS: Final = "weights.safetensors"
_CALLED: Final = {torch.float32: "F32", torch.int64: "I64"}


def weights_size(expected: Mapping[str, Tensor]) -> int:
    """Bytes that the numbers of a state dict take."""
    return sum(tensor.numel() * tensor.element_size() for tensor in expected.values())


def read_weights(content: bytes, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a file, if they are those of the network and are numbers.

    Raises:
        InputError: they are not.
    """
    wanted = {name: (_CALLED[tensor.dtype], list(tensor.shape)) for name, tensor in expected.items()}
    found = {name: (part["dtype"], part["shape"]) for name, part in safetensors.deserialize(content)}  # type: ignore[no-untyped-call]
    for name in wanted | found:
        if found.get(name) != wanted.get(name):
            there, asked = (shapes.get(name, "nothing") for shapes in (found, wanted))
            raise InputError(f"{WEIGHTS} has {there} as {name!r}, where config.json asks for {asked}")
    weights = safetensors.torch.load(content)
    for name, tensor in weights.items():
        if not torch.isfinite(tensor).all():
            raise InputError(f"{name} in {WEIGHTS} holds what is not a number")
    return weights

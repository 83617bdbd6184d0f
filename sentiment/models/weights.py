"""The weights in a file of a bundle, which may come from anywhere, and the sizes that say how large it may be."""

from collections.abc import Mapping
from typing import Any, Final

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from sentiment.errors import InputError

__all__ = ["BYTES_PER_ENTRY", "WEIGHTS", "read_size", "read_weights", "weights_size"]

WEIGHTS: Final = "weights.safetensors"
BYTES_PER_ENTRY: Final = 1024
"""Of tokenizer.json for each entry of its vocabulary: a URL of 300 Korean characters."""
_CALLED: Final = {torch.float32: "F32", torch.int64: "I64"}


def weights_size(expected: Mapping[str, Tensor]) -> int:
    """Bytes that the numbers of a state dict take."""
    return sum(tensor.numel() * tensor.element_size() for tensor in expected.values())


def read_size(sizes: Mapping[str, Any], name: str, least: int, most: int) -> int:
    """One of the sizes of a model, which may be anything.

    Raises:
        InputError: it is no whole number in these bounds.
    """
    size = sizes.get(name)
    if type(size) is not int or not least <= size <= most:
        raise InputError(f"{name} must be a whole number between {least} and {most}")
    return size


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

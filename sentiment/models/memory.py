"""What a training by gradient descent has in memory at once, at the very least, so that one which cannot fit is refused
before it begins.

A lower bound, never an estimate: counted is only what is certainly there together when a forward pass ends, from the
second batch on. Weights and gradients, the optimizer's moments, the best checkpoint so far, and of one batch what
backward needs of each layer. Left out are libraries, the data, workspaces, copies for other precisions and whatever
else a training takes, which is often as much again (python -m tests.benchmarks.memory_bound). So nothing is refused
that would fit; and of what is not refused, some does not.

This room does not know how much there is.
"""

from typing import Final

import numpy as np
from torch import Tensor, nn

__all__ = ["MOMENTS", "bytes_of_descent", "padded_tokens"]

MOMENTS: Final = {"sgd": 0, "adam": 2, "adamw": 2}
"""Numbers that an optimizer keeps of each weight that it trains; SGD with momentum keeps one."""


def bytes_of_descent(
    network: nn.Module, *, moments: int, activations: int, scorings: int, keeps_best: bool = True
) -> int:
    """The bound, in bytes, on the device that trains.

    Args:
        network: on any device, the meta device too.
        moments: numbers that the optimizer keeps of each weight.
        activations: bytes of a batch that stay until its backward pass.
        scorings: of the whole run.
        keeps_best: the best checkpoint, which always lies on the CPU, is on this device.
    """
    # Not the state dict: it gives a tied weight twice.
    state = sum(_bytes(tensor) for tensor in (*network.parameters(), *network.buffers()))
    trained = sum(_bytes(weight) for weight in network.parameters() if weight.requires_grad)
    best = state if keeps_best else 0
    # The first checkpoint is copied when a scoring is over; before the second one, batches are trained beside it.
    beside = activations + best if scorings > 1 else max(activations, best)
    return state + trained * (1 + moments) + beside


def padded_tokens(lengths: np.ndarray, batch_size: int) -> int:
    """Tokens, pads included, of some batch that every epoch has, whatever its order.

    NOTE: batches of rows that are sorted by length within pools are full but for one, the last of the last pool. It
    holds n mod B rows at most; so one of the longest (n mod B) + 1 rows is in a full batch, and all of that batch are
    padded to it.

    Args:
        lengths: of the training rows, after the cut.
        batch_size: B.
    """
    rows, partial = min(batch_size, len(lengths)), len(lengths) % batch_size
    if len(lengths) <= batch_size:
        partial = 0
    return rows * int(np.partition(lengths, len(lengths) - 1 - partial)[len(lengths) - 1 - partial])


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()

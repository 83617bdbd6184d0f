"""Window features over a sequence of vectors."""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["Convolution"]

SHORT: Final = 64
"""Tokens up to which training goes by matrix products: at 20 tokens they are 1.1 to 1.7 times as fast as `Conv1d` with
AVX2, at 250 0.9 to 1.1 times, and they hold a copy of the vectors for each position that the widest window sees
(python -m tests.benchmarks.convolution). Scoring, which has no backward half, gains nothing by them."""


class Convolution(nn.Module):
    """One vector of window features per position, for several window widths side by side.

    The sequence keeps its length ("same" padding with zeros), so that a recurrent layer after it still reads a
    sequence. The window features are those of Kim (2014), https://aclanthology.org/D14-1181.
    """

    def __init__(self, input_size: int, filters: int, kernel_sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.output_size = filters * len(kernel_sizes)
        self.windows = nn.ModuleList(nn.Conv1d(input_size, filters, size) for size in kernel_sizes)

    def forward(self, vectors: Tensor) -> Tensor:
        """Vectors [B, T, input] become features [B, T, filters * len(kernel_sizes)].

        Vectors of pads must be zero already: then a pad reads exactly like the border of the text.
        """
        if self.training and vectors.shape[1] <= SHORT:
            return self._by_products(vectors)
        channels_first = vectors.transpose(1, 2)
        features = [F.relu(window(F.pad(channels_first, _reach(window)))) for window in self.windows]
        return torch.cat(features, dim=1).transpose(1, 2)

    def _by_products(self, vectors: Tensor) -> Tensor:
        """The same as matrix products: faster, forward and backward, and with more memory."""
        width, size = vectors.shape[1:]
        before, after = (max(reach) for reach in zip(*map(_reach, self.windows), strict=True))
        padded = F.pad(vectors, (0, 0, before, after))
        neighbours = torch.cat([padded[:, shift : shift + width] for shift in range(before + after + 1)], dim=2)
        features = []
        for window in self.windows:
            assert isinstance(window, nn.Conv1d)
            back, ahead = _reach(window)
            seen = neighbours[:, :, (before - back) * size : (before + ahead + 1) * size]
            features.append(F.linear(seen, window.weight.transpose(1, 2).flatten(1), window.bias))
        return F.relu(torch.cat(features, dim=2))


def _reach(window: nn.Module) -> tuple[int, int]:
    """Positions before and after its own that a window sees."""
    assert isinstance(window, nn.Conv1d)
    return (window.kernel_size[0] - 1) // 2, window.kernel_size[0] // 2

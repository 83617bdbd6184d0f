"""Window features over a sequence of vectors."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["Convolution"]


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
        channels_first = vectors.transpose(1, 2)
        features = []
        for window in self.windows:
            assert isinstance(window, nn.Conv1d)
            size = window.kernel_size[0]
            features.append(F.relu(window(F.pad(channels_first, ((size - 1) // 2, size // 2)))))
        return torch.cat(features, dim=1).transpose(1, 2)

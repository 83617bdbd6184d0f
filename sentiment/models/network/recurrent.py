"""LSTM and GRU layers over padded batches, without packing.

NOTE: pads stand behind the text, so a forward layer has read the whole text before it meets the first pad: its
outputs at real positions need no packing. That keeps the dense oneDNN kernels, which `PackedSequence` loses. A backward
layer would meet the pads first; it reads the text reversed *by its own length* instead.
"""

import torch
from torch import Tensor, nn

__all__ = ["Recurrent", "reverse_by_length"]


class Recurrent(nn.Module):
    """`layers` of LSTM or GRU, in one or both directions."""

    def __init__(
        self, kind: str, input_size: int, hidden_size: int, layers: int, bidirectional: bool, dropout: float
    ) -> None:
        super().__init__()
        cell = {"lstm": nn.LSTM, "gru": nn.GRU}[kind]
        directions = 2 if bidirectional else 1
        self.output_size = hidden_size * directions
        self.bidirectional = bidirectional
        self.hidden_size = hidden_size
        sizes = [input_size] + [self.output_size] * (layers - 1)
        self.forward_layers = nn.ModuleList(cell(size, hidden_size, batch_first=True) for size in sizes)
        self.backward_layers = nn.ModuleList(
            cell(size, hidden_size, batch_first=True) for size in (sizes if bidirectional else [])
        )
        self.between = nn.Dropout(dropout)

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """Vectors [B, T, input] become states [B, T, hidden * directions]; those at pads are undefined."""
        states = vectors
        for index, layer in enumerate(self.forward_layers):
            source = self.between(states) if index else states
            states = layer(source)[0]
            if self.bidirectional:
                backward = self.backward_layers[index](reverse_by_length(source, lengths))[0]
                states = torch.cat([states, reverse_by_length(backward, lengths)], dim=2)
        return states

    def last(self, states: Tensor, lengths: Tensor) -> Tensor:
        """The state [B, hidden * directions] after the last token each direction has read."""
        rows = torch.arange(len(states), device=states.device)
        forward = states[rows, lengths - 1]
        if not self.bidirectional:
            return forward
        return torch.cat([forward[:, : self.hidden_size], states[:, 0, self.hidden_size :]], dim=1)


def reverse_by_length(vectors: Tensor, lengths: Tensor) -> Tensor:
    """Each row of [B, T, D] with its first `lengths[b]` positions reversed and its pads left in place."""
    rows, width, size = vectors.shape
    positions = torch.arange(width, device=vectors.device)
    mirrored = lengths[:, None] - 1 - positions
    index = torch.where(mirrored >= 0, mirrored, positions)
    index = index + width * torch.arange(rows, device=vectors.device)[:, None]
    # Whole vectors at a time; `gather` would move single numbers.
    return vectors.reshape(rows * width, size).index_select(0, index.flatten()).view(rows, width, size)

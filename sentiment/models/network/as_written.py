"""The forms of the post, kept as they were written, so that the correction itself can be measured.

What is wrong with them, on purpose:

- a recurrent layer reads every pad like a word, and `hidden[-1]` is its state after the last pad;
- the convolution is pooled over the *whole* text, pads included, before the LSTM, which then reads a sequence of
  length 1:
  its recurrent weights get a gradient of exactly zero;
- attention spreads its weights over pads too.

Batches are padded to the longest training review (see `sentiment.models.network.batches`), as the post's loader did.
"""

import torch
from torch import Tensor, nn

from sentiment.models.network.config import NetworkConfig
from sentiment.models.network.pooling import AdditiveAttention

__all__ = ["AsWritten"]


class AsWritten(nn.Module):
    """Everything between the embedding and the head, as in the post: no masks anywhere."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        assert config.kernel_sizes is not None
        size = config.embedding_size
        self.pooling = config.pooling
        self.windows = nn.ModuleList(nn.Conv1d(size, config.filters, width) for width in config.kernel_sizes)
        self.widest = max(config.kernel_sizes, default=1)
        self.recurrent: nn.LSTM | nn.GRU | None = None
        if self.windows:
            size = config.filters * len(self.windows)
        if config.recurrent != "none":
            cell = {"lstm": nn.LSTM, "gru": nn.GRU}[str(config.recurrent)]
            between = config.dropout if config.layers > 1 else 0.0
            self.recurrent = cell(size, config.hidden_size, config.layers, batch_first=True, dropout=between)
            size = config.hidden_size
        self.attention = AdditiveAttention(size) if config.pooling == "attention" else None
        self.output_size = size

    def forward(self, vectors: Tensor) -> Tensor:
        """Vectors [B, T, embedding], pads included, become one vector [B, output]."""
        if self.windows:
            missing = max(0, self.widest - vectors.shape[1])
            vectors = nn.functional.pad(vectors, (0, 0, 0, missing))
            channels_first = vectors.transpose(1, 2)
            pooled = [torch.relu(window(channels_first)).amax(dim=2) for window in self.windows]
            vectors = torch.cat(pooled, dim=1)[:, None]
        states = vectors if self.recurrent is None else self.recurrent(vectors)[0]
        if self.attention is not None:
            everywhere = torch.ones_like(states[:, :, 0], dtype=torch.bool)
            attended: Tensor = self.attention(states, states[:, -1], everywhere)
            return attended
        if self.pooling == "last":
            return states[:, -1]
        return states.amax(dim=1) if self.pooling == "max" else states.mean(dim=1)

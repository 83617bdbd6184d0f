"""A `NetworkConfig` becomes a network."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from sentiment.models.network.as_written import AsWritten
from sentiment.models.network.config import NetworkConfig
from sentiment.models.network.convolution import Convolution
from sentiment.models.network.pooling import AdditiveAttention, max_over, mean_over
from sentiment.models.network.recurrent import Recurrent
from sentiment.models.ngrams import WIDE_DROPOUT, BagBatch, NgramLogits
from sentiment.tokens.tokenizers import PAD, UNKNOWN

__all__ = ["Network", "build_model", "model_without_memory"]


class Body(nn.Module):
    """Convolution > recurrent > pooling, each optional but the last, all masked."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        assert config.kernel_sizes is not None and config.recurrent is not None
        size = config.embedding_size
        self.convolution: Convolution | None = None
        self.recurrent: Recurrent | None = None
        if config.kernel_sizes:
            self.convolution = Convolution(size, config.filters, config.kernel_sizes)
            size = self.convolution.output_size
        if config.recurrent != "none":
            self.recurrent = Recurrent(
                config.recurrent,
                size,
                config.hidden_size,
                config.layers,
                config.bidirectional,
                config.dropout,
            )
            size = self.recurrent.output_size
        self.pooling = config.pooling
        self.attention = AdditiveAttention(size) if config.pooling == "attention" else None
        self.output_size = size

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """Vectors [B, T, embedding], zero at pads, become one vector [B, output]."""
        mask = torch.arange(vectors.shape[1], device=vectors.device) < lengths[:, None]
        states = vectors
        if self.convolution is not None:
            states = self.convolution(states) * mask[:, :, None]
        if self.recurrent is not None:
            states = self.recurrent(states, lengths)
        if self.pooling == "max":
            return max_over(states, mask)
        if self.pooling == "mean":
            return mean_over(states, mask)
        last = self._last(states, lengths)
        return last if self.attention is None else self.attention(states, last, mask)

    def _last(self, states: Tensor, lengths: Tensor) -> Tensor:
        if self.recurrent is not None:
            return self.recurrent.last(states, lengths)
        return states[torch.arange(len(states), device=states.device), lengths - 1]


class Network(nn.Module):
    """Token ids, and for a wide network n-grams, to one logit per class."""

    def __init__(self, config: NetworkConfig, vocabulary_size: int, n_classes: int, ngrams: int = 0) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(vocabulary_size, config.embedding_size, padding_idx=PAD)
        self.body: nn.Module = AsWritten(config) if config.padding == "as_written" else Body(config)
        self.embedding_dropout = nn.Dropout(config.embedding_dropout)
        self.dropout = nn.Dropout(config.dropout)
        size = self.body.output_size
        assert isinstance(size, int)
        self.head = nn.Linear(size, n_classes)
        self.wide = NgramLogits(ngrams, n_classes, WIDE_DROPOUT) if config.wide else None

    def forward(self, ids: Tensor, lengths: Tensor, bags: BagBatch | None = None) -> Tensor:
        """Ids [B, T], padded with `PAD` behind each text, and the number of real tokens [B] become logits [B, K].

        Every length must be at least 1. A wide network needs the same texts as bags.
        """
        if self.training and self.config.word_dropout:
            dropped = torch.rand(ids.shape, device=ids.device) < self.config.word_dropout
            ids = ids.masked_fill(dropped & (ids != PAD), UNKNOWN)
        vectors = self.embedding_dropout(self.embedding(ids))
        pooled = self.body(vectors) if isinstance(self.body, AsWritten) else self.body(vectors, lengths)
        logits: Tensor = self.head(self.dropout(pooled))
        if self.wide is not None:
            logits = logits + self.wide(bags)
        return logits


def build_model(config: NetworkConfig, vocabulary_size: int, n_classes: int, ngrams: int = 0) -> Network:
    """A freshly initialised network; its weights depend on torch's global random state alone.

    The correct form starts its embedding at a standard deviation of 0.1 and, for LSTM, its forget gates at a bias of +1
    (Jozefowicz, Zaremba and Sutskever 2015, https://proceedings.mlr.press/v37/jozefowicz15.html); the forms as written
    start as PyTorch does.
    """
    network = Network(config, vocabulary_size, n_classes, ngrams)
    if config.padding == "masked":
        with torch.no_grad():
            network.embedding.weight.mul_(0.1)
            for module in network.modules():
                if isinstance(module, nn.LSTM):
                    size = module.hidden_size
                    module.get_parameter("bias_ih_l0")[size : 2 * size] += 1.0
    return network


def model_without_memory(config: NetworkConfig, vocabulary_size: int, n_classes: int, ngrams: int = 0) -> Network:
    """The same network on torch's meta device: names and shapes, whatever their size, and not one number."""
    with torch.device("meta"), _NothingDrawn():
        return Network(config, vocabulary_size, n_classes, ngrams)


class _NothingDrawn(TorchFunctionMode):
    """Leaves out `normal_`, with which the meta device does nothing, but imports half of torch to do it."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return None if func is nn.init.normal_ else func(*args, **(kwargs or {}))

"""A pretrained body under a classification head, and how fast each part of it learns."""

import torch
from torch import Tensor, nn

from sentiment.models.encoder.architecture import layers
from sentiment.models.encoder.config import EncoderConfig
from sentiment.models.network.pooling import max_over, mean_over

__all__ = ["Classifier", "Head", "optimizer_of"]


class Head(nn.Module):
    """One vector a text to one logit per class."""

    def __init__(self, config: EncoderConfig, width: int, n_classes: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(config.dropout)
        self.linear = nn.Linear(width, n_classes)

    def begin(self) -> None:
        """Draw its first weights, as BERT's are drawn."""
        nn.init.normal_(self.linear.weight, std=0.02)
        nn.init.zeros_(self.linear.bias)

    def forward(self, pooled: Tensor) -> Tensor:
        """Vectors [B, D] become logits [B, K]."""
        logits: Tensor = self.linear(self.dropout(pooled))
        return logits


class Classifier(nn.Module):
    """Token ids to one logit per class."""

    def __init__(self, config: EncoderConfig, body: nn.Module, n_classes: int) -> None:
        super().__init__()
        self.config = config
        self.body = body
        self.head = Head(config, body.config.hidden_size, n_classes)  # type: ignore[union-attr, arg-type]
        for parameter in self._frozen():
            parameter.requires_grad_(False)

    @property
    def trained_layers(self) -> list[nn.Module]:
        """Those that are fine-tuned, from the top down."""
        return list(layers(self.body))[::-1][: self.config.trained_layers]

    @property
    def all_trained(self) -> bool:
        """Whether the embeddings are too."""
        return self.config.trained_layers >= len(layers(self.body))

    def _frozen(self) -> list[nn.Parameter]:
        trained = {id(parameter) for layer in self.trained_layers for parameter in layer.parameters()}
        return [] if self.all_trained else [p for p in self.body.parameters() if id(p) not in trained]

    def train(self, mode: bool = True) -> "Classifier":
        """See `nn.Module.train`; what is frozen drops nothing."""
        super().train(mode)
        if not self.all_trained:
            self.body.eval()
            for layer in self.trained_layers:
                layer.train(mode)
        return self

    def pooled(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Ids [B, T], with anything behind each text, and the number of real tokens [B] become vectors [B, D]."""
        mask = torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]
        states: Tensor = self.body(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        if self.config.pooling == "mean":
            return mean_over(states, mask)
        return max_over(states, mask) if self.config.pooling == "max" else states[:, 0]

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """The same, to logits [B, K]."""
        logits: Tensor = self.head(self.pooled(ids, lengths))
        return logits


def optimizer_of(config: EncoderConfig, network: Classifier) -> torch.optim.Optimizer:
    """AdamW, with a learning rate for each depth and no decay of biases and norms.

    Layer-wise decay: Howard and Ruder 2018, https://arxiv.org/abs/1801.06146 ("discriminative fine-tuning").
    """
    trained = network.trained_layers
    by_rate = [(config.learning_rate * config.head_factor, list(network.head.parameters()))]
    by_rate += [
        (config.learning_rate * config.layer_decay**below, list(layer.parameters()))
        for below, layer in enumerate(trained)
    ]
    if network.all_trained:
        in_layers = {id(parameter) for layer in trained for parameter in layer.parameters()}
        rest = [parameter for parameter in network.body.parameters() if id(parameter) not in in_layers]
        by_rate.append((config.learning_rate * config.layer_decay ** len(trained), rest))
    groups = [
        {"params": chosen, "lr": rate, "weight_decay": decay}
        for rate, parameters in by_rate
        for decay, matrices in ((config.weight_decay, True), (0.0, False))
        if (chosen := [p for p in parameters if (p.ndim > 1) is matrices and p.requires_grad])
    ]
    return torch.optim.AdamW(groups, config.learning_rate, fused=True)

"""How a sequence of states becomes one vector; pads take no part."""

import torch
from torch import Tensor, nn

__all__ = ["AdditiveAttention", "max_over", "mean_over"]


def max_over(states: Tensor, mask: Tensor) -> Tensor:
    """The greatest value of each feature over the positions [B, T] where `mask` is true: [B, T, D] to [B, D]."""
    return states.masked_fill(~mask[:, :, None], float("-inf")).amax(dim=1)


def mean_over(states: Tensor, mask: Tensor) -> Tensor:
    """The mean of each feature over the positions where `mask` is true: [B, T, D] to [B, D]."""
    weights = mask.to(states.dtype)
    return torch.bmm((weights / weights.sum(dim=1, keepdim=True))[:, None], states)[:, 0]


class AdditiveAttention(nn.Module):
    """Weighs every state by how well it answers the last one: softmax over t of v' tanh(W h_t + U h_last).

    Bahdanau, Cho and Bengio (2015), https://arxiv.org/abs/1409.0473, with the last state as the query. `v` has no bias:
    softmax does not see a constant, so its gradient would be zero.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.key = nn.Linear(size, size)
        self.query = nn.Linear(size, size, bias=False)
        self.score = nn.Linear(size, 1, bias=False)

    def forward(self, states: Tensor, last: Tensor, mask: Tensor) -> Tensor:
        """States [B, T, D] and the last state [B, D] become their weighted sum [B, D]."""
        scores = self.score(torch.tanh(self.key(states) + self.query(last)[:, None]))[:, :, 0]
        weights = scores.masked_fill(~mask, float("-inf")).softmax(dim=1)
        return torch.bmm(weights[:, None], states)[:, 0]

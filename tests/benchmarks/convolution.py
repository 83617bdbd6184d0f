"""Window features by matrix products, as `sentiment.models.network.convolution` trains those of short texts, against
`torch.nn.Conv1d`.

    python -m tests.benchmarks.convolution

Forward and backward with one thread, the two taking turns; GFLOP/s of useful work, beside what `torch.mm` reaches.
"""

import statistics
import time
from functools import partial
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional as F

from sentiment.models.network.convolution import Convolution
from tests.benchmarks.training_loop import mm_flops_per_second

ROUNDS = 15


def by_conv1d(convolution: Convolution, vectors: Tensor) -> Tensor:
    channels_first = vectors.transpose(1, 2)
    features = []
    for window in convolution.windows:
        size = window.kernel_size[0]  # type: ignore[index, operator]
        features.append(F.relu(window(F.pad(channels_first, ((size - 1) // 2, size // 2)))))
    return torch.cat(features, dim=1).transpose(1, 2)


def main() -> None:
    torch.set_num_threads(1)
    print(f"torch.mm: {mm_flops_per_second('cpu') / 1e9:.1f} GFLOP/s")
    print(f"{'kernel sizes':14}{'batch':>6}{'tokens':>8}{'width':>7}{'Conv1d':>9}{'products':>10}{'times':>8}")
    shapes = ((64, 20, 64), (64, 20, 128), (64, 20, 256), (64, 250, 128))
    for sizes, (batch, tokens, width) in product(((3,), (5,), (3, 4, 5), (2, 3, 4, 5)), shapes):
        convolution = Convolution(width, width, sizes)
        vectors = torch.randn(batch, tokens, width, requires_grad=True)
        gradient = torch.randn(batch, tokens, convolution.output_size)
        ways = (partial(by_conv1d, convolution, vectors), partial(convolution._by_products, vectors))
        took: tuple[list[float], list[float]] = ([], [])
        for _ in range(ROUNDS):
            for way, seconds in zip(ways, took, strict=True):
                started = time.perf_counter()
                way().backward(gradient)
                seconds.append(time.perf_counter() - started)
        flops = 3 * 2 * sum(sizes) * width * width * batch * tokens
        rates = [flops / statistics.median(seconds) / 1e9 for seconds in took]
        ratio = statistics.median(one / other for one, other in zip(*took, strict=True))
        print(f"{sizes!s:14}{batch:>6}{tokens:>8}{width:>7}{rates[0]:>9.1f}{rates[1]:>10.1f}{ratio:>8.2f}", flush=True)


if __name__ == "__main__":
    main()

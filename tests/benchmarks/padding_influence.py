"""How much of a text is left in `hidden[-1]` after trailing padding: why the LSTM as written says one word.

    python -m tests.benchmarks.padding_influence

Influence: the distance between the last states of two different texts after k pads, over that at their last real token;
mean over fresh networks and texts. 100 % is a network that is masked. Nothing is trained; torch's default initial
weights, 15 real tokens, pads embedded as zeros.
"""

import argparse

import torch
from torch import nn

EMBEDDING, HIDDEN, TOKENS = 100, 128, 15
PADS = (0, 1, 5, 10, 20, 50)


def influence(cell: type[nn.LSTM] | type[nn.GRU], pads: int, forget_bias: float = 0.0, networks: int = 20) -> float:
    """In 0..1."""
    shares = []
    for seed in range(networks):
        torch.manual_seed(seed)
        network = cell(EMBEDDING, HIDDEN, batch_first=True)
        if forget_bias:
            network.bias_hh_l0.data[HIDDEN : 2 * HIDDEN] += forget_bias
        texts = torch.randn(32, TOKENS, EMBEDDING)
        padded = torch.cat([texts, torch.zeros(32, pads, EMBEDDING)], dim=1)
        with torch.no_grad():
            states = network(padded)[0]
        at_end, at_last_token = torch.pdist(states[:, -1]).mean(), torch.pdist(states[:, TOKENS - 1]).mean()
        shares.append(float(at_end / at_last_token))
    return sum(shares) / len(shares)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--networks", type=int, default=20)
    networks = parser.parse_args().networks
    print("pads after the text:     " + "".join(f"{pads:>10}" for pads in PADS))
    cells = (("LSTM", nn.LSTM, 0.0), ("LSTM, forget bias +1", nn.LSTM, 1.0), ("GRU", nn.GRU, 0.0))
    for name, cell, bias in cells:
        shares = [influence(cell, pads, bias, networks) for pads in PADS]
        print(f"{name:<25}" + "".join(f"{100 * share:>9.3g}%" for share in shares))


if __name__ == "__main__":
    main()

"""What trainings are said to need at least, beside what they took.

    python -m tests.benchmarks.memory_bound

Each line is a process of its own, which has read the reviews and trained something small before: how far its resident
memory then rises above what it was, while one configuration is trained for one epoch. A bound above that would refuse
what fits; the share says how much of the need it sees. Linux alone tells.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np

ROWS: Final = 400
WORDS: Final = 40_000
MOST: Final = 300
"""Words of the longest review."""
NETWORK: Final = {"token_unit": "word", "vocabulary_size": 50_000, "max_tokens": 256, "epochs": 1}
CONFIGS: Final[dict[str, dict[str, Any]]] = {
    "small LSTM": NETWORK | {"architecture": "lstm", "embedding_size": 64, "hidden_size": 64},
    "wide LSTM, Adam": NETWORK | {"architecture": "lstm", "embedding_size": 300, "hidden_size": 256, "batch_size": 128},
    "two layers of GRU, both ways, bfloat16": NETWORK
    | {"architecture": "gru", "hidden_size": 256, "layers": 2, "bidirectional": True, "precision": "bfloat16"},
    "convolution, SGD": NETWORK
    | {"architecture": "textcnn", "filters": 512, "optimizer": "sgd", "embedding_size": 128, "batch_size": 256},
    "convolution, SGD with momentum": NETWORK
    | {"architecture": "textcnn", "optimizer": "sgd", "momentum": 0.9, "embedding_size": 512, "batch_size": 16},
    "attention beside n-grams": NETWORK | {"architecture": "lstm_attention", "wide": True, "hidden_size": 256},
    "as written": NETWORK | {"architecture": "cnn_lstm", "padding": "as_written", "filters": 256},
    "no layers": NETWORK | {"architecture": "custom", "embedding_size": 300, "batch_size": 512},
    "one scoring": NETWORK | {"architecture": "custom", "embedding_size": 300, "evaluations_per_epoch": 1},
    "bag of n-grams": {"family": "bag", "ngrams": 1 << 20, "epochs": 1},
    "encoder": {"family": "encoder", "max_tokens": 256, "epochs": 1},
    "encoder, bfloat16": {"family": "encoder", "max_tokens": 256, "epochs": 1, "precision": "bfloat16"},
    "encoder, its top layer": {"family": "encoder", "max_tokens": 256, "epochs": 1, "trained_layers": 1},
    "encoder, frozen": {"family": "encoder", "max_tokens": 256, "epochs": 1, "trained_layers": 0},
}


def write_reviews(path: Path) -> None:
    """Of all lengths up to the longest; most words are in many of them."""
    rng = np.random.default_rng(0)
    rows = ["text,stars"]
    for number in range(ROWS):
        words = (WORDS * rng.random(rng.integers(2, MOST)) ** 2).astype(int)
        word, stars = (("poor", 1), ("fine", 5))[number % 2]
        rows.append(" ".join(f"w{one}" for one in words) + f" {word},{stars}")
    path.write_text("\n".join(rows), "utf-8")


def write_encoder(folder: Path) -> None:
    """Four layers, 256 wide, with a vocabulary of 30,000."""
    from tests.support.encoders import write_encoder as write

    sizes = {"hidden_size": 256, "intermediate_size": 1024, "num_attention_heads": 4, "max_position_embeddings": 512}
    write(folder, num_hidden_layers=4, vocab_size=30_000, **sizes)


def measure(folder: Path, settings: dict[str, Any]) -> tuple[int, int]:
    """Bytes: the bound, and by how much the memory of this process rose."""
    import torch

    from sentiment.models.family import Resources
    from sentiment.models.registry import config_of, family_of, train
    from sentiment.reviews.dataset import load_dataset
    from tests.support.tiny import source

    torch.set_num_threads(1)
    if settings.get("family") == "encoder":
        settings = settings | {"model": str(folder / "encoder")}
    config, dataset = config_of(settings), load_dataset(source(folder / "reviews.csv"))
    resources = Resources(folder / "cache", end_early=False)
    bound = family_of(config.family).bytes(config, dataset, resources)  # and the corpus is in the cache
    small = {"architecture": "textcnn", "filters": 4, "embedding_size": 4, "epochs": 1, "max_tokens": 16}
    train(config_of(NETWORK | small), dataset, resources)
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # the peak begins anew
    before = _status("VmRSS")
    train(config, dataset, resources)
    return bound, _status("VmHWM") - before


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def main() -> None:
    if len(sys.argv) > 1:
        folder, settings = sys.argv[1:]
        print(json.dumps(measure(Path(folder), json.loads(settings))))
        return
    with tempfile.TemporaryDirectory() as folder:
        write_reviews(Path(folder) / "reviews.csv")
        write_encoder(Path(folder) / "encoder")
        print(f"{'MB':42}   bound    rose  share")
        for name, settings in CONFIGS.items():
            command = [sys.executable, "-m", "tests.benchmarks.memory_bound", folder, json.dumps(settings)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            bound, rose = json.loads(done.stdout.splitlines()[-1])
            verdict = "" if bound <= rose else "  TOO HIGH"
            print(f"{name:42}{bound / 1e6:8.0f}{rose / 1e6:8.0f}{bound / rose:7.0%}{verdict}", flush=True)


if __name__ == "__main__":
    main()

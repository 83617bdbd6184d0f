"""What can be searched about a network, when each of it means anything, and where a search starts.

Parameters that mean nothing under the values already drawn (the hidden size of a network without a recurrent layer) are
not drawn at all, so neither a sampler nor a reader of the study is misled by them.
"""

from typing import Any, Final

from sentiment.models.family import Parameter, Recipe, Settings
from sentiment.models.network.config import ARCHITECTURES, NetworkConfig

__all__ = ["PARAMETERS", "RECIPES"]


def _part(settings: Settings, name: str) -> Any:
    """A part of the network: as it was drawn, or as the architecture has it."""
    return settings.get(name, ARCHITECTURES[_architecture(settings)][name])


def _architecture(settings: Settings) -> str:
    return str(settings.get("architecture", NetworkConfig.architecture))


def _custom(settings: Settings) -> bool:
    return _architecture(settings) == "custom"


def _convolution(settings: Settings) -> bool:
    return bool(ARCHITECTURES[_architecture(settings)]["kernel_sizes"]) or _custom(settings)


def _recurrent(settings: Settings) -> bool:
    return bool(_part(settings, "recurrent") != "none")


def _both_ways(settings: Settings) -> bool:
    return _recurrent(settings) and settings.get("padding") != "as_written"


def _optimizer(*names: str) -> Any:
    return lambda settings: settings.get("optimizer", NetworkConfig.optimizer) in names


# FACTS that chose the ranges: log-uniform learning rates around 1e-3 with clipping, smoothing of .01-.2 for three
# classes, pooling over the last state, the token unit before the architecture.
PARAMETERS: Final[dict[str, Parameter]] = {
    "architecture": Parameter(["lstm", "gru", "cnn_lstm", "lstm_attention", "textcnn"], decides_size=True),
    "padding": Parameter(decides_size=True),
    "token_unit": Parameter(["word", "subword"]),
    "vocabulary_size": Parameter([4000, 8000, 16000], lambda settings: settings.get("token_unit") != "char"),
    "max_tokens": Parameter(256),
    "embedding_size": Parameter({"low": 64, "high": 192, "step": 64}),
    "kernel_sizes": Parameter(
        [[3], [5], [2, 3], [3, 4, 5], [2, 3, 4, 5]],
        _convolution,
        beside={"architecture": "custom"},
        many=True,
        decides_size=True,
    ),
    "filters": Parameter({"low": 64, "high": 192, "step": 64}, lambda settings: bool(_part(settings, "kernel_sizes"))),
    "recurrent": Parameter(None, _custom, beside={"architecture": "custom"}, decides_size=True),
    "hidden_size": Parameter({"low": 64, "high": 192, "step": 64}, _recurrent),
    "layers": Parameter(None, _recurrent),
    "bidirectional": Parameter([False, True], _both_ways),
    "pooling": Parameter(
        ["last", "max", "mean"],
        lambda settings: _architecture(settings) not in ("lstm_attention", "textcnn"),
        beside={"architecture": "custom"},
        decides_size=True,
    ),
    "word_dropout": Parameter({"low": 0.0, "high": 0.2}),
    "embedding_dropout": Parameter({"low": 0.0, "high": 0.5}),
    "dropout": Parameter({"low": 0.0, "high": 0.6}),
    "wide": Parameter([False, True]),
    "wide_learning_rate": Parameter(None, lambda settings: bool(settings.get("wide", NetworkConfig.wide))),
    "optimizer": Parameter(["sgd", "adam", "adamw"]),
    "learning_rate": Parameter({"low": 3e-4, "high": 1e-2, "log": True}, _optimizer("adam", "adamw"), tuned=True),
    "sgd_learning_rate": Parameter(
        {"low": 1e-2, "high": 1.0, "log": True}, _optimizer("sgd"), stands_for="learning_rate", tuned=True
    ),
    "momentum": Parameter(0.9, _optimizer("sgd"), beside={"optimizer": "sgd"}),
    "weight_decay": Parameter({"low": 1e-5, "high": 1e-1, "log": True}, _optimizer("adamw", "sgd")),
    "schedule": Parameter(["constant", "linear", "cosine"]),
    "warmup": Parameter(0.05),
    "label_smoothing": Parameter({"low": 0.0, "high": 0.2}),
    "class_weights": Parameter(["square_root", "three_quarters", "balanced"]),
    "clip_norm": Parameter(),
    "epochs": Parameter({"low": 2, "high": 8}),
    "batch_size": Parameter([32, 64, 128]),
    "evaluations_per_epoch": Parameter(2),
    "precision": Parameter("float32"),
}

_GOOD: Final[dict[str, Any]] = {
    "token_unit": "subword",
    "vocabulary_size": 8000,
    "embedding_size": 128,
    "filters": 128,
    "hidden_size": 128,
    "bidirectional": False,
    "word_dropout": 0.05,
    "embedding_dropout": 0.2,
    "dropout": 0.3,
    "wide": True,
    "optimizer": "adam",
    "learning_rate": 2e-3,
    "schedule": "linear",
    "label_smoothing": 0.05,
    "class_weights": "three_quarters",
    "epochs": 4,
    "batch_size": 64,
}

# One for each architecture.
RECIPES: Final[tuple[Recipe, ...]] = tuple(
    Recipe(_GOOD | settings, needs={"architecture": settings["architecture"]})
    for settings in (
        {"architecture": "lstm", "pooling": "max"},
        {"architecture": "textcnn", "kernel_sizes": [2, 3, 4, 5]},
        {"architecture": "lstm_attention", "bidirectional": True},
        {"architecture": "gru", "pooling": "mean"},
        {"architecture": "cnn_lstm", "kernel_sizes": [3], "pooling": "max"},
    )
)

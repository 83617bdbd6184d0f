"""What can be searched about an encoder, when each of it means anything, and where a search starts."""

from typing import Final

from sentiment.models.encoder.config import ALL_LAYERS, EncoderConfig
from sentiment.models.family import Parameter, Recipe, Settings

__all__ = ["PARAMETERS", "RECIPES"]


def _fine_tuned(settings: Settings) -> bool:
    return bool(settings.get("trained_layers", EncoderConfig.trained_layers) != 0)


PARAMETERS: Final[dict[str, Parameter]] = {
    "model": Parameter(),
    "max_tokens": Parameter(192),
    "pooling": Parameter(["mean", "first", "max"]),
    "trained_layers": Parameter([ALL_LAYERS, 4]),
    "dropout": Parameter({"low": 0.0, "high": 0.3}),
    "learning_rate": Parameter({"low": 3e-5, "high": 3e-4, "log": True}, tuned=True),
    "head_factor": Parameter(None, _fine_tuned),
    "layer_decay": Parameter([1.0, 0.9, 0.75], _fine_tuned),
    "weight_decay": Parameter(0.01),
    "schedule": Parameter("linear"),
    "warmup": Parameter(0.1),
    "label_smoothing": Parameter({"low": 0.0, "high": 0.1}),
    "class_weights": Parameter(["square_root", "three_quarters", "balanced"]),
    "clip_norm": Parameter(),
    "epochs": Parameter({"low": 1, "high": 4}),
    "batch_size": Parameter([16, 32]),
    "evaluations_per_epoch": Parameter(2),
    "precision": Parameter("float32"),
}

RECIPES: Final = (
    Recipe(
        {
            "pooling": "mean",
            "trained_layers": ALL_LAYERS,
            "dropout": 0.1,
            "learning_rate": 1e-4,
            "layer_decay": 1.0,
            "label_smoothing": 0.0,
            "class_weights": "three_quarters",
            "epochs": 3,
            "batch_size": 32,
        },
        needs={},
    ),
)

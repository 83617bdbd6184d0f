"""What can be searched about a bag of n-grams, and where a search starts."""

from typing import Final

from sentiment.models.family import Parameter, Recipe

__all__ = ["PARAMETERS", "RECIPES"]

PARAMETERS: Final[dict[str, Parameter]] = {
    "word_ngrams": Parameter({"low": 1, "high": 3}),
    "character_ngrams": Parameter({"low": 3, "high": 6}),
    "ngrams": Parameter(1 << 18),
    "beginning": Parameter({"low": 0.0, "high": 0.5}),
    "dropout": Parameter({"low": 0.0, "high": 0.6}),
    "learning_rate": Parameter({"low": 1e-3, "high": 2e-2, "log": True}, tuned=True),
    "weight_decay": Parameter(),
    "schedule": Parameter("linear"),
    "warmup": Parameter(),
    "label_smoothing": Parameter({"low": 0.0, "high": 0.2}),
    "class_weights": Parameter(["square_root", "three_quarters", "balanced"]),
    "clip_norm": Parameter(),
    "epochs": Parameter({"low": 2, "high": 8}),
    "batch_size": Parameter([32, 64, 128]),
    "evaluations_per_epoch": Parameter(2),
}

RECIPES: Final = (
    Recipe(
        {
            "word_ngrams": 2,
            "character_ngrams": 4,
            "beginning": 0.1,
            "dropout": 0.3,
            "learning_rate": 5e-3,
            "label_smoothing": 0.05,
            "class_weights": "three_quarters",
            "epochs": 4,
            "batch_size": 64,
        },
        needs={},
    ),
)

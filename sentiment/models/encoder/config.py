"""An encoder and how it is fine-tuned, in one frozen dataclass."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from annotated_types import Interval

from sentiment.models.class_weights import ClassWeights
from sentiment.models.config import Config

__all__ = ["ALL_LAYERS", "EncoderConfig"]

ALL_LAYERS: Final = 100
"""More than any encoder has."""


@dataclass(frozen=True, kw_only=True)
class EncoderConfig(Config):
    """A pretrained encoder, a head, a recipe and a seed, which decides the head's first weights, order and dropout.

    Raises:
        InputError: a value is of the wrong type, out of its range or unknown.
    """

    family = "encoder"
    optimizer = "adamw"

    model: str = ""
    """A folder, a name of the Hugging Face hub, or demo:all-minilm-l6-v2; nothing is trained without one."""

    # Network
    max_tokens: Annotated[int, Interval(ge=4, le=100_000)] = 256
    """A longer review is cut after this many tokens, or after as many as the encoder reads."""
    pooling: Literal["mean", "first", "max"] = "mean"
    """How the states of all tokens become one vector: mean, max, or that of the first token ([CLS])."""
    dropout: Annotated[float, Interval(ge=0.0, le=0.95)] = 0.1
    """Dropout before the head; in its trained layers the encoder has its own."""
    trained_layers: Annotated[int, Interval(ge=0, le=ALL_LAYERS)] = ALL_LAYERS
    """Layers that are fine-tuned, from the top: 0 for the head alone, 100 for all of any encoder. Embeddings are
    trained with all layers only."""

    # Recipe
    learning_rate: Annotated[float, Interval(ge=1e-8, le=1.0)] = 1e-4
    """Of the top layer and, `head_factor` times, of the head."""
    head_factor: Annotated[float, Interval(ge=1.0, le=1000.0)] = 1.0
    layer_decay: Annotated[float, Interval(ge=0.1, le=1.0)] = 1.0
    """Each layer learns this many times as fast as the one above it; the embeddings are below the lowest."""
    weight_decay: Annotated[float, Interval(ge=0.0, le=10.0)] = 0.01
    """Decoupled, as in AdamW; not of biases and norms."""
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    """The learning rate after warm-up: constant, or linear or cosine to zero at the last step."""
    warmup: Annotated[float, Interval(ge=0.0, le=1.0)] = 0.1
    """Fraction of all steps in which the learning rate rises linearly from zero."""
    label_smoothing: Annotated[float, Interval(ge=0.0, le=0.9)] = 0.0
    class_weights: ClassWeights = "balanced"
    clip_norm: Annotated[float, Interval(ge=0.0, le=1e6)] = 1.0
    """Gradients are scaled down to this total norm; 0 for no clipping."""
    epochs: Annotated[int, Interval(ge=1, le=10_000)] = 3
    batch_size: Annotated[int, Interval(ge=1, le=65_536)] = 32
    evaluations_per_epoch: Annotated[int, Interval(ge=1, le=100)] = 2
    """How often an epoch stops to score the validation rows."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """What matrix products of the training are computed in. Weights, losses, updates and scores are float32 always."""

    @property
    def title(self) -> str:
        """What is trained, and how much of it."""
        what = "Frozen" if self.trained_layers == 0 else "Fine-tuned"
        return f"{what} `{self.model.rstrip('/').rpartition('/')[2]}`"

    @property
    def passes(self) -> int:
        """Passes over the training rows."""
        return self.epochs

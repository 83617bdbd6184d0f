"""One frozen dataclass is one trainable thing.

Everything that decides what a training run computes, given the data, stands in a `NetworkConfig`: the token unit, the
parts of the network, the recipe, the seed. It is checked when made, goes to JSON and comes back equal. It knows
nothing of data, torch or Optuna.

The architectures are named points in one space of parts (embedding > convolution > recurrent > pooling > head),
not separate models:

>>> NetworkConfig(architecture="cnn_lstm").recurrent
'lstm'
>>> NetworkConfig(architecture="lstm").replace(architecture="gru").recurrent
'gru'
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

from annotated_types import Interval

from sentiment.checked import shown
from sentiment.errors import InputError
from sentiment.models.class_weights import ClassWeights
from sentiment.models.config import Config

__all__ = ["ARCHITECTURES", "NetworkConfig"]

# What each name means in parts. A part that is given beside the name is kept where the name leaves it open.
ARCHITECTURES: Final[dict[str, dict[str, Any]]] = {
    "lstm": {"kernel_sizes": (), "recurrent": "lstm", "pooling": "max"},
    "gru": {"kernel_sizes": (), "recurrent": "gru", "pooling": "max"},
    "cnn_lstm": {"kernel_sizes": (3,), "recurrent": "lstm", "pooling": "max"},
    "lstm_attention": {"kernel_sizes": (), "recurrent": "lstm", "pooling": "attention"},
    "textcnn": {"kernel_sizes": (3, 4, 5), "recurrent": "none", "pooling": "max"},
    "custom": {"kernel_sizes": (), "recurrent": "none", "pooling": "mean"},
}

# Parts in which an architecture *is* its name; changing them under that name would be a false label.
_FIXED_PARTS: Final[dict[str, tuple[str, ...]]] = {
    "lstm": ("recurrent", "kernel_sizes"),
    "gru": ("recurrent", "kernel_sizes"),
    "cnn_lstm": ("recurrent",),
    "lstm_attention": ("recurrent", "kernel_sizes", "pooling"),
    "textcnn": ("recurrent", "pooling"),
    "custom": (),
}

# What a layer may be wide, and a probability of dropping what is read.
Width = Annotated[int, Interval(ge=1, le=8192)]
Dropout = Annotated[float, Interval(ge=0.0, le=0.95)]

MOST_NUMBERS: Final = 1 << 28
"""That a layer may make of what it reads at once, and that a network may have as weights: 1 GiB in float32."""


@dataclass(frozen=True, kw_only=True)
class NetworkConfig(Config):
    """Tokens, network, recipe and seed, which decides initial weights, order and dropout.

    Raises:
        InputError: a value is of the wrong type, out of its range, unknown, or contradicts the architecture.
    """

    family = "network"

    architecture: Literal["lstm", "gru", "cnn_lstm", "lstm_attention", "textcnn", "custom"] = "lstm"
    """A named point in the space of parts; it fills `kernel_sizes`, `recurrent` and `pooling` left as None."""

    # Tokens
    token_unit: Literal["word", "char", "subword", "jamo"] = "subword"
    """What one position of the input is: word, char, subword (BPE) or jamo (BPE over decomposed Hangul)."""
    vocabulary_size: Annotated[int, Interval(ge=16, le=1_000_000)] = 8000
    """Most entries that the tokenizer may learn from the training rows, `<pad>` and `<unk>` included."""
    max_tokens: Annotated[int, Interval(ge=1, le=100_000)] = 256
    """A longer review is cut after this many tokens."""

    # Network
    padding: Literal["masked", "as_written"] = "masked"
    """masked: pads never change an output. as_written: as in the post, pads are read like words."""
    embedding_size: Width = 128
    kernel_sizes: tuple[Annotated[int, Interval(ge=1, le=64)], ...] | None = None
    """Widths, in tokens, of the convolution's windows; () for no convolution."""
    filters: Width = 128
    """Convolution channels for each kernel size."""
    recurrent: Literal["none", "lstm", "gru"] | None = None
    """none, lstm or gru."""
    hidden_size: Width = 128
    """Units of each recurrent direction."""
    layers: Annotated[int, Interval(ge=1, le=16)] = 1
    """Recurrent layers."""
    bidirectional: bool = False
    pooling: Literal["last", "max", "mean", "attention"] | None = None
    """How the sequence becomes one vector: last, max, mean or (additive) attention."""
    word_dropout: Annotated[float, Interval(ge=0.0, le=0.9)] = 0.0
    """Probability that a training token is replaced by `<unk>`."""
    embedding_dropout: Dropout = 0.0
    dropout: Dropout = 0.3
    """Dropout before the head, and between recurrent layers."""
    wide: bool = False
    """Add what n-grams of words and characters say of each class to the network's logits, and train both together."""

    # Recipe
    optimizer: Literal["sgd", "adam", "adamw"] = "adam"
    learning_rate: Annotated[float, Interval(ge=1e-8, le=100.0)] = 1e-3
    wide_learning_rate: Annotated[float, Interval(ge=1e-8, le=100.0)] = 3e-3
    """Of the n-grams of `wide`."""
    momentum: Annotated[float, Interval(ge=0.0, le=0.9999)] = 0.0
    """SGD only."""
    weight_decay: Annotated[float, Interval(ge=0.0, le=10.0)] = 0.0
    """Decoupled in adamw, part of the gradient in sgd and adam."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """The learning rate after warm-up: constant, or linear or cosine to zero at the last step."""
    warmup: Annotated[float, Interval(ge=0.0, le=1.0)] = 0.0
    """Fraction of all steps in which the learning rate rises linearly from zero."""
    label_smoothing: Annotated[float, Interval(ge=0.0, le=0.9)] = 0.0
    class_weights: ClassWeights = "none"
    clip_norm: Annotated[float, Interval(ge=0.0, le=1e6)] = 1.0
    """Gradients are scaled down to this total norm; 0 for no clipping."""
    epochs: Annotated[int, Interval(ge=1, le=10_000)] = 5
    batch_size: Annotated[int, Interval(ge=1, le=65_536)] = 64
    evaluations_per_epoch: Annotated[int, Interval(ge=1, le=100)] = 2
    """How often an epoch stops to score the validation rows."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """What matrix products of the training are computed in. Weights, losses, updates and scores are float32 always."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.padding == "as_written" and self.bidirectional:
            raise InputError("bidirectional is true, but the forms as written in the post read in one direction only")
        parts = ARCHITECTURES[self.architecture]
        if self.padding == "as_written" and self.architecture in ("lstm", "gru", "cnn_lstm"):
            parts = parts | {"pooling": "last"}  # the post's `hidden[-1]`
        for name, value in parts.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
            elif name in _FIXED_PARTS[self.architecture] and getattr(self, name) != value:
                raise InputError(
                    f"{name} is {getattr(self, name)!r}, but architecture {self.architecture!r} means "
                    f"{value!r}; choose another architecture, or 'custom' to combine parts freely"
                )
        assert self.kernel_sizes is not None
        if len(set(self.kernel_sizes)) != len(self.kernel_sizes):
            raise InputError(f"kernel_sizes is {shown(list(self.kernel_sizes))}; each size may stand there once")
        if self.architecture in ("cnn_lstm", "textcnn") and not self.kernel_sizes:
            raise InputError(f"kernel_sizes is empty, but architecture {self.architecture!r} has a convolution")
        self._check_size()
        if self.momentum and self.optimizer != "sgd":
            raise InputError(f"momentum is {self.momentum}, but only optimizer 'sgd' has one, not {self.optimizer!r}")

    def _check_size(self) -> None:
        assert self.kernel_sizes is not None
        width = max(self.embedding_size, self.filters * len(self.kernel_sizes), self.hidden_size)
        # As written, every review is padded to `max_tokens`, and scored beside 63 others.
        reviews, padded = (
            (64, "64 reviews, each padded to its end,") if self.padding == "as_written" else (1, "a review")
        )
        if reviews * self.max_tokens * width > MOST_NUMBERS:
            gigabytes = 4 * reviews * self.max_tokens * width / 1e9
            raise InputError(
                f"max_tokens is {self.max_tokens} and a layer is {width} wide: {padded} would take {gigabytes:.1f} GB "
                "in that layer alone; lower one of them"
            )
        if (weights := self._weights()) > MOST_NUMBERS:
            raise InputError(
                f"this network ({self.architecture}{', bidirectional' if self.bidirectional else ''}) would have "
                f"{weights / 1e6:,.1f} million weights beside its embedding, more than {MOST_NUMBERS / 1e6:,.1f} "
                f"million; lower {self._wide()}"
            )

    def _weights(self) -> int:
        """Of all layers but the embedding, whose vocabulary is known when the reviews are, and the biases."""
        assert self.kernel_sizes is not None
        weights, width = 0, self.embedding_size
        if self.kernel_sizes:
            weights += width * self.filters * sum(self.kernel_sizes)
            width = self.filters * len(self.kernel_sizes)
        if self.recurrent != "none":
            gates, directions = {"lstm": 4, "gru": 3}[str(self.recurrent)], 1 + self.bidirectional
            further = (self.layers - 1) * (directions + 1) * self.hidden_size
            weights += gates * directions * self.hidden_size * (width + self.hidden_size + further)
            width = self.hidden_size * directions
        return weights + (2 * width**2 if self.pooling == "attention" else 0)

    def _wide(self) -> str:
        """The parameters that its number of weights follows from."""
        names = ["embedding_size"]
        if self.kernel_sizes:
            names += ["filters", "kernel_sizes"]
        if self.recurrent != "none":
            names += ["hidden_size", "layers"]
        return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]

    @property
    def kind(self) -> str:
        """The architecture."""
        return self.architecture

    @property
    def title(self) -> str:
        """The architecture, and what it reads."""
        return f"`{self.architecture}` over {self.token_unit} tokens"

    @property
    def passes(self) -> int:
        """Passes over the training rows."""
        return self.epochs

    @property
    def pad_to(self) -> int | None:
        """Tokens to which every review is padded; None: those of the longest in its batch."""
        return self.max_tokens if self.padding == "as_written" else None

    def to_dict(self) -> dict[str, Any]:
        """As of all families, but a config that names none is a network's: earlier versions knew no other."""
        return {name: value for name, value in super().to_dict().items() if name != "family"}

    def replace(self, **changes: Any) -> Self:
        """This config with some fields changed; a new `architecture` brings its own parts, unless they are given."""
        if "architecture" in changes:
            changes = dict.fromkeys(("kernel_sizes", "recurrent", "pooling")) | changes
        if changes.get("optimizer", "sgd") != "sgd":
            changes = {"momentum": 0.0} | changes
        return super().replace(**changes)

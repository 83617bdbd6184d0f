"""What is sampled, and under which condition.

A `Space` holds, for each parameter of a `NetworkConfig`, either a fixed value or an Optuna distribution. Parameters that mean
nothing under the values already drawn (the hidden size of a network without a recurrent layer) are not sampled at all,
so neither the sampler nor a reader of the study is misled by them.

A study file narrows, fixes or widens any of it::

    [space]
    architecture = ["lstm", "gru"]                            # choices
    learning_rate = { low = 1e-4, high = 1e-2, log = true }   # a range
    epochs = 4                                                # fixed
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import BaseTrial, FixedTrial

from sentiment.errors import InputError
from sentiment.models.network.config import ARCHITECTURES, NetworkConfig, unknown_parameter
from sentiment.models.network.precision import has_native_bfloat16
from sentiment.reviews.scripts import UNSPACED, letter_shares

__all__ = ["DEFAULTS", "Space", "defaults_for"]

Settings = Mapping[str, Any]


def _recurrent(settings: Settings) -> bool:
    return bool(settings.get("recurrent", ARCHITECTURES[settings["architecture"]]["recurrent"]) != "none")


def _convolution(settings: Settings) -> bool:
    return bool(ARCHITECTURES[settings["architecture"]]["kernel_sizes"]) or settings["architecture"] == "custom"


def _has_kernels(settings: Settings) -> bool:
    sizes = settings.get("kernel_sizes", ARCHITECTURES[settings["architecture"]]["kernel_sizes"])
    return bool(sizes)


def _pooling_is_open(settings: Settings) -> bool:
    return settings["architecture"] not in ("lstm_attention", "textcnn")


# In the order of sampling: a condition may look at what stands above it.
_CONDITIONS: Final[dict[str, Callable[[Settings], bool]]] = {
    "architecture": lambda settings: True,
    "padding": lambda settings: True,
    "token_unit": lambda settings: True,
    "vocabulary_size": lambda settings: settings.get("token_unit") != "char",
    "max_tokens": lambda settings: True,
    "embedding_size": lambda settings: True,
    "kernel_sizes": _convolution,
    "filters": _has_kernels,
    "recurrent": lambda settings: settings["architecture"] == "custom",
    "hidden_size": _recurrent,
    "layers": _recurrent,
    "bidirectional": lambda settings: _recurrent(settings) and settings.get("padding") != "as_written",
    "pooling": _pooling_is_open,
    "word_dropout": lambda settings: True,
    "embedding_dropout": lambda settings: True,
    "dropout": lambda settings: True,
    "optimizer": lambda settings: True,
    "learning_rate": lambda settings: settings.get("optimizer") != "sgd",
    "sgd_learning_rate": lambda settings: settings.get("optimizer") == "sgd",
    "momentum": lambda settings: settings.get("optimizer") == "sgd",
    "weight_decay": lambda settings: settings.get("optimizer") in ("adamw", "sgd"),
    "schedule": lambda settings: True,
    "warmup": lambda settings: True,
    "label_smoothing": lambda settings: True,
    "class_weights": lambda settings: True,
    "clip_norm": lambda settings: True,
    "epochs": lambda settings: True,
    "batch_size": lambda settings: True,
    "evaluations_per_epoch": lambda settings: True,
    "precision": lambda settings: True,
}

DEFAULTS: Final[dict[str, Any]] = {
    "architecture": ["lstm", "gru", "cnn_lstm", "lstm_attention", "textcnn"],
    "token_unit": ["word", "subword"],
    "vocabulary_size": [4000, 8000, 16000],
    "max_tokens": 256,
    "embedding_size": {"low": 64, "high": 192, "step": 64},
    "kernel_sizes": [[3], [5], [2, 3], [3, 4, 5], [2, 3, 4, 5]],
    "filters": {"low": 64, "high": 192, "step": 64},
    "hidden_size": {"low": 64, "high": 192, "step": 64},
    "bidirectional": [False, True],
    "pooling": ["last", "max", "mean"],
    "word_dropout": {"low": 0.0, "high": 0.2},
    "embedding_dropout": {"low": 0.0, "high": 0.5},
    "dropout": {"low": 0.0, "high": 0.6},
    "optimizer": ["sgd", "adam", "adamw"],
    "learning_rate": {"low": 3e-4, "high": 1e-2, "log": True},
    "sgd_learning_rate": {"low": 1e-2, "high": 1.0, "log": True},
    "momentum": 0.9,
    "weight_decay": {"low": 1e-5, "high": 1e-1, "log": True},
    "schedule": ["constant", "linear", "cosine"],
    "warmup": 0.05,
    "label_smoothing": {"low": 0.0, "high": 0.2},
    "class_weights": ["none", "balanced"],
    "epochs": {"low": 2, "high": 8},
    "batch_size": [32, 64, 128],
    "evaluations_per_epoch": 2,
    "precision": "float32",
}
"""What is searched when nothing is said. FACTS that chose the ranges: log-uniform learning rates around 1e-3 with
clipping, smoothing of .01-.2 for three classes, pooling over the last state, the token unit before the architecture."""

# Tried first, so that a search starts from where practice ended: one for each architecture.
KNOWN_GOOD: Final[tuple[dict[str, Any], ...]] = tuple(
    {
        "token_unit": "subword",
        "vocabulary_size": 8000,
        "embedding_size": 128,
        "filters": 128,
        "hidden_size": 128,
        "bidirectional": False,
        "word_dropout": 0.05,
        "embedding_dropout": 0.2,
        "dropout": 0.3,
        "optimizer": "adam",
        "learning_rate": 2e-3,
        "schedule": "linear",
        "label_smoothing": 0.05,
        "class_weights": "balanced",
        "epochs": 4,
        "batch_size": 64,
    }
    | settings
    for settings in (
        {"architecture": "lstm", "pooling": "max"},
        {"architecture": "textcnn", "kernel_sizes": "2,3,4,5"},
        {"architecture": "lstm_attention", "bidirectional": True},
        {"architecture": "gru", "pooling": "mean"},
        {"architecture": "cnn_lstm", "kernel_sizes": "3", "pooling": "max"},
    )
)


def defaults_for(texts: Sequence[str], device: str = "cpu") -> dict[str, Any]:
    """The default space, with the token units that mean something in the language of `texts`, and with bfloat16 where
    `device` multiplies it natively: it halves the time of a recurrent layer and, over seeds, costs no macro-F1
    (tests/benchmarks/training_loop.py)."""
    fitting = DEFAULTS | {"precision": "bfloat16" if has_native_bfloat16(device) else "float32"}
    shares = letter_shares(texts[:2000])
    if shares.get("Hangul", 0) > 0.3:
        return fitting | {"token_unit": ["subword", "jamo", "char"]}
    if sum(shares.get(script, 0) for script in UNSPACED) > 0.3:
        return fitting | {"token_unit": ["subword", "char"]}
    return fitting


@dataclass(frozen=True)
class Space:
    """Fixed values and Optuna distributions for the parameters of a `NetworkConfig`.

    ``Space.of({...})`` starts from the defaults and changes what is named, with the forms of a study file.
    """

    fixed: dict[str, Any]
    distributions: dict[str, BaseDistribution]

    @classmethod
    def of(
        cls,
        changes: Mapping[str, Any] | None = None,
        *,
        defaults: Mapping[str, Any] = DEFAULTS,
        where: str = "[space]",
    ) -> "Space":
        """The default space with `changes`: a scalar fixes, a list gives choices, a table gives a range.

        Raises:
            InputError: a parameter is unknown, or a value lies outside what a `NetworkConfig` allows; the message begins with
                `where`, the table that holds the changes.
        """
        try:
            return cls._of(changes, defaults)
        except InputError as error:
            raise InputError(f"{where} {error}") from None

    @classmethod
    def _of(cls, changes: Mapping[str, Any] | None, defaults: Mapping[str, Any]) -> "Space":
        entries = dict(defaults) | dict(changes or {})
        if changes and "learning_rate" in changes and "sgd_learning_rate" not in changes:
            entries["sgd_learning_rate"] = entries["learning_rate"]  # what is said holds for every optimizer
        fixed: dict[str, Any] = {}
        distributions: dict[str, BaseDistribution] = {}
        for name, entry in entries.items():
            if name not in _CONDITIONS:
                raise _not_searchable(name)
            parsed = _parse(name, entry)
            if isinstance(parsed, BaseDistribution):
                if name == "evaluations_per_epoch":
                    raise InputError(f"{name} must be one number: trials are pruned at equal steps of it")
                distributions[name] = parsed
            else:
                fixed[name] = parsed
        space = cls(fixed, distributions)
        for architecture in space._values("architecture"):
            if ARCHITECTURES[architecture]["kernel_sizes"] and any(
                not sizes for sizes in space._values("kernel_sizes")
            ):
                raise InputError(f"kernel_sizes is empty, but architecture {architecture!r} has a convolution")
        space._refuse_too_large()
        return space

    def _refuse_too_large(self) -> None:
        """Draws the largest network of every kind that there is here; a `NetworkConfig` refuses what nobody should train."""
        largest = {name: _largest(distribution) for name, distribution in self.distributions.items()}
        kinds = [name for name in _KINDS if name in largest]
        for kind in product(*map(self._values, kinds)):
            self.sample(FixedTrial(largest | dict(zip(kinds, kind, strict=True))))

    def _values(self, name: str) -> Sequence[Any]:
        """Of a parameter without order, all values that may be drawn."""
        distribution = self.distributions.get(name)
        if isinstance(distribution, CategoricalDistribution):
            return distribution.choices
        return [self.fixed[name]] if name in self.fixed else []

    def sample(self, trial: BaseTrial, *, seed: int = 0) -> NetworkConfig:
        """Draw one config. `trial` may be a running trial, an `optuna.trial.FixedTrial` or a finished one."""
        settings: dict[str, Any] = {"architecture": "lstm", "optimizer": "adam", "token_unit": "subword"}
        for name, applies in _CONDITIONS.items():
            if not applies(settings):
                continue
            if name in self.fixed:
                settings[name] = self.fixed[name]
            elif name in self.distributions:
                value = _suggest(trial, name, self.distributions[name])
                settings[name] = _from_text(value) if name == "kernel_sizes" else value
        if "sgd_learning_rate" in settings:
            settings["learning_rate"] = settings.pop("sgd_learning_rate")
        if "vocabulary_size" not in settings:  # characters: as many as there are
            settings["vocabulary_size"] = 8000
        return NetworkConfig.from_dict(settings | {"seed": seed})

    def known_good(self) -> list[dict[str, Any]]:
        """Parameters of trials worth making first, as far as this space contains them."""
        trials: list[dict[str, Any]] = []
        for settings in KNOWN_GOOD:
            if self.fixed.get("architecture", settings["architecture"]) != settings["architecture"]:
                continue
            architectures = self.distributions.get("architecture")
            if isinstance(architectures, CategoricalDistribution) and (
                settings["architecture"] not in architectures.choices
            ):
                continue
            inside = self.nearest(settings)
            if inside and inside not in trials:
                trials.append(inside)
        return trials

    def nearest(self, settings: Settings) -> dict[str, Any]:
        """Of `settings`, what this space searches, each moved to the nearest value that it has."""
        moved = {name: self._nearest(name, value) for name, value in settings.items()}
        return {name: value for name, value in moved.items() if value is not None}

    def _nearest(self, name: str, value: Any) -> Any:
        """The value that this space has for `name` nearest to `value`; None if it has none."""
        distribution = self.distributions.get(name)
        if isinstance(distribution, CategoricalDistribution):
            return value if value in distribution.choices else None
        if isinstance(distribution, IntDistribution | FloatDistribution):
            clipped = min(max(value, distribution.low), distribution.high)
            if distribution.step is None:
                return clipped
            steps = round((clipped - distribution.low) / distribution.step)
            return distribution.low + steps * distribution.step
        return None


def _suggest(trial: BaseTrial, name: str, distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(
            name, distribution.low, distribution.high, step=distribution.step, log=distribution.log
        )
    assert isinstance(distribution, FloatDistribution)
    return trial.suggest_float(name, distribution.low, distribution.high, step=distribution.step, log=distribution.log)


_KINDS: Final = ("architecture", "padding", "kernel_sizes", "recurrent", "pooling")
"""Of networks; of two values of all other parameters one makes the larger network, whichever the others are."""


def _largest(distribution: BaseDistribution) -> Any:
    """The highest value; of values without an order the first."""
    if isinstance(distribution, IntDistribution | FloatDistribution):
        return distribution.high
    assert isinstance(distribution, CategoricalDistribution)
    return max(distribution.choices, key=lambda value: float(value) if isinstance(value, int | float) else 0.0)


def _parse(name: str, entry: Any) -> Any:
    """A fixed value or a distribution; every end and choice is tried in a `NetworkConfig` first."""
    if isinstance(entry, Mapping):
        return _range(name, entry)
    if name == "kernel_sizes":
        if not isinstance(entry, list):
            raise InputError(f"{name} is {entry!r}; give a list of sizes, or a list of such lists")
        if any(isinstance(item, list) for item in entry):
            return _choices(name, [_as_text(name, item) for item in entry])
        return _from_text(_as_text(name, entry))
    if isinstance(entry, list):
        for item in entry:
            _check(name, item)
        return _choices(name, entry)
    _check(name, entry)
    return entry


def _choices(name: str, items: list[Any]) -> Any:
    if not items:
        raise InputError(f"{name} is an empty list; give at least one value")
    if len(items) == 1:
        return _from_text(items[0]) if name == "kernel_sizes" else items[0]
    if len(set(items)) != len(items):
        raise InputError(f"{name} names a value twice: {items}")
    return CategoricalDistribution(items)


def _range(name: str, table: Mapping[str, Any]) -> Any:
    unknown = set(table) - {"low", "high", "log", "step"}
    if unknown or not {"low", "high"} <= set(table):
        raise InputError(f"{name} is {dict(table)}; a range is {{ low = ..., high = ..., log = true, step = ... }}")
    low, high, log, step = table["low"], table["high"], table.get("log", False), table.get("step")
    kind = _field_type(name)
    if kind not in (int, float):
        raise InputError(f"{name} has no order; give a list of choices instead of a range")
    _check(name, low)
    _check(name, high)
    if not isinstance(log, bool):
        raise InputError(f"{name}: log is {log!r}; it must be true or false")
    if step is not None and (not isinstance(step, int | kind) or isinstance(step, bool) or not step > 0):
        raise InputError(f"{name}: step is {step!r}; it must be a {'whole ' if kind is int else ''}number above 0")
    try:
        if kind is int:
            return IntDistribution(low, high, log=log, step=step or 1) if low != high else low
        return FloatDistribution(low, high, log=log, step=step) if low != high else low
    except ValueError as error:
        raise InputError(f"{name}: {error}") from None


def _field_type(name: str) -> Any:
    return NetworkConfig.__annotations__["learning_rate" if name == "sgd_learning_rate" else name]


def _check(name: str, value: Any) -> None:
    field = "learning_rate" if name == "sgd_learning_rate" else name
    context: dict[str, Any] = {"architecture": "custom"} if field in ("pooling", "recurrent", "kernel_sizes") else {}
    if field == "momentum":
        context = {"optimizer": "sgd"}
    NetworkConfig.from_dict(context | {field: value})


def _as_text(name: str, sizes: Any) -> str:
    # An Optuna choice must be a scalar; "3,4,5" is also what one wants to read in the dashboard.
    _check(name, sizes)
    return ",".join(str(size) for size in sizes)


def _from_text(text: str) -> list[int]:
    return [int(size) for size in text.split(",")] if text else []


def _not_searchable(name: str) -> InputError:
    if name == "seed":
        return InputError("seed is not searched: the search gives each trial its own; set [search] seed")
    return unknown_parameter(name)

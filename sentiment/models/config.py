"""One frozen dataclass is one trainable thing.

Everything that decides what a training run computes, given the data, stands in a `Config`. It is checked when made,
goes to JSON and comes back equal. It knows nothing of data, torch or Optuna. Each family derives its own.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from sentiment.errors import InputError

__all__ = ["Config", "shown"]


@dataclass(frozen=True, kw_only=True)
class Config:
    """What all families' configs have in common: names, checks, the way to JSON and back.

    Raises:
        InputError: a value is of the wrong type, out of its range or unknown.
    """

    family: ClassVar[str]
    """Its name in `sentiment.models.registry`."""
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Of each field that is a word, the words that it may be."""
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {}
    """Of each field that is a number, the lowest and the highest that it may be."""

    seed: int = 0
    """Decides whatever is random in the training."""

    def __post_init__(self) -> None:
        self._check_types()
        for name, words in self.choices.items():
            value = getattr(self, name)
            if value is not None and value not in words:
                raise InputError(f"{name} is {shown(value)}; choose one of {', '.join(words)}")
        for name, (low, high) in self.ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(f"{name} is {shown(value)}; it must lie between {low:g} and {high:g}")

    @property
    def kind(self) -> str:
        """What it is called in a table, in a word."""
        return self.family

    @property
    def title(self) -> str:
        """What it is called on a card."""
        return f"`{self.family}`"

    @property
    def passes(self) -> int:
        """Passes over the training rows."""
        return 1

    def replace(self, **changes: Any) -> Self:
        """This config with some fields changed."""
        for name in changes:
            self.refuse_unknown(name)
        return dataclasses.replace(self, **_tuples(changes))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; `sentiment.models.registry.config_of` makes an equal config of them."""
        values = {name: list(v) if isinstance(v, tuple) else v for name, v in dataclasses.asdict(self).items()}
        return {"family": self.family, **values}

    @classmethod
    def from_dict(cls, values: Any) -> Self:
        """The config of a parsed JSON or TOML table, which may say of what family it is.

        Raises:
            InputError: it is no table, a name is unknown or a value is refused.
        """
        if not isinstance(values, dict):
            raise InputError(f"a config is {shown(values)}; it must be a table of parameters")
        own = {name: value for name, value in values.items() if (name, value) != ("family", cls.family)}
        for name in own:
            cls.refuse_unknown(name)
        return cls(**_tuples(own))

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """All parameter names, in order of declaration."""
        return tuple(field.name for field in dataclasses.fields(cls))

    @classmethod
    def refuse_unknown(cls, name: str) -> None:
        """Refuse what no field is called, with the nearest name that one has.

        Raises:
            InputError: there is no such field.
        """
        if name in cls.names():
            return
        import difflib

        near = difflib.get_close_matches(name, cls.names(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(cls.names())}"
        raise InputError(f"there is no parameter {shown(name)}; {hint}")

    def _check_types(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name in self.choices:
                right = isinstance(value, str) or (value is None and field.default is None)
                expected = "one of " + ", ".join(self.choices[field.name])
            elif field.type is bool:
                right, expected = isinstance(value, bool), "true or false"
            elif field.type is int:
                right, expected = isinstance(value, int) and not isinstance(value, bool), "a whole number"
            elif field.type is float:
                right = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e308
                expected = "a number"
                if right:
                    object.__setattr__(self, field.name, float(value))
            else:
                right = value is None or (
                    isinstance(value, tuple) and all(isinstance(v, int) and not isinstance(v, bool) for v in value)
                )
                expected = "a list of whole numbers"
            if not right:
                raise InputError(f"{field.name} is {shown(value)}; it must be {expected}")


def shown(value: Any) -> str:
    """A value that is refused, in at most a hundred characters."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # thousands of digits, thousands of brackets
        return "too long to show"
    return text if len(text) <= 100 else text[:97] + "..."


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """Lists as a frozen dataclass holds them."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}

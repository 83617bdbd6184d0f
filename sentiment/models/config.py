"""One frozen dataclass is one trainable thing.

Everything that decides what a training run computes, given the data, stands in a `Config`. It is checked when made,
goes to JSON and comes back equal. It knows nothing of data, torch or Optuna. Each family derives its own; what its
fields may hold, their types say (`sentiment.checked`).
"""

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from annotated_types import Interval

from sentiment.checked import check, shown
from sentiment.errors import InputError

__all__ = ["Config"]


@dataclass(frozen=True, kw_only=True)
class Config:
    """What all families' configs have in common: names, checks, the way to JSON and back.

    Raises:
        InputError: a value is of the wrong type, out of its range or unknown.
    """

    family: ClassVar[str]
    """Its name in `sentiment.models.registry`."""
    seed: Annotated[int, Interval(ge=0, le=2**63 - 1)] = 0
    """Decides whatever is random in the training."""

    def __post_init__(self) -> None:
        check(self)

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
        return dataclasses.replace(self, **changes)

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
        return cls(**own)

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
        known = ", ".join(known for known in cls.names() if known != "seed")
        hint = f"did you mean {near[0]!r}?" if near else f"known are {known}"
        raise InputError(f"there is no parameter {shown(name)}; {hint}")

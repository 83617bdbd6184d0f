"""An ensemble in one frozen dataclass."""

from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Any, Final

from annotated_types import Interval

from sentiment.checked import shown
from sentiment.errors import InputError, naming
from sentiment.models.config import Config

__all__ = ["MOST_MEMBERS", "EnsembleConfig"]

MOST_MEMBERS: Final = 64


@dataclass(frozen=True, kw_only=True)
class EnsembleConfig(Config):
    """Models whose probabilities are averaged.

    With seed 0 its members keep their own seeds; any other seed gives each of them another one.

    Raises:
        InputError: there are fewer than two members, one is no config or an ensemble itself, or the weights are not one
            for each.
    """

    family = "ensemble"
    members: Annotated[tuple[Config, ...], "give a list of tables, one for each member"] = ()
    """Of any other family; in JSON and TOML as tables, as their families have them."""
    weights: tuple[Annotated[float, Interval(ge=0, le=1)], ...] | None = None
    """Of the members, which add up to 1; None: those that `select` finds on the validation rows."""

    def __post_init__(self) -> None:
        from sentiment.models.registry import config_of

        given: Any = self.members
        if isinstance(given, list | tuple):
            if not 2 <= len(given) <= MOST_MEMBERS:  # before any of them is made
                raise InputError(f"members has {len(given)}; an ensemble has 2 to {MOST_MEMBERS}")
            made = []
            for number, member in enumerate(given):
                with naming(f"member {number + 1}: "):
                    made.append(member if isinstance(member, Config) else config_of(member))
            object.__setattr__(self, "members", tuple(made))
        super().__post_init__()
        if any(isinstance(member, EnsembleConfig) for member in self.members):
            raise InputError("a member is an ensemble; name the members of that one instead")
        if self.weights is None:
            return
        if len(self.weights) != len(self.members) or abs(sum(self.weights) - 1) > 1e-6:
            raise InputError(
                f"weights is {shown(self.weights)}; give one for each of {len(self.members)} members, 1 in all"
            )

    @property
    def title(self) -> str:
        """What is averaged."""
        counted = Counter(member.kind for member in self.members)
        kinds = (f"{count} x {kind}" if count > 1 else kind for kind, count in counted.items())
        return f"The mean of {len(self.members)} models: {', '.join(kinds)}"

    @property
    def passes(self) -> int:
        """Of its members together."""
        return sum(member.passes for member in self.members)

    def to_dict(self) -> dict[str, Any]:
        """See `Config.to_dict`."""
        weights = None if self.weights is None else list(self.weights)
        members = [member.to_dict() for member in self.members]
        return {"family": self.family, "seed": self.seed, "members": members, "weights": weights}

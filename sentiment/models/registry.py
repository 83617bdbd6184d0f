"""Which families there are, and whose parameter a name is.

In a space that holds several families, parameters of networks have their plain names, those of other families the
family's in front: `linear.C`.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from sentiment.checked import bounds, shown
from sentiment.errors import InputError
from sentiment.models.config import Config
from sentiment.models.family import Family, Resources, Trained

if TYPE_CHECKING:
    from sentiment.reviews.dataset import Dataset

__all__ = [
    "FAMILIES",
    "FAMILY",
    "NETWORK",
    "allowed_range",
    "config_of",
    "family_of",
    "flat",
    "full_name",
    "train",
    "whose",
]

NETWORK: Final = "network"
FAMILY: Final = "family"
"""What the parameter is called that chooses one."""

FAMILIES: Final[dict[str, str]] = {
    "linear": "sentiment.models.linear.family:Linear",
    "bag": "sentiment.models.bag.family:Bags",
    NETWORK: "sentiment.models.network.family:Networks",
    "encoder": "sentiment.models.encoder.family:Encoders",
    "ensemble": "sentiment.models.ensemble.family:Ensembles",
}
"""Where each family is; it is imported when it is asked for. A search begins with the first ones."""


def family_of(name: Any) -> Family:
    """The family that is called `name`.

    Raises:
        InputError: none is.
    """
    if not isinstance(name, str) or name not in FAMILIES:
        raise InputError(f"family is {shown(name)}; choose one of {', '.join(FAMILIES)}")
    module, found = FAMILIES[name].split(":")
    family: Family = getattr(import_module(module), found)()
    return family


def config_of(values: Any) -> Config:
    """The config of a parsed JSON or TOML table; one that names no family is a network's.

    Raises:
        InputError: it is no table, or a name or a value in it is refused.
    """
    name = values.get(FAMILY, NETWORK) if isinstance(values, dict) else NETWORK
    return family_of(name).config.from_dict(values)


def train(config: Config, dataset: "Dataset", resources: Resources) -> Trained:
    """Train `config` on `dataset`, whatever family it is of; see `Family.train`."""
    return family_of(config.family).train(config, dataset, resources)


def full_name(family: str, parameter: str) -> str:
    """What a family's parameter is called in a space."""
    return parameter if family == NETWORK else f"{family}.{parameter}"


def whose(name: str) -> tuple[Family, str]:
    """The family that a parameter of a space is of, and what the family calls it.

    Raises:
        InputError: there is no such parameter.
    """
    head, dot, rest = name.partition(".")
    family, parameter = (family_of(head), rest) if dot and head in FAMILIES else (family_of(NETWORK), name)
    if parameter == "seed":
        raise InputError("seed is not searched: the search gives each trial its own; set [search] seed")
    if parameter not in family.parameters:
        others = [full_name(other, name) for other in FAMILIES if name in family_of(other).parameters]
        if others:
            raise InputError(f"there is no parameter {name!r} of networks; did you mean {others[0]!r}?")
        try:
            family.config.refuse_unknown(parameter)
        except InputError as error:
            raise InputError(str(error) if family.name == NETWORK else f"{head}: {error}") from None
        raise InputError(f"{name} is not searched")
    if name != full_name(family.name, parameter):
        raise InputError(f"there is no parameter {name!r}; did you mean {full_name(family.name, parameter)!r}?")
    return family, parameter


def allowed_range(name: str) -> tuple[float, float]:
    """The lowest and the highest value that a numeric parameter of a space may have."""
    family, parameter = whose(name)
    return bounds(family.config, family.field(parameter))


def flat(table: Mapping[str, Any]) -> dict[str, Any]:
    """A table of a study file with the tables of families in it laid out: `linear = {C = 1}` is `linear.C = 1`.

    Where a family has a parameter without which it is nothing, a plain value is that one's.

    Raises:
        InputError: a family is given no table, or a parameter stands there twice.
    """
    found: dict[str, Any] = {}
    for name, entry in table.items():
        own = {name: entry}
        if name in FAMILIES and isinstance(entry, Mapping):
            own = {full_name(name, parameter): value for parameter, value in entry.items()}
        elif name in FAMILIES:
            if (needed := family_of(name).needs) is None:
                raise InputError(f"{name} is {shown(entry)}; it is a family: write {name} = {{ parameter = value }}")
            own = {full_name(name, needed): entry}
        for full, value in own.items():
            if full in found:
                raise InputError(f"{full} is given twice")
            found[full] = value
    return found

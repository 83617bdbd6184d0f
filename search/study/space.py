"""What is sampled.

A `Space` holds, for each parameter of the families that are searched, either a fixed value or an Optuna distribution.
What the parameters are, and when they mean anything, the families say (`sentiment.models.family`).

A study file narrows, fixes or widens any of it::

    [space]
    architecture = ["lstm", "gru"]                            # choices
    learning_rate = { low = 1e-4, high = 1e-2, log = true }   # a range
    epochs = 4                                                # fixed
    family = ["network", "linear"]                            # all that can be, if nothing is said
    linear.C = { low = 0.1, high = 10, log = true }           # of another family than networks
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import BaseTrial, FixedTrial

from sentiment.checked import number
from sentiment.errors import InputError
from sentiment.models.config import Config
from sentiment.models.family import Family, Parameter, Settings
from sentiment.models.registry import FAMILIES, FAMILY, NETWORK, family_of, flat, full_name, whose

__all__ = ["SPACE_FLAGS", "Space", "declared", "defaults_for"]

SPACE_FLAGS: Final = {FAMILY: "--families", "encoder": "--encoder"}
"""By which `run` says these entries."""


def declared() -> dict[str, Any]:
    """What the families declare to be searched when nothing is said: for a text in English, on any machine."""
    return _of_all(lambda family: family.declared)


def defaults_for(texts: Sequence[str], device: str = "cpu") -> dict[str, Any]:
    """What is searched when nothing is said, for the language of `texts` and what `device` is good at."""
    return _of_all(lambda family: family.searched(texts, device))


def _of_all(searched: Callable[[Family], Mapping[str, Any]]) -> dict[str, Any]:
    families = {name: family_of(name) for name in FAMILIES}
    found: dict[str, Any] = {FAMILY: [name for name, family in families.items() if family.needs is None]}
    for name, family in families.items():
        found |= _named(name, searched(family))
    return found


def _named(family: str, entries: Mapping[str, Any]) -> dict[str, Any]:
    return {full_name(family, parameter): entry for parameter, entry in entries.items()}


def _is_given(family: str, entries: Mapping[str, Any]) -> bool:
    """Whether `entries` hold what the family cannot be searched without."""
    needed = family_of(family).needs
    return needed is not None and full_name(family, needed) in entries


@dataclass(frozen=True)
class Space:
    """Fixed values and Optuna distributions, by the full names of parameters (`sentiment.models.registry`).

    ``Space.of({...})`` starts from the defaults and changes what is named, with the forms of a study file.
    """

    fixed: dict[str, Any]
    distributions: dict[str, BaseDistribution]

    @classmethod
    def of(
        cls,
        changes: Mapping[str, Any] | None = None,
        *,
        defaults: Mapping[str, Any] | None = None,
        where: str = "[space]",
    ) -> "Space":
        """The default space with `changes`: a scalar fixes, a list gives choices, a table gives a range.

        Args:
            changes: to the defaults.
            defaults: as `declared`, if none are given.
            where: the table that holds the changes; the message of an error begins with it.

        Raises:
            InputError: a parameter is unknown, or a value lies outside what a config allows.
        """
        try:
            return cls._of(flat(changes or {}), declared() if defaults is None else defaults)
        except InputError as error:
            raise InputError(f"{where} {error}") from None

    @classmethod
    def _of(cls, changes: Mapping[str, Any], defaults: Mapping[str, Any]) -> "Space":
        said = {FAMILY: NETWORK} | dict(defaults) | dict(changes)
        names = said.pop(FAMILY)
        names = list(names) if isinstance(names, list) else [names]
        if FAMILY not in changes:
            names += [name for name in FAMILIES if name not in names and _is_given(name, changes)]
        families = [family_of(name) for name in names]
        for family in families:
            if family.needs is not None and not _is_given(family.name, said):
                raise InputError(f"family names {family.name!r}, which needs {full_name(family.name, family.needs)}")
        for name in (name for name in changes if name != FAMILY):
            if (family := whose(name)[0]).name not in names:
                raise InputError(f"{name} is given, but family is {names}; name {family.name!r} there too")
        entries: dict[str, Any] = {}
        for family in families:
            # Defaults that an older version recorded lack the families that it did not know.
            if defaults and not any(full_name(family.name, own) in defaults for own in family.parameters):
                said = _named(family.name, family.declared) | said
            for own in family.parameters:
                name, field = (full_name(family.name, called) for called in (own, family.field(own)))
                # What is said of a field holds for all parameters that stand for it.
                said_of = field if field in changes and name not in changes else name
                if said_of in said:
                    entries[name] = said[said_of]
        parsed = {FAMILY: _choices(FAMILY, names)} | {name: _parse(name, entry) for name, entry in entries.items()}
        distributions = {name: found for name, found in parsed.items() if isinstance(found, BaseDistribution)}
        space = cls({name: value for name, value in parsed.items() if name not in distributions}, distributions)
        space._refuse_what_no_config_is()
        return space

    @property
    def families(self) -> Sequence[str]:
        """Names of those that are searched."""
        return self._values(FAMILY) or [NETWORK]

    @property
    def reports_per_epoch(self) -> dict[str, int]:
        """How often a trial of each family reports in an epoch."""
        named = {name: full_name(name, family_of(name).reports or "") for name in self.families}
        return {name: int(self.fixed.get(parameter, 1)) for name, parameter in named.items()}

    def _refuse_what_no_config_is(self) -> None:
        """Draws the largest model of every kind that there is here; a config refuses what nobody should train."""
        for name in self.families:
            if (reports := full_name(name, family_of(name).reports or "")) in self.distributions:
                raise InputError(f"{reports} must be one number: trials are pruned at equal steps of it")
        largest = {name: _largest(distribution) for name, distribution in self.distributions.items()}
        for name in self.families:
            decide = [full_name(name, other) for other, kept in family_of(name).parameters.items() if kept.decides_size]
            kinds = [kind for kind in decide if kind in largest]
            for kind in product(*map(self._values, kinds)):
                self.sample(FixedTrial(largest | {FAMILY: name} | dict(zip(kinds, kind, strict=True))))

    def _values(self, name: str) -> Sequence[Any]:
        """Of a parameter without order, all values that may be drawn."""
        distribution = self.distributions.get(name)
        if isinstance(distribution, CategoricalDistribution):
            return distribution.choices
        return [self.fixed[name]] if name in self.fixed else []

    def sample(self, trial: BaseTrial, *, seed: int = 0) -> Config:
        """Draw one config. `trial` may be a running trial, an `optuna.trial.FixedTrial` or a finished one."""
        family = family_of(self._draw(trial, FAMILY, NETWORK))
        settings: dict[str, Any] = {}
        for name, parameter in family.parameters.items():
            if not parameter.applies(settings):
                continue
            value = self._draw(trial, full_name(family.name, name))
            if value is not None:
                settings[name] = _from_text(value) if isinstance(value, str) and parameter.many else value
        values = {family.field(name): value for name, value in settings.items()}
        return family.config.from_dict(values | {"seed": seed})

    def _draw(self, trial: BaseTrial, name: str, otherwise: Any = None) -> Any:
        if name in self.distributions:
            return _suggest(trial, name, self.distributions[name])
        return self.fixed.get(name, otherwise)

    def refuse_missing(self, cache: Path) -> None:
        """Refuse, before anything is trained, where what a family is made from is not there (`Family.content`).

        Raises:
            InputError: it is not.
        """
        for family in map(family_of, self.families):
            if family.needs is not None:
                for value in self._values(full_name(family.name, family.needs)):
                    family.content(family.config.from_dict({family.needs: value}), cache)

    def known_good(self) -> list[dict[str, Any]]:
        """Parameters of trials worth making first, as far as this space contains them."""
        trials: list[dict[str, Any]] = []
        for name in (name for name in FAMILIES if name in self.families):
            for recipe in family_of(name).recipes:
                needs = {full_name(name, other): value for other, value in recipe.needs.items()}
                if all(value in self._values(other) for other, value in needs.items()):
                    inside = self.nearest({FAMILY: name, **recipe.settings})
                    if inside and inside not in trials:
                        trials.append(inside)
        return trials

    def holds(self, config: Config) -> bool:
        """Whether `config` can be drawn, its seed apart."""
        try:
            drawn = self.sample(FixedTrial(self.nearest(config.to_dict())), seed=config.seed)
        except ValueError:  # it lacks a value
            return False
        return drawn == config

    def nearest(self, settings: Settings) -> dict[str, Any]:
        """Of the settings of a config, what this space searches, each moved to the nearest value that it has."""
        name = settings.get(FAMILY, NETWORK)
        full = {other if other == FAMILY else full_name(name, other): value for other, value in settings.items()}
        full = {other: _joined(value) if isinstance(value, list) else value for other, value in full.items()}
        moved = {other: self._nearest(other, value) for other, value in full.items()}
        return {other: value for other, value in moved.items() if value is not None}

    def _nearest(self, name: str, value: Any) -> Any:
        """The value that this space has for `name` nearest to `value`; None if it has none."""
        distribution = self.distributions.get(name)
        if isinstance(distribution, CategoricalDistribution):
            if value not in distribution.choices:  # it may have been written down before there was this value
                value = _BEFORE.get(value) if isinstance(value, str) else None
            return value if value in distribution.choices else None
        if isinstance(distribution, IntDistribution | FloatDistribution):
            clipped = min(max(value, distribution.low), distribution.high)
            if distribution.step is None:
                return clipped
            steps = round((clipped - distribution.low) / distribution.step)
            return distribution.low + steps * distribution.step
        return None


_BEFORE: Final = {"three_quarters": "balanced"}
"""What settings to begin with had before a value was known."""


def _suggest(trial: BaseTrial, name: str, distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(
            name, distribution.low, distribution.high, step=distribution.step, log=distribution.log
        )
    assert isinstance(distribution, FloatDistribution)
    return trial.suggest_float(name, distribution.low, distribution.high, step=distribution.step, log=distribution.log)


def _largest(distribution: BaseDistribution) -> Any:
    """The highest value; of values without an order the first."""
    if isinstance(distribution, IntDistribution | FloatDistribution):
        return distribution.high
    assert isinstance(distribution, CategoricalDistribution)
    return max(distribution.choices, key=lambda value: float(value) if isinstance(value, int | float) else 0.0)


def _parse(name: str, entry: Any) -> Any:
    """A fixed value or a distribution; every end and choice is tried in a config first."""
    if _field(name)[2].whole:
        return entry
    if isinstance(entry, Mapping):
        return _range(name, entry)
    if _field(name)[2].many:
        if not isinstance(entry, list):
            raise InputError(f"{name} is {entry!r}; give a list of sizes, or a list of such lists")
        if any(isinstance(item, list) for item in entry):
            return _choices(name, [_as_text(name, item) for item in entry])
        return _as_text(name, entry)
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
        return items[0]
    if len(set(items)) != len(items):
        raise InputError(f"{name} names a value twice: {items}")
    return CategoricalDistribution(items)


def _range(name: str, table: Mapping[str, Any]) -> Any:
    unknown = set(table) - {"low", "high", "log", "step"}
    if unknown or not {"low", "high"} <= set(table):
        raise InputError(f"{name} is {dict(table)}; a range is {{ low = ..., high = ..., log = true, step = ... }}")
    low, high, log, step = table["low"], table["high"], table.get("log", False), table.get("step")
    config, field, _ = _field(name)
    kind = number(config, field)
    if kind is None:
        raise InputError(f"{name} has no order; give a list of choices instead of a range")
    _check(name, low)
    _check(name, high)
    if not isinstance(log, bool):
        raise InputError(f"{name}: log is {log!r}; it must be true or false")
    if step is not None and (not isinstance(step, int | kind) or isinstance(step, bool) or not step > 0):
        raise InputError(f"{name}: step is {step!r}; it must be a {'whole ' if kind is int else ''}number above 0")
    try:
        if kind is int:
            return IntDistribution(low, high, log=log, step=int(step or 1)) if low != high else low
        return FloatDistribution(low, high, log=log, step=step) if low != high else low
    except ValueError as error:
        raise InputError(f"{name}: {error}") from None


def _field(name: str) -> tuple[type[Config], str, Parameter]:
    """The config and the field that a parameter stands for."""
    family, parameter = whose(name)
    return family.config, family.field(parameter), family.parameters[parameter]


def _check(name: str, value: Any) -> None:
    config, field, parameter = _field(name)
    try:
        config.from_dict({**parameter.beside, field: value})
    except InputError as error:  # which begins with the field
        raise InputError(f"{name[: name.find('.') + 1]}{error}") from None


def _as_text(name: str, sizes: Any) -> str:
    """A list as one choice: Optuna's must be scalars, and "3,4,5" is what one wants to read in the dashboard."""
    _check(name, sizes)
    return _joined(sizes)


def _joined(sizes: Sequence[int]) -> str:
    return ",".join(map(str, sizes))


def _from_text(text: str) -> list[int]:
    return [int(size) for size in text.split(",")] if text else []

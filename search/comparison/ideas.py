"""A study file's baseline and ideas become arms: each a fixed recipe with a few parameters left to tune.

An idea is one change to the baseline. What an idea does not fix and `[tune]` names (by default the learning rate) is
tuned in every arm alike, so that no idea wins because its learning rate happened to fit. This room reads and checks;
it trains nothing.
"""

import re
import shlex
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Final

from annotated_types import Interval
from pydantic import BeforeValidator

from search.study.definition import MOST_TRIALS, Seed, Trials, read_data, read_toml, refuse_name, refuse_text
from search.study.space import Space, declared
from sentiment.checked import check, read, shown
from sentiment.errors import InputError, naming
from sentiment.models.baselines import LINEAR
from sentiment.models.config import Config
from sentiment.models.family import Family
from sentiment.models.registry import FAMILY, NETWORK, config_of, family_of, flat, full_name, whose
from sentiment.reviews.relabel import SOURCES
from sentiment.reviews.source import DataSource

__all__ = [
    "BASELINE",
    "CHOSEN",
    "MOST_PAIRS",
    "PAIRS",
    "RANDOM",
    "Arm",
    "Budget",
    "Comparison",
    "Curve",
    "Idea",
    "comparison_of",
    "read_comparison",
    "tuning_name",
]

BASELINE: Final = "baseline"
PAIRS: Final = "pairs"
RANDOM: Final = "random"
"""What the studies are called besides the ideas' own names."""
CHOSEN: Final = "best network"
"""Whichever arm the validation scores choose."""

_ANOTHER_SEARCH: Final = re.compile(r"\(search \d+\)$")
MOST_PAIRS: Final = 10_000
MOST_SEARCHES: Final = 100
_PAIRS: Final = "it must be a whole number, 2 or more, or several that rise, such as [5, 10]"

SEALED: Final = 0.5
"""Share of the rows that `compare` seals if nothing else is said; see `tests.benchmarks.sealed_share`."""
VALIDATION: Final = 0.2
"""Of the others, the share that validates."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What an `[[idea]]` says of its arm as it is."""

    guess: Annotated[float | None, Interval(ge=-1, le=1)] = None
    """The difference in macro-F1 that somebody expected, as a fraction (0.01 is one point)."""
    source: str = ""
    """Who guessed it."""
    relabel: Any = None
    """Training rows get their labels from this source (see `sentiment.reviews.relabel`) instead of the user's."""
    threshold: Annotated[float, Interval(ge=0, le=1)] = 0.1
    """Polarities within this distance of zero are neutral."""
    against: Annotated[str | None, "give the name of another idea"] = None
    """Another idea, to which this one is compared too: what did the last step alone bring?"""


@dataclass(frozen=True, kw_only=True)
class Idea(Said):
    """An `[[idea]]` table."""

    name: Annotated[Any, 'write name = "..."']
    change: Annotated[dict[str, Any], "give change = { parameter = value }"] = field(default_factory=dict)
    search: Annotated[dict[str, Any] | None, "give search = { changes to the default space }"] = None


@dataclass(frozen=True)
class Arm(Said):
    """The baseline, or the baseline with one idea."""

    name: str
    config: Config
    """What is fixed; the values of tuned parameters in it are not used."""
    space: Space
    free: dict[str, Any] | None = None
    """Search the whole default space with these changes to it, as `run` does, instead of one fixed recipe."""

    def space_with(self, defaults: Mapping[str, Any]) -> Space:
        """What is sampled, if `defaults` is the default space."""
        return self.space if self.free is None else Space.of(self.free, defaults=defaults)


@dataclass(frozen=True)
class Curve:
    """The `[curve]` table: random trials that are no arm, since only from such may a tuning curve be drawn."""

    trials: Annotated[int, Interval(ge=2, le=MOST_TRIALS), "it must be a whole number, 2 or more"]
    search: dict[str, Any] = field(default_factory=dict)
    """Changes to the default space."""

    def __post_init__(self) -> None:
        check(self)

    def space_with(self, defaults: Mapping[str, Any], baseline: Arm) -> Space:
        """What is sampled, if `defaults` is the default space."""
        return Space.of(_of_families(self.search, baseline.config.family), defaults=defaults, where="search:")


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The `[budget]` table."""

    trials: Trials = 10
    """Tuning trials of each arm, in each search."""
    searches: Annotated[int, Interval(ge=1, le=MOST_SEARCHES), "it must be a whole number, 1 or more"] = 1
    """How often each arm is tuned, with different draws; pairs are spread over the winners, and from two on the
    intervals speak of the idea instead of the one config that a search happened to find."""
    pairs: Annotated[
        tuple[Annotated[int, Interval(ge=2, le=MOST_PAIRS)], ...],
        BeforeValidator(lambda pairs: pairs if isinstance(pairs, tuple) else (pairs,)),
        _PAIRS,
    ] = (10,)
    """Retrainings of each arm with fresh seeds, shared pair by pair with the baseline. Of several numbers, an idea that
    is undecided at one of them, and may be decided yet, gets as many as the next; see `search.statistics.looks`."""
    seed: Seed = 0
    sealed: Annotated[float | None, Interval(ge=0.01, le=0.95)] = None
    """Share of the rows that is sealed; None: that of the data's own fractions or file, or else `SEALED`."""

    def __post_init__(self) -> None:
        check(self, Budget)
        pairs = shown(self.pairs if len(self.pairs) != 1 else self.pairs[0])
        if not self.pairs or list(self.pairs) != sorted(set(self.pairs)):
            raise InputError(f"pairs is {pairs}; {_PAIRS}")
        if any(number % self.searches for number in self.pairs):
            raise InputError(
                f"pairs is {pairs} and searches {self.searches}; each search needs equally many pairs, so give "
                f"multiples of {self.searches}"
            )


@dataclass(frozen=True, kw_only=True)
class Comparison(Budget):
    """What `sentiment-search compare` is asked to measure."""

    name: str
    data: DataSource
    baseline: Arm
    ideas: tuple[Arm, ...]
    curve: Curve | None = None
    """Random trials for a tuning curve, if one is asked for."""
    record: dict[str, Any] = field(default_factory=dict)
    """The tables as they were read, to tell whether a comparison is resumed as it was begun."""

    def __post_init__(self) -> None:
        refuse_name(self.name, "the comparison's name", "name = in the study file")
        super().__post_init__()

    @property
    def family(self) -> tuple[tuple[str, str], ...]:
        """(arm, reference) of all that is compared, which shares one budget of errors: the ideas with the baseline and
        with one another, the linear model with the baseline, and the best network with the linear model."""
        against_ideas = [(idea.name, idea.against) for idea in self.ideas if idea.against]
        return (*((idea.name, BASELINE) for idea in self.ideas), *against_ideas, (LINEAR, BASELINE), (CHOSEN, LINEAR))

    @property
    def precision(self) -> str | None:
        """What the baseline trains in; None where it can train in one only."""
        return self.baseline.config.to_dict().get("precision")

    @property
    def arms(self) -> tuple[Arm, ...]:
        """The baseline first."""
        return (self.baseline, *self.ideas)


def read_comparison(path: str | Path) -> Comparison:
    """The comparison that a TOML file defines.

    Raises:
        InputError: the file is not TOML or holds something unknown; its name cannot name a folder; there is no idea; an
            idea changes nothing or something that does not exist; two ideas share a name; there are fewer than two
            pairs.
    """
    path = Path(path)
    called = "reviews.csv" if path.suffix.casefold() == ".toml" else shlex.quote(str(path))
    file = read_toml(path, f"compare wants one; a file of reviews is searched with `sentiment-search run {called}`")
    with naming(f"{path}: "):
        tuned = _tune(file.tune)
        return _comparison(
            path.stem if file.name is None else file.name,
            lambda budget: _sealed(read_data(file, path), budget.sealed, "fractions" in file.data),
            {"baseline": file.baseline, "tune": tuned, "idea": list(file.idea)},
            file.budget,
            file.curve,
        )


def comparison_of(name: str, data: DataSource, record: Mapping[str, Any], plan: Mapping[str, Any]) -> Comparison:
    """A comparison as it is on record, without its study file.

    Args:
        name: of it.
        data: with the shares that are sealed.
        record: its tables (`Comparison.record`), and of its budget what makes it another comparison: trials, searches
            and seed.
        plan: its pairs, and its curve, if there is one.

    Raises:
        InputError: it holds what no study file may say.
    """
    budget = {key: record[key] for key in ("seed", "trials", "searches") if key in record} | {"pairs": plan["pairs"]}
    tables = {key: record[key] for key in ("baseline", "tune", "idea")}
    return _comparison(name, lambda _: data, tables, budget, plan.get("curve"))


def _comparison(
    name: str,
    data: Callable[[Budget], DataSource],
    tables: dict[str, Any],
    budget_table: Mapping[str, Any],
    curve_table: Mapping[str, Any] | None,
) -> Comparison:
    settings, tuned = tables["baseline"], tables["tune"]
    baseline = _baseline(settings, tuned)
    ideas = tuple(_idea(entry, number, settings, tuned) for number, entry in enumerate(tables["idea"], 1))
    _refuse_what_cannot_be_compared(baseline, ideas)
    budget = read(Budget, budget_table, "[budget] ")
    curve = None if curve_table is None else read(Curve, curve_table, "[curve] ")
    if curve is not None:
        with naming("[curve] "):
            curve.space_with(declared(), baseline)
    whole = {"baseline": baseline, "ideas": ideas, "curve": curve, "record": tables, **vars(budget)}
    return Comparison(name=name, data=data(budget), **whole)


def _sealed(data: DataSource, sealed: float | None, fractions_given: bool) -> DataSource:
    """`data` with the shares of a comparison: more rows are sealed than in a search, which needs none to compare."""
    if sealed is not None:
        if data.test_path is not None:
            raise InputError("[budget] sealed and [data] test are both given; the test file is what is sealed")
    elif fractions_given or data.test_path is not None:
        return data
    share = SEALED if sealed is None else sealed
    train, validation, _ = data.fractions if fractions_given else (1 - VALIDATION, VALIDATION, 0.0)
    if data.validation_path is not None:  # of which no share is drawn: the others are then shares of what is left
        return replace(data, fractions=((1 - share) * (1 - VALIDATION), VALIDATION, share * (1 - VALIDATION)))
    rest = (1 - share) / (train + validation)
    return replace(data, fractions=(train * rest, validation * rest, share))


def _idea(entry: Mapping[str, Any], number: int, settings: Mapping[str, Any], tuned: Mapping[str, Any]) -> Arm:
    where = f"idea {number}"
    if "name" in entry:
        refuse_text(entry["name"], f"{where}: the name")
        where = f"idea {entry['name']!r}"
    idea = read(Idea, entry, f"{where}: ")
    name, change, free = idea.name, idea.change, idea.search
    if not (change or idea.relabel or free is not None):
        raise InputError(f"{where} changes nothing; give change = {{ parameter = value }}")
    if free is not None and change:
        raise InputError(f"{where}: give search = {{ changes to the default space }}, and no change beside it")
    if idea.relabel is not None and idea.relabel not in list(SOURCES):
        raise InputError(
            f"{where}: there is no label source {shown(idea.relabel)} to relabel by; there is {', '.join(SOURCES)}"
        )
    try:
        arm = _arm(name, settings, change, tuned)
        if free is not None:
            free = _of_families(free, config_of(dict(settings)).family)
            arm = replace(arm, space=Space.of(free, where="search:"), free=free)
    except InputError as error:
        raise InputError(f"idea {name!r}: {error}") from None
    return replace(arm, **{said.name: getattr(idea, said.name) for said in fields(Said)})


def _baseline(settings: Mapping[str, Any], tuned: Mapping[str, Any]) -> Arm:
    try:
        config_of(dict(settings))
    except InputError as error:
        raise InputError(f"[baseline] {error}") from None
    return _arm(BASELINE, settings, {}, tuned)


def _arm(name: str, settings: Mapping[str, Any], change: Mapping[str, Any], tuned: Mapping[str, Any]) -> Arm:
    config = _changed(config_of(dict(settings)), change)
    family = family_of(config.family)
    asked = {own: tuned[full] for own in family.parameters if (full := full_name(family.name, own)) in tuned}
    if tuned and not asked:
        asked = _tuned(family)
    free = {own: e for own, e in asked.items() if not {own, family.field(own)} & change.keys()}
    fixed = {own: value for own, value in config.to_dict().items() if own in family.parameters and own not in free}
    entries = {full_name(family.name, own): entry for own, entry in (fixed | free).items()}
    return Arm(name, config, Space.of({FAMILY: family.name} | entries, defaults={}, where="[tune]"))


def _of_families(free: Mapping[str, Any], baseline: str) -> dict[str, Any]:
    """A free search with the families that it draws from: the baseline's, if it names nothing of others alone."""
    try:
        named = list(dict.fromkeys(whose(name)[0].name for name in flat(free) if name != FAMILY))
    except InputError as error:
        raise InputError(f"search: {error}") from None
    return {FAMILY: named if named and baseline not in named else baseline} | dict(free)


def _changed(config: Config, change: Mapping[str, Any]) -> Config:
    """`config` with the change; one to another family begins with what that family is by itself."""
    if change.get(FAMILY, config.family) != config.family:
        return config_of(dict(change))
    return config.replace(**{name: value for name, value in change.items() if name != FAMILY})


def _tuned(family: Family) -> dict[str, Any]:
    """What an arm tunes that does not fix it, when `[tune]` says nothing of its family."""
    return {name: parameter.searched for name, parameter in family.parameters.items() if parameter.tuned}


def _tune(table: Mapping[str, Any] | None) -> dict[str, Any]:
    """The `[tune]` table, if it can be one: what it names, or nothing at all if it is empty."""
    try:
        found = flat(_tuned(family_of(NETWORK)) if table is None else table)
        families = dict.fromkeys(whose(name)[0].name for name in found)
    except InputError as error:
        raise InputError(f"[tune] {error}") from None
    if families:
        Space.of({FAMILY: list(families)} | found, defaults={}, where="[tune]")
    return found


def _refuse_what_cannot_be_compared(baseline: Arm, ideas: tuple[Arm, ...]) -> None:
    if not ideas:
        raise InputError("there is no [[idea]] to compare with the baseline; write at least one")
    names = [BASELINE]
    for idea in ideas:
        if _alike(idea.name) in (PAIRS, RANDOM, CHOSEN, _alike(LINEAR)) or _ANOTHER_SEARCH.search(idea.name):
            raise InputError(
                f"an idea is named {idea.name!r}, as another study or arm is called here; name it otherwise"
            )
        if _alike(idea.name) in names:
            raise InputError(f"two arms are named {idea.name!r}; give each idea a name of its own")
        names.append(_alike(idea.name))
        if replace(idea, name=BASELINE, guess=None, source="", against=None) == baseline:
            raise InputError(f"idea {idea.name!r} equals the baseline; change something, or take it out")
    known = [idea.name for idea in ideas]
    for idea in ideas:
        if idea.against is not None and (idea.against not in known or idea.against == idea.name):
            raise InputError(
                f"idea {idea.name!r} is set against {idea.against!r}; give the name of another idea: {', '.join(known)}"
            )


def tuning_name(arm: str, search: int) -> str:
    """What the study of an arm's tuning is called; `search` counts from 0."""
    return arm if search == 0 else f"{arm} (search {search + 1})"


def _alike(name: str) -> str:
    """The same for names that nobody could tell apart in a table."""
    return unicodedata.normalize("NFKC", name).casefold()

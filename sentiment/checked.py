"""What a frozen dataclass declares is what its fields may hold; anything else is refused in one line.

The types say it: `Annotated[int, Interval(ge=1, le=8192)]` (or `Field(ge=1, le=8192)`), `Literal["lstm", "gru"]`,
`tuple[float, ...] | None`. They are meant strictly: neither "1" nor true is a number, and 1.0 is no whole one. Two
things are taken for what they mean: a whole number for a number, and a list for a tuple. A text in `Annotated` is told
in place of the usual advice. This room knows no field, and imports pydantic, which checks, when something is checked.
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from sentiment.errors import InputError, naming

__all__ = ["bounds", "check", "choices", "number", "read", "shown"]

_AS_DECLARED: Final[Mapping[str, str]] = MappingProxyType({})
_WORDS: Final = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", dict: "a table"}
_Kind = TypeVar("_Kind")


def read(
    kind: type[_Kind], table: Mapping[str, Any], where: str = "", called: Mapping[str, str] = _AS_DECLARED
) -> _Kind:
    """The frozen dataclass `kind` that a table of TOML or JSON describes.

    Args:
        kind: what its names and values must be.
        table: values by name.
        where: begins every message, such as "[budget] ".
        called: names that differ in the table, by the names of the fields.

    Raises:
        InputError: a name is unknown or missing, or a value is refused.
    """
    values = _checked(kind, table, where, called)
    with naming(where):
        return kind(**values)


def check(made: Any, kind: type | None = None) -> None:
    """For `__post_init__` of a frozen dataclass, so that what `dataclasses.replace` makes is checked again too.

    Args:
        made: its lists and numbers become what is declared.
        kind: whose fields are checked, if others inherit from it.

    Raises:
        InputError: a value is refused.
    """
    kind = kind or type(made)
    values = {field.name: getattr(made, field.name) for field in dataclasses.fields(kind)}
    for name, value in _checked(kind, values, "", _AS_DECLARED).items():
        object.__setattr__(made, name, value)


def bounds(kind: type, name: str) -> tuple[float, float]:
    """The lowest and the highest that a number may be.

    Raises:
        ValueError: the field has not both.
    """
    low, high = _bounds(_declared(kind)[name])
    if low is None or high is None:
        raise ValueError(f"{kind.__name__}.{name} is no number between two others")
    return low, high


def choices(kind: type, name: str) -> list[str]:
    """The words that a field may be; none if it is not one of a few."""
    return _choices(_declared(kind)[name])


def number(kind: type, name: str) -> type[int] | type[float] | None:
    """What sort of a number a field is; None if it is none."""
    hint = _declared(kind)[name][0]
    plain = hint.__origin__ if get_origin(hint) is Annotated else hint
    return plain if plain in (int, float) else None


def shown(value: object) -> str:
    """A value in a message, with lists as TOML has them, and at most 100 characters of it."""
    try:
        text = repr(list(value) if isinstance(value, tuple) else value)
    except (ValueError, RecursionError):  # thousands of digits, thousands of brackets
        return "too long to show"
    return text if len(text) <= 100 else text[:97] + "..."


def _checked(kind: type, values: Mapping[str, Any], where: str, called: Mapping[str, str]) -> dict[str, Any]:
    from pydantic import ValidationError

    names = {called.get(field.name, field.name): field.name for field in dataclasses.fields(kind)}
    subject = where.rstrip(" :")
    for name in values:  # first of all: what a misspelt name was meant for is missing too
        if name not in names:
            has = f"{subject} has" if subject else "there is"
            raise InputError(f"{has} no {shown(name)}; known are {', '.join(sorted(names))}")
    declared, given = _declared(kind), dict(values)
    for name, value in values.items():
        if isinstance(value, list) and any(get_origin(part) is tuple for part in declared[names[name]]):
            given[name] = tuple(value)
    try:
        made = _model(kind, tuple(names.items())).model_validate(given)
        return {names[name]: getattr(made, name) for name in given}
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
    if wrong["type"] == "value_error":  # a validator's own sentence
        raise InputError(f"{where}{wrong['ctx']['error']}")
    name = str(wrong["loc"][0])
    parts = declared[names[name]]
    told = next((part for part in parts if isinstance(part, str)), "")
    if name not in values:
        example = told.removeprefix("write ") if told.startswith("write ") else name
        raise InputError(f"{subject or 'it'} needs {example}")
    if wrong["type"] == "less_than_equal" and told:
        told = f"it must not be more than {wrong['ctx']['le']}"
    raise InputError(f"{where}{name} is {shown(values[name])}; {told or _advice(wrong['type'], parts)}")


@functools.cache
def _declared(kind: type) -> dict[str, list[Any]]:
    """For each field its type, and then all that is in it."""
    return {name: list(_parts(hint)) for name, hint in get_type_hints(kind, include_extras=True).items()}


@functools.cache
def _model(kind: type, names: tuple[tuple[str, str], ...]) -> Any:
    from pydantic import ConfigDict, create_model

    declared, missing = _declared(kind), dataclasses.MISSING
    needed = {f.name for f in dataclasses.fields(kind) if f.default is missing and f.default_factory is missing}
    fields: dict[str, Any] = {
        called: (_to_first_mistake(declared[name][0]), ... if name in needed else None) for called, name in names
    }
    strict = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)
    return create_model(kind.__name__, __config__=strict, **fields)


def _to_first_mistake(hint: Any) -> Any:
    """The same, but of a list only the first mistake is looked for: it may have a million."""
    from pydantic import FailFast

    plain, said = (hint.__origin__, hint.__metadata__) if get_origin(hint) is Annotated else (hint, ())
    options = get_args(plain) if get_origin(plain) in (Union, UnionType) else (plain,)
    is_list = {get_origin(option) for option in options if option is not NoneType} == {tuple}
    return Annotated[plain, FailFast(), *said] if is_list else hint


def _parts(hint: Any) -> Iterator[Any]:
    """A type, what it is annotated with, and the same of the types in it."""
    yield hint
    for said in getattr(hint, "__metadata__", ()):
        yield from (said, *getattr(said, "metadata", ()))  # pydantic's Field has its bounds there
    inner = (hint.__origin__,) if get_origin(hint) is Annotated else get_args(hint)
    for part in inner if get_origin(hint) is not Literal else ():
        yield from _parts(part)


def _advice(error: str, parts: list[Any]) -> str:
    if words := _choices(parts):
        return f"choose one of {', '.join(words)}"
    kinds = [get_origin(part) or part for part in parts]
    low, high = _bounds(parts)
    both = low is not None and high is not None
    if both and error.startswith(("greater_than", "less_than")):
        return f"{'each' if tuple in kinds else 'it'} must lie between {low:g} and {high:g}"
    word = next((_WORDS[kind] for kind in kinds if isinstance(kind, type) and kind in _WORDS), "something else")
    expected = f"a list of {word.removeprefix('a ')}s" if tuple in kinds else word
    bounds = f" from {low:g} to {high:g}" if both else f", {low} or more" if low is not None else ""
    return f"it must be {expected}{bounds}"


def _choices(parts: list[Any]) -> list[str]:
    return [str(choice) for part in parts if get_origin(part) is Literal for choice in get_args(part)]


def _bounds(parts: list[Any]) -> tuple[Any, Any]:
    """The lowest and the highest; None where there is none."""
    low, high = (
        next((bound for part in parts for name in names if (bound := getattr(part, name, None)) is not None), None)
        for names in (("ge", "gt"), ("le", "lt"))
    )
    return low, high

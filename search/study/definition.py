"""A TOML file, or flags, become the definition of a study: what to read, what to search, how long.

This room reads and checks; it opens no database and trains nothing.
"""

import os
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Final

from annotated_types import Interval
from pydantic import BeforeValidator

from search.storage.names import folded, is_device
from search.study.space import Space
from sentiment.checked import check, read, shown
from sentiment.errors import InputError, naming
from sentiment.files.unpacking import refuse_irregular
from sentiment.reviews.source import DataSource

__all__ = [
    "MOST_SEED",
    "MOST_THREADS",
    "MOST_TRIALS",
    "MOST_WORKERS",
    "Search",
    "Seed",
    "StudyDefinition",
    "StudyFile",
    "Trials",
    "parse_duration",
    "read_data",
    "read_definition",
    "read_toml",
    "refuse_name",
    "refuse_text",
]

LONGEST_NAME: Final = 200
"""Bytes in UTF-8; a comparison's and an idea's stand together in the name of a study, which may have 512 characters."""
TOKEN_CACHE: Final = "cache"
"""The folder beside those of the studies, which are called as the studies are."""
LARGEST_FILE: Final = 1 << 20
DEEPEST: Final = 8
"""Tables and lists in each other."""
MOST_DOTS: Final = 500
"""In one line. The parser's time grows with the square of the parts of a dotted key: with 500,000 it takes hours."""
MOST_TRIALS: Final = 1_000_000
MOST_WORKERS: Final = 1024
MOST_THREADS: Final = 1024
MOST_SEED: Final = 2**32 - 1


def parse_duration(text: str | int | float) -> float:
    """Seconds of "90", "90s", "30m", "1.5h" or a number of seconds.

    Raises:
        InputError: it is none of these, or not positive.
    """
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    number, unit = (text[:-1], units[text[-1]]) if isinstance(text, str) and text[-1:] in units else (text, 1)
    try:
        seconds = 0.0 if isinstance(number, bool) else float(number) * unit
    except (ValueError, TypeError, OverflowError):
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise InputError(f"timeout is {shown(text)}; write it like 90s, 30m or 2h")
    return seconds


_WHOLE: Final = "it must be a whole number, 1 or more"
Trials = Annotated[int, Interval(ge=1, le=MOST_TRIALS), _WHOLE]
Seed = Annotated[int, Interval(ge=0, le=MOST_SEED), "it must be a whole number, 0 or more"]


@dataclass(frozen=True, kw_only=True)
class StudyFile:
    """The tables of a study file, for `run` and for `compare`, as they were read."""

    name: Any = None
    data: dict[str, Any] = field(default_factory=dict)
    space: dict[str, Any] = field(default_factory=dict)
    search: dict[str, Any] = field(default_factory=dict)
    baseline: dict[str, Any] = field(default_factory=dict)
    idea: Annotated[tuple[dict[str, Any], ...], "write [[idea]], with two brackets, for each"] = ()
    tune: dict[str, Any] | None = None
    budget: dict[str, Any] = field(default_factory=dict)
    curve: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Search:
    """The `[search]` table."""

    seed: Seed = 0
    """Decides what the sampler draws and the seed of each trial."""
    trials: Trials = 30
    """The study's total, counting those that it has already."""
    timeout: Annotated[float, BeforeValidator(parse_duration)] | None = None
    """Seconds after which no new trial begins and the running one is the last."""
    workers: Annotated[int, Interval(ge=1, le=MOST_WORKERS), _WHOLE] = 1
    synchronous: bool = False
    """Workers go in step, so that the same seed and number of workers give the same trials every time."""
    threads: Annotated[int | None, Interval(ge=1, le=MOST_THREADS), _WHOLE] = None
    """CPU threads of each worker; None shares the cores out evenly."""
    keep_best: Trials = 3
    """Trials whose weights are kept."""
    audit: Annotated[float, Interval(ge=0, le=1)] = 0.0
    """Share of the trials that the pruner condemns which run on all the same, to see what pruning costs."""
    patience: Trials | None = None
    """Finished trials that must together raise the best score by more than noise, or the search stops; None: never."""

    def __post_init__(self) -> None:
        check(self, Search)


@dataclass(frozen=True, kw_only=True)
class StudyDefinition(Search):
    """What `sentiment-search run` needs to know."""

    name: str
    data: DataSource
    space: dict[str, Any] = field(default_factory=dict)
    """The `[space]` table: changes to the default space."""

    def __post_init__(self) -> None:
        refuse_name(self.name, "the study's name", "--name, or name = in the study file")
        super().__post_init__()

    def replace(self, **changes: Any) -> "StudyDefinition":
        """A copy with some fields changed, checked again."""
        return replace(self, **changes)


def read_definition(path: str | Path) -> StudyDefinition:
    """The study that a TOML file defines.

    A data path in it is looked for beside the file first, then in the working directory.

    Raises:
        InputError: the file cannot be read, is not TOML, or holds something unknown.
    """
    path = Path(path)
    file = read_toml(path)
    with naming(f"{path}: "):
        search = read(Search, file.search, "[search] ")
        Space.of(file.space)  # what it holds is refused here, where the file is known
        name = path.stem if file.name is None else file.name
        return StudyDefinition(name=name, data=read_data(file, path), space=_located(file.space, path), **vars(search))


def read_data(file: StudyFile, path: Path) -> DataSource:
    """The `[data]` table of the study file at `path`.

    Raises:
        InputError: something in it is missing, unknown or of the wrong kind.
    """
    data = read(DataSource, file.data, "[data] ", called={"validation_path": "validation", "test_path": "test"})
    return replace(
        data,
        path=tuple(_beside(name, path) for name in data.paths),
        validation_path=data.validation_path and _beside(data.validation_path, path),
        test_path=data.test_path and _beside(data.test_path, path),
        unlabelled=data.unlabelled and tuple(_beside(name, path) for name in data.unlabelled),
    )


def read_toml(path: Path, reviews: str = "a file of reviews is given with --data") -> StudyFile:
    """The tables of a TOML file, with values that JSON can hold too.

    Args:
        path: of the file.
        reviews: what to do with a file of reviews, the likeliest slip; the end of a message.

    Raises:
        InputError: it cannot be read, is not TOML, or has a table that no study file has or a value that no setting
            takes; the message has the line or the key.
    """
    try:
        refuse_irregular(path)
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"{path} has more than {LARGEST_FILE:,} bytes; that is no study file")
        text = path.read_text("utf-8-sig")
        if dotted := next((n for n, line in enumerate(text.split("\n"), 1) if line.count(".") > MOST_DOTS), None):
            raise InputError(
                f"{path}: line {dotted} has more than {MOST_DOTS:,} dots, which is nested too deeply; no setting is"
            )
        table = tomllib.loads(text)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path} does not exist; give a study file (STUDY.toml); {reviews}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not UTF-8 (byte {error.start}); a study file is TOML in UTF-8; {reviews}"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is no study file, since it is not TOML: {error}; {reviews}") from None
    except RecursionError:
        raise InputError(f"{path}: tables or lists are nested too deeply; no setting is") from None
    except InputError:
        raise
    except ValueError:  # int() reads 4,300 digits at most
        raise InputError(f"{path}: a number has thousands of digits; no setting has") from None
    with naming(f"{path}: "):
        _refuse_foreign(table, ())
        return read(StudyFile, table)


def _refuse_foreign(value: Any, keys: tuple[str, ...]) -> None:
    """Refuses dates, what is not finite, numbers beyond 64 bits, and depth without end: no setting is any of them."""
    if isinstance(value, dict | list) and len(keys) < DEEPEST:
        for name, entry in value.items() if isinstance(value, dict) else enumerate(value, start=1):
            _refuse_foreign(entry, (*keys, str(name)))
        return
    where = f"[{keys[0]}] {' '.join(keys[1:])}" if len(keys) > 1 else "".join(keys)
    if isinstance(value, dict | list):
        raise InputError(f"{where} is nested too deeply; no setting is")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise InputError(f"{where} is a number of {value.bit_length()} bits; TOML has 64")
    if isinstance(value, float) and not abs(value) < float("inf"):
        raise InputError(f"{where} is {value}; give a finite number")
    if not isinstance(value, str | int | float):
        raise InputError(f"{where} is the date or time {value}; no setting is one, put a text in quotes")


def refuse_name(name: Any, what: str, where: str) -> None:
    """Refuses a name that a study or a comparison cannot have, because its files lie in a folder that is called so.

    Args:
        name: what was given.
        what: whose name it is; the message begins with it.
        where: another one can be given.

    Raises:
        InputError: such a name.
    """
    refuse_text(name, what)
    rename = f"give another ({where})"
    if name.startswith((".", "-")) or "/" in name or "\\" in name:
        raise InputError(
            f"{what} is {name!r}, which cannot be a folder's: {rename}, without '/' and with no '.' or '-' in front"
        )
    if name.endswith(".") or is_device(name):
        raise InputError(f"{what} is {name!r}, which cannot be a folder's on Windows; {rename}")
    if folded(name) == TOKEN_CACHE:
        raise InputError(f"{what} is {name!r}, as the folder of the token cache is called; {rename}")
    if ": " in name:
        raise InputError(f"{what} is {name!r}; NAME: IDEA is what the studies of a comparison are called, so {rename}")


def refuse_text(name: Any, what: str) -> None:
    """Refuses what cannot stand in a line, a table or the name of an Optuna study.

    Raises:
        InputError: no text, an empty or a very long one, or one with blanks around it or with characters that cannot be
            printed; the message begins with `what`.
    """
    if not isinstance(name, str) or not name.strip():
        raise InputError(f"{what} is {name!r}; it must be a text")
    if not name.isprintable():
        raise InputError(f"{what} is {name!r}, which holds a character that cannot be printed; take it out")
    if name != name.strip():
        raise InputError(f"{what} is {name!r}, with a blank at its start or end; take it out")
    if len(name.encode()) > LONGEST_NAME:
        raise InputError(f"{what} is {name[:40]!r}...; it must not be longer than {LONGEST_NAME} bytes")


def _located(space: dict[str, Any], path: Path) -> dict[str, Any]:
    """With an encoder's folder that lies beside the study file."""
    found = dict(space)
    for name in ("encoder", "encoder.model"):
        given = found.get(name)
        if isinstance(given, str):
            found[name] = _beside(given, path)
        elif isinstance(given, dict) and isinstance(given.get("model"), str):
            found[name] = given | {"model": _beside(given["model"], path)}
    return found


def _beside(data: str, definition: Path) -> str:
    beside = definition.parent / data
    return str(beside) if os.path.exists(beside) else data

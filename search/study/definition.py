"""A TOML file, or flags, become the definition of a study: what to read, what to search, how long.

This room reads and checks; it opens no database and trains nothing.
"""

import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from search.study.space import Space
from sentiment.errors import InputError, refuse_unless_number, refuse_unless_whole
from sentiment.files.unpacking import refuse_irregular
from sentiment.reviews.dataset import DataSource

__all__ = [
    "MOST_SEED",
    "MOST_THREADS",
    "MOST_TRIALS",
    "MOST_WORKERS",
    "StudyDefinition",
    "known_table",
    "naming",
    "parse_duration",
    "read_data",
    "read_definition",
    "read_toml",
    "refuse_name",
    "refuse_text",
]

_TABLES: Final = {"data", "space", "search", "baseline", "idea", "tune", "budget", "curve"}
# name in [data]: (field of DataSource, types, how it is written)
_DATA: Final[dict[str, tuple[str, type | tuple[type, ...], str]]] = {
    "path": ("path", (str, list), '"reviews.csv", or several: ["june.csv", "september.csv"]'),
    "text": ("text", str, '"review"'),
    "label": ("label", str, '"stars"'),
    "group": ("group", str, '"app"'),
    "classes": ("classes", (str, dict), '"stars-3", or { negative = [1, 2], positive = [4, 5] }'),
    "encoding": ("encoding", str, '"cp949"'),
    "validation": ("validation_path", str, '"validation.csv"'),
    "test": ("test_path", str, '"test.csv"'),
    "fractions": ("fractions", list, "[0.8, 0.1, 0.1]"),
    "split_seed": ("split_seed", int, "0"),
    "max_rows": ("max_rows", int, "10000"),
    "max_bytes": ("max_bytes", int, "1000000000"),
}
LONGEST_NAME: Final = 200
"""Bytes in UTF-8; a comparison's and an idea's stand together in the name of a study, which may have 512 characters."""
TOKEN_CACHE: Final = "cache"
"""The folder beside those of the studies, which are called as the studies are."""
LARGEST_FILE: Final = 1 << 20
DEEPEST: Final = 8
"""Tables and lists in each other."""
MOST_TRIALS: Final = 1_000_000
MOST_WORKERS: Final = 1024
MOST_THREADS: Final = 1024
MOST_SEED: Final = 2**32 - 1
_SEARCH: Final = {"audit", "patience", "trials", "timeout", "workers", "synchronous", "threads", "seed", "keep_best"}


@dataclass(frozen=True, kw_only=True)
class StudyDefinition:
    """What `sentiment-search run` needs to know."""

    name: str
    data: DataSource
    space: dict[str, Any] = field(default_factory=dict)
    """The `[space]` table: changes to the default space."""
    seed: int = 0
    """Decides what the sampler draws and the seed of each trial."""
    trials: int = 30
    """The study's total, counting those that it has already."""
    timeout: float | None = None
    """Seconds after which no new trial begins and the running one is the last."""
    workers: int = 1
    synchronous: bool = False
    """Workers go in step, so that the same seed and number of workers give the same trials every time."""
    threads: int | None = None
    """CPU threads of each worker; None shares the cores out evenly."""
    keep_best: int = 3
    """Trials whose weights are kept."""
    audit: float = 0.0
    """Share of the trials that the pruner condemns which run on all the same, to see what pruning costs."""

    patience: int | None = None
    """Finished trials that must together raise the best score by more than noise, or the search stops; None: never."""

    def __post_init__(self) -> None:
        refuse_name(self.name, "the study's name", "--name, or name = in the study file")
        for name, low, high in (
            ("trials", 1, MOST_TRIALS),
            ("workers", 1, MOST_WORKERS),
            ("keep_best", 1, MOST_TRIALS),
            ("seed", 0, MOST_SEED),
        ):
            refuse_unless_whole(name, getattr(self, name), low, high)
        if not isinstance(self.synchronous, bool):
            raise InputError(f"synchronous is {self.synchronous!r}; it must be true or false")
        refuse_unless_number("audit", self.audit, 0, 1)
        for name, high in (("threads", MOST_THREADS), ("patience", MOST_TRIALS)):
            if getattr(self, name) is not None:
                refuse_unless_whole(name, getattr(self, name), 1, high)

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
    table = read_toml(path)
    with naming(path):
        unknown = set(table) - _TABLES - {"name"}
        if unknown:
            raise InputError(f"there is no {sorted(unknown)[0]!r}; known are name, {', '.join(sorted(_TABLES))}")
        search = known_table(table.get("search", {}), _SEARCH, "[search]")
        if "timeout" in search:
            search["timeout"] = parse_duration(search["timeout"])
        space = known_table(table.get("space", {}), None, "[space]")
        Space.of(space)  # what it holds is refused here, where the file is known
        return StudyDefinition(name=table.get("name", path.stem), data=read_data(table, path), space=space, **search)


def read_data(table: dict[str, Any], path: Path) -> DataSource:
    """The `[data]` table of the study file at `path`.

    Raises:
        InputError: something in it is missing, unknown or of the wrong kind.
    """
    data = known_table(table.get("data", {}), set(_DATA), "[data]")
    for name, (_, types, example) in _DATA.items():
        if name in data and (not isinstance(data[name], types) or isinstance(data[name], bool)):
            raise InputError(f"[data] {name} is {data[name]!r}; write {name} = {example}")
        if name in ("path", "text", "label") and name not in data:
            raise InputError(f"[data] needs {name} = {example}")
    for name in ("path", "validation", "test"):
        if isinstance(data.get(name), list):
            data[name] = [_beside(file, path) if isinstance(file, str) else file for file in data[name]]
        elif name in data:
            data[name] = _beside(data[name], path)
    return DataSource.from_dict({_DATA[name][0]: value for name, value in data.items()})


def known_table(table: Any, known: set[str] | None, where: str) -> dict[str, Any]:
    """A copy of `table`, if it is one and has only `known` names.

    Raises:
        InputError: it is not, or it has others.
    """
    if not isinstance(table, dict):
        raise InputError(f"{where} must be a table")
    for name in table:
        if known is not None and name not in known:
            raise InputError(f"{where} has no {name!r}; known are {', '.join(sorted(known))}")
    return dict(table)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Begin the message of an `InputError` with the file that it is about."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file, with values that JSON can hold too.

    Raises:
        InputError: it cannot be read, is not TOML, or has a value that no setting takes; the message has the line or
            the key.
    """
    try:
        refuse_irregular(path)
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"{path} has more than {LARGEST_FILE:,} bytes; that is no study file")
        table = tomllib.loads(path.read_text("utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path} does not exist; give a study file (TOML), or --data, --text and --label") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 (byte {error.start}); a study file is TOML in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not TOML: {error}") from None
    except RecursionError:
        raise InputError(f"{path}: tables or lists are nested too deeply; no setting is") from None
    except InputError:
        raise
    except ValueError:  # int() reads 4,300 digits at most
        raise InputError(f"{path}: a number has thousands of digits; no setting has") from None
    with naming(path):
        _refuse_foreign(table, ())
    return table


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
        raise InputError(f"timeout is {text!r}; write it like 90s, 30m or 2h")
    return seconds


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
    if name.casefold() == TOKEN_CACHE:
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


def _beside(data: str, definition: Path) -> str:
    beside = definition.parent / data
    return str(beside) if data and os.path.exists(beside) else data

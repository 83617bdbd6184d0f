"""A TOML file, or flags, become the definition of a study: what to read, what to search, how long.

This room reads and checks; it opens no database and trains nothing.
"""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from sentiment.errors import InputError
from sentiment.reviews import DataSource

__all__ = ["StudyDefinition", "known_table", "naming", "parse_duration", "read_data", "read_definition", "read_toml"]

_TABLES: Final = {"data", "space", "search", "baseline", "idea", "tune", "budget"}
# name in [data]: (field of DataSource, types, how it is written)
_DATA: Final[dict[str, tuple[str, type | tuple[type, ...], str]]] = {
    "path": ("path", (str, list), '"reviews.csv", or several: ["june.csv", "september.csv"]'),
    "text": ("text", str, '"review"'),
    "label": ("label", str, '"stars"'),
    "classes": ("classes", (str, dict), '"stars-3", or { negative = [1, 2], positive = [4, 5] }'),
    "encoding": ("encoding", str, '"cp949"'),
    "validation": ("validation_path", str, '"validation.csv"'),
    "test": ("test_path", str, '"test.csv"'),
    "fractions": ("fractions", list, "[0.8, 0.1, 0.1]"),
    "split_seed": ("split_seed", int, "0"),
    "max_rows": ("max_rows", int, "10000"),
}
LONGEST_NAME: Final = 200
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
        if not _names_a_folder(self.name):
            raise InputError(
                f"the study's name is {self.name!r}; give one without '/' that does not begin with '.' and is not "
                f"longer than {LONGEST_NAME} bytes"
            )
        for name, low in (("trials", 1), ("workers", 1), ("keep_best", 1), ("seed", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < low:
                raise InputError(f"{name} is {value!r}; it must be a whole number, {low} or more")
        if not isinstance(self.synchronous, bool):
            raise InputError(f"synchronous is {self.synchronous!r}; it must be true or false")
        if not isinstance(self.audit, int | float) or not 0 <= self.audit <= 1:
            raise InputError(f"audit is {self.audit!r}; it must be a share between 0 and 1")
        for name in ("threads", "patience"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise InputError(f"{name} is {value!r}; it must be a whole number, 1 or more")

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
        return StudyDefinition(name=table.get("name", path.stem), data=read_data(table, path), space=space, **search)


def read_data(table: dict[str, Any], path: Path) -> DataSource:
    """The `[data]` table of the study file at `path`.

    Raises:
        InputError: something in it is missing, unknown or of the wrong kind.
    """
    data = known_table(table.get("data", {}), set(_DATA), "[data]")
    for name, (_, types, example) in _DATA.items():
        if name in data and not isinstance(data[name], types):
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
    """The tables of a TOML file.

    Raises:
        InputError: it cannot be read or is not TOML; the message has the line.
    """
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; give a study file (TOML), or --data, --text and --label") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 (byte {error.start}); a study file is TOML in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not TOML: {error}") from None


def parse_duration(text: str | int | float) -> float:
    """Seconds of "90", "90s", "30m", "1.5h" or a number of seconds.

    Raises:
        InputError: it is none of these, or not positive.
    """
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    try:
        number, unit = (text[:-1], units[text[-1]]) if isinstance(text, str) and text[-1:] in units else (text, 1)
        seconds = float(number) * unit
    except (ValueError, TypeError):
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise InputError(f"a duration is {text!r}; write it like 90s, 30m or 2h")
    return seconds


def _names_a_folder(name: Any) -> bool:
    """Whether the weights of a study called `name` can lie in a folder called so."""
    return (
        isinstance(name, str)
        and bool(name)
        and name.isprintable()
        and "/" not in name
        and not name.startswith(".")
        and len(name.encode()) <= LONGEST_NAME
    )


def _beside(data: str, definition: Path) -> str:
    beside = definition.parent / data
    return str(beside) if beside.exists() else data

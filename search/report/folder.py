"""What a comparison or a search has found as a folder to keep, show and commit: tables, rows for a program, figures.

It holds no text of any review. Everything in it can be made again from the study by the command in `results.md`.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from search.comparison.results import Results
from search.report import board as boards
from search.report.costs import write_costs
from search.report.figures import write_figures
from search.report.text import markdown
from search.report.values import rows, to_dict, write_csv
from search.study.leaderboard import Leaderboard
from sentiment import foreign
from sentiment.errors import InputError

__all__ = ["refuse_other_files", "refuse_other_search", "write_report", "write_search_report"]

MARK: Final = "results.json"
"""The file by which a folder is known as the report of a comparison; it is the first to come."""
FILES: Final = (
    *("results.md", MARK, "ideas.csv", "collapse.csv", "slices.csv"),
    *("differences.svg", "tuning.svg", "collapse.svg"),
)


SEARCH_MARK: Final = "leaderboard.json"
"""The same of a search."""
SEARCH_FILES: Final = ("results.md", SEARCH_MARK, "leaderboard.csv", "costs.svg")


def refuse_other_files(folder: Path, name: str) -> None:
    """Refuse a folder in which the report of comparison `name` would replace what is not an earlier report of it.

    Raises:
        InputError: a file of the name of one of the report's is there, and not the report of `name`.
    """
    _refuse(folder, name, FILES, _reported(folder / MARK, "name", "ideas"))


def refuse_other_search(folder: Path, name: str) -> None:
    """The same for the report of search `name`.

    Raises:
        InputError: see `refuse_other_files`.
    """
    _refuse(folder, name, SEARCH_FILES, _reported(folder / SEARCH_MARK, "study", "entries"))


def _refuse(folder: Path, name: str, files: Sequence[str], reported: Any) -> None:
    there = [file for file in files if (folder / file).exists()]
    if there and reported != name:
        raise InputError(
            f"--out is {folder}, which holds {there[0]}, but no earlier report of {name!r}; give another folder"
        )


def write_report(found: Results, folder: Path, command: str) -> list[Path]:
    """Write `results.md`, `results.json`, `ideas.csv`, `collapse.csv`, `slices.csv` and the figures.

    Args:
        found: the results.
        folder: made if it is not there; files of these names in it are replaced, once all of the new ones are written.
        command: that makes this report again, without a password; it stands in `results.md`.

    Raises:
        InputError: the extra `figures` is missing. Nothing is written then.
    """
    with _Made(folder) as made:
        figures = [path.name for path in write_figures(found, made.folder)]
        made.write("results.md", _page(found.name, command, figures, markdown(found)))
        made.write(MARK, json.dumps(to_dict(found), ensure_ascii=False, indent=1) + "\n")
        write_csv(made.folder / "ideas.csv", rows(found))
        write_csv(made.folder / "collapse.csv", [asdict(share) for share in found.collapse])
        write_csv(made.folder / "slices.csv", found.slices.to_rows())
        return made.moved(FILES, MARK)


def write_search_report(board: Leaderboard, folder: Path, command: str) -> list[Path]:
    """Write `results.md`, `leaderboard.json`, `leaderboard.csv` and, where the extra `figures` is, `costs.svg`.

    Args:
        board: the standing of a search.
        folder: as of `write_report`.
        command: likewise.
    """
    with _Made(folder) as made:
        figures = [path.name for path in write_costs(board, made.folder)] if find_spec("matplotlib") else []
        made.write("results.md", _page(board.study, command, figures, boards.markdown(board)))
        made.write(SEARCH_MARK, json.dumps(boards.to_dict(board), ensure_ascii=False, indent=1) + "\n")
        write_csv(made.folder / "leaderboard.csv", [asdict(entry) for entry in board.entries])
        return made.moved(SEARCH_FILES, SEARCH_MARK)


class _Made:
    """A folder beside the final one, so that a reader, or a full disk, never meets half a file under its final name."""

    def __init__(self, folder: Path) -> None:
        self._final = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._temporary = TemporaryDirectory(prefix=".report.", dir=folder)
        self.folder = Path(self._temporary.name)

    def __enter__(self) -> "_Made":
        return self

    def __exit__(self, *_: object) -> None:
        self._temporary.cleanup()

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")

    def moved(self, files: Sequence[str], mark: str) -> list[Path]:
        """Put them where they belong, the mark first: killed here, the folder is known all the same."""
        written = [name for name in files if (self.folder / name).exists()]
        for name in sorted(written, key=mark.__ne__):
            (self.folder / name).replace(self._final / name)
        return [self._final / name for name in written]


def _page(name: str, command: str, figures: Sequence[str], text: str) -> str:
    shown = "".join(f"![{Path(figure).stem}]({figure})\n\n" for figure in figures)
    return f"# {foreign.markdown(name)}\n\nMade by {foreign.code(command)}.\n\n{shown}{text.rstrip()}\n"


def _reported(path: Path, name: str, holds: str) -> Any:
    """What a report's JSON is of, under `name`; None if it is no report's."""
    try:
        found = json.loads(path.read_bytes()) if path.is_file() else None
    except (OSError, ValueError, RecursionError):
        return None
    return found.get(name) if isinstance(found, dict) and holds in found else None

"""A comparison's results as a folder to keep, show and commit: tables, rows for a program, figures.

It holds no text of any review. Everything in it can be made again from the study by the command in `results.md`.
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from search.figures import write_figures
from search.results import Results
from search.tables import markdown, rows, to_dict, write_csv
from sentiment import foreign

__all__ = ["write_report"]


def write_report(found: Results, folder: Path, command: str) -> list[Path]:
    """Write `results.md`, `results.json`, `ideas.csv`, `collapse.csv`, `slices.csv` and the figures.

    Args:
        found: the results.
        folder: made if it is not there; files of an earlier report in it are replaced.
        command: that makes this report again, without a password; it stands in `results.md`.

    Raises:
        InputError: the extra `figures` is missing. Nothing is written then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures = write_figures(found, folder)
    shown = "\n\n".join(f"![{path.stem}]({path.name})" for path in figures)
    text = f"# {foreign.markdown(found.name)}\n\nMade by {foreign.code(command)}.\n\n{shown}\n\n{markdown(found)}\n"
    written = [
        _write(folder / "results.md", text),
        _write(folder / "results.json", json.dumps(to_dict(found), ensure_ascii=False, indent=1) + "\n"),
    ]
    tables: dict[str, list[dict[str, Any]]] = {
        "ideas.csv": rows(found),
        "collapse.csv": [asdict(share) for share in found.collapse],
        "slices.csv": found.slices.to_rows(),
    }
    for name, values in tables.items():
        written.append(_replaced(folder / name, partial(write_csv, values=values)))
    return [*written, *figures]


def _write(path: Path, text: str) -> Path:
    return _replaced(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _replaced(path: Path, write: Callable[[Path], Any]) -> Path:
    """A reader, or a full disk, never meets half a file under the final name."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path

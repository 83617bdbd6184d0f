"""A comparison's results as a folder to keep, show and commit: tables, rows for a program, figures.

It holds no text of any review. Everything in it can be made again from the study by the command in `results.md`.
"""

import json
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from search.comparison.results import Results
from search.report.figures import write_figures
from search.report.text import markdown
from search.report.values import rows, to_dict, write_csv
from sentiment import foreign
from sentiment.errors import InputError

__all__ = ["refuse_other_files", "write_report"]

MARK: Final = "results.json"
"""The file by which a folder is known as the report of a comparison; it is the first to come."""
FILES: Final = (
    *("results.md", MARK, "ideas.csv", "collapse.csv", "slices.csv"),
    *("differences.svg", "tuning.svg", "collapse.svg"),
)


def refuse_other_files(folder: Path, name: str) -> None:
    """Refuse a folder in which the report of comparison `name` would replace what is not an earlier report of it.

    Raises:
        InputError: a file of the name of one of the report's is there, and not the report of `name`.
    """
    there = [file for file in FILES if (folder / file).exists()]
    if there and _reported(folder / MARK) != name:
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
    folder.mkdir(parents=True, exist_ok=True)
    # A reader, or a full disk, never meets half a file under its final name.
    with TemporaryDirectory(prefix=".report.", dir=folder) as temporary:
        made = Path(temporary)
        figures = [path.name for path in write_figures(found, made)]
        shown = "\n\n".join(f"![{Path(name).stem}]({name})" for name in figures)
        title = foreign.markdown(found.name)
        text = f"# {title}\n\nMade by {foreign.code(command)}.\n\n{shown}\n\n{markdown(found)}\n"
        (made / "results.md").write_text(text, "utf-8")
        (made / MARK).write_text(json.dumps(to_dict(found), ensure_ascii=False, indent=1) + "\n", "utf-8")
        write_csv(made / "ideas.csv", rows(found))
        write_csv(made / "collapse.csv", [asdict(share) for share in found.collapse])
        write_csv(made / "slices.csv", found.slices.to_rows())
        written = [name for name in FILES if (made / name).exists()]
        for name in sorted(written, key=MARK.__ne__):  # the mark first: killed here, the folder is known all the same
            (made / name).replace(folder / name)
    return [folder / name for name in written]


def _reported(path: Path) -> Any:
    """The comparison that a report's `results.json` is of; None if it is no report's."""
    try:
        found = json.loads(path.read_bytes()) if path.is_file() else None
    except (OSError, ValueError, RecursionError):
        return None
    return found.get("name") if isinstance(found, dict) and "ideas" in found else None

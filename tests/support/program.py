"""The program as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["PROGRAM", "ROOT", "run", "start"]

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "search")


def start(folder: Path, *arguments: Any, storage: str = "sqlite:///study.db", **options: Any) -> subprocess.Popen[str]:
    """The program in a process group of its own, as a shell starts it; `storage` is in its environment."""
    return subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OPTUNA_STORAGE": storage},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        **options,
    )


def run(folder: Path, *arguments: Any) -> tuple[int, str, str]:
    """Exit status, standard output and standard error."""
    process = start(folder, *arguments)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err

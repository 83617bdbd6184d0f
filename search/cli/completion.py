"""What a shell reads to complete the commands and their options, made by `shtab` from the parser."""

import argparse
from typing import Final

__all__ = ["completion"]

FILES: Final = ("FILE", "STUDY.toml")
FOLDERS: Final = ("DIR",)
"""How arguments are called that name some."""


def completion(parser: argparse.ArgumentParser, shell: str) -> str:
    """For "bash", "zsh" or "tcsh"."""
    import shtab

    _tell_files(parser, shtab.FILE, shtab.DIRECTORY)
    return str(shtab.complete(parser, shell))


def _tell_files(parser: argparse.ArgumentParser, file: object, folder: object) -> None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in set(action.choices.values()):
                _tell_files(command, file, folder)
        elif action.metavar in (*FILES, *FOLDERS):
            action.complete = file if action.metavar in FILES else folder  # type: ignore[attr-defined]

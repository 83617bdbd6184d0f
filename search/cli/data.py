"""Which files a command reads, and how: what was given, and what is guessed where nothing was."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from search.cli.asked import classes_of, reading
from search.console import say
from sentiment.errors import InputError
from sentiment.foreign import visible

__all__ = ["columns_of", "files_of", "study_file_of", "text_of"]

STUDY_FILE = ".toml"


def study_file_of(args: argparse.Namespace) -> str | None:
    """The study file among the files of `run`; None if they are reviews.

    Raises:
        InputError: both are there, or neither.
    """
    studies = [name for name in args.files if Path(name).suffix.casefold() == STUDY_FILE]
    if studies and (len(args.files) > 1 or args.data):
        raise InputError("give one study file, or files of reviews, not both")
    if args.files and args.data:
        raise InputError("give the files of reviews once: without --data, or with it")
    if not args.files and not args.data:
        raise InputError("give a file of reviews, such as reviews.csv, or a study file (STUDY.toml)")
    return studies[0] if studies else None


def files_of(args: argparse.Namespace) -> tuple[str, ...]:
    """The files of reviews that `run` is given."""
    return tuple(args.files or args.data)


def columns_of(args: argparse.Namespace, paths: Sequence[str], *, rule: bool = True) -> tuple[str, str, Any]:
    """The columns with the reviews and with the labels, and the label rule, of which is guessed what was not given.

    Who names the labels and no rule means them as they are: a study that was begun so goes on so.

    Args:
        args: of the command.
        paths: of the files, which have the same columns.
        rule: whether labels are read by a rule that must be known here; else what was given comes back, if any.

    Raises:
        InputError: what was not given is not plain, or a file cannot be read.
    """
    classes = classes_of(args.classes)
    if args.text and args.label:
        return args.text, args.label, classes or ("as-is" if rule else None)
    from sentiment.files.columns import match_column
    from sentiment.reviews.guess import guess_columns, guess_label, guess_text

    table = _table(args, paths)
    # First: of a column that is not there, what would be taken beside it is of no use.
    named = {flag: getattr(args, flag, None) for flag in ("text", "label", "group")}
    given = {flag: name and match_column(name, table.columns, table.path) for flag, name in named.items()}
    if given["group"]:
        table = replace(table, columns=tuple(name for name in table.columns if name != given["group"]))
    text = given["text"] or guess_text(table, other=given["label"])
    label = given["label"] or guess_label(table, text)
    taken = [] if args.text else [f"text = {visible(text)}"]
    taken += [] if args.label else [f"label = {visible(label)}"]
    flags = [f"--{flag} COLUMN" for flag in ("text", "label") if not getattr(args, flag)]
    if rule and classes is None:
        found = None if args.label else guess_columns(table, text, label)
        classes = "as-is" if found is None else found.classes
        taken.append(f"classes = {classes if found is None else found.rule}")
        flags.append("--classes RULE")
    say(f"Taken: {', '.join(taken)}. Otherwise: {' '.join(flags)}")
    return text, label, classes


def text_of(args: argparse.Namespace, path: str) -> str:
    """The column with the reviews, guessed if it was not given.

    Raises:
        InputError: it was not given and is not plain, or the file cannot be read.
    """
    if args.text:
        return str(args.text)
    from sentiment.reviews.guess import guess_text

    text = guess_text(_table(args, [path]))
    say(f"Taken: text = {visible(text)}. Otherwise: --text COLUMN")
    return text


def _table(args: argparse.Namespace, paths: Sequence[str]) -> Any:
    """The columns that all of the files have, as one table."""
    from sentiment.files.reader import joined, read_table

    tables = [read_table(path, None, **reading(args)) for path in paths]
    first, *others = tables
    if not others:
        return first
    shared = tuple(name for name in first.columns if all(name in other.columns for other in others))
    usable = [name for name in shared if all(name in table.data.column_names for table in tables)]
    if not shared:
        raise InputError(f"{', '.join(paths)}: the files have no column in common; give files of the same columns")
    unusable = {name: reason for table in tables for name, reason in table.unusable.items() if name in shared}
    alike = [replace(one, data=one.data.select(usable), columns=shared, unusable=unusable) for one in tables]
    return joined(alike)

"""The definition of a search: a study file, or what the flags of `run` say in its place."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from search.cli.asked import device_for, reading, workers_of
from search.cli.data import columns_of, files_of, study_file_of
from sentiment.errors import InputError

__all__ = ["definition_of"]


def definition_of(args: argparse.Namespace) -> Any:
    """The study file, or what the flags say in its place."""
    from search.study.definition import StudyDefinition, parse_duration, read_definition
    from sentiment.reviews.source import DataSource

    changes = {
        name: getattr(args, name)
        for name in ("name", "trials", "workers", "synchronous", "threads", "seed", "audit", "patience")
        if getattr(args, name) is not None
    }
    if args.workers == "auto":
        changes["workers"] = workers_of(args.workers, device_for(args))
    if args.timeout is not None:
        changes["timeout"] = parse_duration(args.timeout)
    space: dict[str, Any] = {}
    if args.families is not None:
        space["family"] = [name.strip() for name in args.families.split(",")]
    if args.encoder is not None:
        space["encoder"] = args.encoder
    study_file = study_file_of(args)
    if study_file is not None:
        for flag in ("text", "label", "group", "classes", "encoding", "validation", "test", "unlabelled", "max_rows"):
            if getattr(args, flag) is not None:
                raise InputError(f"--{flag.replace('_', '-')} is for --data; write it into [data] of {study_file}")
        read = read_definition(study_file)
        if args.max_bytes is not None:
            changes["data"] = replace(read.data, max_bytes=args.max_bytes)
        return read.replace(space=_with_flags(read.space, space), **changes)
    paths = files_of(args)
    text, label, classes = columns_of(args, paths)
    source = DataSource(
        path=paths,
        text=text,
        label=label,
        group=args.group,
        classes=classes,
        **reading(args),
        validation_path=args.validation,
        test_path=args.test,
        unlabelled=args.unlabelled and tuple(args.unlabelled),
        max_rows=args.max_rows,
    )
    name = changes.pop("name", None) or Path(paths[0]).name.lstrip(".").split(".")[0]
    return StudyDefinition(name=name, data=source, space=_with_flags({}, space), **changes)


def _with_flags(space: dict[str, Any], flags: dict[str, Any]) -> dict[str, Any]:
    """A space of a study file with what the flags say of it.

    Raises:
        InputError: the space cannot be so.
    """
    if not flags:
        return space
    from search.study.space import SPACE_FLAGS, Space, declared

    architectures = [name for name in flags.get("family", ()) if name in declared()["architecture"]]
    if architectures:
        raise InputError(
            f"--families: {architectures[0]} is a network's architecture, not a family; give network here, or "
            f'architecture = "{architectures[0]}" in [space] of a study file'
        )
    found = space | flags
    if isinstance(space.get("encoder"), dict) and "encoder" in flags:
        found["encoder"] = space["encoder"] | {"model": flags["encoder"]}
    Space.of(found, where=f"{' and '.join(SPACE_FLAGS[name] for name in flags)}:")
    return found

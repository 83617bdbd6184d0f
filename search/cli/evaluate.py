"""`sentiment-search evaluate`: how good an exported model is."""

import argparse

from search.cli.arguments import ARTIFACTS
from search.cli.asked import classes_of, reading
from search.console import doing, show, show_json, width
from sentiment.errors import InputError

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """As `--help` says."""
    if bool(args.data) == bool(args.sealed):
        raise InputError("give --data FILE --text COLUMN --label COLUMN, or --sealed STUDY, one of the two")
    if args.sealed:
        return _evaluate_sealed(args)
    if args.storage is not None or args.artifacts != ARTIFACTS:
        raise InputError(
            "--storage and --artifacts are for --sealed STUDY; leave them out, or give it in place of --data"
        )
    for flag in ("text", "label"):
        if not getattr(args, flag):
            raise InputError(
                f"evaluate needs --{flag}, the column with the {'reviews' if flag == 'text' else 'labels'}"
            )
    doing(f"Scoring {args.data}")
    from sentiment.bundle.folder import Bundle
    from sentiment.bundle.scoring import evaluate

    evaluation = evaluate(
        Bundle.open(args.bundle),
        args.data,
        args.text,
        args.label,
        classes=classes_of(args.classes),
        **reading(args),
    )
    if args.json:
        show_json(evaluation.to_dict())
    else:
        show(evaluation.render(width()))
    return 0


def _evaluate_sealed(args: argparse.Namespace) -> int:
    for flag in ("text", "label", "classes", "encoding", "max_bytes"):
        if getattr(args, flag) is not None:
            raise InputError(f"--{flag.replace('_', '-')} is for --data; the study says how its rows are read")
    doing(f"Scoring the sealed rows of {args.sealed}")
    from search.storage.databases import open_storage, storage_url
    from search.study.create import open_recorded
    from search.study.sealed import evaluate_sealed
    from sentiment.bundle.folder import Bundle

    bundle = Bundle.open(args.bundle)
    opened = open_recorded(args.sealed, open_storage(storage_url(args.storage), create=False), args.artifacts)
    evaluation = evaluate_sealed(bundle, opened)
    if args.json:
        show_json(evaluation.to_dict())
    else:
        show(evaluation.render(width()))
    return 0

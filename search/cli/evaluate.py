"""`sentiment-search evaluate`: how good an exported model is."""

import argparse

from search.cli.arguments import ARTIFACTS
from search.cli.asked import reading
from search.cli.data import columns_of
from search.console import doing, show, show_json, width
from sentiment.errors import InputError

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """As `--help` says."""
    if args.file and args.data:
        raise InputError("give the file once: without --data, or with it")
    args.data = args.file or args.data
    if bool(args.data) == bool(args.sealed):
        raise InputError("give a FILE of labelled rows, or --sealed STUDY, one of the two")
    if args.sealed:
        return _evaluate_sealed(args)
    if args.storage is not None or args.artifacts != ARTIFACTS:
        raise InputError(
            "--storage and --artifacts are for --sealed STUDY; leave them out, or give it in place of the file"
        )
    doing(f"Scoring {args.data}")
    from sentiment.bundle.folder import Bundle
    from sentiment.bundle.scoring import evaluate

    bundle = Bundle.open(args.bundle)
    text, label, classes = columns_of(args, [args.data], rule=False)  # the bundle has a rule of its own
    evaluation = evaluate(bundle, args.data, text, label, classes=classes, **reading(args))
    if args.json:
        show_json(evaluation.to_dict())
    else:
        show(evaluation.render(width()))
    return 0


def _evaluate_sealed(args: argparse.Namespace) -> int:
    for flag in ("text", "label", "classes", "encoding", "max_bytes"):
        if getattr(args, flag) is not None:
            raise InputError(f"--{flag.replace('_', '-')} is for --data; the study says how its rows are read")
    doing(f"Reading {args.bundle}")
    from search.storage.databases import open_storage, storage_url
    from search.study.create import open_recorded
    from search.study.sealed import evaluate_sealed
    from sentiment.bundle.folder import Bundle

    bundle = Bundle.open(args.bundle)
    # The card says where the bundle comes from, and no other study is taken.
    name = str(bundle.facts.get("study", "")) if args.sealed is True else args.sealed
    doing(f"Scoring the sealed rows of {name}")
    opened = open_recorded(name, open_storage(storage_url(args.storage), create=False), args.artifacts)
    evaluation = evaluate_sealed(bundle, opened)
    if args.json:
        show_json(evaluation.to_dict())
    else:
        show(evaluation.render(width()))
    return 0

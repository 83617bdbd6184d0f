"""`sentiment-search predict`: classes of texts."""

import argparse

from search.cli.asked import reading
from search.console import say, show, show_json
from sentiment.errors import InputError
from sentiment.foreign import visible

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """As `--help` says."""
    if bool(args.texts) == bool(args.data):
        raise InputError('give texts ("a review" ...) or --data FILE --text COLUMN, one of the two')
    if args.data and not args.text:
        raise InputError("--data needs --text, the column with the reviews")
    for flag in ("text", "out", "encoding", "max_bytes"):
        if getattr(args, flag) is not None and not args.data:
            raise InputError(f"--{flag.replace('_', '-')} is for a file; give --data FILE, or leave it out")
    from sentiment.bundle.folder import Bundle
    from sentiment.bundle.scoring import predict_file, predictions

    bundle = Bundle.open(args.bundle)
    if args.data:
        options = {**reading(args), "overwrite": args.overwrite, "as_json": args.json}
        say(predict_file(bundle, args.data, args.text, args.out, **options))
        return 0
    for row in predictions(bundle, args.texts):
        if args.json:
            show_json(row, indent=None)
        else:
            probabilities = "  ".join(f"{visible(name)} {p:.3f}" for name, p in row["probabilities"].items())
            text = " ".join(row["text"].split())[:500]
            show(f"{visible(row['label'] or '(no text)')}\t{probabilities}\t{text}")
    return 0

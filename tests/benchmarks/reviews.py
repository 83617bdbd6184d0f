"""Which reviews a benchmark uses, and how many."""

import argparse
import json

from sentiment.reviews.source import DataSource


def parser(description: str, rows: int = 8000) -> argparse.ArgumentParser:
    """A parser that asks for them; the packaged reviews are the default."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--data", default="demo:movie-reviews")
    made.add_argument("--text", default="text")
    made.add_argument("--label", default="label")
    made.add_argument("--classes", default="as-is", help='a name, or JSON such as {"negative": [1, 2], ...}')
    made.add_argument("--rows", type=int, default=rows, help="a stratified sample")
    made.add_argument(
        "--fractions", type=float, nargs=3, default=(0.8, 0.1, 0.1), help="of train, validation and test rows"
    )
    return made


def source(args: argparse.Namespace) -> DataSource:
    """What was asked for."""
    return DataSource(
        path=args.data,
        text=args.text,
        label=args.label,
        classes=json.loads(args.classes) if args.classes.startswith("{") else args.classes,
        max_rows=args.rows,
        fractions=tuple(args.fractions),
    )

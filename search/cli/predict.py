"""`sentiment-search predict`: classes of texts."""

import argparse
import codecs
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from search.cli.asked import reading
from search.cli.data import text_of
from search.console import doing, say, show, show_json
from sentiment.errors import InputError
from sentiment.foreign import visible

if TYPE_CHECKING:
    from sentiment.bundle.folder import Bundle

__all__ = ["command"]

STANDARD_INPUT: Final = "-"
ENCODING: Final = "utf-8-sig"
BLOCK: Final = 1 << 20
"""Bytes that are read at once, where so many are there."""
LONGEST: Final = 1 << 24
"""Characters of a line."""
NOT_READABLE: Final = "\ufffd"
HALF: Final = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair, which utf-7 and its like can carry, and no text is."""


def command(args: argparse.Namespace) -> int:
    """As `--help` says."""
    if args.texts and args.data:
        raise InputError('give texts ("a review" ...) or --data FILE, one of the two')
    piped = not args.data and args.texts in ([], [STANDARD_INPUT])
    for flag in ("text", "out", "encoding", "max_bytes"):
        if getattr(args, flag) is not None and not args.data and not (piped and flag == "encoding"):
            raise InputError(f"--{flag.replace('_', '-')} is for a file; give --data FILE, or leave it out")
    if piped:
        _refuse_nobody(asked=bool(args.texts))
    else:
        doing(f"Reading {args.bundle}")
    from sentiment.bundle.folder import Bundle
    from sentiment.bundle.scoring import predict_file

    bundle = Bundle.open(args.bundle)
    if args.data:
        options = {**reading(args), "overwrite": args.overwrite, "as_json": args.json}
        say(predict_file(bundle, args.data, text_of(args, args.data), args.out, **options))
    elif piped:
        _answer_lines(bundle, args.encoding or ENCODING, args.json)
    else:
        _answer(bundle, args.texts, args.json)
        if len(args.texts) == 1 and Path(args.texts[0]).suffix and Path(args.texts[0]).is_file():
            say(f"{visible(args.texts[0])} was taken for a text; --data {visible(args.texts[0])} labels what it holds")
    return 0


def _answer(bundle: "Bundle", texts: Sequence[str], as_json: bool) -> None:
    from sentiment.bundle.scoring import predictions

    for row in predictions(bundle, texts):
        if as_json:
            show_json(row, indent=None)
        else:
            probabilities = "  ".join(f"{visible(name)} {p:.3f}" for name, p in row["probabilities"].items())
            text = " ".join(row["text"].split())[:500]
            show(f"{visible(row['label'] or '(no text)')}\t{probabilities}\t{text}")


def _refuse_nobody(*, asked: bool) -> None:
    """Where nobody writes to standard input, waiting for texts there would be for ever."""
    if sys.stdin is None or (sys.stdin.isatty() and not asked):
        raise InputError('give texts ("a review" ...), --data FILE, or - to type one a line; or pipe lines into it')
    if sys.stdin.isatty():
        say("A text a line; Ctrl-D ends.")


def _answer_lines(bundle: "Bundle", encoding: str, as_json: bool) -> None:
    """Each line of standard input is a text, answered as soon as it is there."""
    count = broken = 0
    for lines in _batches(sys.stdin.buffer, encoding):
        count += len(lines)
        broken += sum(NOT_READABLE in line for line in lines)
        _answer(bundle, lines, as_json)
        if sys.stdout is not None:
            sys.stdout.flush()
    if not count:
        raise InputError('no text came on standard input; give texts ("a review" ...), --data FILE, or pipe lines in')
    if broken:
        name = "UTF-8" if encoding == ENCODING else encoding
        say(
            f"{broken:,} of {count:,} lines {'holds' if broken == 1 else 'hold'} what is not {name}, shown as "
            f"{NOT_READABLE}; --encoding names another",
            style="yellow",
        )


def _batches(stream: Any, encoding: str) -> Iterator[list[str]]:
    """Lines, those that are there at once together."""
    left = ""
    for read in _decoded(stream, encoding):
        *lines, left = (left + read).split("\n")
        if len(left) > LONGEST or any(len(line) > LONGEST for line in lines):
            raise InputError(f"a line has more than {LONGEST:,} characters; give a text a line")
        if lines:
            yield [line.removesuffix("\r") for line in lines]
    if left:
        yield [left.removesuffix("\r")]


def _decoded(stream: Any, encoding: str) -> Iterator[str]:
    """What is in a stream, as it comes."""
    from sentiment.files.encodings import known_codec

    codec = known_codec(encoding)
    decoder = codecs.getincrementaldecoder(codec)(errors="replace")
    try:
        while block := stream.read1(BLOCK):
            yield HALF.sub(NOT_READABLE, decoder.decode(block))
        yield HALF.sub(NOT_READABLE, decoder.decode(b"", final=True))
    except UnicodeError as error:  # UTF-16 or UTF-32 without a mark, of which nobody knows which byte is first
        raise InputError(f"standard input is not {codec}: {error}; pass --encoding {codec}-le or -be") from None

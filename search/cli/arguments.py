"""The arguments of the command line: which there are, and what stands in `--help`.

Nothing heavy is imported here, so `--help` answers at once. Whether a value makes sense is the matter of who uses it,
but for one thing: none is empty.
"""

import argparse
import os
import re
import shlex
import sys
import textwrap
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NoReturn

from search.storage.paths import DEFAULT_ARTIFACTS, ArtifactPath, Artifacts
from sentiment.errors import InputError
from sentiment.foreign import one_line

__all__ = ["ARTIFACTS", "LANGUAGES", "leading_to", "parse", "same_command", "to_copy"]

ARTIFACTS: Final = ArtifactPath.of(DEFAULT_ARTIFACTS)

DESCRIPTION: Final = """\
Search text classifiers over labelled reviews, and measure what made the model
better.

  A first search:   sentiment-search run reviews.csv
  What it found:    sentiment-search report reviews
  Take it along:    sentiment-search export reviews --to my-model
  Use it:           sentiment-search predict my-model "not bad at all"
"""
LANGUAGES: Final = ("en", "ko")
"""Of the page that `report` writes; the first where nobody says."""

EPILOG: Final = """\
`sentiment-search COMMAND --help` tells more of each. OPTUNA_STORAGE, or
--storage, names the database; the default is sqlite:///studies/sentiment.db.
A shell completes commands and options after this line in ~/.bashrc (or zsh's):

  eval "$(sentiment-search --print-completion bash)"
"""


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The arguments as values; `command` is the command's name, `given` what was typed. What is wrong ends the program
    with status 2."""
    parser, commands = _parser()
    given = sys.argv[1:] if arguments is None else arguments
    if not given:
        parser.print_help()
        parser.exit()
    if Path(given[0]).suffix and Path(given[0]).is_file():
        parser.error(f"{given[0]} is a file, where a command is asked for: sentiment-search run {given[0]}")
    parsed, rest = parser.parse_known_args(arguments)
    # argparse does not know the texts of `predict DIR --json TEXT` again behind an option.
    if rest and (any(text.startswith("-") for text in rest) or not hasattr(parsed, "texts")):
        named = next(word for word in given if word in commands.choices)
        commands.choices[named].error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        parsed.texts += rest
    parsed.given = tuple(given)
    return parsed


def _given(text: str) -> str:
    """A value that is empty is a slip, often of a variable of the shell that is not set; only a review may be empty."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; give a value, or leave it out")
    return text


def _workers(text: str) -> int | str:
    return text if text == "auto" else int(text)


_workers.__name__ = "number or auto"  # as argparse calls what it is not


def _path(text: str) -> Path:
    return Path(_given(text))


def _artifacts(text: str) -> ArtifactPath:
    try:
        return ArtifactPath.of(_given(text))
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


class _Completion(argparse.Action):
    """Prints what a shell reads to complete commands and options."""

    def __call__(self, parser: argparse.ArgumentParser, _: object, shell: Any, __: object = None) -> None:
        from search.cli.completion import completion

        try:
            print(completion(parser, str(shell)), flush=True)
        except BrokenPipeError:  # `... | head`: nobody reads on
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        parser.exit()


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Lines stay as they are laid out where the terminal is wide enough; else they are broken at spaces, and a command
    so that a shell still takes it."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(indent + part for line in text.splitlines() for part in self._fitted(line, width))

    def _fitted(self, line: str, width: int) -> list[str]:
        label, command, arguments = line.partition("sentiment-search ")
        if len(line) <= width or not command or label.endswith("`"):
            return textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]
        lines = [label + command.rstrip()]
        for argument in re.findall(r'"[^"]*"|\S+', arguments):
            if len(lines[-1]) + len(argument) + len("  \\") > width:
                lines[-1] += " \\"
                lines.append(" " * (len(label) + 1))
            lines[-1] += f" {argument}"
        return lines


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, as everything here does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.register("type", None, _given)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"sentiment-search: {one_line(message)}; see `{self.prog} --help`\n")


def _parser() -> tuple[argparse.ArgumentParser, Any]:
    """The parser, and those of its commands by name, in `choices`."""
    parser: argparse.ArgumentParser = _Parser(
        prog="sentiment-search",
        usage="sentiment-search COMMAND ...",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=_Formatter,
        add_help=False,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, prog=parser.prog)
    commands.type = str  # all that follows the command passes through it
    options = parser.add_argument_group("options")  # here, since those of argparse would come before the commands
    options.add_argument("-h", "--help", action="help", help="show this help, and exit")
    options.add_argument("--version", action="version", version=f"%(prog)s {version('sentiment-search')}")
    options.add_argument(
        "--print-completion",
        action=_Completion,
        choices=["bash", "zsh", "tcsh"],
        help="print what this shell reads to complete commands and options",
    )

    storage = argparse.ArgumentParser(add_help=False)
    storage.add_argument(
        "--storage",
        metavar="URL",
        help="Optuna storage: a URL, or env:NAME for one in a variable; default: OPTUNA_STORAGE, where a URL with a "
        "password belongs, else studies/sentiment.db",
    )
    storage.add_argument(
        "--artifacts",
        metavar="DIR",
        type=_artifacts,
        default=ARTIFACTS,
        help="kept weights and predictions: a folder, or s3://BUCKET/PREFIX (%(default)s)",
    )
    as_json = argparse.ArgumentParser(add_help=False)
    as_json.add_argument("--json", action="store_true", help="print JSON for a program to read")
    named = argparse.ArgumentParser(add_help=False)
    named.add_argument("name", metavar="NAME", nargs="?", help="the study's name; default: the only one that there is")
    columns = argparse.ArgumentParser(add_help=False)
    columns.add_argument("--text", metavar="COLUMN", help="the column with the reviews; guessed where it is plain")
    columns.add_argument("--encoding", help="of the file, if it is not found by itself (cp949, latin-1, ...)")
    columns.add_argument("--max-bytes", type=int, metavar="N", help="read files of up to N bytes, unpacked (256 MiB)")
    launched = argparse.ArgumentParser(add_help=False)
    launched.add_argument("--launcher", choices=["local", "ray"], help="where the workers run: local (default), or ray")
    launched.add_argument(
        "--ray-address",
        metavar="HOST:PORT",
        help="of a Ray cluster's head; default: RAY_ADDRESS, else one is started on this machine, and ended",
    )
    launched.add_argument(
        "--gpus", type=float, metavar="SHARE", help="GPUs of each worker on Ray; 0.25 puts four workers on one"
    )
    rules = argparse.ArgumentParser(add_help=False)
    rules.add_argument("--label", metavar="COLUMN", help="the column with the labels; guessed where it is plain")
    rules.add_argument(
        "--classes",
        metavar="RULE",
        help='as-is, stars-2, stars-3, stars-5, ten-2, ten-3, ten-5, or "negative=1,2 positive=4,5"; default: as-is '
        "with --label, else guessed",
    )
    written = argparse.ArgumentParser(add_help=False)
    written.add_argument(
        "--out", metavar="DIR", type=_path, help="write tables, rows for a program (CSV, JSON) and figures to a folder"
    )

    def add(
        name: str, help: str, *parents: argparse.ArgumentParser, also: Sequence[str] = ()
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help, parents=list(parents), aliases=also)
        added.set_defaults(command=name)
        return added

    run = add("run", "search: make a study or go on with it", storage, as_json, columns, rules, launched, written)
    run.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="reviews: CSV, TSV, JSON Lines or Parquet; also .gz, .xz, .zst; or several. Or a study file: STUDY.toml",
    )
    run.add_argument("--data", metavar="FILE", nargs="+", help="the reviews, as FILE")
    run.add_argument("--validation", metavar="FILE", help="your own validation rows")
    run.add_argument("--test", metavar="FILE", help="your own test rows")
    run.add_argument("--unlabelled", metavar="FILE", nargs="+", help="more texts without labels, for export --distill")
    run.add_argument("--group", metavar="COLUMN", help="rows with the same value (an app, an author) stay in one part")
    run.add_argument("--families", metavar="NAMES", help="search these alone: linear, network, ...; with commas")
    run.add_argument("--encoder", metavar="MODEL", help="also search this pretrained encoder: a folder, or a name")
    run.add_argument("--max-rows", type=int, metavar="N", help="use a stratified sample of N rows")
    run.add_argument("--name", help="the study's name; default: the file's")
    run.add_argument("--trials", type=int, metavar="N", help="the study's total, those it has already included (30)")
    run.add_argument("--timeout", metavar="TIME", help="begin no trial after this long: 90s, 30m, 2h")
    run.add_argument("--workers", type=_workers, metavar="N|auto", help="processes (1); auto: as the machine allows")
    run.add_argument(
        "--synchronous",
        action="store_true",
        default=None,
        help="workers go in step: the same seed and number of workers give the same trials every time",
    )
    run.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="CPU threads of each worker (cores / workers; on a Ray cluster that is there already 1)",
    )
    run.add_argument("--seed", type=int, metavar="N", help="decides what is sampled, and each trial's seed (0)")
    run.add_argument(
        "--patience",
        type=int,
        metavar="N",
        help="stop when the last N trials together raised the best score by less than noise (never)",
    )
    run.add_argument(
        "--audit",
        type=float,
        metavar="SHARE",
        help="let this share of the pruned trials run on, and report what pruning cost (0)",
    )
    run.add_argument(
        "--device",
        help="cpu (default), auto (the GPU, if there is one), or a torch device such as cuda:1; with --gpus cuda",
    )

    compare = add(
        "compare", "measure every idea of a study file against its baseline", storage, as_json, launched, written
    )
    compare.add_argument("study_files", nargs="+", metavar="STUDY.toml")
    compare.add_argument("--dry-run", action="store_true", help="only say what would be trained, and about how long")
    compare.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    compare.add_argument(
        "--workers",
        type=_workers,
        default=1,
        metavar="N|auto",
        help="processes (%(default)s); auto: as the machine allows",
    )
    compare.add_argument("--threads", type=int, default=1, metavar="N", help="CPU threads of each (%(default)s)")
    compare.add_argument(
        "--device",
        help="cpu (default), auto (the GPU, if there is one), or a torch device such as cuda:1; with --gpus cuda",
    )

    worker = add("worker", "join a running study from another process or machine", storage)
    worker.add_argument("--study", required=True, metavar="NAME")
    worker.add_argument("--trials", type=int, metavar="N", help="the study's total; default: what `run` asked for last")
    worker.add_argument("--data", metavar="FILE", nargs="+", help="where the study's reviews lie on this machine")
    worker.add_argument("--timeout", metavar="TIME", help="begin no trial after this long: 90s, 30m, 2h")
    worker.add_argument("--threads", type=int, default=1, metavar="N")
    worker.add_argument("--device", default="cpu")

    add(
        "studies",
        "show what is in the storage, how far and how good it is",
        *(storage, as_json),
        also=("list", "status"),
    )

    report = add("report", "show what a search or a comparison has found", named, storage, written)
    report.add_argument("--top", type=int, default=10, metavar="N", help="trials to show (%(default)s)")
    report.add_argument("--html", metavar="FILE", type=_path, help="write one page that needs no other file")
    report.add_argument("--lang", choices=LANGUAGES, help="of the page that --html writes (en)")
    report.add_argument("--no-texts", action="store_true", help="leave out the texts of reviews")
    report.add_argument(
        "--watch", action="store_true", help="show it anew every few seconds while the study runs; with --html the page"
    )
    form = report.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON for a program to read")
    form.add_argument("--markdown", action="store_true", help="print it as Markdown")
    form.add_argument("--csv", action="store_true", help="print a row for each trial or idea")

    export = add("export", "write a trial's model to a folder", named, storage, as_json)
    export.add_argument("--trial", metavar="best|N", help="the best one, if nothing is said")
    export.add_argument(
        "--distill",
        action="store_true",
        help="a small network that learns from that model, and from the study's unlabelled texts",
    )
    export.add_argument("--ensemble", action="store_true", help="the mean of several trials, as `report` names them")
    export.add_argument(
        "--folds",
        type=int,
        metavar="K",
        help="train what is exported K times over, each time without another part of the rows that are not sealed, and "
        "write the mean: K times as dear, and better as a rule",
    )
    export.add_argument("--to", required=True, type=_path, metavar="DIR")

    predict = add("predict", "label texts, or a file of them, with an exported model", as_json, columns)
    predict.add_argument("bundle", type=_path, metavar="DIR")
    predict.add_argument(
        "texts",
        nargs="*",
        type=str,
        metavar="TEXT",
        help="- reads standard input, one text a line, and so does a pipe without any",
    )
    predict.add_argument("--data", metavar="FILE")
    predict.add_argument(
        "--out",
        metavar="FILE",
        type=_path,
        help="CSV (labels that a spreadsheet would run get a ' before them), or JSON Lines with --json; default: "
        "standard output",
    )
    predict.add_argument("--overwrite", action="store_true", help="let --out replace a file")

    evaluate = add("evaluate", "score an exported model on labelled rows", storage, as_json, columns, rules)
    evaluate.add_argument("bundle", type=_path, metavar="DIR")
    evaluate.add_argument("file", metavar="FILE", nargs="?", help="the labelled rows")
    evaluate.add_argument("--data", metavar="FILE", help="the labelled rows, as FILE")
    evaluate.add_argument(
        "--sealed",
        metavar="STUDY",
        nargs="?",
        const=True,
        help="score the test rows that this study set aside (the one the model is of); each time is counted",
    )

    replay = add("replay", "train a trial again and compare the scores, bit for bit", named, storage, as_json)
    replay.add_argument("--trial", type=int, required=True, metavar="N")

    inspect = add("inspect", "show what a file holds before anything is trained", as_json, columns, rules)
    inspect.add_argument("data", metavar="FILE")

    delete = add("delete", "remove a search or a comparison, with all that it alone keeps", storage)
    delete.add_argument("name", metavar="NAME", type=str)  # another program may have called a study nothing at all
    delete.add_argument("--yes", action="store_true", help="do not ask; needed where nobody can be asked")
    delete.add_argument("--running", action="store_true", help="also while trials of it run")
    delete.add_argument(
        "--keep-files",
        action=argparse.BooleanOptionalAction,
        help="leave its files, which a copy of it in another database may use",
    )

    stored = add("storage", "copy studies to another database, or serve them to many workers")
    actions = stored.add_subparsers(metavar="ACTION", required=True)
    actions.type = str
    what = "copy studies, and what they keep, between SQLite and PostgreSQL, and compare both sides"
    copy = actions.add_parser("copy", help=what, description=what, parents=[as_json])
    copy.set_defaults(action="copy")
    for side in ("source", "target"):
        copy.add_argument(
            side,
            metavar="FROM" if side == "source" else "TO",
            help="a storage URL, or env:NAME for one with a password, which the variable NAME holds",
        )
    copy.add_argument("--study", nargs="+", metavar="NAME", help="these alone, a search or a comparison; default: all")
    copy.add_argument(
        "--artifacts", metavar="DIR", type=_artifacts, default=ARTIFACTS, help="those of FROM (%(default)s)"
    )
    copy.add_argument(
        "--to-artifacts", metavar="DIR", type=_artifacts, help="copy them there: a folder, or s3://BUCKET/PREFIX"
    )
    copy.add_argument("--running", action="store_true", help="also studies of which trials run, as they stand")
    what = "Optuna's gRPC proxy before the storage, for workers with --storage grpc://HOST:PORT"
    serve = actions.add_parser("serve", help=what, description=what)
    serve.set_defaults(action="serve")
    serve.add_argument(
        "--storage",
        metavar="URL",
        help="Optuna storage; default: OPTUNA_STORAGE, where a URL with a password belongs, else studies/sentiment.db",
    )
    serve.add_argument("--host", default="127.0.0.1", help="to listen at (%(default)s: this machine alone)")
    serve.add_argument("--port", type=int, default=13000, metavar="N", help="0: any that is free (%(default)s)")

    dashboard = add("dashboard", "open the studies in optuna-dashboard, on this machine only", storage)
    dashboard.add_argument(
        "--port", type=int, metavar="N", help="0: any that is free (default: 8080, or the next that is free)"
    )
    dashboard.add_argument("--open", action="store_true", help="open it in the browser")
    said = dashboard.add_mutually_exclusive_group()
    said.add_argument("--quiet", action="store_true", help="print the address on standard output, and nothing else")
    said.add_argument("--verbose", action="store_true", help="print a line for each request")
    return parser, commands


def to_copy(url: str) -> str:
    """A storage URL for a line that is to be copied; one with a secret in it is left to the environment."""
    from search.storage.databases import holds_secret

    return '"$OPTUNA_STORAGE"' if holds_secret(url) else shlex.quote(url)


def leading_to(url: str, artifacts: Artifacts) -> str:
    """The options that lead to a storage and its artifacts, for a line that is to be copied; nothing for the usual
    ones."""
    from search.storage.databases import storage_url

    where = "" if url == storage_url(None) else f" --storage {to_copy(url)}"
    return where + ("" if artifacts == ARTIFACTS else f" --artifacts {shlex.quote(str(artifacts))}")


def same_command(args: argparse.Namespace) -> str:
    """The command that was given, with no secret in it."""
    from search.storage.databases import holds_secret

    hidden = args.storage if args.storage is not None and holds_secret(args.storage) else None
    words = [
        word.removesuffix(hidden) + to_copy(hidden) if hidden and word.endswith(hidden) else shlex.quote(word)
        for word in args.given
    ]
    return " ".join(["sentiment-search", *words])

"""The command line: parse, call, print. Nothing is decided here, and torch is imported where it is used.

Exit status: 0 done, 1 the work failed, 2 the request was wrong, 130 interrupted (everything is kept); one line says
why.
"""

import argparse
import json
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Final, NoReturn

from sentiment.errors import InputError, refuse_unless_whole

__all__ = ["main"]

ARTIFACTS: Final = Path("studies/artifacts")

KILLED_BY: Final = "the system does so when memory runs out (fewer --workers need less)"

EPILOG: Final = """\
A first search:   sentiment-search run --data reviews.csv --text review --label stars --classes stars-3
What it found:    sentiment-search report reviews
Take it along:    sentiment-search export reviews --to my-model
Use it:           sentiment-search predict my-model "not bad at all"

OPTUNA_STORAGE, or --storage, names the database; the default is sqlite:///studies/sentiment.db.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parsed = _parse(arguments)
    warnings.showwarning = _show_warning
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that has no 좋 shall not end the work
    # A polite kill (a batch system's, a shutdown's) keeps as much as Ctrl-C does.
    on_interrupt = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGTERM, on_interrupt if callable(on_interrupt) else signal.default_int_handler)
    try:
        status = int(parsed.command(parsed))
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a full disk or a reader that has left can still be answered for
        return status
    except InputError as error:
        return _fail(error, 2)
    except KeyboardInterrupt:
        return _fail("interrupted; everything that was finished is kept", 130)
    except BrokenPipeError:  # `... | head`: nobody reads on
        _discard_unwritable_output()
        return 1
    except Exception as error:
        if os.environ.get("SENTIMENT_SEARCH_TRACEBACK"):
            raise
        return _fail(f"{type(error).__name__}: {_cause(error)} (SENTIMENT_SEARCH_TRACEBACK=1 shows where)", 1)


def _fail(reason: object, status: int) -> int:
    print(f"sentiment-search: {reason}", file=sys.stderr)
    _discard_unwritable_output()
    return status


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """In one line, without the code that it came from."""
    _say(f"sentiment-search: {_one_line(message)}")


def _discard_unwritable_output() -> None:
    """What cannot be written now, the interpreter would try to write again as it ends, and complain in its own way."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _cause(error: BaseException) -> str:
    """What the database said, where Optuna and SQLAlchemy only wrap it; else what the error says."""
    wrapped = error if hasattr(error, "orig") else error.__cause__
    return _one_line(getattr(wrapped, "orig", None) or error)


def _one_line(text: object) -> str:
    return " ".join(str(text).split())[:500]


# ---------------------------------------------------------------------------------------------- commands


def _run(args: argparse.Namespace) -> int:
    definition = _definition(args)
    device = _device(args.device)

    from search.storage import open_storage, storage_url

    url = storage_url(args.storage)
    storage = open_storage(url)

    from search.leaderboard import leaderboard
    from search.optimization import optimize
    from search.progress import SearchProgress
    from search.study import correct_for_choosing, create_or_resume, describe, make_objective, publish
    from search.workers import cores, run_workers

    opened = create_or_resume(definition, storage, args.artifacts, say=_say, device=device)
    threads = definition.threads or max(1, cores() // definition.workers)
    _say(describe(opened, definition.trials))
    if definition.workers > 1 and not definition.synchronous:
        _say("Several workers: who finishes first decides what is tried next, unless they go in step (--synchronous).")
    interrupted = False
    statuses: tuple[int, ...] = (0,)
    with SearchProgress(opened.study, definition.trials) as progress:
        try:
            if definition.workers == 1:
                _set_threads(threads)
                hooks = {"on_batch": progress.on_batch, "on_report": progress.on_report, "device": device}
                optimize(
                    opened,
                    trials=definition.trials,
                    timeout=definition.timeout,
                    objective=make_objective(opened, **hooks),
                    on_trial=progress.on_trial,
                )
            elif opened.finished < definition.trials:
                statuses = run_workers(
                    min(definition.workers, definition.trials - opened.finished),
                    storage=url,
                    study=definition.name,
                    artifacts=args.artifacts,
                    trials=definition.trials,
                    timeout=definition.timeout,
                    threads=threads,
                    device=device,
                    on_poll=progress.refresh,
                )
        except KeyboardInterrupt:
            interrupted = True
    correct_for_choosing(opened)
    board = leaderboard(opened.study, args.artifacts)
    publish(opened.study, board)
    print(json.dumps(board.to_dict(), ensure_ascii=False, indent=1) if args.json else board.render())
    short = opened.finished < definition.trials and definition.timeout is None and opened.plateau() is None
    killed = sum(status < 0 for status in statuses)
    if killed:
        advice = f"Go on with the same command: {_same_command()}" if short else "The others did their work."
        _say(f"\n{killed} of {len(statuses)} workers were killed; {KILLED_BY}. {advice}")
    if interrupted:
        _say(f"\nInterrupted; every finished trial is kept. Go on with the same command: {_same_command()}")
        return 130
    if not args.json and board.best is not None:
        where = "" if args.storage is None else f" --storage {_quoted(args.storage)}"
        where += "" if args.artifacts == ARTIFACTS else f" --artifacts {_quoted(str(args.artifacts))}"
        name = _quoted(definition.name)
        print(f"\nNext: sentiment-search export {name} --to {_quoted(definition.name + '-model')}{where}")
        print(f"      optuna-dashboard {url} --artifact-dir {args.artifacts}")
    return max(*statuses, int(killed > 0 and short))


def _compare(args: argparse.Namespace) -> int:
    from search.definition import MOST_THREADS, MOST_WORKERS
    from search.ideas import read_comparison

    refuse_unless_whole("--workers", args.workers, 1, MOST_WORKERS)
    refuse_unless_whole("--threads", args.threads, 1, MOST_THREADS)

    comparisons = [read_comparison(path) for path in args.study_files]
    device = _device(args.device)
    _check_extras(args.out, comparisons)

    from concurrent.futures.process import BrokenProcessPool

    from search.compare import Setting, compare, openings, plan, publish, random_scores
    from search.progress import training_bar
    from search.results import results
    from search.storage import storage_url
    from search.tables import markdown, render, to_dict

    for comparison in comparisons:
        setting = Setting(comparison, storage_url(args.storage), args.artifacts, args.threads, device)
        for line in (f"{comparison.name}: {plan(setting).render(args.workers)}", *setting.dataset.notes):
            _say(line)
        if args.dry_run:
            continue
        try:
            with training_bar() as on_training:
                arms = compare(setting, workers=args.workers, on_training=on_training)
        except BrokenProcessPool:
            return _fail(
                f"a worker was killed; {KILLED_BY}. Everything that was finished is kept. "
                f"Go on with the same command: {_same_command()}",
                1,
            )
        found = results(
            comparison,
            setting.dataset,
            arms,
            openings=len(openings(setting)),
            random_scores=random_scores(setting),
        )
        publish(setting, markdown(found))
        if args.json:
            print(json.dumps(to_dict(found), ensure_ascii=False, indent=1))
        else:
            print(markdown(found) if args.markdown else render(found))
        if args.out is not None:
            from search.report import write_report

            written = write_report(found, args.out, _same_command())
            _say(f"Wrote {', '.join(path.name for path in written)} to {args.out}")
    return 0


def _worker(args: argparse.Namespace) -> int:
    _set_threads(args.threads)
    from search.optimization import optimize
    from search.storage import open_storage, storage_url
    from search.study import make_objective, open_recorded

    opened = open_recorded(args.study, open_storage(storage_url(args.storage), create=False), args.artifacts)
    optimize(
        opened,
        trials=args.trials,
        timeout=args.timeout,
        objective=make_objective(opened, device=args.device),
    )
    return 0


def _report(args: argparse.Namespace) -> int:
    from search.leaderboard import leaderboard

    board = leaderboard(_study(args), args.artifacts)
    print(json.dumps(board.to_dict(), ensure_ascii=False, indent=1) if args.json else board.render(args.top))
    return 0


def _export(args: argparse.Namespace) -> int:
    from search.export import export

    exported = export(_study(args), args.artifacts, args.trial, args.to)
    if args.json:
        print(json.dumps(exported, ensure_ascii=False))
    else:
        print(f"Wrote trial {exported['trial']} (validation macro-F1 {exported['macro_f1']:.4f}) to {args.to}")
        print(f'Next: sentiment-search predict {_quoted(str(args.to))} "a review"')
    return 0


def _predict(args: argparse.Namespace) -> int:
    if bool(args.texts) == bool(args.data):
        raise InputError('give texts ("a review" ...) or --data FILE --text COLUMN, one of the two')
    if args.data and not args.text:
        raise InputError("--data needs --text, the column with the reviews")
    from sentiment.bundle import Bundle
    from sentiment.scoring import predict_file, predictions

    bundle = Bundle.open(args.bundle)
    if args.data:
        options = {**_reading(args), "overwrite": args.overwrite, "as_json": args.json}
        _say(predict_file(bundle, args.data, args.text, args.out, **options))
        return 0
    for row in predictions(bundle, args.texts):
        if args.json:
            print(json.dumps(row, ensure_ascii=False))
        else:
            probabilities = "  ".join(f"{name} {p:.3f}" for name, p in row["probabilities"].items())
            print(f"{row['label'] or '(no text)'}\t{probabilities}\t{_one_line(row['text'])}")
    return 0


def _evaluate(args: argparse.Namespace) -> int:
    for flag in ("text", "label"):
        if not getattr(args, flag):
            raise InputError(
                f"evaluate needs --{flag}, the column with the {'reviews' if flag == 'text' else 'labels'}"
            )
    from sentiment.bundle import Bundle
    from sentiment.scoring import evaluate

    evaluation = evaluate(
        Bundle.open(args.bundle),
        args.data,
        args.text,
        args.label,
        classes=_classes(args.classes),
        **_reading(args),
    )
    print(json.dumps(evaluation.to_dict(), ensure_ascii=False, indent=1) if args.json else evaluation.render())
    return 0


def _replay(args: argparse.Namespace) -> int:
    from search.replay import replay
    from search.storage import open_storage, storage_url
    from search.study import open_recorded

    opened = open_recorded(args.name, open_storage(storage_url(args.storage), create=False), args.artifacts)
    replayed = replay(opened, args.trial)
    print(json.dumps(replayed.to_dict(), indent=1) if args.json else replayed.render())
    return 0 if replayed.same else 1


def _inspect(args: argparse.Namespace) -> int:
    from sentiment.inspection import inspect

    inspection = inspect(
        args.data, text=args.text, label=args.label, classes=_classes(args.classes) or "as-is", **_reading(args)
    )
    print(json.dumps(inspection.to_dict(), ensure_ascii=False, indent=1) if args.json else inspection.render())
    return 0


def _dashboard(args: argparse.Namespace) -> int:
    from search.storage import open_storage, storage_url

    url = storage_url(args.storage)
    open_storage(url, create=False)
    args.artifacts.mkdir(parents=True, exist_ok=True)
    _check_port(args.port)
    _say(f"http://127.0.0.1:{args.port}/  (Ctrl-C ends it)")
    # Loopback only: the dashboard knows no passwords and can delete studies.
    options = ["--host", "127.0.0.1", "--port", str(args.port), "--artifact-dir", str(args.artifacts)]
    program = Path(sys.executable).with_name("optuna-dashboard")
    os.execv(program, [str(program), url, *options])


# ---------------------------------------------------------------------------------------------- pieces


def _definition(args: argparse.Namespace) -> Any:
    from search.definition import StudyDefinition, parse_duration, read_definition
    from sentiment.reviews import DataSource

    changes = {
        name: getattr(args, name)
        for name in ("name", "trials", "workers", "synchronous", "threads", "seed", "audit", "patience")
        if getattr(args, name) is not None
    }
    if args.timeout is not None:
        changes["timeout"] = parse_duration(args.timeout)
    if args.study_file is not None:
        if args.data or args.text or args.label:
            raise InputError("give a study file, or --data, --text and --label, not both")
        if args.max_bytes is not None:
            changes["data"] = replace(read_definition(args.study_file).data, max_bytes=args.max_bytes)
        return read_definition(args.study_file).replace(**changes)
    missing = [f"--{name}" for name in ("data", "text", "label") if not getattr(args, name)]
    if missing:
        raise InputError(f"give a study file, or --data, --text and --label ({', '.join(missing)} is missing)")
    source = DataSource(
        path=tuple(args.data),
        text=args.text,
        label=args.label,
        classes=_classes(args.classes) or "as-is",
        **_reading(args),
        validation_path=args.validation,
        test_path=args.test,
        max_rows=args.max_rows,
    )
    name = changes.pop("name", None) or Path(args.data[0]).name.split(".")[0]
    return StudyDefinition(name=name, data=source, **changes)


def _reading(args: argparse.Namespace) -> dict[str, Any]:
    """What is said of a file besides its columns."""
    return {"encoding": args.encoding} | ({} if args.max_bytes is None else {"max_bytes": args.max_bytes})


def _classes(text: str | None) -> str | dict[str, list[str]] | None:
    """A rule's name, or "negative=1,2 positive=4,5" as a mapping."""
    if text is None or "=" not in text:
        return text
    mapping = {}
    for part in text.split():
        name, _, values = part.partition("=")
        if not name or not values:
            raise InputError(f'--classes has {part!r}; write "negative=1,2 positive=4,5", or a rule such as stars-3')
        mapping[name] = values.split(",")
    return mapping


def _study(args: argparse.Namespace) -> Any:
    from search.storage import load_study, open_storage, storage_url

    return load_study(args.name, open_storage(storage_url(args.storage), create=False))


def _set_threads(threads: int) -> None:
    from search.definition import MOST_THREADS

    refuse_unless_whole("threads", threads, 1, MOST_THREADS)
    import torch

    torch.set_num_threads(threads)


def _device(name: str) -> str:
    """A torch device that works here; auto is the GPU, if there is one."""
    if name == "cpu":
        return name
    import torch

    device = ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device {device!r} cannot be used here: {str(error).splitlines()[0]}") from None
    return device


def _check_extras(out: Path | None, comparisons: Sequence[Any]) -> None:
    """Before hours of training, not after them."""
    from importlib.util import find_spec

    if any(comparison.curve is not None for comparison in comparisons) and find_spec("opda") is None:
        raise InputError("[curve] needs the extra `curves`: pip install 'sentiment-search[curves]'")
    if out is None:
        return
    if len(comparisons) > 1:
        raise InputError("--out takes the report of one comparison; give one study file at a time")
    if find_spec("matplotlib") is None:
        raise InputError("--out draws figures and needs the extra `figures`: pip install 'sentiment-search[figures]'")
    from search.report import refuse_other_files

    refuse_other_files(out, comparisons[0].name)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {out}: {error.strerror}; give another --out") from None


def _check_port(port: int) -> None:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise InputError(f"port {port} cannot be used: {error}; give another --port") from None


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)


def _same_command() -> str:
    import shlex

    return shlex.join(["sentiment-search", *sys.argv[1:]])


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, as everything here does."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"sentiment-search: {message}; see `{self.prog} --help`\n")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    parsed, rest = parser.parse_known_args(arguments)
    # argparse does not know the texts of `predict DIR --json TEXT` again behind an option.
    if rest and (any(text.startswith("-") for text in rest) or not hasattr(parsed, "texts")):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        parsed.texts += rest
    return parsed


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = _Parser(
        prog="sentiment-search",
        description="Search text classifiers over labelled reviews, and measure what made the model better.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('sentiment-search')}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    storage = argparse.ArgumentParser(add_help=False)
    storage.add_argument(
        "--storage", metavar="URL", help="Optuna storage; default: OPTUNA_STORAGE, else studies/sentiment.db"
    )
    storage.add_argument(
        "--artifacts",
        metavar="DIR",
        type=Path,
        default=ARTIFACTS,
        help="kept weights and caches (%(default)s)",
    )
    as_json = argparse.ArgumentParser(add_help=False)
    as_json.add_argument("--json", action="store_true", help="print JSON for a program to read")
    named = argparse.ArgumentParser(add_help=False)
    named.add_argument("name", metavar="NAME", help="the study's name")
    columns = argparse.ArgumentParser(add_help=False)
    columns.add_argument("--text", metavar="COLUMN", help="the column with the reviews")
    columns.add_argument("--encoding", help="of the file, if it is not found by itself (cp949, latin-1, ...)")
    columns.add_argument("--max-bytes", type=int, metavar="N", help="read files of up to N bytes, unpacked (256 MiB)")
    rules = argparse.ArgumentParser(add_help=False)
    rules.add_argument("--label", metavar="COLUMN", help="the column with the labels")
    rules.add_argument(
        "--classes",
        metavar="RULE",
        help='as-is, stars-2, stars-3, stars-5, ten-2, ten-3, ten-5, or "negative=1,2 positive=4,5"',
    )

    def add(name: str, command: Any, help: str, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help, parents=list(parents))
        added.set_defaults(command=command)
        return added

    run = add("run", _run, "search: make a study or go on with it", storage, as_json, columns, rules)
    run.add_argument(
        "study_file", nargs="?", metavar="STUDY.toml", help="a study file, instead of --data, --text, --label"
    )
    run.add_argument(
        "--data", metavar="FILE", nargs="+", help="CSV, TSV, JSON Lines or Parquet; also .gz, .xz, .zst; or several"
    )
    run.add_argument("--validation", metavar="FILE", help="your own validation rows")
    run.add_argument("--test", metavar="FILE", help="your own test rows")
    run.add_argument("--max-rows", type=int, metavar="N", help="use a stratified sample of N rows")
    run.add_argument("--name", help="the study's name; default: the file's")
    run.add_argument("--trials", type=int, metavar="N", help="the study's total, those it has already included (30)")
    run.add_argument("--timeout", metavar="TIME", help="begin no trial after this long: 90s, 30m, 2h")
    run.add_argument("--workers", type=int, metavar="N", help="processes (1)")
    run.add_argument(
        "--synchronous",
        action="store_true",
        default=None,
        help="workers go in step: the same seed and number of workers give the same trials every time",
    )
    run.add_argument("--threads", type=int, metavar="N", help="CPU threads of each worker (cores / workers)")
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
        default="cpu",
        help="cpu (default), auto (the GPU, if there is one), or a torch device such as cuda:1",
    )

    compare = add("compare", _compare, "measure every idea of a study file against its baseline", storage, as_json)
    compare.add_argument("study_files", nargs="+", metavar="STUDY.toml")
    compare.add_argument("--dry-run", action="store_true", help="only say what would be trained, and about how long")
    compare.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    compare.add_argument(
        "--out", metavar="DIR", type=Path, help="write tables, rows for a program (CSV, JSON) and figures to a folder"
    )
    compare.add_argument("--workers", type=int, default=1, metavar="N", help="processes (%(default)s)")
    compare.add_argument("--threads", type=int, default=1, metavar="N", help="CPU threads of each (%(default)s)")
    compare.add_argument(
        "--device",
        default="cpu",
        help="cpu (default), auto (the GPU, if there is one), or a torch device such as cuda:1",
    )

    worker = add("worker", _worker, "join a running study from another process or machine", storage)
    worker.add_argument("--study", required=True, metavar="NAME")
    worker.add_argument("--trials", type=int, required=True, metavar="N", help="the study's total")
    worker.add_argument("--timeout", type=float, metavar="SECONDS")
    worker.add_argument("--threads", type=int, default=1, metavar="N")
    worker.add_argument("--device", default="cpu")

    report = add("report", _report, "show what a study has found", named, storage, as_json)
    report.add_argument("--top", type=int, default=10, metavar="N", help="trials to show (%(default)s)")

    export = add("export", _export, "write a trial's model to a folder", named, storage, as_json)
    export.add_argument("--trial", default="best", metavar="best|N")
    export.add_argument("--to", required=True, type=Path, metavar="DIR")

    predict = add("predict", _predict, "label texts, or a file of them, with an exported model", as_json, columns)
    predict.add_argument("bundle", type=Path, metavar="DIR")
    predict.add_argument("texts", nargs="*", metavar="TEXT")
    predict.add_argument("--data", metavar="FILE")
    predict.add_argument(
        "--out", metavar="FILE", type=Path, help="CSV, or JSON Lines with --json; default: standard output"
    )
    predict.add_argument("--overwrite", action="store_true", help="let --out replace a file")

    evaluate = add("evaluate", _evaluate, "score an exported model on labelled rows", as_json, columns, rules)
    evaluate.add_argument("bundle", type=Path, metavar="DIR")
    evaluate.add_argument("--data", metavar="FILE", required=True)

    replay = add("replay", _replay, "train a trial again and compare the scores, bit for bit", named, storage, as_json)
    replay.add_argument("--trial", type=int, required=True, metavar="N")

    inspect = add("inspect", _inspect, "show what a file holds before anything is trained", as_json, columns, rules)
    inspect.add_argument("data", metavar="FILE")

    dashboard = add("dashboard", _dashboard, "open the studies in optuna-dashboard, on this machine only", storage)
    dashboard.add_argument("--port", type=int, default=8080)
    return parser


if __name__ == "__main__":
    sys.exit(main())

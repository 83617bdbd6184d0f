"""The command line: parse, call, print. Nothing is decided here, and torch is imported where it is used.

Exit status: 0 done, 1 the work failed, 2 the request was wrong, 130 interrupted (everything is kept); one line says
why.
"""

import argparse
import errno
import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Final

from search.cli.arguments import ARTIFACTS, parse, same_command, to_copy
from search.console import explained, say, show, show_json, tell_in_one_line
from sentiment.errors import InputError, refuse_unless_whole
from sentiment.foreign import one_line, visible

__all__ = ["main"]

KILLED_BY: Final = "the system does so when memory runs out (fewer --workers need less)"

NO_SUCH_PLACE: Final = (
    *(errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST),
    *(errno.ELOOP, errno.EROFS, errno.EACCES, errno.EPERM),
)
"""A path that cannot be used is a wrong request, whoever tried to use it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    if sys.stderr is None:  # closed: what is written there would go to standard output, or into the next opened file
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    parsed = parse(arguments)
    tell = tell_in_one_line(lambda: _shown_storage(parsed))
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that has no 좋 shall not end the work
    # A polite kill (a batch system's, a shutdown's) keeps as much as Ctrl-C does.
    on_interrupt = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGTERM, on_interrupt if callable(on_interrupt) else signal.default_int_handler)
    try:
        status = COMMANDS[parsed.command](parsed)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a full disk or a reader that has left can still be answered for
        return status
    except InputError as error:
        return _fail(str(error), 2)
    except KeyboardInterrupt:
        return _fail("interrupted; everything that was finished is kept", 130)
    except BrokenPipeError:  # `... | head`: nobody reads on
        _discard_unwritable_output()
        return 1
    except Exception as error:
        if os.environ.get("SENTIMENT_SEARCH_TRACEBACK"):
            raise
        if isinstance(error, OSError) and error.filename and error.errno in NO_SUCH_PLACE:
            return _fail(one_line(f"{error.filename}: {error.strerror}; give another path"), 2)
        tell(explained(error, _shown_storage(parsed)))
        _discard_unwritable_output()
        return 1


def _fail(reason: str, status: int) -> int:
    say(f"sentiment-search: {reason}")
    _discard_unwritable_output()
    return status


def _discard_unwritable_output() -> None:
    """What cannot be written now, the interpreter would try to write again as it ends, and complain in its own way."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# ---------------------------------------------------------------------------------------------- commands


def _run(args: argparse.Namespace) -> int:
    definition = _definition(args)
    device = _device(args.device)

    from search.storage.databases import holds_secret, open_storage, storage_url

    url = storage_url(args.storage)
    storage = open_storage(url)

    from search.execution.workers import cores, run_workers
    from search.report.progress import SearchProgress
    from search.study.create import correct_for_choosing, create_or_resume, describe, make_objective, publish
    from search.study.leaderboard import leaderboard
    from search.study.optimization import optimize

    opened = create_or_resume(definition, storage, args.artifacts, say=say, device=device)
    threads = definition.threads or max(1, cores() // definition.workers)
    say(describe(opened, definition.trials))
    if definition.workers > 1 and not definition.synchronous:
        say("Several workers: who finishes first decides what is tried next, unless they go in step (--synchronous).")
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
                    main,
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
    if args.json:
        show_json(board.to_dict())
    else:
        show(board.render())
    short = opened.finished < definition.trials and definition.timeout is None and opened.plateau() is None
    killed = sum(status < 0 for status in statuses)
    if args.storage is not None and holds_secret(args.storage):
        say("\nThe password in --storage is not shown: put the URL into OPTUNA_STORAGE, which the next commands name.")
    if killed:
        advice = f"Go on with the same command: {same_command(args)}" if short else "The others did their work."
        say(f"\n{killed} of {len(statuses)} workers were killed; {KILLED_BY}. {advice}")
    if interrupted:
        say(f"\nInterrupted; every finished trial is kept. Go on with the same command: {same_command(args)}")
        return 130
    if not args.json and board.best is not None:
        where = "" if args.storage is None else f" --storage {to_copy(args.storage)}"
        where += "" if args.artifacts == ARTIFACTS else f" --artifacts {shlex.quote(str(args.artifacts))}"
        name, model = shlex.quote(definition.name), shlex.quote(f"{definition.name}-model")
        show(f"\nNext: sentiment-search export {name} --to {model}{where}")
        show(f"      sentiment-search evaluate {model} --sealed {name}{where}")
        show(f"      sentiment-search dashboard{where}")
    return max(*statuses, int(killed > 0 and short))


def _compare(args: argparse.Namespace) -> int:
    from search.comparison.ideas import read_comparison
    from search.study.definition import MOST_THREADS, MOST_WORKERS

    refuse_unless_whole("--workers", args.workers, 1, MOST_WORKERS)
    refuse_unless_whole("--threads", args.threads, 1, MOST_THREADS)

    comparisons = [read_comparison(path) for path in args.study_files]
    device = _device(args.device)
    _check_extras(args.out, comparisons)
    _make_folder(args.artifacts, "--artifacts")

    from concurrent.futures.process import BrokenProcessPool

    from search.comparison.compare import compare, openings, publish, refuse_other
    from search.comparison.foresight import foresee
    from search.comparison.price import plan
    from search.comparison.results import results
    from search.comparison.setting import Setting
    from search.comparison.tuning import random_scores
    from search.execution.processes import LOST_SERVER
    from search.report.progress import training_bar
    from search.report.tables import markdown, render, to_dict
    from search.storage.databases import storage_url

    for comparison in comparisons:
        setting = Setting(comparison, storage_url(args.storage), args.artifacts, args.threads, device)
        refuse_other(setting)
        for line in (f"{comparison.name}: {plan(setting).render(args.workers)}", *setting.dataset.notes):
            say(line)
        if args.dry_run:
            show(foresee(setting).render())
            continue
        try:
            with training_bar() as on_training:
                compared = compare(setting, workers=args.workers, on_training=on_training)
        except (BrokenProcessPool, *LOST_SERVER):
            return _fail(
                f"a worker was killed; {KILLED_BY}. Everything that was finished is kept. "
                f"Go on with the same command: {same_command(args)}",
                1,
            )
        found = results(
            comparison,
            setting.dataset,
            compared,
            openings=len(openings(setting)),
            random_scores=random_scores(setting),
        )
        publish(setting, markdown(found))
        if args.json:
            show_json(to_dict(found))
        else:
            show(markdown(found) if args.markdown else render(found))
        if args.out is not None:
            from search.report.folder import write_report

            try:
                written = write_report(found, args.out, same_command(args))
            except OSError as error:  # one that came of writing does not say where
                raise OSError(error.errno, error.strerror, str(args.out)) from None
            say(f"Wrote {', '.join(path.name for path in written)} to {args.out}")
    return 0


def _worker(args: argparse.Namespace) -> int:
    from search.study.definition import MOST_TRIALS, parse_duration

    refuse_unless_whole("--trials", args.trials, 1, MOST_TRIALS)
    timeout = None if args.timeout is None else parse_duration(args.timeout)
    device = _device(args.device)
    _set_threads(args.threads)
    from search.storage.databases import open_storage, storage_url
    from search.study.create import make_objective, open_recorded
    from search.study.optimization import optimize

    opened = open_recorded(args.study, open_storage(storage_url(args.storage), create=False), args.artifacts)
    optimize(opened, trials=args.trials, timeout=timeout, objective=make_objective(opened, device=device))
    return 0


def _report(args: argparse.Namespace) -> int:
    refuse_unless_whole("--top", args.top, 1)
    from search.study.leaderboard import leaderboard

    board = leaderboard(_study(args), args.artifacts)
    if args.json:
        show_json(board.to_dict())
    else:
        show(board.render(args.top))
    return 0


def _export(args: argparse.Namespace) -> int:
    from search.study.export import export

    exported = export(_study(args), args.artifacts, args.trial, args.to)
    if args.json:
        show_json(exported, indent=None)
    else:
        show(f"Wrote trial {exported['trial']} (validation macro-F1 {exported['macro_f1']:.4f}) to {args.to}")
        show(f'Next: sentiment-search predict {shlex.quote(str(args.to))} "a review"')
    return 0


def _predict(args: argparse.Namespace) -> int:
    if bool(args.texts) == bool(args.data):
        raise InputError('give texts ("a review" ...) or --data FILE --text COLUMN, one of the two')
    if args.data and not args.text:
        raise InputError("--data needs --text, the column with the reviews")
    for flag in ("text", "out", "encoding", "max_bytes"):
        if getattr(args, flag) is not None and not args.data:
            raise InputError(f"--{flag.replace('_', '-')} is for a file; give --data FILE, or leave it out")
    from sentiment.bundle import Bundle
    from sentiment.scoring import predict_file, predictions

    bundle = Bundle.open(args.bundle)
    if args.data:
        options = {**_reading(args), "overwrite": args.overwrite, "as_json": args.json}
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


def _evaluate(args: argparse.Namespace) -> int:
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
    if args.json:
        show_json(evaluation.to_dict())
    else:
        show(evaluation.render())
    return 0


def _evaluate_sealed(args: argparse.Namespace) -> int:
    for flag in ("text", "label", "classes", "encoding", "max_bytes"):
        if getattr(args, flag) is not None:
            raise InputError(f"--{flag.replace('_', '-')} is for --data; the study says how its rows are read")
    from search.storage.databases import open_storage, storage_url
    from search.study.create import open_recorded
    from search.study.sealed import evaluate_sealed
    from sentiment.bundle import Bundle

    bundle = Bundle.open(args.bundle)
    opened = open_recorded(args.sealed, open_storage(storage_url(args.storage), create=False), args.artifacts)
    evaluation = evaluate_sealed(bundle, opened)
    if args.json:
        show_json(evaluation.to_dict())
    else:
        show(evaluation.render())
    return 0


def _replay(args: argparse.Namespace) -> int:
    from search.storage.databases import open_storage, storage_url
    from search.study.create import open_recorded
    from search.study.replay import replay

    opened = open_recorded(args.name, open_storage(storage_url(args.storage), create=False), args.artifacts)
    replayed = replay(opened, args.trial)
    if args.json:
        show_json(replayed.to_dict())
    else:
        show(replayed.render())
    return 0 if replayed.same else 1


def _inspect(args: argparse.Namespace) -> int:
    from sentiment.inspection import inspect

    inspection = inspect(
        args.data, text=args.text, label=args.label, classes=_classes(args.classes) or "as-is", **_reading(args)
    )
    if args.json:
        show_json(inspection.to_dict())
    else:
        show(inspection.render())
    return 0


def _dashboard(args: argparse.Namespace) -> int:
    from search.report.dashboard import serve
    from search.storage.databases import open_storage, storage_url

    url = storage_url(args.storage)
    open_storage(url, create=False)
    _make_folder(args.artifacts, "--artifacts")
    serve(url, args.artifacts, args.port, on_ready=lambda address: say(f"{address}  (Ctrl-C ends it)"))
    return 0


# ---------------------------------------------------------------------------------------------- pieces


def _definition(args: argparse.Namespace) -> Any:
    from search.study.definition import StudyDefinition, parse_duration, read_definition
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
        for flag in ("group", "classes", "encoding", "validation", "test", "max_rows"):
            if getattr(args, flag) is not None:
                raise InputError(f"--{flag.replace('_', '-')} is for --data; write it into [data] of {args.study_file}")
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
        group=args.group,
        classes=_classes(args.classes) or "as-is",
        **_reading(args),
        validation_path=args.validation,
        test_path=args.test,
        max_rows=args.max_rows,
    )
    name = changes.pop("name", None) or Path(args.data[0]).name.lstrip(".").split(".")[0]
    return StudyDefinition(name=name, data=source, **changes)


def _classes(text: str | None) -> str | dict[str, list[str]] | None:
    """A rule's name, or "negative=1,2 positive=4,5" as a mapping."""
    if text is None or "=" not in text:
        return text
    mapping: dict[str, list[str]] = {}
    for part in text.split():
        name, _, values = part.partition("=")
        if not name or not all(values.split(",")):
            raise InputError(f'--classes has {part!r}; write "negative=1,2 positive=4,5", or a rule such as stars-3')
        mapping.setdefault(name, []).extend(values.split(","))
    return mapping


def _reading(args: argparse.Namespace) -> dict[str, Any]:
    """What is said of a file besides its columns."""
    return {"encoding": args.encoding} | ({} if args.max_bytes is None else {"max_bytes": args.max_bytes})


def _study(args: argparse.Namespace) -> Any:
    from search.storage.databases import load_study, open_storage, storage_url

    return load_study(args.name, open_storage(storage_url(args.storage), create=False))


def _shown_storage(parsed: argparse.Namespace) -> str:
    if not hasattr(parsed, "storage"):
        return ""
    from search.storage.databases import shown, storage_url

    return shown(storage_url(parsed.storage))


def _set_threads(threads: int) -> None:
    from search.study.definition import MOST_THREADS

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
        torch.zeros(1, device=device).item()  # "meta" makes tensors, without numbers in them
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device {device!r} cannot be used here: {str(error).splitlines()[0]}") from None
    return device


def _check_extras(out: Path | None, comparisons: Sequence[Any]) -> None:
    """Before hours of training, not after them."""
    from importlib.util import find_spec

    if out is None:
        return
    if len(comparisons) > 1:
        raise InputError("--out takes the report of one comparison; give one study file at a time")
    if find_spec("matplotlib") is None:
        raise InputError("--out draws figures and needs the extra `figures`: pip install 'sentiment-search[figures]'")
    from search.report.folder import refuse_other_files

    refuse_other_files(out, comparisons[0].name)
    _make_folder(out, "--out")


def _make_folder(folder: Path, flag: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {folder}: {error.strerror}; give another {flag}") from None


COMMANDS: Final[dict[str, Callable[[argparse.Namespace], int]]] = {
    "run": _run,
    "compare": _compare,
    "worker": _worker,
    "report": _report,
    "export": _export,
    "predict": _predict,
    "evaluate": _evaluate,
    "replay": _replay,
    "inspect": _inspect,
    "dashboard": _dashboard,
}


if __name__ == "__main__":
    sys.exit(main())

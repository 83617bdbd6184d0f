"""`sentiment-search compare`: ideas against a baseline."""

import argparse
import shlex
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from search.cli.answer import fail, killed_by
from search.cli.arguments import leading_to, same_command
from search.cli.asked import device_for, device_of, executor_of, make_folder, workers_of, write_out
from search.console import doing, say, show, show_json, width
from sentiment.errors import InputError, refuse_unless_whole

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """As `--help` says."""
    doing(f"Reading {', '.join(map(str, args.study_files))}")
    from search.comparison.ideas import read_comparison
    from search.study.definition import MOST_THREADS, MOST_WORKERS

    if args.workers != "auto":
        refuse_unless_whole("--workers", args.workers, 1, MOST_WORKERS)
    refuse_unless_whole("--threads", args.threads, 1, MOST_THREADS)

    comparisons = [read_comparison(path) for path in args.study_files]
    device = device_for(args)
    if args.dry_run:
        device = device_of(device)  # what it measures, it measures here
    _check_extras(args.out, comparisons)
    args.artifacts.prepare()

    from search.execution.this_process import THIS_PROCESS

    workers = workers_of(args.workers, device)
    if args.dry_run or (workers == 1 and args.launcher != "ray"):
        where: AbstractContextManager[Any] = nullcontext(THIS_PROCESS)
    else:
        where = executor_of(args, workers, args.threads, device)
    with where as executor:
        return _compare(args, comparisons, executor, workers, device)


def _compare(args: argparse.Namespace, comparisons: Sequence[Any], executor: Any, workers: int, device: str) -> int:
    from search.comparison.compare import compare, refuse_other
    from search.comparison.foresight import foresee
    from search.comparison.ideas import PAIRS
    from search.comparison.price import plan
    from search.comparison.reopened import found as found_by
    from search.comparison.setting import Setting
    from search.execution.contract import WorkerLost
    from search.report.comparing import ComparisonProgress
    from search.report.pages import PagesOfComparison, publish_comparison
    from search.report.text import markdown, render
    from search.report.values import to_dict
    from search.storage.databases import storage_url
    from search.study.records import COMMAND, keep_of_study

    for path, comparison in zip(args.study_files, comparisons, strict=True):
        setting = Setting(comparison, storage_url(args.storage), args.artifacts, args.threads, device)
        refuse_other(setting)
        doing(f"{comparison.name}: measuring a small part of a training of each arm")
        for line in (f"{comparison.name}: {plan(setting).render(workers)}", *setting.dataset.notes):
            say(line)
        if args.dry_run:
            show(foresee(setting).render(width()))
            continue
        try:
            pages = PagesOfComparison(setting)
            with ComparisonProgress(setting, workers) as progress:

                def on_training(
                    done: int, total: int, at_work: Any, progress: Any = progress, pages: Any = pages
                ) -> None:
                    progress.on_training(done, total, at_work)
                    pages.refresh(done, total)

                compared = compare(setting, executor=executor, on_training=on_training)
        except WorkerLost:
            return fail(
                f"a worker was killed; {killed_by(args.launcher)}. Everything that was finished is kept. "
                f"Go on with the same command: {same_command(args)}",
                1,
            )
        keep_of_study(setting.study(PAIRS), COMMAND, same_command(args))
        doing(f"{comparison.name}: working out differences and intervals")
        found = found_by(setting, compared)
        publish_comparison(setting, found)  # first: whoever reads the answer may leave
        if args.json:
            show_json(to_dict(found))
        elif args.markdown:
            show(markdown(found))
        else:
            show(render(found, width()))
        if args.out is not None:
            from search.report.folder import write_report

            write_out(args.out, partial(write_report, found, command=same_command(args)))
        if not (args.json or args.markdown):
            _show_what_is_next(comparison.name, path, leading_to(setting.storage, args.artifacts))
    return 0


def _show_what_is_next(name: str, path: str, where: str) -> None:
    show(f"\nNext: sentiment-search report {shlex.quote(name)} --html {shlex.quote(f'{name}.html')}{where}")
    show(f"      sentiment-search dashboard{where}")
    show("A comparison keeps no model to export; a search does:")
    show(f"      sentiment-search run {shlex.quote(path)} --name {shlex.quote(f'{name}-search')}{where}")


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
    make_folder(out, "--out")

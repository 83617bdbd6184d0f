"""`sentiment-search run`: one search."""

import argparse
import os
import shlex
from contextlib import closing
from functools import partial
from typing import Any

from search.cli.answer import killed_by
from search.cli.arguments import leading_to, same_command
from search.cli.asked import device_for, executor_of, make_folder, set_threads, threads_of, write_out
from search.cli.definition import definition_of
from search.cli.shares import INTERRUPTED, Shares
from search.cli.worker import work_on
from search.console import doing, say, show, show_json, width

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """As `--help` says."""
    doing(f"Reading {', '.join(args.files or args.data or ())}")
    definition = definition_of(args)
    device = device_for(args)
    if args.out is not None:  # before hours of training, not after them
        from search.report.folder import refuse_other_search

        refuse_other_search(args.out, definition.name)
        make_folder(args.out, "--out")

    from search.storage.databases import holds_secret, open_storage, storage_url

    url = storage_url(args.storage)
    storage = open_storage(url)

    from search.report.board import render, to_dict
    from search.report.notes import export_flag
    from search.report.pages import PageOfSearch, publish_search
    from search.report.progress import SearchProgress
    from search.report.trial_pages import TrialPages
    from search.study.choosing import correct_for_choosing
    from search.study.create import create_or_resume, describe, make_objective
    from search.study.leaderboard import leaderboard
    from search.study.optimization import optimize
    from search.study.records import COMMAND, keep_of_study

    opened = create_or_resume(definition, storage, args.artifacts, say=say, device=device)
    keep_of_study(opened.study, COMMAND, same_command(args))
    threads = threads_of(args, definition.workers, definition.threads)
    say(describe(opened, definition.trials))
    if definition.workers > 1 and not definition.synchronous:
        say("Several workers: who finishes first decides what is tried next, unless they go in step (--synchronous).")
    interrupted, workers = False, max(1, min(definition.workers, definition.trials - opened.finished))
    shares = Shares(opened, definition.trials, definition.timeout, workers, url)
    trains_here = definition.workers == 1 and args.launcher != "ray"
    where = leading_to(args.storage or url, args.artifacts)
    page = PageOfSearch(opened.study, args.artifacts, definition.trials, where)
    page.refresh()
    with SearchProgress(opened.study, definition.trials, None if trains_here else workers) as progress:

        def refresh(*_: object) -> None:
            progress.refresh()
            page.refresh()

        def on_trial(trial: Any) -> None:
            progress.on_trial(trial)
            page.refresh()

        try:
            if trains_here:
                set_threads(threads)
                hooks = {"on_begin": progress.on_begin, "on_batch": progress.on_batch, "on_report": progress.on_report}
                pages = TrialPages(args.artifacts, where)
                optimize(
                    opened,
                    trials=definition.trials,
                    timeout=definition.timeout,
                    objective=make_objective(opened, device=device, pages=pages, **hooks),
                    on_trial=on_trial,
                )
            elif opened.finished < definition.trials:
                # Set before their libraries load, so that a worker's BLAS does not start a thread for every core.
                os.environ["OMP_NUM_THREADS"] = str(threads)
                with executor_of(args, workers, threads, device) as executor:
                    # Its nodes may not have the file.
                    dataset = opened.dataset if args.launcher == "ray" else None
                    asked = {"trials": definition.trials, "threads": threads, "device": device, "dataset": dataset}
                    work = partial(work_on, definition.name, url, args.artifacts, **asked)
                    with closing(executor.do(shares.jobs, work, refresh)) as done:
                        for ended in done:
                            if shares.end_with(ended):
                                break
        except KeyboardInterrupt:
            interrupted = True
    interrupted = interrupted or INTERRUPTED in shares.statuses
    doing("Correcting the best score for the choice among all")
    correct_for_choosing(opened)
    board = leaderboard(opened.study, args.artifacts)
    publish_search(opened.study, board, args.artifacts, where)  # first: whoever reads the answer may leave
    if args.json:
        show_json(to_dict(board))
    else:
        show(render(board, width=width()))
    if args.out is not None:
        from search.report.folder import write_search_report

        write_out(args.out, lambda folder: write_search_report(board, folder, same_command(args)))
    short = opened.finished < definition.trials and definition.timeout is None and opened.plateau() is None
    if args.storage is not None and holds_secret(args.storage):
        say("\nThe password in --storage is not shown: put the URL into OPTUNA_STORAGE, which the next commands name.")
    killed = len(shares.killed)
    if killed:
        advice = f"Go on with the same command: {same_command(args)}" if short else "The others did their work."
        if shares.replaced:
            advice = f"They were replaced, {shares.replaced} times in all. {advice}"
        say(f"\n{killed} of {workers} workers were killed; {killed_by(args.launcher)}. {advice}")
    if interrupted:
        say(f"\nInterrupted; every finished trial is kept. Go on with the same command: {same_command(args)}")
        return INTERRUPTED
    if not args.json and board.best is not None:
        name, model = shlex.quote(definition.name), shlex.quote(f"{definition.name}-model")
        show(f"\nNext: sentiment-search export {name}{export_flag(board)} --to {model}{where}")
        show(f"      sentiment-search evaluate {model} --sealed {name}{where}")
        show(f"      sentiment-search report {name} --html {shlex.quote(f'{definition.name}.html')}{where}")
        show(f"      sentiment-search dashboard{where}")
    return max(*shares.statuses, int(killed > 0 and short))

"""`sentiment-search worker`: works on a study beside others; what `run` has its workers do."""

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from search.cli.arguments import leading_to
from search.cli.asked import device_of, set_threads
from search.console import say
from search.storage.paths import Artifacts
from sentiment.errors import InputError, refuse_unless_whole

if TYPE_CHECKING:
    from sentiment.reviews.dataset import Dataset

__all__ = ["command", "work_on"]


def command(args: argparse.Namespace) -> int:
    """As `--help` says."""
    from search.study.definition import MOST_TRIALS, parse_duration

    if args.trials is not None:
        refuse_unless_whole("--trials", args.trials, 1, MOST_TRIALS)
    timeout = None if args.timeout is None else parse_duration(args.timeout)
    device = device_of(args.device)
    if args.artifacts.bucket is not None:
        args.artifacts.prepare()
    from search.storage.databases import storage_url

    asked = (args.artifacts, args.trials, timeout, args.threads, device)
    work_on(args.study, storage_url(args.storage), *asked, data=args.data, tell=say)
    say(f"Nothing is left to do here; `sentiment-search report {args.study}` shows what was found.")
    return 0


def work_on(
    name: str,
    url: str,
    artifacts: Artifacts,
    trials: int | None,
    timeout: float | None,
    threads: int,
    device: str,
    dataset: "Dataset | None" = None,
    data: Sequence[str] | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> int:
    """Work on a study until it has so many trials, or as many as `run` asked for; everything else stands in it, but
    for the data if they are given."""
    set_threads(threads)
    from search.report.trial_pages import TrialPages
    from search.storage.databases import open_storage
    from search.study.create import make_objective, open_recorded
    from search.study.optimization import optimize
    from search.study.records import TRIALS, told_of_study

    opened = open_recorded(name, open_storage(url, create=False), artifacts, dataset, data)
    trials = trials or told_of_study(opened.study).get(TRIALS)
    if not isinstance(trials, int):
        raise InputError(f"study {name!r} does not say how many trials it shall have; give --trials")
    tell(f"Working on {name} until it has {trials} trials; it has {opened.finished}.")
    pages = TrialPages(artifacts, leading_to(url, artifacts))
    objective = make_objective(opened, device=device, pages=pages)
    optimize(opened, trials=trials, timeout=timeout, objective=objective)
    return 0

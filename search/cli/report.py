"""`sentiment-search report`: what a search or a comparison has found, as a table, a page, or rows for a program."""

import argparse
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from search.cli.arguments import LANGUAGES, leading_to, same_command
from search.cli.asked import make_folder, only_study, write_out
from search.console import doing, say, show, show_json, width
from sentiment.errors import InputError, refuse_unless_whole

__all__ = ["command"]

WATCH_SECONDS: Final = 3.0
"""Between two looks at a study that runs."""
IDLE_LOOKS: Final = 20
"""After so many, in which no trial of an unfinished search was trained, it was interrupted or killed: a minute, since
between two trials, or while a file is read, none is trained either."""


def command(args: argparse.Namespace) -> int:
    """As `--help` says."""
    refuse_unless_whole("--top", args.top, 1)
    if args.html is None and args.lang is not None:
        raise InputError("--lang is the language of the page, which --html FILE writes; give both")
    if args.html is not None:
        from search.report.page import refuse_other_file

        refuse_other_file(args.html)
    doing("Reading what is on record")
    from search.storage.databases import OLDER_PAIRS, open_storage, storage_url
    from search.study.comparisons import parts_of

    url = storage_url(args.storage)
    storage = open_storage(url, create=False)
    name = only_study(args, storage)
    args.artifacts.prepare(writing=False)
    parts = parts_of(name, storage)
    # An older comparison may share its name with a search.
    is_search = not parts or (parts[0] != name and name in {one.study_name for one in storage.get_all_studies()})
    if is_search:
        told: _Told = _Search(args, name, url, storage)
    else:
        told = _Comparison(args, name.removesuffix(OLDER_PAIRS), url)  # so it is called where a search has its name
    if args.watch:
        return _watch(told)
    told.tell()
    told.write_page(reload=False)
    return 0


@dataclass
class _Told:
    """A study, and how it was asked to be told; it is read anew by `again`."""

    args: argparse.Namespace
    name: str
    url: str

    @property
    def runs(self) -> bool:
        """Whether more will come."""
        raise NotImplementedError

    @property
    def is_worked_on(self) -> bool:
        """Whether a process trains something of it; also where nobody can tell."""
        return True

    def text(self) -> str:
        """For the terminal."""
        raise NotImplementedError

    def tell(self) -> None:
        """What was asked for, but the page; the text, where nothing was."""
        raise NotImplementedError

    def page(self) -> Any:
        """What the page says."""
        raise NotImplementedError

    def page_options(self) -> dict[str, Any]:
        """That every page takes."""
        where = leading_to(self.url, self.args.artifacts)
        return {"language": self.args.lang or LANGUAGES[0], "show_texts": not self.args.no_texts, "where": where}

    def again(self) -> "_Told":
        """The same, as it stands now."""
        raise NotImplementedError

    def write_page(self, *, reload: bool) -> None:
        """Where one was asked for."""
        if self.args.html is None:
            return
        from search.report.page import write_page

        make_folder(self.args.html.parent, "--html")
        try:
            write_page(self.page(), self.args.html, reload=reload)
        except FileNotFoundError:  # as in /proc, which is made up
            raise InputError(f"--html {self.args.html}: no file can be made there; give another path") from None
        except OSError as error:  # one that came of writing does not say where
            raise OSError(error.errno, error.strerror, str(self.args.html)) from None
        if not reload:
            say(f"Wrote {self.args.html}")

    def show(self, text: Callable[[], str], markdown: Callable[[], str], values: Callable[[], Any], rows: Any) -> None:
        """In the one form that was asked for; the text where no other was, and no file either."""
        args = self.args
        if args.json:
            show_json(values())
        elif args.markdown:
            show(markdown())
        elif args.csv:
            from search.report.values import csv_text

            show(csv_text(rows()).rstrip("\n"))
        elif args.html is None and args.out is None:
            show(text())


@dataclass
class _Search(_Told):
    storage: Any
    dataset: Any = None
    """What was read before; rows do not change while a study runs."""

    @cached_property
    def study(self) -> Any:
        from search.storage.databases import load_study

        return load_study(self.name, self.storage)

    @cached_property
    def board(self) -> Any:
        from search.study.leaderboard import leaderboard
        from search.study.records import as_recorded

        with as_recorded(self.name):
            return leaderboard(self.study, self.args.artifacts)

    @property
    def runs(self) -> bool:
        from search.study.records import TRIALS, told_of_study

        counts, asked = self.board.counts, told_of_study(self.study).get(TRIALS)
        done = counts.get("complete", 0) + counts.get("pruned", 0)
        return bool(counts.get("running")) or (asked is not None and done < asked and self.board.plateau is None)

    @property
    def is_worked_on(self) -> bool:
        from search.study.claims import living

        return bool(living(self.study))

    def text(self) -> str:
        from search.report.board import render
        from search.study.records import as_recorded

        with as_recorded(self.name):
            return render(self.board, self.args.top, width())

    def tell(self) -> None:
        from search.report.board import markdown, to_dict

        self.show(
            self.text,
            lambda: markdown(self.board),
            lambda: to_dict(self.board),
            lambda: [vars(entry) for entry in self.board.entries],
        )
        if self.args.out is not None:
            from search.report.folder import refuse_other_search, write_search_report

            refuse_other_search(self.args.out, self.name)
            write_out(self.args.out, lambda folder: write_search_report(self.board, folder, same_command(self.args)))

    def page(self) -> Any:
        from search.report.page import search_page
        from search.study.create import open_recorded
        from search.study.records import as_recorded

        opened: Any
        try:
            opened = open_recorded(self.name, self.storage, self.args.artifacts, dataset=self.dataset)
            self.dataset = opened.dataset
        except InputError as error:
            opened = error
        options = {"top": self.args.top, **self.page_options()}
        with as_recorded(self.name):
            return search_page(self.study, self.board, opened, self.args.artifacts, **options)

    def again(self) -> "_Search":
        return replace(self)


@dataclass
class _Comparison(_Told):
    opened: Any = None
    """Its setting, with the reviews that were read."""

    @cached_property
    def setting(self) -> Any:
        from search.comparison.reopened import reopen

        return self.opened or reopen(self.name, self.url, self.args.artifacts)

    @cached_property
    def found(self) -> Any:
        from search.comparison.reopened import found
        from search.study.records import as_recorded

        with as_recorded(self.name):
            results = found(self.setting)
        return replace(results, slices=results.slices.without_texts()) if self.args.no_texts else results

    @property
    def runs(self) -> bool:
        from search.comparison.looks import pairs_left

        return bool(pairs_left(self.setting).wanted)

    def text(self) -> str:
        from search.report.text import render

        return render(self.found, width())

    def tell(self) -> None:
        from search.report.text import markdown
        from search.report.values import rows, to_dict

        self.show(self.text, lambda: markdown(self.found), lambda: to_dict(self.found), lambda: rows(self.found))
        if self.args.out is not None:
            from search.report.folder import refuse_other_files, write_report

            refuse_other_files(self.args.out, self.name)
            write_out(self.args.out, lambda folder: write_report(self.found, folder, same_command(self.args)))

    def page(self) -> Any:
        from search.report.page import comparison_page

        return comparison_page(self.found, self.setting, **self.page_options())

    def again(self) -> "_Comparison":
        return replace(self, opened=self.setting)


def _watch(told: _Told) -> int:
    """Until nothing runs any more, nobody works on it, or Ctrl-C: then what was asked for is told once more, as it
    stands."""
    from search.report.watching import redrawn

    doing(None)  # which would be drawn where that is
    idle = 0
    try:
        with redrawn() as draw:
            goes_on = told.runs
            if goes_on and told.args.html is not None:
                say(f"{told.args.html} is written anew every {WATCH_SECONDS:g} s until the study is done, or Ctrl-C.")
            while goes_on and idle < IDLE_LOOKS:
                draw(_standing(told))
                with suppress(InputError):  # of a comparison before its first look, which `draw` shows
                    told.write_page(reload=True)
                time.sleep(WATCH_SECONDS)
                told = told.again()
                goes_on = told.runs
                idle = 0 if told.is_worked_on else idle + 1
    except KeyboardInterrupt:
        told = told.again()
    told.tell()
    told.write_page(reload=False)
    if idle >= IDLE_LOOKS:
        say("It is not done, and nobody works on it any more: the same `sentiment-search run` command goes on with it.")
    return 0


def _standing(told: _Told) -> str:
    """The text, or why there is none yet."""
    try:
        return told.text()
    except InputError as error:
        return str(error)

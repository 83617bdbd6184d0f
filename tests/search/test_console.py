import argparse
import errno
import logging
import sqlite3
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import optuna
import pytest
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import OperationalError

from search.cli.arguments import same_command, to_copy
from search.console import explained, say, show, tell_in_one_line
from search.storage.databases import open_storage
from sentiment.terminal import screen
from tests.support.terminal import Terminal

URL = "postgresql+psycopg://me:secret@host/db"
FULL = OperationalError("INSERT ...", {}, sqlite3.OperationalError("database or disk is full"))


def raised(*errors: BaseException, cause: bool) -> BaseException:
    """The last of these errors, each raised because of the one before, or while that was handled."""
    try:
        if len(errors) > 1:
            raise errors[-1] from raised(*errors[:-1], cause=cause) if cause else None
        raise errors[-1]
    except BaseException as error:
        if len(errors) > 1 and not cause:
            error.__context__ = raised(*errors[:-1], cause=cause)
        return error


class TestAnError:
    @pytest.mark.parametrize(
        "error",
        [
            FULL,
            raised(FULL, StorageInternalError("An exception is raised during the commit."), cause=True),
            # What Optuna trips over when it cannot tell how a trial has ended.
            raised(FULL, AssertionError("Should not reach."), cause=False),
            OperationalError("COMMIT", {}, sqlite3.OperationalError("disk I/O error")),
        ],
    )
    def test_of_a_full_disk_names_the_database_and_what_to_do(self, error: BaseException) -> None:
        said = explained(error, "sqlite:///a.db")
        assert said.startswith("the database sqlite:///a.db cannot be written (d")
        assert said.endswith("free some space, then give the same command again: all that was finished is kept")

    def test_of_a_full_disk_names_the_file(self) -> None:
        error = raised(OSError(errno.ENOSPC, "No space left on device", "x/y.npy"), RuntimeError("worker"), cause=True)
        assert explained(error, "").startswith("no space is left for x/y.npy; free some space")
        assert explained(OSError(errno.EDQUOT, "Quota"), "").startswith("no space is left on the device; free")

    def test_of_a_study_that_is_no_more_says_so(self, tmp_path: Path) -> None:
        study = optuna.create_study(storage=open_storage(f"sqlite:///{tmp_path}/a.db"))
        optuna.delete_study(study_name=study.study_name, storage=study._storage)
        with pytest.raises(KeyError) as error:
            study.ask()
        said = "the study was deleted from the database sqlite:///a.db while this command used it"
        assert explained(raised(error.value, IndexError("0"), cause=False), "sqlite:///a.db") == said

    def test_of_another_kind_says_what_it_is_in_one_line(self) -> None:
        said = explained(ValueError("two\nlines \x1b[31m"), "")
        assert said == r"ValueError: two lines \x1b[31m (SENTIMENT_SEARCH_TRACEBACK=1 shows where)"
        lost = OperationalError("SELECT", {}, sqlite3.OperationalError("no such table: trials"))
        assert explained(lost, "sqlite:///a.db").startswith("the database sqlite:///a.db: no such table: trials (SENT")


class TestACommandToBeCopied:
    @pytest.mark.parametrize(
        ("given", "storage", "shown"),
        [
            (["run", "my file.toml"], None, "run 'my file.toml'"),
            (["run", "x", "--storage", "sqlite:///a b.db"], "sqlite:///a b.db", "run x --storage 'sqlite:///a b.db'"),
            (["run", "x", "--storage", URL], URL, 'run x --storage "$OPTUNA_STORAGE"'),
            (["run", "--stor=" + URL, "x"], URL, 'run --stor="$OPTUNA_STORAGE" x'),
        ],
    )
    def test_says_the_same_but_for_a_password(self, given: list[str], storage: str | None, shown: str) -> None:
        assert same_command(argparse.Namespace(given=given, storage=storage)) == f"sentiment-search {shown}"

    def test_leaves_a_url_that_holds_a_secret_to_the_environment(self) -> None:
        assert to_copy(URL) == to_copy(f"{URL}?password=secret") == '"$OPTUNA_STORAGE"'
        assert to_copy("sqlite:///it's.db") == "'sqlite:///it'\"'\"'s.db'"


class TestTrouble:
    @pytest.fixture
    def tell(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[object], None]:
        for owner, name in ((warnings, "showwarning"), (logging, "lastResort"), (threading, "excepthook")):
            monkeypatch.setattr(owner, name, getattr(owner, name))  # put back at the end
        return tell_in_one_line(lambda: "sqlite:///a.db")

    def test_of_libraries_and_threads_is_told_once_and_in_one_line(
        self, tell: Callable[[object], None], capsys: pytest.CaptureFixture[str]
    ) -> None:
        def fail() -> None:
            raise FULL

        for _ in range(2):
            thread = threading.Thread(target=fail)  # as Optuna's heartbeat
            thread.start()
            thread.join()
        tell(explained(FULL, "sqlite:///a.db"))
        try:
            raise ValueError("reset\nfailed")
        except ValueError:
            assert logging.lastResort is not None
            record = logging.LogRecord("pool", logging.ERROR, "", 0, "Exception in pool", None, None)
            record.exc_info = (ValueError, ValueError("reset\nfailed"), None)
            logging.lastResort.handle(record)
        warnings.showwarning(UserWarning("a\nwarning \x1b"), UserWarning, "", 0)
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 3
        assert lines[0].startswith("sentiment-search: the database sqlite:///a.db cannot be written (database or disk")
        assert lines[1].startswith("sentiment-search: ValueError: reset failed")
        assert lines[2] == r"sentiment-search: a warning \x1b"


@pytest.mark.parametrize(("error", "told"), [("KeyboardInterrupt", ""), ("ValueError('lost')", "lost")])
def test_what_a_finalizer_loses_is_told_in_a_line_and_an_interrupt_not_at_all(error: str, told: str) -> None:
    program = f"""
from search.console import tell_in_one_line
tell_in_one_line(lambda: "")
class Finalized:
    def __del__(self):
        raise {error}
Finalized()
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert found.stderr.count("\n") == bool(told)
    assert told in found.stderr
    assert "Traceback" not in found.stderr


def looked_at() -> tuple[str, str]:
    """What two terminals show of an answer and of trouble."""
    with redirect_stdout(Terminal()) as out, redirect_stderr(Terminal()) as err:
        show(ANSWER)
        say(TROUBLE, style="red")
    return out.getvalue(), err.getvalue()


ANSWER = "[red] :smile: \x1b\n\nname   rows\n-----  ----\na-b\t한글     1"
TROUBLE = ("trouble " * 20).strip()
BROKEN = f"{('trouble ' * 10).strip()}\n  {('trouble ' * 9).strip()}\n  trouble"
"""In 80 columns."""


class TestATerminal:
    @pytest.fixture(autouse=True)
    def fresh(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("COLUMNS", raising=False)
        monkeypatch.delenv("NO_COLOR", raising=False)
        screen.cache_clear()
        yield
        screen.cache_clear()

    def test_gets_bold_heads_and_coloured_warnings_broken_at_words(self) -> None:
        out, err = looked_at()
        assert out == "[red] :smile: \\x1b\n\n\x1b[1mname   rows\x1b[0m\n-----  ----\na-b     한글     1\n"
        assert err == "".join(f"\x1b[31m{line}\x1b[0m\n" for line in BROKEN.splitlines())

    @pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
    def test_that_asks_for_no_style_gets_none(self, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
        monkeypatch.setenv(name, value)
        out, err = looked_at()
        assert "\x1b" not in out
        assert err == f"{BROKEN}\n"

    def test_that_is_none_gets_plain_text_whatever_the_environment_says(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")
        show(ANSWER)
        say(TROUBLE, style="red")
        assert tuple(capsys.readouterr()) == (ANSWER.replace("\x1b", "\\x1b") + "\n", f"{TROUBLE}\n")
